"""Dead letters by pika: why and whence they come, as `x-death` tells it."""

from typing import Any

import pytest

from tests.compat.amqp_clients import (
    Got,
    Reader,
    count,
    counted,
    exchange,
    fresh,
    get,
    only_here,
    put,
    queue,
    settle_down,
)


def deaths(got: Got) -> list[dict[str, Any]]:
    """The rows of `x-death` without their times, which are looked at on the way."""
    rows = [dict(row) for row in got.headers["x-death"]]
    for row in rows:
        assert row.pop("time").year >= 2024
    return rows


def lettered(channel: Any, **arguments: Any) -> tuple[str, str]:
    """A queue and the one its dead letters go to."""
    dead = queue(channel)
    letters = {"dead_letter_exchange": "", "dead_letter_routing_key": dead}
    return queue(channel, **letters, **arguments), dead


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_a_rejected_message_tells_its_death(channel: Any, kind: str) -> None:
    name, dead = lettered(channel, queue_type=kind)
    put(channel, name, "poison", headers={"tenant": "acme"}, message_id="m-1")
    channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=False)
    got = get(channel, dead)
    assert (got.body, got.properties.message_id) == (b"poison", "m-1")
    assert (got.method.exchange, got.method.routing_key) == ("", dead)
    assert deaths(got) == [
        {"count": 1, "reason": "rejected", "queue": name, "exchange": "", "routing-keys": [name]}
    ]
    assert got.headers["tenant"] == "acme"
    assert got.headers["x-first-death-reason"] == "rejected"
    assert got.headers["x-first-death-queue"] == name
    assert got.headers["x-first-death-exchange"] == ""
    assert not got.again


def test_an_expired_message_loses_its_expiration_and_tells_it(channel: Any) -> None:
    name, dead = lettered(channel)
    put(channel, name, "late", expiration="50")
    got = get(channel, dead)
    assert got.properties.expiration is None
    (row,) = deaths(got)
    assert (row["reason"], row["original-expiration"]) == ("expired", "50")
    settle_down(channel)
    assert count(channel, dead) == 0


def test_the_deaths_of_one_message_are_counted_by_queue_and_reason(channel: Any) -> None:
    """Two queues with dead letters to each other: the way of delayed retries."""
    work, wait = fresh("work"), fresh("wait")
    letters = {"dead_letter_exchange": "", "dead_letter_routing_key": wait}
    queue(channel, work, **letters)
    letters["dead_letter_routing_key"] = work
    queue(channel, wait, message_ttl=50, **letters)
    put(channel, work, "try me")
    for attempt in range(3):
        got = get(channel, work, auto_ack=False)
        rows = got.headers.get("x-death", [])
        tried = {(row["queue"], row["reason"]): row["count"] for row in rows}
        expected = {(wait, "expired"): attempt, (work, "rejected"): attempt} if attempt else {}
        assert tried == expected
        channel.basic_nack(got.tag, requeue=False)
    got = get(channel, work)
    assert [row["reason"] for row in deaths(got)] == ["expired", "rejected"]
    assert got.headers["x-first-death-queue"] == work
    assert got.headers["x-first-death-reason"] == "rejected"


def test_dead_letters_keep_their_routing_key_unless_told(channel: Any) -> None:
    letters = exchange(channel, "topic")
    dead = queue(channel)
    channel.queue_bind(dead, letters, "#")
    name = queue(channel, dead_letter_exchange=letters)
    channel.queue_bind(name, "amq.topic", "order.#")
    key = f"order.{name}"
    put(channel, key, "a", to="amq.topic")
    channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=False)
    got = get(channel, dead)
    assert (got.method.exchange, got.method.routing_key) == (letters, key)
    (row,) = deaths(got)
    assert (row["exchange"], row["routing-keys"]) == ("amq.topic", [key])


def test_dead_letters_without_a_way_are_dropped(channel: Any) -> None:
    name = queue(channel, dead_letter_exchange=fresh("nowhere"))
    put(channel, name, "a")
    channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=False)
    settle_down(channel)
    assert count(channel, name) == 0


def test_a_circle_of_deaths_by_time_alone_ends(channel: Any) -> None:
    name = fresh()
    letters = {"dead_letter_exchange": "", "dead_letter_routing_key": name}
    queue(channel, name, message_ttl=50, **letters)
    put(channel, name, "round")
    counted(channel, name, 0)
    settle_down(channel)
    assert count(channel, name) == 0


def test_a_quorum_queue_counts_deliveries_and_gives_up_at_its_limit(channel: Any) -> None:
    name, dead = lettered(channel, queue_type="quorum", delivery_limit=2)
    put(channel, name, "poison")
    counts = []
    reader = Reader(channel, name)
    for delivery in range(1, 4):
        got = reader.wait(delivery)[-1]
        counts.append(got.headers.get("x-delivery-count"))
        channel.basic_nack(got.tag)
    assert counts == [None, 1, 2]
    got = get(channel.connection.channel(), dead)
    (row,) = deaths(got)
    assert (row["reason"], row["queue"]) == ("delivery_limit", name)


@only_here
def test_a_quorum_queue_gives_up_after_twenty_unless_told(channel: Any) -> None:
    name, dead = lettered(channel, queue_type="quorum")
    put(channel, name, "poison")
    reader = Reader(channel, name)
    for delivery in range(1, 22):
        channel.basic_nack(reader.wait(delivery)[-1].tag)
    assert get(channel.connection.channel(), dead).body == b"poison"


@only_here
def test_at_least_once_keeps_a_dead_letter_until_there_is_a_way(channel: Any) -> None:
    letters, dead = fresh("exchange"), queue(channel)
    name = queue(
        channel,
        queue_type="quorum",
        overflow="reject-publish",
        dead_letter_strategy="at-least-once",
        dead_letter_exchange=letters,
    )
    put(channel, name, "a")
    channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=False)
    settle_down(channel)
    channel.exchange_declare(letters, "fanout", durable=True)
    channel.queue_bind(dead, letters)
    assert get(channel, dead).body == b"a"
