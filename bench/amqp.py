"""The least an AMQP client can do: publishes made once, deliveries counted by their length.

The rule kept here: a confirm counts only when its frame is whole, and each delivery is acked by
itself.
"""

import select
import socket
import time
from struct import Struct

from postroad.protocols.amqp.properties import Properties, write_properties
from postroad.protocols.amqp.spec import FRAME_MAX, PROTOCOL_HEADER
from postroad.protocols.amqp.wire import encode_content, encode_method

RECV_BYTES = 256 * 1024
QUEUE = "bench"
PREFETCH = 5_000
BATCH = 200  # publishes sent at once
OUTSTANDING = 10_000  # publishes without a confirm, or more than were delivered
ACK_BYTES = 21
ACK = Struct(">BHIHHQBB")
TAG = Struct(">Q")
LOGIN = b"\0guest\0guest"


def connect(host: str, port: int) -> socket.socket:
    """A connection with channel 1 open and the queue declared."""
    one = socket.create_connection((host, port))
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    one.settimeout(20)
    ask(one, PROTOCOL_HEADER, b"\x00\x0a\x00\x0a")
    start_ok = encode_method(
        0, "connection.start-ok", mechanism="PLAIN", response=LOGIN, locale="en_US"
    )
    ask(one, start_ok, b"\x00\x0a\x00\x1e")
    tune_ok = encode_method(0, "connection.tune-ok", channel_max=10, frame_max=FRAME_MAX)
    ask(one, tune_ok + encode_method(0, "connection.open", virtual_host="/"), b"\0\x0a\0\x29")
    ask(one, encode_method(1, "channel.open"), b"\0\x14\0\x0b")
    ask(one, encode_method(1, "queue.declare", queue=QUEUE, durable=True), b"\0\x32\0\x0b")
    return one


def ask(one: socket.socket, sent: bytes, wanted: bytes) -> None:
    """Send a method and read its answer, which is the class and method wanted."""
    one.sendall(sent)
    got = one.recv(RECV_BYTES)
    assert got[7:11] == wanted, got[:200]


def publishes(body_bytes: int, exchange: str = "") -> bytes:
    """Persistent messages to the queue, or to an exchange, as bytes."""
    method = encode_method(1, "basic.publish", exchange=exchange, routing_key=QUEUE)
    properties = write_properties(Properties(delivery_mode=2))
    return encode_content(1, method, properties, b"x" * body_bytes, FRAME_MAX) * BATCH


def publish(host: str, port: int, body_bytes: int, seconds: float) -> tuple[int, float]:
    """Keep the socket full of publishes; (confirmed, seconds they took)."""
    one = connect(host, port)
    ask(one, encode_method(1, "confirm.select"), b"\0\x55\0\x0b")
    stream = Publisher(one, publishes(body_bytes))
    begin = time.perf_counter()
    end = begin + seconds
    while time.perf_counter() < end or stream.confirmed < stream.sent:
        stream.is_going_on = time.perf_counter() < end
        wants_write = [one] if stream.may_send() else []
        readable, writable, _ = select.select([one], wants_write, [], 20)
        assert readable or writable, "the server does not answer"
        if readable:
            stream.read()
        if writable:
            stream.write()
    took_s = time.perf_counter() - begin
    one.close()
    return stream.confirmed, took_s


def both(host: str, port: int, body_bytes: int, seconds: float) -> tuple[int, int, float]:
    """Publish and consume at once; (confirmed, acked, seconds until nothing was left)."""
    one, two = connect(host, port), connect(host, port)
    ask(one, encode_method(1, "confirm.select"), b"\0\x55\0\x0b")
    ask(two, encode_method(1, "basic.qos", prefetch_count=PREFETCH), b"\0\x3c\0\x0b")
    consume = encode_method(1, "basic.consume", queue=QUEUE, consumer_tag="c")
    ask(two, consume, b"\0\x3c\0\x15")
    stream = Publisher(one, publishes(body_bytes))
    consumer = Consumer(two, body_bytes)
    begin = time.perf_counter()
    end = begin + seconds
    while time.perf_counter() < end or consumer.acked < stream.sent:
        stream.is_going_on = time.perf_counter() < end
        may_send = stream.may_send() and stream.sent - consumer.acked < OUTSTANDING
        wants_write = ([one] if may_send else []) + ([two] if consumer.acks else [])
        readable, writable, _ = select.select([one, two], wants_write, [], 20)
        assert readable or writable, "the server does not answer"
        if one in readable:
            stream.read()
        if two in readable:
            consumer.read()
        if two in writable:
            consumer.write()
        if one in writable:
            stream.write()
    took_s = time.perf_counter() - begin
    two.settimeout(20)
    ask(two, encode_method(1, "queue.declare", queue=QUEUE, passive=True), b"\0\x32\0\x0b")
    one.close()
    two.close()
    return stream.confirmed, consumer.acked, took_s


