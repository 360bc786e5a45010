"""RabbitMQ's clients at a server of the tests, or at another broker to compare it with.

`POSTROAD_TEST_AMQP=host:port` names the other broker; what only Postroad does is skipped there.
"""

import itertools
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker, ConnectionClosedByBroker

from tests.compat.processes import until

OTHER = os.environ.get("POSTROAD_TEST_AMQP", "")
only_here = pytest.mark.skipif(bool(OTHER), reason="the other broker does not do this")
WAIT_MS_MAX = 15_000
"""Longer than any wait of these tests takes."""
PERSISTENT = 2

_numbers = itertools.count()


def fresh(kind: str = "queue") -> str:
    """A name that no other test has."""
    return f"{kind}-{os.getpid()}-{next(_numbers)}"


@dataclass(frozen=True)
class Broker:
    """Where AMQP is spoken."""

    host: str
    port: int

    @classmethod
    def at(cls, address: str) -> "Broker":
        host, _, port = address.rpartition(":")
        return cls(host, int(port))

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{self.host}:{self.port}/"

    def parameters(self, **given: Any) -> Any:
        return pika.ConnectionParameters(self.host, self.port, **given)

    def connect(self, **given: Any) -> Any:
        """A pika connection; the caller closes it."""
        return pika.BlockingConnection(self.parameters(**given))

    @contextmanager
    def connected(self, **given: Any) -> Iterator[Any]:
        """A pika connection for as long as the block lasts."""
        made = self.connect(**given)
        try:
            yield made
        finally:
            if made.is_open:
                made.close()

    @contextmanager
    def channel(self, **given: Any) -> Iterator[Any]:
        """A channel whose publishes wait for their confirms."""
        with self.connected(**given) as connection:
            made = connection.channel()
            made.confirm_delivery()
            yield made

    def talk(self) -> socket.socket:
        """An open socket; its waits end."""
        return socket.create_connection((self.host, self.port), WAIT_MS_MAX / 1_000)


@dataclass(frozen=True)
class Got:
    """One message as pika hands it out."""

    method: Any
    properties: Any
    body: bytes

    @property
    def tag(self) -> int:
        return int(self.method.delivery_tag)

    @property
    def again(self) -> bool:
        return bool(self.method.redelivered)

    @property
    def headers(self) -> dict[str, Any]:
        return dict(self.properties.headers or {})


class Reader:
    """A consumer that keeps what it is given; the test settles it."""

    def __init__(self, channel: Any, queue: str, **given: Any) -> None:
        self.channel = channel
        self.got: list[Got] = []
        self.tag = channel.basic_consume(queue, self._take, **given)

    def _take(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self.got.append(Got(method, properties, body))

    @property
    def bodies(self) -> list[bytes]:
        return [one.body for one in self.got]

    def wait(self, count: int) -> list[Got]:
        """All it has got, once these are so many."""
        pump(self.channel, lambda: len(self.got) >= count)
        assert len(self.got) == count, self.bodies
        return self.got


def pump(channel: Any, condition: Callable[[], bool]) -> None:
    """Let the channel's callbacks be called until the condition is true."""

    def look() -> bool:
        channel.connection.process_data_events(0.01)
        return condition()

    assert condition() or until(look, WAIT_MS_MAX)


def settle_down(*channels: Any) -> None:
    """Go back and forth often enough that whatever was to come has come."""
    for _ in range(5):
        for channel in channels:
            channel.basic_qos(prefetch_size=0)
            channel.connection.process_data_events(0.01)


def queue(channel: Any, name: str | None = None, **arguments: Any) -> str:
    """Declare a durable queue: `max_length=3` is its argument `x-max-length`."""
    given = {"x-" + key.replace("_", "-"): value for key, value in arguments.items()}
    made = channel.queue_declare(name or fresh(), durable=True, arguments=given)
    return str(made.method.queue)


def exchange(channel: Any, kind: str, **given: Any) -> str:
    """Declare an exchange that no other test has."""
    name = fresh("exchange")
    channel.exchange_declare(name, kind, **given)
    return name


def put(channel: Any, routing_key: str, *bodies: bytes | str, to: str = "", **given: Any) -> None:
    """Publish each body, persistent, to an exchange: the default one unless told."""
    properties = pika.BasicProperties(**{"delivery_mode": PERSISTENT, **given})
    for body in bodies:
        channel.basic_publish(to, routing_key, body, properties)


def get(channel: Any, name: str, auto_ack: bool = True) -> Got:
    """The next message of a queue, waiting for it if need be."""
    found: list[Got] = []

    def look() -> bool:
        got = Got(*channel.basic_get(name, auto_ack=auto_ack))
        if got.method is not None:
            found.append(got)
        return bool(found)

    assert until(look, WAIT_MS_MAX), f"nothing in {name}"
    return found[0]


def drain(channel: Any, name: str) -> list[bytes]:
    """The bodies of all that are ready, in the order they come."""
    bodies: list[bytes] = []
    while True:
        method, _, body = channel.basic_get(name, auto_ack=True)
        if method is None:
            return bodies
        bodies.append(body)


def count(channel: Any, name: str) -> int:
    """How many messages are ready."""
    return int(channel.queue_declare(name, passive=True).method.message_count)


def counted(channel: Any, name: str, messages: int) -> None:
    """Return once so many messages are ready."""
    assert until(lambda: count(channel, name) == messages, WAIT_MS_MAX), count(channel, name)


def gone(channel: Any, name: str) -> bool:
    """Whether there is no such queue."""
    probe = channel.connection.channel()
    try:
        probe.queue_declare(name, passive=True)
    except ChannelClosedByBroker as error:
        return bool(error.reply_code == 404)
    probe.close()
    return False


@contextmanager
def channel_error(code: int, text: str) -> Iterator[None]:
    """What is in the block closes its channel with this code and exactly this text."""
    with pytest.raises(ChannelClosedByBroker) as caught:
        yield
    assert (caught.value.reply_code, caught.value.reply_text) == (code, text)


@contextmanager
def connection_error(code: int, text: str) -> Iterator[None]:
    """What is in the block closes its connection with this code and exactly this text."""
    with pytest.raises(ConnectionClosedByBroker) as caught:
        yield
    assert (caught.value.reply_code, caught.value.reply_text) == (code, text)
