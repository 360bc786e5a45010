"""Connections by pika and by hand: opened, refused, silent, and talking nonsense."""

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pika
import pytest
from pika.exceptions import (
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from tests.compat.amqp_clients import (
    WAIT_MS_MAX,
    Broker,
    Reader,
    channel_error,
    count,
    counted,
    get,
    only_here,
    put,
    queue,
)

HEADER = b"AMQP\x00\x00\x09\x01"


def frame(kind: int, channel: int, payload: bytes, end: bytes = b"\xce") -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + end


def method(channel: int, class_id: int, method_id: int, arguments: bytes = b"") -> bytes:
    return frame(1, channel, struct.pack(">HH", class_id, method_id) + arguments)


PLAIN = b"\x00guest\x00guest"
LOGIN = method(
    0,
    10,
    11,
    struct.pack(">I", 0) + b"\x05PLAIN" + struct.pack(">I", len(PLAIN)) + PLAIN + b"\x05en_US",
)
TUNE_OK = method(0, 10, 31, struct.pack(">HIH", 2047, 131_072, 0))
OPEN = method(0, 10, 40, b"\x01/\x00\x00")
CHANNEL_OPEN = method(1, 20, 10, b"\x00")


class Raw:
    """A socket that speaks AMQP by hand."""

    def __init__(self, broker: Broker) -> None:
        self.socket = broker.talk()
        self.data = b""

    def read(self) -> tuple[int, int, bytes] | None:
        """The next frame: kind, channel, payload; none when the server has closed."""
        head = self._exactly(7)
        if head is None:
            return None
        kind, channel, size = struct.unpack(">BHI", head)
        rest = self._exactly(size + 1)
        assert rest is not None
        assert rest[-1:] == b"\xce"
        return kind, channel, rest[:-1]

    def _exactly(self, size: int) -> bytes | None:
        while len(self.data) < size:
            try:
                part = self.socket.recv(65_536)
            except ConnectionResetError:
                part = b""
            if not part:
                return None
            self.data += part
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def expect(self, class_id: int, method_id: int) -> bytes:
        """The arguments of the next method, which has to be this one."""
        got = self.read()
        assert got is not None, "closed"
        assert struct.unpack(">HH", got[2][:4]) == (class_id, method_id), got
        return got[2][4:]

    def login(self) -> None:
        self.socket.sendall(HEADER)
        self.expect(10, 10)
        self.socket.sendall(LOGIN)
        self.expect(10, 30)
        self.socket.sendall(TUNE_OK + OPEN)
        self.expect(10, 41)

    def closed_with(self) -> int:
        """The code of `connection.close`, after which the server ends the connection."""
        arguments = self.expect(10, 50)
        self.socket.sendall(method(0, 10, 51))
        assert self.read() is None
        return int(struct.unpack(">H", arguments[:2])[0])


@pytest.fixture
def raw(broker: Broker) -> Iterator[Raw]:
    made = Raw(broker)
    yield made
    made.socket.close()


@pytest.fixture
def opened(raw: Raw) -> Raw:
    """A connection by hand with channel 1 open."""
    raw.login()
    raw.socket.sendall(CHANNEL_OPEN)
    raw.expect(20, 11)
    return raw


def test_the_server_says_who_it_is_and_what_it_can(connection: Any) -> None:
    said = connection._impl.server_properties
    capabilities = {
        "publisher_confirms",
        "exchange_exchange_bindings",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "consumer_priorities",
        "authentication_failure_close",
        "per_consumer_qos",
        "direct_reply_to",
    }
    assert {name for name, has in said["capabilities"].items() if has} == capabilities
    assert said["product"]
    assert [int(part) for part in said["version"].split(".")[:2]]


@pytest.mark.parametrize("vhost", ["nowhere", "/nowhere"])
def test_an_unknown_vhost_is_refused(broker: Broker, vhost: str) -> None:
    with pytest.raises((ConnectionClosedByBroker, ProbableAccessDeniedError)) as caught:
        broker.connect(virtual_host=vhost)
    assert f"vhost {vhost} not found" in str(caught.value)


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_is_refused(broker: Broker, password: str) -> None:
    with pytest.raises(ProbableAuthenticationError) as caught:
        broker.connect(credentials=pika.PlainCredentials("guest", password))
    assert "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN" in str(
        caught.value
    )


def test_the_smaller_frames_and_fewer_channels_are_agreed_on(broker: Broker) -> None:
    with broker.connected(channel_max=2, frame_max=8192) as connection:
        assert connection._impl.params.channel_max == 2
        assert connection._impl.params.frame_max == 8192
        first, second = connection.channel(), connection.channel()
        assert (first.channel_number, second.channel_number) == (1, 2)


def test_a_thousand_channels_work_side_by_side(broker: Broker) -> None:
    with broker.connected() as connection:
        channels = [connection.channel() for _ in range(1_000)]
        name = queue(channels[0])
        for channel in channels:
            put(channel, name, str(channel.channel_number))
        counted(channels[-1], name, 1_000)
        assert int(get(channels[500], name).body) in range(1, 1_001)


def test_more_channels_than_agreed_close_the_connection(raw: Raw) -> None:
    raw.socket.sendall(HEADER)
    raw.expect(10, 10)
    raw.socket.sendall(LOGIN)
    raw.expect(10, 30)
    raw.socket.sendall(method(0, 10, 31, struct.pack(">HIH", 2, 131_072, 0)) + OPEN)
    raw.expect(10, 41)
    for number in (1, 2):
        raw.socket.sendall(method(number, 20, 10, b"\x00"))
        raw.expect(20, 11)
    raw.socket.sendall(method(3, 20, 10, b"\x00"))
    assert raw.closed_with() == 530


def test_an_error_of_one_channel_leaves_the_others_open(channel: Any) -> None:
    other = channel.connection.channel()
    with channel_error(404, "NOT_FOUND - no queue 'missing' in vhost '/'"):
        other.basic_get("missing")
    name = queue(channel)
    put(channel, name, "still here")
    assert get(channel, name).body == b"still here"
    again = channel.connection.channel()
    assert count(again, name) == 0


def test_a_client_that_goes_silent_is_cut_off(broker: Broker, channel: Any) -> None:
    name = queue(channel)
    put(channel, name, "held by the silent")
    silent = Raw(broker)
    silent.socket.sendall(HEADER)
    silent.expect(10, 10)
    silent.socket.sendall(LOGIN)
    silent.expect(10, 30)
    silent.socket.sendall(method(0, 10, 31, struct.pack(">HIH", 2047, 131_072, 1)) + OPEN)
    silent.expect(10, 41)
    silent.socket.sendall(CHANNEL_OPEN)
    silent.expect(20, 11)
    key = name.encode()
    silent.socket.sendall(
        method(1, 60, 20, struct.pack(">HB", 0, len(key)) + key + b"\x00\x00\x00\x00\x00\x00")
    )
    silent.expect(60, 21)
    frames = []
    while (got := silent.read()) is not None:
        frames.append(got)
    assert (8, 0, b"") in frames, "the server's own heartbeats came"
    silent.socket.close()
    again = get(channel, name)
    assert (again.body, again.again) == (b"held by the silent", True)


def test_heartbeats_keep_an_idle_connection_open(broker: Broker) -> None:
    with broker.connected(heartbeat=1) as connection:
        connection.process_data_events(2.5)
        channel = connection.channel()
        assert count(channel, queue(channel)) == 0


def test_a_select_connection_publishes_and_consumes_by_callbacks(broker: Broker) -> None:
    got: list[bytes] = []
    name = "select-" + str(broker.port)

    def on_open(connection: Any) -> None:
        connection.channel(on_open_callback=on_channel)

    def on_channel(channel: Any) -> None:
        channel.confirm_delivery(on_confirm)
        channel.queue_declare(name, durable=True, callback=lambda _: on_queue(channel))

    def on_queue(channel: Any) -> None:
        channel.basic_consume(name, on_message)
        for number in range(3):
            channel.basic_publish("", name, str(number).encode())

    def on_confirm(frame: Any) -> None:
        assert isinstance(frame.method, pika.spec.Basic.Ack)

    def on_message(channel: Any, delivery: Any, _properties: Any, body: bytes) -> None:
        got.append(body)
        channel.basic_ack(delivery.delivery_tag)
        if len(got) == 3:
            channel.queue_delete(name, callback=lambda _: channel.connection.close())

    connection = pika.SelectConnection(
        broker.parameters(),
        on_open_callback=on_open,
        on_close_callback=lambda made, _: made.ioloop.stop(),
    )
    connection.ioloop.call_later(WAIT_MS_MAX // 1_000, connection.ioloop.stop)
    connection.ioloop.start()
    connection.ioloop.close()
    assert got == [b"0", b"1", b"2"]


@pytest.mark.parametrize(
    "greeting", [b"GET / HTTP/1.1\r\n\r\n", b"AMQP\x01\x01\x00\x0a", b"\x00" * 8]
)
def test_another_protocol_is_told_ours_and_closed(raw: Raw, greeting: bytes) -> None:
    raw.socket.sendall(greeting)
    assert raw._exactly(8) == HEADER
    assert raw._exactly(1) is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frame(1, 1, b"\x00\x14\x00\x0a\x00", end=b"\x00"), 501, id="wrong frame end"),
        pytest.param(struct.pack(">BHI", 1, 1, 1 << 30), 501, id="a frame far too large"),
        pytest.param(frame(9, 1, b"abc"), 501, id="an unknown kind of frame"),
        pytest.param(frame(3, 1, b"body"), 505, id="a body before its method"),
        pytest.param(
            method(1, 60, 40, b"\x00\x00\x00\x00\x00") + method(1, 50, 10, b"\x00" * 9),
            505,
            id="a method where a content header belongs",
        ),
        pytest.param(CHANNEL_OPEN, 504, id="a channel opened twice"),
    ],
)
def test_nonsense_closes_the_connection_with_its_code(opened: Raw, data: bytes, code: int) -> None:
    opened.socket.sendall(data)
    assert opened.closed_with() == code


