"""One native connection as the server sees it."""

from dataclasses import replace

import pytest

from postroad.limits import (
    NATIVE_FRAME_BYTES_MIN,
    NATIVE_HELLO_MS,
    NATIVE_QUIET_MS,
    NATIVE_WAITING_BYTES_MAX,
)
from postroad.model.commands import (
    Attach,
    Command,
    DeleteQueue,
    Detach,
    ListQueues,
    Publish,
    Receive,
)
from postroad.model.replies import Detached, Done, Listed, Received, Refused, Reply, Why
from postroad.protocols.interface import Output, Pipelined
from postroad.protocols.native import spec
from postroad.protocols.native.config import NativeConfig
from postroad.protocols.native.errors import FaultCode
from postroad.protocols.native.greeting import Fault, Hello, Report, Welcome, pack, unpack
from postroad.protocols.native.session import NativeSession
from postroad.protocols.native.spec import MAGIC, Kind
from postroad.protocols.native.wire import REST_BYTES_MAX, Decoder, Frame, frame
from tests.wire.native.rig import HELLO, NOW, fault_of, frames_of, opened, reply_of, request

# The greeting.


def test_a_client_that_says_who_it_is_is_told_what_it_meets() -> None:
    config = NativeConfig(
        server="1.2", durability="synced", compiled=True, report=Report(epoch=4, queues=2)
    )
    session = NativeSession(config)
    (one,) = frames_of(session.receive(HELLO, NOW))
    assert unpack(one.payload, Welcome) == Welcome(
        1, "1.2", 4, "synced", True, config.requests_max, config.frame_bytes_max, config.report
    )
    assert isinstance(session, Pipelined)
    assert session.asks_max > config.requests_max, (
        "whoever has all outstanding is heard all the same"
    )


@pytest.mark.parametrize("data", [b"AMQP\x00\x00\x09\x01", b"POSTROAX", b"\x16\x03\x01", b"\x00"])
def test_another_protocol_gets_one_fault_in_words_and_is_closed(data: bytes) -> None:
    session = NativeSession(NativeConfig())
    output = session.receive(data, NOW)
    assert output.close
    fault = fault_of(output)
    assert fault.code == FaultCode.NOT_POSTROAD
    assert "Broker.connect" in fault.text
    assert session.receive(data, NOW) == Output(close=True)


@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS"])
def test_a_browser_gets_its_words_by_http(method: bytes) -> None:
    output = NativeSession(NativeConfig()).receive(method + b" / HTTP/1.1\r\n\r\n", NOW)
    assert output.close
    head, _, text = output.send.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert f"Content-Length: {len(text)}".encode() in head
    assert b"Broker.connect" in text


@pytest.mark.parametrize(
    ("version", "version_min", "spoken"), [(1, 1, 1), (9, 1, 1), (9, 2, None), (0, 0, None)]
)
def test_the_highest_version_of_both_is_spoken_or_a_fault_names_them(
    version: int, version_min: int, spoken: int | None
) -> None:
    hello = Hello(version, "test", version_min=version_min)
    output = NativeSession(NativeConfig()).receive(MAGIC + frame(Kind.HELLO, 0, pack(hello)), NOW)
    if spoken is None:
        assert output.close
        fault = fault_of(output)
        assert fault.code == FaultCode.VERSION
        assert (
            f"version {version_min} to {version}" in fault.text
            or f"version {version}" in fault.text
        )
        assert f"the server {spec.VERSION}" in fault.text
    else:
        assert unpack(frames_of(output)[0].payload, Welcome).version == spoken


@pytest.mark.parametrize(
    ("user", "password", "good"),
    [
        ("me", "secret", True),
        ("me", "secret2", False),
        ("me", "", False),
        ("", "", False),
        ("you", "", False),
        ("none", "", False),
        ("mé", "pässword", True),
    ],
)
def test_where_there_are_users_only_they_are_let_in(user: str, password: str, good: bool) -> None:
    config = NativeConfig(users={"me": "secret", "mé": "pässword", "none": ""})
    hello = Hello(1, "test", user, password)
    output = NativeSession(config).receive(MAGIC + frame(Kind.HELLO, 0, pack(hello)), NOW)
    assert output.close is not good
    assert config.counts.logins_refused == (not good)
    if not good:
        assert fault_of(output).code == FaultCode.LOGIN


def test_where_there_are_no_users_any_name_is_good() -> None:
    hello = Hello(1, "test", "whoever", "whatever")
    output = NativeSession(NativeConfig()).receive(MAGIC + frame(Kind.HELLO, 0, pack(hello)), NOW)
    assert not output.close


def test_nothing_large_is_kept_of_whoever_did_not_say_who_it_is() -> None:
    session = NativeSession(NativeConfig())
    large = frame(Kind.HELLO, 0, bytes(NATIVE_FRAME_BYTES_MIN))
    output = session.receive(MAGIC + large[:100], NOW)
    assert (output.close, fault_of(output).code) == (True, FaultCode.TOO_LARGE)
    session = NativeSession(NativeConfig())
    publish = request(1, Publish(("q",), [bytes(NATIVE_FRAME_BYTES_MIN)]))
    assert not session.receive(HELLO + publish[:100], NOW).close, "who greets first may go on"
    assert session.receive(publish[100:], NOW).asks


