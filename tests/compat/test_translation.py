"""What survives between RabbitMQ clients and boto3, as docs/concepts/translation.md says it."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.compat.amqp_clients import Broker, drain, fresh, get, put, queue
from tests.compat.clients import Queue, connected
from tests.compat.processes import Served


@pytest.fixture
def pair(shared: Served) -> Iterator[tuple[Queue, Any]]:
    """A queue as boto3 sees it, and a pika channel to the same server."""
    broker = Broker.at(shared.endpoints["amqp"])
    with connected(shared.url) as sqs, broker.channel() as channel:
        yield Queue(sqs, fresh()), channel


def test_headers_are_attributes_with_types(pair: tuple[Queue, Any]) -> None:
    mail, channel = pair
    headers = {"n": 5, "t": "x", "b": b"\x00\xff", "yes": True, "deep": {"a": [1]}}
    put(channel, mail.name, "x", headers=headers, content_type="text/plain", type="order")
    attributes = mail.one(MessageAttributeNames=["All"])["MessageAttributes"]
    assert {
        name: (one["DataType"], one.get("StringValue")) for name, one in attributes.items()
    } == {
        "n": ("Number", "5"),
        "t": ("String", "x"),
        "b": ("Binary", None),
        "yes": ("String", "true"),
        "deep": ("String", '{"a":[1]}'),
        "content-type": ("String", "text/plain"),
        "type": ("String", "order"),
    }
    assert attributes["b"]["BinaryValue"] == b"\x00\xff"


def test_attributes_are_headers_with_types(pair: tuple[Queue, Any]) -> None:
    mail, channel = pair
    mail.send(
        "x",
        MessageAttributes={
            "n": {"DataType": "Number", "StringValue": "5"},
            "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
            "message-id": {"DataType": "String", "StringValue": "m-1"},
        },
    )
    got = get(channel, mail.name)
    assert got.headers == {"n": 5, "b": b"\x00\xff"}
    assert (got.properties.message_id, got.properties.delivery_mode) == ("m-1", 2)


def test_a_body_that_is_no_text_comes_in_base64(pair: tuple[Queue, Any]) -> None:
    mail, channel = pair
    put(channel, mail.name, b"\xff\x00\xfe")
    message = mail.one(MessageAttributeNames=["All"])
    assert base64.b64decode(message["Body"]) == b"\xff\x00\xfe"
    assert message["MessageAttributes"]["postroad.encoding"]["StringValue"] == "base64"


def test_a_text_of_any_language_is_the_same_bytes(pair: tuple[Queue, Any]) -> None:
    mail, channel = pair
    mail.send("grüße 日本")
    assert get(channel, mail.name).body == "grüße 日本".encode()
    put(channel, mail.name, "grüße 日本")
    assert mail.one()["Body"] == "grüße 日本"


def test_a_delay_hides_a_message_from_both(pair: tuple[Queue, Any]) -> None:
    mail, channel = pair
    mail.send("later", DelaySeconds=600)
    assert drain(channel, mail.name) == []
    later = fresh("later")
    channel.exchange_declare(
        later, "x-delayed-message", arguments={"x-delayed-type": "fanout"}, durable=True
    )
    channel.queue_bind(mail.name, later)
    put(channel, "", "later too", to=later, headers={"x-delay": 600_000})
    assert mail.receive() == []
    assert mail.counts() == (0, 0, 2)


def test_a_dead_letter_of_a_queue_of_amqp_keeps_its_attributes(pair: tuple[Queue, Any]) -> None:
    mail, channel = pair
    work = queue(channel, dead_letter_exchange="", dead_letter_routing_key=mail.name)
    put(channel, work, "poison", headers={"tenant": "acme"}, correlation_id="c")
    channel.basic_reject(get(channel, work, auto_ack=False).tag, requeue=False)
    message = mail.one(MessageAttributeNames=["All"])
    values = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
    assert values == {"tenant": "acme", "correlation-id": "c"}
    mail.change(message, 0)
    [death] = get(channel, mail.name).headers["x-death"]
    assert (death["queue"], death["reason"]) == (work, "rejected")
