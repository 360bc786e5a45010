"""py-amqp and kombu, the libraries below Celery, by themselves."""

import socket
from collections.abc import Iterator
from typing import Any

import amqp
import kombu as untyped_kombu
import pytest
from kombu.pools import producers as untyped_producers

from tests.compat.amqp_clients import WAIT_MS_MAX, Broker, fresh
from tests.compat.processes import until

WAIT_S_MAX = WAIT_MS_MAX / 1_000
kombu: Any = untyped_kombu
producers: Any = untyped_producers
"""kombu says that it has types, and leaves most of them out."""


@pytest.fixture
def kombus(broker: Broker) -> Iterator[Any]:
    with kombu.Connection(broker.url) as made:
        yield made


def test_objects_go_through_a_simple_queue(kombus: Any) -> None:
    with kombus.SimpleQueue(fresh()) as queue:
        queue.put({"hello": "wörld", "n": 1}, serializer="json", compression="zlib")
        assert until(lambda: queue.qsize() == 1, WAIT_MS_MAX)
        message = queue.get(timeout=WAIT_S_MAX)
        assert message.payload == {"hello": "wörld", "n": 1}
        message.requeue()
        message = queue.get(timeout=WAIT_S_MAX)
        assert message.delivery_info["redelivered"]
        message.ack()
        with pytest.raises(queue.Empty):
            queue.get_nowait()


def test_events_are_drained_until_a_time_is_over(kombus: Any) -> None:
    events = kombu.Exchange(fresh("exchange"), "topic", durable=True)
    queue = kombu.Queue(fresh(), events, routing_key="user.#")
    got: list[Any] = []

    def take(body: Any, message: Any) -> None:
        got.append((message.delivery_info["routing_key"], body))
        message.ack()

    with kombus.Consumer(queue, callbacks=[take]), producers[kombus].acquire(block=True) as sender:
        for key in ("user.new", "order.new", "user.gone"):
            sender.publish({"key": key}, exchange=events, routing_key=key, retry=True)
        while len(got) < 2:
            kombus.drain_events(timeout=WAIT_S_MAX)
        with pytest.raises(socket.timeout):
            kombus.drain_events(timeout=0.05)
    assert got == [("user.new", {"key": "user.new"}), ("user.gone", {"key": "user.gone"})]


def test_a_fanout_reaches_the_exclusive_queue_of_each(kombus: Any) -> None:
    events = kombu.Exchange(fresh("exchange"), "fanout")
    channels = [kombus.channel() for _ in range(2)]
    queues = [kombu.Queue("", events, exclusive=True)(one) for one in channels]
    for queue in queues:
        queue.declare()
    kombu.Producer(kombus.channel(), events).publish("to all")
    for queue in queues:
        assert got_from(queue).payload == "to all"


def got_from(queue: Any) -> Any:
    """The next message of a queue, waiting for it if need be."""
    found: list[Any] = []

    def look() -> bool:
        found.append(queue.get())
        return found[-1] is not None

    assert until(look, WAIT_MS_MAX)
    return found[-1]


def test_passwords_keys_and_heartbeats_of_py_amqp(broker: Broker) -> None:
    host = f"{broker.host}:{broker.port}"
    with amqp.Connection(host, heartbeat=10, confirm_publish=True) as connection:
        assert connection.server_heartbeat or connection.heartbeat
        channel = connection.channel()
        name, messages, consumers = channel.queue_declare(fresh(), durable=True, auto_delete=False)
        assert (messages, consumers) == (0, 0)
        channel.basic_publish(amqp.Message("hello", content_type="text/plain"), routing_key=name)
        got: list[Any] = []
        first = channel.basic_consume(name, callback=got.append)
        second = channel.basic_consume(name, callback=got.append)
        assert first
        assert first != second, "the server makes up consumer tags"
        while not got:
            connection.drain_events(timeout=WAIT_S_MAX)
        assert (got[0].body, got[0].content_type) == ("hello", "text/plain")
        channel.basic_ack(got[0].delivery_tag)
        connection.send_heartbeat()
        channel.basic_consume(name, consumer_tag="mine")
        with pytest.raises(
            amqp.exceptions.NotAllowed, match="attempt to reuse consumer tag 'mine'"
        ):
            channel.basic_consume(name, consumer_tag="mine")


def test_errors_come_as_the_classes_programs_catch(broker: Broker) -> None:
    with amqp.Connection(f"{broker.host}:{broker.port}") as connection:
        with pytest.raises(amqp.exceptions.NotFound):
            connection.channel().queue_declare(fresh(), passive=True)
        name = fresh()
        connection.channel().queue_declare(name, durable=True, auto_delete=False)
        with pytest.raises(amqp.exceptions.PreconditionFailed):
            connection.channel().queue_declare(name, durable=True, auto_delete=True)
    with pytest.raises(amqp.exceptions.AccessRefused):
        amqp.Connection(f"{broker.host}:{broker.port}", password="wrong").connect()


def test_amqplain_logs_in_as_well(broker: Broker) -> None:
    host = f"{broker.host}:{broker.port}"
    with amqp.Connection(host, login_method="AMQPLAIN") as connection:
        assert connection.connected
