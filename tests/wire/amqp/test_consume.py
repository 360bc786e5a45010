"""Consumers over AMQP: deliveries, prefetch, settling, and ends."""

from typing import Any

import pytest

from postroad.limits import AMQP_CREDIT
from tests.wire.amqp.room import AmqpRoom, Client, Said, ack, bodies, names


@pytest.fixture
def room() -> AmqpRoom:
    return AmqpRoom()


@pytest.fixture
def client(room: AmqpRoom) -> Client:
    client = room.client()
    client.declare("q")
    return client


def fault_of(said: list[Said]) -> tuple[str, int, str]:
    last = said[-1]
    return last.name, last.reply_code, last.reply_text


def numbers(first: int, count: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, first + count)]


def ready(client: Client, queue: str = "q") -> int:
    [said] = client.call("queue.declare", queue=queue, passive=True)
    count: int = said.message_count
    return count


def test_a_consumer_without_a_tag_gets_one(client: Client) -> None:
    [said] = client.consume("q", tag="")
    assert said.consumer_tag.startswith("amq.ctag-")


def test_a_consumer_that_wants_no_answer_gets_none(client: Client) -> None:
    client.publish("q", b"x")
    assert names(client.consume("q", nowait=True)) == ["basic.deliver"]


def test_prefetch_is_how_many_may_wait_to_be_settled(client: Client) -> None:
    client.publish("q", *numbers(0, 5))
    assert names(client.call("basic.qos", prefetch_count=2)) == ["basic.qos-ok"]
    assert bodies(client.consume("q")) == [b"0", b"1"]
    assert bodies(client.feed(ack(1))) == [b"2"]
    assert bodies(client.feed(ack(3, True))) == [b"3", b"4"]


def test_prefetch_counts_for_consumers_to_come(client: Client) -> None:
    client.publish("q", *numbers(0, 5))
    client.call("basic.qos", prefetch_count=1)
    assert len(bodies(client.consume("q"))) == 1
    client.call("basic.qos", prefetch_count=3)
    assert len(bodies(client.consume("q", tag="other"))) == 3


def test_a_global_prefetch_is_shared_by_all_and_may_change(client: Client) -> None:
    client.declare("r")
    client.publish("q", *numbers(0, 5))
    client.publish("r", *numbers(5, 5))
    client.call("basic.qos", prefetch_count=2, **{"global": True})
    assert len(bodies(client.consume("q"))) == 2
    assert bodies(client.consume("r", tag="r")) == []
    said = client.call("basic.qos", prefetch_count=3, **{"global": True})
    assert len(bodies(said)) == 1
    assert len(bodies(client.call("basic.qos", prefetch_count=0, **{"global": True}))) == 7


def test_a_prefetch_in_bytes_is_not_spoken_here(client: Client) -> None:
    name, code, text = fault_of(client.call("basic.qos", prefetch_size=1))
    assert (name, code) == ("connection.close", 540)
    assert "prefetch_size!=0 (1)" in text


def test_a_million_messages_are_not_sent_ahead_of_a_client_that_does_not_read(
    client: Client, room: AmqpRoom
) -> None:
    client.publish("q", *numbers(0, 3 * AMQP_CREDIT))
    client.take(client.session.stall(True, room.now_ms))
    assert len(bodies(client.consume("q", no_ack=True))) == AMQP_CREDIT
    before = len(client.heard)
    client.take(client.session.stall(False, room.now_ms))
    room.go()
    assert bodies(client.heard[before:]) == numbers(AMQP_CREDIT, 2 * AMQP_CREDIT)


def test_the_window_of_one_that_settles_does_not_grow_with_what_it_settled(
    client: Client, room: AmqpRoom
) -> None:
    client.publish("q", *numbers(0, 5 * AMQP_CREDIT))
    assert len(bodies(client.consume("q"))) == 5 * AMQP_CREDIT
    client.take(client.session.stall(True, room.now_ms))
    client.feed(ack(0, True))
    said = client.publish("q", *numbers(0, 5 * AMQP_CREDIT))
    assert 0 < len(bodies(said)) <= 2 * AMQP_CREDIT