def test_whoever_says_nothing_is_closed_in_time() -> None:
    for said in (b"", MAGIC, HELLO[:-1]):
        session = NativeSession(NativeConfig())
        if said:
            session.receive(said, NOW)
        assert not session.tick(NOW).close
        assert not session.tick(NOW + NATIVE_HELLO_MS - 1).close
        output = session.tick(NOW + NATIVE_HELLO_MS)
        assert output.close
        assert fault_of(output).code == FaultCode.LATE
    session = opened()
    assert session.tick(NOW + 2 * NATIVE_HELLO_MS) == Output()


# Requests.


def test_many_requests_are_outstanding_and_answered_in_any_order() -> None:
    session = opened()
    names: list[Command] = [DeleteQueue("a"), DeleteQueue("b"), ListQueues()]
    output = session.receive(b"".join(request(at + 5, one) for at, one in enumerate(names)), NOW)
    assert output.asks == ((5, names[0]), (6, names[1]), (7, names[2]))
    assert reply_of(session.answer(7, Listed([], False), NOW)) == (7, Listed([], False))
    assert reply_of(session.answer(5, Done(), NOW)) == (5, Done())
    assert session.receive(request(7, names[0]), NOW).asks == ((7, names[0]),), "free again"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", FaultCode.UNKNOWN),
        (b"\xff\xff\x80", FaultCode.UNKNOWN),
        (b"\x00\x03\x80", FaultCode.BAD_PAYLOAD),
        (b"\x00\x03garbage", FaultCode.BAD_PAYLOAD),
    ],
)
def test_a_bad_request_costs_no_other(payload: bytes, code: FaultCode) -> None:
    session = opened()
    good = request(2, DeleteQueue("a"))
    output = session.receive(frame(Kind.REQUEST, 1, payload) + good, NOW)
    assert not output.close
    (one,) = frames_of(output)
    assert (one.kind, one.number) == (Kind.FAULT, 1)
    assert unpack(one.payload, Fault).code == code
    assert output.asks == ((2, DeleteQueue("a")),)
    assert session.config.counts.request_faults == 1


def test_a_reply_that_cannot_be_written_is_a_fault_of_its_request() -> None:
    session = opened()
    session.receive(request(3, ListQueues()), NOW)
    output = session.answer(3, Listed(["\ud800"], False), NOW)
    (one,) = frames_of(output)
    assert (one.kind, one.number, output.close) == (Kind.FAULT, 3, False)
    assert unpack(one.payload, Fault).code == FaultCode.NOT_SENT
    assert session.receive(request(3, ListQueues()), NOW).asks, "its number is free again"


WRONG = {
    "request-first": (MAGIC + request(1, ListQueues()), FaultCode.OUT_OF_ORDER),
    "hello-garbage": (MAGIC + frame(Kind.HELLO, 0, b"\x93"), FaultCode.BAD_FRAME),
    "hello-twice": (HELLO + HELLO[8:], FaultCode.OUT_OF_ORDER),
    "number-in-use": (HELLO + 2 * request(1, ListQueues()), FaultCode.OUT_OF_ORDER),
    "number-zero": (HELLO + request(0, ListQueues()), FaultCode.OUT_OF_ORDER),
    "unknown-kind": (HELLO + b"\x00\x00\x00\x05\x63\x00\x00\x00\x00", FaultCode.BAD_FRAME),
    "servers-kind": (HELLO + frame(Kind.REPLY, 1), FaultCode.BAD_FRAME),
    "too-short": (HELLO + b"\x00\x00\x00\x04", FaultCode.BAD_FRAME),
    "too-long": (HELLO + b"\x7f\xff\xff\xff", FaultCode.TOO_LARGE),
    "too-long-first": (MAGIC + b"\x7f\xff\xff\xff", FaultCode.TOO_LARGE),
    "after-goodbye": (
        HELLO + request(1, ListQueues()) + frame(Kind.GOODBYE) + request(2, ListQueues()),
        FaultCode.OUT_OF_ORDER,
    ),
}


@pytest.mark.parametrize(("data", "code"), WRONG.values(), ids=WRONG)
def test_what_breaks_the_order_gets_one_fault_and_is_closed(data: bytes, code: FaultCode) -> None:
    """However it is cut."""
    for cut in range(len(data) + 1):
        config = NativeConfig()
        session = NativeSession(config)
        outputs = [session.receive(part, NOW) for part in (data[:cut], data[cut:])]
        assert outputs[-1].close
        sent = Decoder(REST_BYTES_MAX).feed(b"".join(one.send for one in outputs))
        faults = [unpack(one.payload, Fault) for one in sent if one.kind == Kind.FAULT]
        assert [one.code for one in faults] == [code]
        assert sent[-1].number == 0
        assert config.counts.connection_faults == 1
        assert session.answer(1, Done(), NOW) == Output()


