"""The client of the native protocol: a request has one outcome, wherever its connection is cut."""

from typing import Any

import pytest

from postroad.errors import (
    BrokerClosed,
    ConnectionLost,
    NotRemote,
    NotWelcome,
    ReplyNotSent,
    TimedOut,
)
from postroad.model import commands, replies
from postroad.model.batch import Batch, BatchDone, Run
from postroad.model.message import Delivery
from postroad.model.replies import Refused, Why
from postroad.protocols.native.client import DOWN, OPEN, Client, Terms
from postroad.protocols.native.errors import FaultCode
from postroad.protocols.native.greeting import Report, Welcome, fault_payload, pack
from postroad.protocols.native.mapping import decode_command, encode_reply
from postroad.protocols.native.spec import MAGIC, Kind
from postroad.protocols.native.wire import Decoder, frame

PLAIN = commands.Publish(("q",), [b"a"])
DEDUPED = commands.Publish(("q",), [b"a"], dedup_ids=["1"])
RECEIVE = commands.Receive("q", 1, None, 20_000)
HANDED = Delivery(1, 5, 77, 1, 10, 10, b"a")


def welcome(requests_max: int = 100, frame_bytes_max: int = 10_000) -> bytes:
    told = Welcome(1, "0.1", 1, "fsync", False, requests_max, frame_bytes_max, Report())
    return frame(Kind.WELCOME, 0, pack(told))


def reply(number: int, one: Any) -> bytes:
    return frame(Kind.REPLY, number, encode_reply(one))


class Talk:
    """A client and what it sent on this connection, as frames."""

    def __init__(self, timeout_ms: int = 1_000) -> None:
        self.client = Client(Terms("`here`", timeout_ms), lambda: 0.5)
        self.outcomes: dict[str, list[Any]] = {}
        self.now_ms = 1_000
        self.sent: list[tuple[int, int, bytes]] = []

    def connect(self, **told: int) -> "Talk":
        self.client.connected(self.now_ms)
        first = self.client.collect(self.now_ms)
        assert first.startswith(MAGIC)
        assert [one.kind for one in Decoder().feed(first[len(MAGIC) :])] == [Kind.HELLO]
        self.hear(welcome(**told))
        return self

    def ask(self, name: str, command: commands.Command) -> Any:
        outcomes = self.outcomes.setdefault(name, [])
        return self.client.ask(command, outcomes.append, self.now_ms)

    def send(self) -> list[tuple[int, Any]]:
        """What leaves now: (number, command or kind)."""
        found: list[tuple[int, Any]] = []
        for one in Decoder().feed(self.client.collect(self.now_ms)):
            is_request = one.kind == Kind.REQUEST
            found.append((one.number, decode_command(one.payload) if is_request else one.kind))
        return found

    def hear(self, data: bytes) -> None:
        assert self.client.received(data, self.now_ms) == ""

    def outcome(self, name: str) -> Any:
        (only,) = self.outcomes[name]
        return only


def test_replies_come_in_any_order_and_each_ends_its_request() -> None:
    talk = Talk().connect()
    talk.ask("one", PLAIN)
    talk.ask("two", RECEIVE)
    assert talk.send() == [(1, PLAIN), (2, RECEIVE)]
    talk.hear(reply(2, replies.Received([HANDED])) + reply(1, replies.Done()))
    assert talk.outcome("one") == replies.Done()
    assert talk.outcome("two").messages == [HANDED]
    assert talk.client.is_quiet()


def test_what_is_asked_before_there_is_a_connection_waits_for_it() -> None:
    talk = Talk()
    talk.ask("one", PLAIN)
    assert talk.client.wants_connection()
    talk.connect()
    assert talk.send() == [(1, PLAIN)]


def script() -> bytes:
    """All that a server says to the three requests of the test below."""
    found = reply(1, replies.Published(((1, 0),), 5))
    found += reply(2, replies.Published(((1, 1),), 5))
    return found + reply(3, replies.Received([HANDED]))


@pytest.mark.parametrize("cut", range(len(script()) + 1))
def test_a_connection_cut_at_any_byte_leaves_each_request_one_honest_outcome(cut: int) -> None:
    talk = Talk().connect()
    for name, command in (("plain", PLAIN), ("deduped", DEDUPED), ("receive", RECEIVE)):
        talk.ask(name, command)
    talk.send()
    talk.hear(script()[:cut])
    answered = {name for name, outcomes in talk.outcomes.items() if outcomes}
    talk.client.lost("it was cut", talk.now_ms)
    if "plain" not in answered:
        assert isinstance(talk.outcome("plain"), ConnectionLost)
    talk.now_ms += 100
    talk.connect()
    again = talk.send()
    # In the order of the first time, and nothing but what was not answered.
    wanted = [
        one for name, one in (("deduped", DEDUPED), ("receive", RECEIVE)) if name not in answered
    ]
    assert [type(one) for _, one in again] == [type(one) for one in wanted]
    for number, one in again:
        is_receive = isinstance(one, commands.Receive)
        talk.hear(reply(number, replies.Received([]) if is_receive else replies.Done()))
    assert all(len(outcomes) == 1 for outcomes in talk.outcomes.values())
    assert talk.client.is_quiet()