def backlog(host: str, port: int, body_bytes: int, count: int) -> float:
    """Let messages wait, then consume them with an ack each: how many a second."""
    one = connect(host, port)
    confirmed(one, publishes(body_bytes), count)
    one.close()
    two = connect(host, port)
    ask(two, encode_method(1, "basic.qos", prefetch_count=PREFETCH), b"\0\x3c\0\x0b")
    consumer = Consumer(two, body_bytes)
    two.settimeout(20)
    begin = time.perf_counter()
    two.sendall(encode_method(1, "basic.consume", queue=QUEUE, consumer_tag="c", nowait=True))
    while consumer.delivered < count:
        consumer.read()
        two.sendall(consumer.acks)
        consumer.acks = b""
    ask(two, encode_method(1, "queue.declare", queue=QUEUE, passive=True), b"\0\x32\0\x0b")
    took_s = time.perf_counter() - begin
    two.close()
    return count / took_s


def fanout(host: str, port: int, body_bytes: int, count: int, queues: int) -> float:
    """Publish in batches to so many queues through one exchange: seconds for each message."""
    one = connect(host, port)
    declare = encode_method(1, "exchange.declare", exchange="all", type="fanout", durable=True)
    ask(one, declare, b"\0\x28\0\x0b")
    for number in range(queues):
        name = f"{QUEUE}-{number}"
        ask(one, encode_method(1, "queue.declare", queue=name, durable=True), b"\0\x32\0\x0b")
        ask(one, encode_method(1, "queue.bind", queue=name, exchange="all"), b"\0\x32\0\x15")
    begin = time.perf_counter()
    confirmed(one, publishes(body_bytes, "all"), count)
    took_s = time.perf_counter() - begin
    one.close()
    return took_s / count


def confirmed(one: socket.socket, batch: bytes, count: int) -> None:
    """Publish batches until at least `count` messages are confirmed."""
    ask(one, encode_method(1, "confirm.select"), b"\0\x55\0\x0b")
    stream = Publisher(one, batch)
    while stream.confirmed < count:
        stream.is_going_on = stream.sent < count
        wants_write = [one] if stream.may_send() else []
        readable, writable, _ = select.select([one], wants_write, [], 20)
        assert readable or writable, "the server does not answer"
        if readable:
            stream.read()
        if writable:
            stream.write()


class Publisher:
    """Publishes without end on one socket, and their confirms, which come in order."""

    def __init__(self, one: socket.socket, batch: bytes) -> None:
        self.one = one
        self.one.setblocking(False)
        self.batch = memoryview(batch)
        self.at = 0
        self.sent = 0
        self.confirmed = 0
        self.is_going_on = True
        self.rest = b""

    def may_send(self) -> bool:
        """Whether a batch is half sent, or another one may begin."""
        return bool(self.at) or (self.is_going_on and self.sent - self.confirmed < OUTSTANDING)

    def write(self) -> None:
        """Send what the socket takes."""
        if not self.at:
            self.sent += BATCH
        self.at += self.one.send(self.batch[self.at :])
        self.at %= len(self.batch)

    def read(self) -> None:
        """Count confirms: the last whole one says how many."""
        data = self.rest + self.one.recv(RECV_BYTES)
        whole = len(data) // ACK_BYTES * ACK_BYTES
        self.rest = data[whole:]
        if whole:
            last = data[whole - ACK_BYTES : whole]
            assert last[7:11] == b"\0\x3c\0\x50", last
            self.confirmed = TAG.unpack_from(last, 11)[0]


class Consumer:
    """Deliveries of one length on one socket, each acked by itself."""

    def __init__(self, one: socket.socket, body_bytes: int) -> None:
        self.one = one
        self.one.setblocking(False)
        method = encode_method(1, "basic.deliver", consumer_tag="c", routing_key=QUEUE)
        properties = write_properties(Properties(delivery_mode=2))
        self.start = method[:13]
        self.length = len(encode_content(1, method, properties, bytes(body_bytes), FRAME_MAX))
        self.received_bytes = 0
        self.delivered = 0
        self.acked = 0
        self.acks = b""

    def read(self) -> None:
        """Count what came, and make the acks of it."""
        data = self.one.recv(RECV_BYTES)
        assert data, "the server closed the connection"
        if not self.received_bytes % self.length:
            assert data.startswith(self.start[: len(data)]), data[:200]
        self.received_bytes += len(data)
        count = self.received_bytes // self.length
        pack = ACK.pack
        tags = range(self.delivered + 1, count + 1)
        self.acks += b"".join([pack(1, 1, 13, 60, 80, tag, 0, 0xCE) for tag in tags])
        self.delivered = count

    def write(self) -> None:
        """Send acks."""
        sent = self.one.send(self.acks)
        self.acks = self.acks[sent:]
        if not self.acks:
            self.acked = self.delivered