def test_more_requests_than_agreed_break_the_connection() -> None:
    session = opened(NativeConfig(requests_max=3))
    data = b"".join(request(at, ListQueues()) for at in (1, 2, 3))
    assert len(session.receive(data, NOW).asks) == 3
    output = session.receive(request(4, ListQueues()), NOW)
    assert (output.close, fault_of(output).code) == (True, FaultCode.TOO_MANY)


def test_no_more_is_read_while_too_many_bytes_wait_for_their_answers() -> None:
    session = opened()
    large = Publish(("q",), [bytes(NATIVE_WAITING_BYTES_MAX // 4)])
    outputs = [session.receive(request(at, large), NOW) for at in range(1, 5)]
    assert [one.busy for one in outputs] == [False, False, False, True]
    assert not session.answer(1, Done(), NOW).busy


# Waiting.


def test_a_cancel_ends_the_wait_of_a_request_and_of_no_other() -> None:
    session = opened()
    session.receive(request(1, Receive("q", wait_ms=9_000)), NOW)
    assert session.receive(frame(Kind.CANCEL, 1), NOW).cancels == (1,)
    assert session.receive(frame(Kind.CANCEL, 2), NOW) == Output()
    assert reply_of(session.answer(1, Received([]), NOW)) == (1, Received([]))
    assert session.receive(frame(Kind.CANCEL, 1), NOW) == Output(), "it came too late"


def test_a_client_that_waits_and_is_not_heard_of_is_taken_for_gone() -> None:
    session = opened()
    later = NOW + NATIVE_QUIET_MS
    assert session.tick(later) == Output(), "with nothing outstanding it may be silent"
    session.receive(request(1, Receive("q", wait_ms=9_000_000)), later)
    session.receive(frame(Kind.PING), later + NATIVE_QUIET_MS - 1)
    assert session.tick(later + NATIVE_QUIET_MS) == Output(), "it was heard of"
    output = session.tick(later + 2 * NATIVE_QUIET_MS)
    assert output.close
    assert fault_of(output).code == FaultCode.LATE


def test_a_client_that_is_not_read_is_not_taken_for_gone() -> None:
    large = Publish(("q",), [bytes(NATIVE_WAITING_BYTES_MAX + 1)])
    held = NativeConfig(frame_bytes_max=NATIVE_WAITING_BYTES_MAX * 2)
    session = opened(held)
    assert session.receive(request(1, large), NOW).busy
    assert session.tick(NOW + NATIVE_QUIET_MS).busy
    assert not session.answer(1, Done(), NOW + NATIVE_QUIET_MS).busy


def test_a_ping_is_answered_with_its_number() -> None:
    assert frames_of(opened().receive(frame(Kind.PING, 9), NOW)) == [Frame(Kind.PONG, 9, b"")]


def test_a_client_that_goes_gets_its_answers_first() -> None:
    session = opened()
    session.receive(request(1, Receive("q", wait_ms=9_000)), NOW)
    output = session.receive(request(2, ListQueues()) + frame(Kind.GOODBYE), NOW)
    assert (output.close, output.cancels) == (False, (1, 2))
    assert not session.answer(2, Listed([], False), NOW).close
    last = session.answer(1, Received([]), NOW)
    assert last.close
    assert reply_of(last) == (1, Received([]))
    assert opened().receive(frame(Kind.GOODBYE), NOW).close, "with nothing outstanding it is over"


# Consumers.


def test_what_is_pushed_to_a_consumer_comes_under_the_number_it_was_attached_by() -> None:
    session = opened()
    session.receive(request(1, Attach("q", 7, 10)), NOW)
    for reply in (Done(), Received([], 7), Received([], 7)):
        assert reply_of(session.answer(1, reply, NOW)) == (1, reply)
    again = replace(Attach("q", 8, 10))
    assert session.receive(request(1, again), NOW).close, "the number is in use all that time"


@pytest.mark.parametrize("last", [Detached(7), Refused(Why.NO_SUCH_QUEUE)])
def test_the_number_of_a_consumer_is_free_when_its_queue_is_gone(last: Reply) -> None:
    session = opened()
    session.receive(request(1, Attach("q", 7, 10)), NOW)
    assert reply_of(session.answer(1, last, NOW)) == (1, last)
    assert session.receive(request(1, ListQueues()), NOW).asks


def test_the_number_of_a_consumer_is_free_when_it_was_detached() -> None:
    session = opened()
    session.receive(request(1, Attach("q", 7, 10)) + request(2, Attach("q", 8, 10)), NOW)
    session.receive(request(3, Detach(7)), NOW)
    session.answer(3, Done(), NOW)
    assert session.receive(request(1, ListQueues()), NOW).asks
    assert session.receive(request(2, ListQueues()), NOW).close, "the other one is there"


def test_a_client_with_consumers_goes_at_once() -> None:
    session = opened()
    session.receive(request(1, Attach("q", 7, 10)), NOW)
    assert session.receive(frame(Kind.GOODBYE), NOW).close


# Whatever comes.
