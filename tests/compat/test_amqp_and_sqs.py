"""One queue by two protocols: what boto3 sends pika receives, and the other way round."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.compat.amqp_clients import Broker, Got, drain, fresh, get, put, queue
from tests.compat.clients import Queue, connected
from tests.compat.processes import Served


@pytest.fixture
def pair(shared: Served) -> Iterator[tuple[Queue, Any]]:
    """A queue as boto3 sees it, and a pika channel to the same server."""
    broker = Broker.at(shared.endpoints["amqp"])
    with connected(shared.url) as sqs, broker.channel() as channel:
        yield Queue(sqs, fresh()), channel


def text(value: str) -> dict[str, str]:
    return {"StringValue": value, "DataType": "String"}


def test_what_boto3_sends_comes_by_pika(pair: tuple[Queue, Any]) -> None:
    mail, channel = pair
    mail.send("order 17", MessageAttributes={"tenant": text("acme"), "content-type": text("a/b")})
    got = get(channel, mail.name)
    assert (got.body, got.again) == (b"order 17", False)
    assert (got.method.exchange, got.method.routing_key) == ("", mail.name)
    assert got.properties.content_type == "a/b"
    assert got.headers == {"tenant": "acme"}
    assert mail.counts() == (0, 0, 0)


def test_what_pika_publishes_comes_by_boto3(pair: tuple[Queue, Any]) -> None:
    mail, channel = pair
    put(channel, mail.name, "order 18", headers={"tenant": "acme"}, correlation_id="c-1")
    message = mail.one(MessageAttributeNames=["All"])
    assert message["Body"] == "order 18"
    values = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
    assert values == {"tenant": "acme", "correlation-id": "c-1"}
    mail.delete(message)
    assert drain(channel, mail.name) == []


def test_a_lease_of_one_protocol_is_respected_by_the_other(pair: tuple[Queue, Any]) -> None:
    mail, channel = pair
    mail.send("one of us")
    held = get(channel, mail.name, auto_ack=False)
    assert mail.receive() == []
    assert mail.counts() == (0, 1, 0)
    channel.basic_nack(held.tag)
    again = mail.one()
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    assert Got(*channel.basic_get(mail.name)).method is None
    mail.change(again, 0)
    assert get(channel, mail.name).again


def test_an_exchange_of_rabbitmq_feeds_a_queue_of_boto3(pair: tuple[Queue, Any]) -> None:
    mail, channel = pair
    channel.queue_bind(mail.name, "amq.topic", "order.*")
    put(channel, "order.paid", "order 19", to="amq.topic")
    message = mail.one()
    assert message["Body"] == "order 19"
    mail.delete(message)


def test_dead_letters_of_rabbitmq_are_read_by_boto3(pair: tuple[Queue, Any]) -> None:
    mail, channel = pair
    work = queue(channel, dead_letter_exchange="", dead_letter_routing_key=mail.name)
    put(channel, work, "poison")
    channel.basic_reject(get(channel, work, auto_ack=False).tag, requeue=False)
    assert mail.one()["Body"] == "poison"
