"""What AMQP clients find after the server was killed: all that was confirmed, and their names."""

import signal
from typing import Any

import pytest
from pika.exceptions import AMQPError

from tests.compat.amqp_clients import (
    Broker,
    Reader,
    count,
    counted,
    drain,
    exchange,
    get,
    pump,
    put,
    queue,
)
from tests.compat.conftest import Serve
from tests.compat.processes import Served

CONFIRMED_MIN = 2_000


def address(served: Served) -> Broker:
    return Broker.at(served.endpoints["amqp"])


def closed(connection: Any) -> None:
    """Close what the killed server left behind."""
    with pytest.raises(AMQPError):
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_queues_bindings_and_messages_are_there_after_a_restart(serve: Serve, number: int) -> None:
    served = serve()
    connection = address(served).connect()
    channel = connection.channel()
    channel.confirm_delivery()
    dead = queue(channel)
    letters = {"dead_letter_exchange": "", "dead_letter_routing_key": dead}
    name = queue(channel, max_priority=5, **letters)
    events = exchange(channel, "topic", durable=True)
    channel.queue_bind(name, events, "order.#")
    put(channel, "order.paid", "low", to=events, priority=1, headers={"n": 1}, message_id="m-1")
    put(channel, "order.paid", "high", to=events, priority=4)
    put(channel, name, "unacked")
    held = get(channel, name, auto_ack=False)
    assert held.body == b"high"
    # Deliveries wait for no sync; a confirm behind them makes them durable, too.
    put(channel, queue(channel), "durable")
    served.stop(number)
    closed(connection)
    with address(serve()).channel() as channel:
        counted(channel, name, 3)
        first, second, third = (get(channel, name, auto_ack=False) for _ in range(3))
        assert (first.body, first.again) == (b"high", True)
        assert (second.body, second.properties.message_id) == (b"low", "m-1")
        assert (second.headers, second.again) == ({"n": 1}, False)
        assert (second.method.exchange, second.method.routing_key) == (events, "order.paid")
        channel.basic_reject(second.tag, requeue=False)
        assert get(channel, dead).headers["x-first-death-reason"] == "rejected"
        channel.basic_ack(third.tag, multiple=True)
        put(channel, "order.paid", "after", to=events)
        assert drain(channel, name) == [b"after"]


def test_a_kill_under_load_loses_nothing_confirmed_and_brings_back_nothing_acked(
    serve: Serve,
) -> None:
    served = serve()
    connection = address(served).connect()
    channel = connection.channel()
    name = queue(channel)
    raw = channel._impl
    confirmed = 0

    def on_confirm(frame: Any) -> None:
        nonlocal confirmed
        # The server confirms in order, so the highest tag says it all.
        confirmed = max(confirmed, frame.method.delivery_tag)

    ready: list[Any] = []
    raw.confirm_delivery(on_confirm, callback=ready.append)
    pump(channel, lambda: bool(ready))
    sent = 0

    def send_some() -> bool:
        nonlocal sent
        for _ in range(200):
            sent += 1
            put(raw, name, str(sent))
        return confirmed >= CONFIRMED_MIN

    pump(channel, send_some)
    served.process.send_signal(signal.SIGKILL)
    with pytest.raises(AMQPError):
        pump(channel, lambda: False)
    served.process.wait()
    restarted = serve()
    connection = address(restarted).connect()
    channel = connection.channel()
    channel.confirm_delivery()
    found = count(channel, name)
    assert confirmed <= found <= sent
    reader = Reader(channel, name)
    assert [int(one.body) for one in reader.wait(found)] == list(range(1, found + 1))
    channel.basic_ack(found // 2, multiple=True)
    # Behind the ack: once this is confirmed, the ack is durable, too.
    put(channel, queue(channel), "durable")
    restarted.stop(signal.SIGKILL)
    closed(connection)
    with address(serve()).channel() as channel:
        counted(channel, name, found - found // 2)
        got = get(channel, name)
        assert (int(got.body), got.again) == (found // 2 + 1, True)


def test_exclusive_queues_do_not_come_back(serve: Serve) -> None:
    served = serve()
    connection = address(served).connect()
    channel = connection.channel()
    channel.confirm_delivery()
    name = channel.queue_declare("", exclusive=True).method.queue
    kept = queue(channel)
    put(channel, kept, "kept")
    put(channel, name, "gone with its owner")
    served.stop(signal.SIGKILL)
    closed(connection)
    with address(serve()).channel() as channel:
        assert count(channel, kept) == 1
        with pytest.raises(AMQPError, match="404"):
            count(channel, name)