@only_here
@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frame(1, 1, b"\x00\x63\x00\x0a"), 503, id="an unknown class"),
        pytest.param(frame(1, 1, b"\x00\x3c\x00\x63"), 503, id="an unknown method"),
        pytest.param(frame(1, 1, b"\x00\x32\x00\x0a\x00\x00\xff"), 502, id="a method cut short"),
        pytest.param(
            method(1, 60, 40, b"\x00\x00\x00\x01k\x00")
            + frame(2, 1, struct.pack(">HHQH", 60, 0, 3, 0))
            + frame(3, 1, b"four"),
            505,
            id="more body than was said",
        ),
        pytest.param(method(7, 50, 30, b"\x00\x00\x00\x00"), 504, id="a channel that is not open"),
    ],
)
def test_nonsense_that_crashes_others_has_its_code_as_well(
    opened: Raw, data: bytes, code: int
) -> None:
    opened.socket.sendall(data)
    assert opened.closed_with() == code


def test_a_half_frame_is_waited_for_and_forgotten_with_its_connection(
    broker: Broker, opened: Raw, channel: Any
) -> None:
    name = queue(channel)
    key = name.encode()
    whole = (
        method(1, 60, 40, struct.pack(">HBB", 0, 0, len(key)) + key + b"\x00")
        + frame(2, 1, struct.pack(">HHQH", 60, 0, 4, 0))
        + frame(3, 1, b"body")
    )
    for at in range(len(whole)):
        opened.socket.sendall(whole[at : at + 1])
    assert get(channel, name).body == b"body"
    opened.socket.sendall(whole[:-3])
    opened.socket.close()
    assert count(channel, name) == 0