def test_without_acks_a_message_is_gone_as_it_is_delivered(client: Client) -> None:
    client.publish("q", b"x")
    client.consume("q", no_ack=True)
    name, code, text = fault_of(client.feed(ack(1)))
    assert (name, code) == ("channel.close", 406)
    assert text == "PRECONDITION_FAILED - unknown delivery tag 1"
    assert ready(client_of(client), "q") == 0


def client_of(client: Client) -> Client:
    """The same connection with a channel anew."""
    client.call("channel.close-ok")
    client.call("channel.open")
    return client


def test_a_tag_is_used_once_in_a_channel(client: Client) -> None:
    client.consume("q", tag="t")
    name, code, text = fault_of(client.consume("q", tag="t"))
    assert (name, code) == ("connection.close", 530)
    assert text == "NOT_ALLOWED - attempt to reuse consumer tag 't'"


def test_a_queue_that_is_not_there_closes_the_channel(client: Client) -> None:
    name, code, text = fault_of(client.consume("none"))
    assert (name, code, text) == (
        "channel.close",
        404,
        "NOT_FOUND - no queue 'none' in vhost '/'",
    )


def test_the_queue_declared_last_needs_no_name(client: Client) -> None:
    client.publish("q", b"x")
    assert bodies(client.consume("")) == [b"x"]


def test_an_exclusive_consumer_is_alone(client: Client, room: AmqpRoom) -> None:
    client.consume("q", exclusive=True)
    name, code, text = fault_of(room.client().consume("q"))
    assert (name, code) == ("channel.close", 403)
    assert text == "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"


def test_a_consumer_of_higher_priority_is_served_first(client: Client) -> None:
    client.call("basic.qos", prefetch_count=2)
    client.consume("q", tag="low", arguments={"x-priority": 1})
    client.consume("q", tag="high", arguments={"x-priority": 5})
    said = client.publish("q", *numbers(0, 3))
    assert [one.consumer_tag for one in said] == ["high", "high", "low"]


def test_what_is_cancelled_gets_nothing_more_and_keeps_what_it_has(client: Client) -> None:
    client.publish("q", b"1")
    client.consume("q", tag="t")
    assert names(client.call("basic.cancel", consumer_tag="t")) == ["basic.cancel-ok"]
    assert client.publish("q", b"2") == []
    client.feed(ack(1))
    assert ready(client) == 1
    assert names(client.call("basic.cancel", consumer_tag="t")) == ["basic.cancel-ok"]


def test_a_consumer_hears_when_its_queue_is_deleted(client: Client, room: AmqpRoom) -> None:
    client.consume("q", tag="t")
    before = len(client.heard)
    room.client().call("queue.delete", queue="q")
    [said] = client.heard[before:]
    assert (said.name, said.consumer_tag, said.nowait) == ("basic.cancel", "t", True)
    client.declare("q")
    assert names(client.consume("q", tag="t")) == ["basic.consume-ok"]


def test_a_rejected_message_comes_again_or_is_gone(client: Client) -> None:
    client.publish("q", b"1", b"2")
    client.consume("q")
    [again] = client.call("basic.reject", delivery_tag=1, requeue=True)
    assert (again.body, again.redelivered, again.delivery_tag) == (b"1", True, 3)
    assert client.call("basic.reject", delivery_tag=2, requeue=False) == []
    said = client.call("basic.nack", delivery_tag=3, multiple=True, requeue=False)
    assert said == []
    client.call("channel.close")
    client.call("channel.open")
    assert ready(client) == 0


