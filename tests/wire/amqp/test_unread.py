"""A client that does not read: what is on its way to it is bounded, and nothing is lost by that."""

import pytest

from postroad.limits import (
    AMQP_CREDIT,
    AMQP_UNREAD_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    WRITE_BUFFER_BYTES_MAX,
)
from postroad.protocols.interface import Output
from tests.wire.amqp.room import AmqpRoom, Client, Said, ack

MIB = 2**20
HELD_MAX = 2 * AMQP_UNREAD_BYTES_MAX + WRITE_BUFFER_BYTES_MAX
"""A window that was on its way when the socket filled up, and the one that is not let on."""


class Lazy(Client):
    """A client that reads when it is told to. `unread`: what waits for it in the server."""

    def __init__(self, room: AmqpRoom) -> None:
        super().__init__(room)
        self.reads = True
        self.unread: list[bytes] = []

    def take(self, output: Output) -> None:
        """What is sent stays in the socket, which says when it is full."""
        if self.reads:
            super().take(output)
            return
        super().take(Output(b"", output.asks, output.close))
        self.unread.append(output.send)
        if not self.session.full and self.held() > WRITE_BUFFER_BYTES_MAX:
            self.take(self.session.stall(True, self.room.now_ms))

    def held(self) -> int:
        return sum(map(len, self.unread))

    def stop_reading(self) -> None:
        self.reads = False

    def read_once(self) -> int:
        """Read all that waits, and no more; how many bytes that was."""
        size = self.held()
        waiting, self.unread = self.unread, []
        for one in waiting:
            super().take(Output(one))
        if self.session.full:
            self.take(self.session.stall(False, self.room.now_ms))
        self.room.go()
        return size


@pytest.fixture
def room() -> AmqpRoom:
    return AmqpRoom()


@pytest.fixture
def lazy(room: AmqpRoom) -> Lazy:
    client = Lazy(room)
    room.clients.append(client)
    client.open()
    return client


def fill(client: Client, queue: str, count: int, size: int = MIB) -> None:
    client.declare(queue)
    for number in range(count):
        client.publish(queue, (b"%d " % number).ljust(8) + bytes(size))


def told(client: Client, tag: str = "") -> list[int]:
    """The numbers of what was delivered, to one consumer where it is named."""
    found: list[Said] = [one for one in client.heard if one.name == "basic.deliver"]
    return [int(one.body[:8]) for one in found if not tag or one.consumer_tag == tag]


def read_all(client: Lazy, settles: bool) -> int:
    """Read until nothing comes any more; the most that was held meanwhile."""
    most = 0
    done = 0
    while held := client.read_once():
        most = max(most, held)
        while settles and done < len(told(client)):
            done += 1
            client.feed(ack(done))
    return most


@pytest.mark.parametrize("no_ack", [True, False])
def test_what_a_client_does_not_read_stays_in_the_queue(lazy: Lazy, no_ack: bool) -> None:
    fill(lazy, "q", 40)
    lazy.stop_reading()
    lazy.consume("q", no_ack=no_ack)
    assert WRITE_BUFFER_BYTES_MAX < lazy.held() <= HELD_MAX
    assert lazy.room.config.counts.stalls == 1
    assert read_all(lazy, not no_ack) <= HELD_MAX
    assert told(lazy) == list(range(40))


@pytest.mark.parametrize("prefetch", [3, 200, 10 * AMQP_CREDIT])
def test_a_prefetch_of_many_is_bounded_in_bytes_too(lazy: Lazy, prefetch: int) -> None:
    fill(lazy, "q", 40)
    lazy.stop_reading()
    lazy.call("basic.qos", prefetch_count=prefetch)
    lazy.consume("q")
    assert lazy.held() <= HELD_MAX
    assert read_all(lazy, True) <= HELD_MAX
    assert told(lazy) == list(range(40))


def test_acks_of_a_client_that_does_not_read_let_nothing_on(lazy: Lazy) -> None:
    fill(lazy, "q", 40)
    lazy.call("basic.qos", prefetch_count=100)
    lazy.stop_reading()
    lazy.consume("q")
    held = lazy.held()
    lazy.feed(ack(0, True))
    assert lazy.held() == held
    read_all(lazy, False)
    assert told(lazy) == list(range(40))


def test_all_consumers_of_a_connection_share_what_may_be_on_its_way(lazy: Lazy) -> None:
    tags = [f"t{number}" for number in range(6)]
    for number, tag in enumerate(tags):
        fill(lazy, tag, 7)
        if number:
            lazy.call("channel.open", channel=number + 1)
    lazy.stop_reading()
    for number, tag in enumerate(tags):
        lazy.consume(tag, tag=tag, no_ack=bool(number % 2), channel=number + 1)
    assert lazy.held() <= HELD_MAX
    assert read_all(lazy, False) <= HELD_MAX
    assert [told(lazy, tag) for tag in tags] == [list(range(7))] * 6


def test_a_message_that_is_larger_than_the_bound_goes_alone(lazy: Lazy) -> None:
    large = MESSAGE_BYTES_MAX - 1_024
    assert large > AMQP_UNREAD_BYTES_MAX
    fill(lazy, "q", 4, large)
    lazy.stop_reading()
    lazy.consume("q", no_ack=True)
    assert lazy.held() < 2 * MESSAGE_BYTES_MAX + MIB
    read_all(lazy, False)
    assert told(lazy) == list(range(4))


def test_one_that_reads_is_served_beside_one_that_does_not(room: AmqpRoom, lazy: Lazy) -> None:
    fill(lazy, "q", 40)
    lazy.stop_reading()
    lazy.consume("q")
    other = room.client()
    other.consume("q", no_ack=True)
    assert lazy.held() <= HELD_MAX
    read_all(lazy, False)
    assert sorted(told(lazy) + told(other)) == list(range(40))
    assert told(lazy) == sorted(told(lazy))


def test_what_was_on_the_way_to_a_consumer_that_is_gone_counts_no_longer(lazy: Lazy) -> None:
    fill(lazy, "q", 40)
    for turn in range(4):
        lazy.stop_reading()
        lazy.consume("q", tag=f"t{turn}")
        lazy.call("channel.close", reply_code=0, reply_text="", class_id=0, method_id=0)
        assert lazy.held() <= HELD_MAX
        read_all(lazy, False)
        lazy.call("channel.open")
        lazy.reads = True
    before = len(told(lazy))
    lazy.consume("q", no_ack=True)
    assert told(lazy)[before:] == list(range(40))


def test_the_bound_is_a_setting() -> None:
    room = AmqpRoom(unread_bytes_max=64 * 1_024)
    client = Lazy(room)
    room.clients.append(client)
    client.open()
    fill(client, "q", 20, 20_000)
    client.take(client.session.stall(True, room.now_ms))
    client.consume("q", no_ack=True)
    assert len(told(client)) == 4, "the last of them passes it"
    client.take(client.session.stall(False, room.now_ms))
    room.go()
    assert told(client) == list(range(20))
