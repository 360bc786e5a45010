"""Queues of type stream: declared, bound and deleted as queues are, and kept as topics."""

from typing import Any

import pytest

from postroad.model.topics import DescribeTopic, TopicDescribed
from tests.wire.amqp.declaring import call, declare
from tests.wire.amqp.room import AmqpRoom, Client, names


@pytest.fixture
def room() -> AmqpRoom:
    return AmqpRoom()


@pytest.fixture
def client(room: AmqpRoom) -> Client:
    return room.client()


def test_a_stream_is_a_topic_of_one_partition(room: AmqpRoom, client: Client) -> None:
    arguments = {"x-queue-type": "stream", "x-max-age": "2h", "x-max-length-bytes": 5_000}
    assert declare(client, durable=True, arguments=arguments).name == "queue.declare-ok"
    topic = room.ask(DescribeTopic("q"))
    assert isinstance(topic, TopicDescribed)
    assert len(topic.partitions) == 1
    assert (topic.settings.retention_ms, topic.settings.retention_bytes) == (7_200_000, 5_000)
    client.publish("q", b"1", b"2")
    assert declare(client, durable=True, arguments=arguments).message_count == 2
    assert declare(client, passive=True).message_count == 2
    said = declare(client, durable=True, arguments={"x-queue-type": "stream"})
    assert "inequivalent arg 'x-max-length-bytes'" in said.reply_text
    said = declare(client, durable=True)
    assert "inequivalent arg" in said.reply_text


def test_a_stream_lives_for_all_and_for_long(client: Client) -> None:
    for flags, word in (
        ({}, "non-durable"),
        ({"durable": True, "exclusive": True}, "exclusive-owner"),
        ({"durable": True, "auto_delete": True}, "auto-delete"),
    ):
        said = declare(client, arguments={"x-queue-type": "stream"}, **flags)
        assert said.reply_text == (
            f"PRECONDITION_FAILED - invalid property '{word}' for queue 'q' in vhost '/'"
        )


def test_a_stream_is_bound_and_deleted_as_a_queue_is(client: Client) -> None:
    declare(client, durable=True, arguments={"x-queue-type": "stream"})
    key: dict[str, Any] = {"queue": "q", "exchange": "amq.topic", "routing_key": "#"}
    assert names(client.call("queue.bind", **key)) == ["queue.bind-ok"]
    client.publish("a.b", b"1", exchange="amq.topic")
    assert names(client.call("queue.unbind", **key)) == ["queue.unbind-ok"]
    client.publish("a.b", b"2", exchange="amq.topic")
    assert declare(client, passive=True).message_count == 1
    (said,) = call(client, "queue.delete", queue="q", if_empty=True)
    assert said.reply_text == "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty"
    assert client.call("queue.delete", queue="q")[0].message_count == 1
    assert declare(client, passive=True).reply_code == 404


def test_a_stream_cannot_be_purged(client: Client) -> None:
    declare(client, durable=True, arguments={"x-queue-type": "stream"})
    (said,) = client.call("queue.purge", queue="q")
    assert (said.name, said.reply_code) == ("connection.close", 540)


def test_a_queue_cannot_become_a_stream(client: Client) -> None:
    declare(client, durable=True)
    said = declare(client, durable=True, arguments={"x-queue-type": "stream"})
    assert said.reply_text == (
        "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received"
        " 'stream' but current is 'classic'"
    )