@pytest.mark.parametrize("cut", range(1, len(welcome()) + len(script())))
def test_what_a_server_says_may_be_cut_anywhere(cut: int) -> None:
    talk = Talk()
    for name, command in (("plain", PLAIN), ("deduped", DEDUPED), ("receive", RECEIVE)):
        talk.ask(name, command)
    talk.client.connected(talk.now_ms)
    talk.client.collect(talk.now_ms)
    talk.hear(welcome())
    talk.send()
    said = script()
    talk.hear(said[:cut])
    talk.hear(said[cut:])
    assert [type(talk.outcome(name)) for name in talk.outcomes] == [
        replies.Published,
        replies.Published,
        replies.Received,
    ]


def test_a_receive_that_is_asked_again_waits_only_for_the_rest_of_its_time() -> None:
    talk = Talk().connect()
    talk.ask("receive", RECEIVE)
    talk.send()
    talk.now_ms += 15_000
    talk.client.lost("it was cut", talk.now_ms)
    talk.connect()
    ((_, again),) = talk.send()
    assert again.wait_ms == 5_000


def test_the_wait_between_two_tries_doubles_up_to_a_bound_and_is_half_of_it_by_these_dice() -> None:
    talk = Talk()
    waits = []
    for _ in range(9):
        talk.client.lost("refused", talk.now_ms)
        waits.append(talk.client.retry_at_ms - talk.now_ms)
    assert waits == [25, 50, 100, 200, 400, 800, 1_600, 2_500, 2_500]


def test_a_request_without_a_reply_times_out_and_says_whether_it_was_sent() -> None:
    talk = Talk(timeout_ms=1_000).connect(requests_max=1)
    talk.ask("sent", PLAIN)
    talk.ask("waiting", PLAIN)
    assert talk.send() == [(1, PLAIN)]
    talk.now_ms += 1_000
    assert talk.client.tick(talk.now_ms) == ""
    assert isinstance(talk.outcome("sent"), TimedOut)
    assert [talk.outcome(name).sent for name in ("sent", "waiting")] == [True, False]
    assert talk.send() == [(1, Kind.CANCEL)]


def test_the_wait_that_was_asked_for_is_no_lateness() -> None:
    talk = Talk(timeout_ms=1_000).connect()
    talk.ask("receive", commands.Receive("q", 1, None, 5_000))
    talk.send()
    talk.now_ms += 5_500
    talk.client.tick(talk.now_ms)
    assert talk.outcomes["receive"] == []


def test_without_a_connection_for_the_timeout_even_a_long_wait_ends() -> None:
    talk = Talk(timeout_ms=1_000).connect()
    talk.ask("receive", RECEIVE)
    talk.send()
    talk.client.lost("it was cut", talk.now_ms)
    talk.now_ms += 1_000
    talk.client.tick(talk.now_ms)
    assert isinstance(talk.outcome("receive"), TimedOut)


@pytest.mark.parametrize("command", [DEDUPED, Batch([DEDUPED])])
def test_a_publish_asked_again_says_so_and_is_lost_where_no_queue_could_tell(
    command: commands.Command,
) -> None:
    talk = Talk().connect()
    talk.ask("one", command)
    talk.send()
    talk.now_ms += 300
    talk.client.lost("cut", talk.now_ms)
    talk.now_ms += 100
    talk.connect()
    [(number, again)] = talk.send()
    publish = again.commands[0] if isinstance(again, Batch) else again
    assert isinstance(publish, commands.Publish)
    assert publish.repeated_ms == 400
    refused = Refused(Why.CHANGED, "it cannot tell")
    talk.hear(reply(number, BatchDone([refused]) if isinstance(again, Batch) else refused))
    assert isinstance(talk.outcome("one"), ConnectionLost)


def test_tries_in_vain_to_connect_do_not_put_off_the_end_of_a_long_wait() -> None:
    talk = Talk().connect()
    talk.ask("one", commands.Receive("q", 1, None, 3_600_000))
    talk.send()
    for _ in range(10):
        talk.client.lost("refused", talk.now_ms)
        assert not talk.outcomes["one"]
        talk.now_ms += 100
        assert talk.client.tick(talk.now_ms) == ""
    assert isinstance(talk.outcome("one"), TimedOut)