def test_a_rejected_message_goes_to_the_dead_letters(client: Client) -> None:
    client.declare("dead")
    client.declare("work", **{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
    client.publish("work", b"x", headers={"a": 1})
    client.consume("work")
    client.call("basic.nack", delivery_tag=1, requeue=False)
    [_, got] = client.consume("dead", tag="d")
    headers: dict[str, Any] = dict(got.properties.headers or {})
    assert headers["a"] == 1
    [death] = headers["x-death"]
    assert (death["queue"], death["reason"], death["count"]) == ("work", "rejected", 1)
    assert (got.exchange, got.routing_key) == ("", "dead")


def test_recover_gives_back_what_is_open(client: Client) -> None:
    client.publish("q", b"1", b"2")
    client.consume("q")
    said = client.call("basic.recover", requeue=True)
    assert sorted(names(said)) == ["basic.deliver", "basic.deliver", "basic.recover-ok"]
    assert [one.redelivered for one in said if one.name == "basic.deliver"] == [True, True]
    assert names(client.call("basic.recover-async", requeue=True)) == ["basic.deliver"] * 2
    name, code, text = fault_of(client.call("basic.recover", requeue=False))
    assert (name, code, text) == ("connection.close", 540, "NOT_IMPLEMENTED - requeue=false")


def test_what_a_closed_channel_has_not_settled_goes_back(client: Client) -> None:
    client.publish("q", b"1", b"2")
    client.consume("q")
    client.feed(ack(1))
    client.call("channel.close")
    client.call("channel.open")
    [_, got] = client.consume("q")
    assert (got.body, got.redelivered, got.delivery_tag) == (b"2", True, 1)


def test_what_a_lost_connection_has_not_settled_goes_back(client: Client, room: AmqpRoom) -> None:
    client.publish("q", b"1", b"2")
    client.consume("q")
    client.feed(ack(2))
    client.hang_up()
    [_, got] = room.client().consume("q")
    assert (got.body, got.redelivered) == (b"1", True)


def test_a_quorum_queue_tells_how_often_a_message_came_back(client: Client) -> None:
    client.declare("quorum", **{"x-queue-type": "quorum"})
    client.publish("quorum", b"x", headers={"a": 1})
    [_, got] = client.consume("quorum")
    assert got.properties.headers == {"a": 1}
    [got] = client.call("basic.nack", delivery_tag=1, requeue=True)
    assert got.properties.headers == {"a": 1, "x-delivery-count": 1}
    client.publish("quorum", b"bare")
    [got] = client.call("basic.nack", delivery_tag=3, requeue=True)
    assert got.properties.headers == {"x-delivery-count": 1}


def test_who_settles_too_late_has_its_channel_closed(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("slow", **{"x-consumer-timeout": 60_000})
    client.publish("slow", b"x")
    client.consume("slow")
    assert names(client.since(59_000)) in ([], ["heartbeat"])
    said = client.since(2_000)
    name, code, text = fault_of(said)
    assert (name, code) == ("channel.close", 406)
    assert text.startswith(
        "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used:"
        " 60000 ms."
    )
    assert ready(client_of(client), "slow") == 1


def test_get_takes_one_and_says_how_many_are_left(client: Client) -> None:
    assert names(client.call("basic.get", queue="q")) == ["basic.get-empty"]
    client.publish("q", b"1", b"2", content_type="text/plain")
    [said] = client.call("basic.get", queue="q")
    assert (said.name, said.delivery_tag, said.message_count) == ("basic.get-ok", 1, 1)
    assert (said.body, said.redelivered, said.routing_key) == (b"1", False, "q")
    assert said.properties.content_type == "text/plain"
    [said] = client.call("basic.get", queue="q", no_ack=True)
    assert (said.delivery_tag, said.message_count, said.body) == (2, 0, b"2")
    assert client.call("basic.nack", delivery_tag=1, requeue=True) == []
    [said] = client.call("basic.get", queue="q")
    assert (said.delivery_tag, said.redelivered, said.body) == (3, True, b"1")


def test_a_body_larger_than_a_frame_comes_in_several(client: Client) -> None:
    body = bytes(range(256)) * 2_048
    client.publish("q", body)
    [said] = client.call("basic.get", queue="q")
    assert said.body == body
    client.call("basic.nack", delivery_tag=1, requeue=True)
    assert bodies(client.consume("q")) == [body]