def test_a_connection_that_is_closed_in_the_middle_of_its_greeting_harms_nobody(
    broker: Broker,
) -> None:
    for size in range(1, 8):
        with broker.talk() as half:
            half.sendall(HEADER[:size])
    with broker.channel() as channel:
        assert count(channel, queue(channel)) == 0


def test_a_method_of_the_server_from_a_client_closes_the_connection(opened: Raw) -> None:
    opened.socket.sendall(method(1, 50, 11, b"\x01q" + b"\x00" * 8))
    assert opened.closed_with() in (503, 540)


def test_a_reader_that_does_not_read_stops_only_itself(broker: Broker, channel: Any) -> None:
    name = queue(channel)
    big = b"z" * 1_000_000
    for _ in range(30):
        put(channel, name, big)
    with ExitStack() as stack:
        slow = stack.enter_context(broker.talk())
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        raw = Raw(broker)
        stack.callback(raw.socket.close)
        raw.login()
        raw.socket.sendall(CHANNEL_OPEN)
        raw.expect(20, 11)
        key = name.encode()
        raw.socket.sendall(
            method(1, 60, 20, struct.pack(">HB", 0, len(key)) + key + b"\x00\x00\x00\x00\x00\x00")
        )
        raw.expect(60, 21)
        other = queue(channel)
        put(channel, other, "quick")
        assert get(channel, other).body == b"quick"
    reader = Reader(channel, name, auto_ack=True)
    assert {one.body for one in reader.wait(30)} == {big}