def test_messages_of_a_reply_that_nobody_takes_are_released() -> None:
    talk = Talk().connect()
    request = talk.ask("receive", RECEIVE)
    talk.send()
    talk.client.abandon(request)
    assert talk.send() == [(1, Kind.CANCEL)]
    talk.hear(reply(1, replies.Received([HANDED])))
    ((_, released),) = talk.send()
    assert released == commands.Settle("q", [5], [77], [1], commands.RELEASE, queue_id=1)
    assert talk.outcomes["receive"] == []


def test_no_more_is_outstanding_than_the_server_takes() -> None:
    talk = Talk().connect(requests_max=2)
    for at in range(5):
        talk.ask(str(at), PLAIN)
    assert [number for number, _ in talk.send()] == [1, 2]
    assert not talk.client.has_more()
    talk.hear(reply(1, replies.Done()))
    assert [number for number, _ in talk.send()] == [3]


def test_no_more_is_written_while_the_socket_is_full() -> None:
    talk = Talk().connect()
    talk.ask("one", PLAIN)
    assert talk.client.collect(talk.now_ms, 1 << 30) == b""
    assert talk.client.has_more()


def test_a_server_that_gives_no_sign_is_given_up() -> None:
    talk = Talk(timeout_ms=100_000).connect()
    talk.ask("one", PLAIN)
    talk.send()
    talk.now_ms += 10_000
    assert talk.client.tick(talk.now_ms) == ""
    assert talk.send() == [(0, Kind.PING)]
    talk.now_ms += 10_000
    assert "no sign" in talk.client.tick(talk.now_ms)


def test_a_pong_is_a_sign() -> None:
    talk = Talk(timeout_ms=100_000).connect()
    talk.ask("one", PLAIN)
    talk.send()
    talk.now_ms += 10_000
    talk.client.tick(talk.now_ms)
    talk.send()
    talk.hear(frame(Kind.PONG))
    talk.now_ms += 9_000
    assert talk.client.tick(talk.now_ms) == ""


def test_a_wrong_password_ends_what_waits_with_the_words_of_the_server() -> None:
    talk = Talk()
    talk.ask("one", PLAIN)
    talk.client.connected(talk.now_ms)
    talk.client.collect(talk.now_ms)
    fault = frame(Kind.FAULT, 0, fault_payload(FaultCode.LOGIN, "another password"))
    assert talk.client.received(fault, talk.now_ms) == "another password"
    assert isinstance(talk.outcome("one"), NotWelcome)
    assert isinstance(talk.client.fault, NotWelcome)


def test_a_fault_about_one_request_is_a_refusal_of_it() -> None:
    talk = Talk().connect()
    talk.ask("bad", PLAIN)
    talk.ask("large", PLAIN)
    talk.send()
    talk.hear(frame(Kind.FAULT, 1, fault_payload(FaultCode.BAD_PAYLOAD, "no body")))
    talk.hear(frame(Kind.FAULT, 2, fault_payload(FaultCode.NOT_SENT, "too long")))
    assert talk.outcome("bad") == Refused(Why.BAD_COMMAND, "no body")
    assert isinstance(talk.outcome("large"), ReplyNotSent)


def test_what_does_not_fit_into_a_frame_is_refused_before_it_is_sent() -> None:
    talk = Talk().connect(frame_bytes_max=100)
    talk.ask("large", commands.Publish(("q",), [bytes(200)]))
    assert talk.send() == []
    assert talk.outcome("large").why == Why.TOO_LARGE


def test_programs_and_consumers_do_not_travel() -> None:
    talk = Talk().connect()
    for command in (Run(print), commands.Attach("q", 1, 1)):
        with pytest.raises(NotRemote):
            talk.ask("one", command)


def test_a_close_ends_waits_empty_and_takes_no_more() -> None:
    talk = Talk().connect()
    talk.ask("receive", RECEIVE)
    talk.ask("publish", PLAIN)
    talk.send()
    talk.ask("late", PLAIN)
    talk.client.close()
    assert talk.outcome("receive") == replies.Received([])
    assert isinstance(talk.outcome("late"), BrokerClosed)
    assert talk.send() == [(1, Kind.CANCEL)]
    with pytest.raises(BrokerClosed):
        talk.ask("more", PLAIN)
    talk.hear(reply(1, replies.Received([])) + reply(2, replies.Done()))
    assert talk.outcome("publish") == replies.Done()
    assert talk.client.is_quiet()
    assert talk.client.farewell() == frame(Kind.GOODBYE)


@pytest.mark.parametrize(
    "said",
    [reply(9, replies.Done()), frame(Kind.HELLO), frame(Kind.WELCOME, 0, b"?"), b"\0\0\0\1x"],
)
def test_a_server_that_speaks_nonsense_is_given_up(said: bytes) -> None:
    talk = Talk().connect()
    assert talk.client.state == OPEN
    assert talk.client.received(said, talk.now_ms) != ""
    talk.client.lost("nonsense", talk.now_ms)
    assert talk.client.state == DOWN
