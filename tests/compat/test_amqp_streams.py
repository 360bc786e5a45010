"""Streams by pika: logs that many consumers read, each from where it likes."""

from typing import Any

import pytest
from pika.exceptions import ChannelClosedByBroker, ConnectionClosedByBroker

from tests.compat.amqp_clients import (
    Broker,
    Reader,
    get,
    pump,
    put,
    queue,
    settle_down,
)


@pytest.fixture
def stream(channel: Any) -> str:
    """A stream with ten messages."""
    name = queue(channel, queue_type="stream")
    put(channel, name, *(str(number) for number in range(10)))
    return name


def reader(channel: Any, name: str, offset: Any) -> Reader:
    """A consumer that starts at an offset, on a channel of its own."""
    receiver = channel.connection.channel()
    receiver.basic_qos(prefetch_count=100)
    return Reader(receiver, name, arguments={"x-stream-offset": offset})


def test_each_consumer_reads_all_from_the_start(channel: Any, stream: str) -> None:
    for _ in range(2):
        got = reader(channel, stream, "first").wait(10)
        assert [int(one.body) for one in got] == list(range(10))
        assert [one.headers["x-stream-offset"] for one in got] == list(range(10))


def test_a_consumer_starts_at_the_offset_it_names(channel: Any, stream: str) -> None:
    assert [int(one.body) for one in reader(channel, stream, 7).wait(3)] == [7, 8, 9]


def test_without_an_offset_a_consumer_reads_what_is_new(channel: Any, stream: str) -> None:
    receiver = channel.connection.channel()
    receiver.basic_qos(prefetch_count=100)
    plain = Reader(receiver, stream)
    new = reader(channel, stream, "next")
    put(channel, stream, "new")
    assert plain.wait(1)[0].body == b"new"
    assert new.wait(1)[0].body == b"new"


def test_acks_only_move_the_window(channel: Any, stream: str) -> None:
    receiver = channel.connection.channel()
    receiver.basic_qos(prefetch_count=2)
    got = Reader(receiver, stream, arguments={"x-stream-offset": "first"})
    got.wait(2)
    settle_down(channel)
    assert len(got.got) == 2
    receiver.basic_ack(got.got[1].tag, multiple=True)
    got.wait(4)
    assert len(reader(channel, stream, "first").wait(10)) == 10


def test_a_stream_wants_a_prefetch_and_acks(channel: Any, stream: str) -> None:
    connection = channel.connection
    with pytest.raises(ChannelClosedByBroker, match="consumer prefetch count is not set"):
        Reader(connection.channel(), stream)
    receiver = connection.channel()
    receiver.basic_qos(prefetch_count=10)
    with pytest.raises((ChannelClosedByBroker, ConnectionClosedByBroker)) as caught:
        Reader(receiver, stream, auto_ack=True)
    assert "NOT_IMPLEMENTED" in caught.value.reply_text


def test_a_stream_is_not_got_from(broker: Broker, stream: str) -> None:
    with broker.connected() as other, pytest.raises(ConnectionClosedByBroker) as caught:
        get(other.channel(), stream)
    assert caught.value.reply_code == 540
    assert "basic.get not supported by stream" in caught.value.reply_text


def test_headers_and_routing_are_kept(channel: Any, stream: str) -> None:
    channel.queue_bind(stream, "amq.topic", f"{stream}.*")
    put(channel, f"{stream}.x", "m", to="amq.topic", headers={"n": 1}, message_id="m-1")
    got = reader(channel, stream, 10).wait(1)[0]
    assert (got.method.exchange, got.method.routing_key) == ("amq.topic", f"{stream}.x")
    assert got.properties.message_id == "m-1"
    assert got.headers == {"n": 1, "x-stream-offset": 10}


def test_a_passive_declare_and_a_delete_know_the_stream(channel: Any, stream: str) -> None:
    assert channel.queue_declare(stream, passive=True).method.queue == stream
    cancelled: list[Any] = []
    reading = reader(channel, stream, "first")
    reading.channel.add_on_cancel_callback(cancelled.append)
    channel.queue_delete(stream)
    pump(reading.channel, lambda: bool(cancelled))
