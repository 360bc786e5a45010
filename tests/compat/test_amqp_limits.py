"""Ends of life, lengths and priorities of queues, by pika."""

from typing import Any

import pytest
from pika.exceptions import ChannelClosedByBroker, NackError

from tests.compat.amqp_clients import (
    Reader,
    count,
    counted,
    drain,
    fresh,
    get,
    put,
    queue,
    settle_down,
)


def test_messages_die_when_the_time_of_their_queue_is_over(channel: Any) -> None:
    name = queue(channel, message_ttl=200)
    put(channel, name, "a", "b")
    assert count(channel, name) == 2
    counted(channel, name, 0)


def test_a_message_dies_at_its_own_time(channel: Any) -> None:
    dead = queue(channel)
    name = queue(channel, dead_letter_exchange="", dead_letter_routing_key=dead)
    put(channel, name, "short", expiration="100")
    put(channel, name, "long", expiration="600000")
    assert get(channel, dead).body == b"short"
    assert drain(channel, name) == [b"long"]


def test_the_shorter_of_both_times_counts(channel: Any) -> None:
    name = queue(channel, message_ttl=100)
    put(channel, name, "a", expiration="600000")
    counted(channel, name, 0)
    name = queue(channel, message_ttl=600_000)
    put(channel, name, "a", expiration="100")
    counted(channel, name, 0)


def test_no_time_at_all_reaches_only_who_already_waits(channel: Any) -> None:
    name = queue(channel, message_ttl=0)
    put(channel, name, "nobody here")
    settle_down(channel)
    assert count(channel, name) == 0
    reader = Reader(channel, name, auto_ack=True)
    put(channel, name, "somebody here")
    assert reader.wait(1)[0].body == b"somebody here"


def test_a_message_of_no_time_is_over_before_who_asks_later(connection: Any) -> None:
    channel = connection.channel()
    dead = queue(channel)
    ways = {"dead_letter_exchange": "", "dead_letter_routing_key": dead}
    for name, own in (
        (queue(channel, message_ttl=0, **ways), {}),
        (queue(channel, **ways), {"expiration": "0"}),
    ):
        channel.confirm_delivery()
        put(channel, name, "late", **own)
        assert channel.basic_get(name)[0] is None
        letter = get(channel, dead)
        assert letter.body == b"late"
        assert letter.properties.headers["x-death"][0]["reason"] == "expired"


def test_a_leased_message_does_not_die(channel: Any) -> None:
    name = queue(channel, message_ttl=100)
    put(channel, name, "leased")
    held = get(channel, name, auto_ack=False)
    other = queue(channel, message_ttl=150)
    put(channel, other, "clock")
    counted(channel, other, 0)
    channel.basic_ack(held.tag)
    counted(channel, name, 0)


@pytest.mark.parametrize("expiration", ["soon", "-1", "1.5"])
def test_an_expiration_that_is_no_number_closes_the_channel(channel: Any, expiration: str) -> None:
    name = queue(channel)
    with pytest.raises(ChannelClosedByBroker) as caught:
        put(channel, name, "a", expiration=expiration)
    assert caught.value.reply_code == 406
    assert caught.value.reply_text.startswith("PRECONDITION_FAILED - invalid expiration")


def test_a_full_queue_drops_its_oldest(channel: Any) -> None:
    name = queue(channel, max_length=3)
    put(channel, name, *"abcde")
    assert drain(channel, name) == [b"c", b"d", b"e"]


def test_a_queue_may_be_full_of_bytes(channel: Any) -> None:
    name = queue(channel, max_length_bytes=2_500)
    put(channel, name, "a" * 1_000, "b" * 1_000, "c" * 1_000)
    assert [body[:1] for body in drain(channel, name)] == [b"b", b"c"]


def test_of_bytes_the_bodies_alone_count(channel: Any) -> None:
    name = queue(channel, max_length_bytes=10, overflow="reject-publish")
    put(channel, name, "12345", "67890", headers={"long": "x" * 50})
    with pytest.raises(NackError):
        put(channel, name, "!")


def test_what_is_leased_does_not_make_a_queue_full(channel: Any) -> None:
    name = queue(channel, max_length=2, overflow="reject-publish")
    put(channel, name, "a", "b")
    held = get(channel, name, auto_ack=False)
    put(channel, name, "c")
    with pytest.raises(NackError):
        put(channel, name, "d")
    channel.basic_ack(held.tag)
    assert drain(channel, name) == [b"b", b"c"]


def test_what_is_leased_makes_nothing_new_give_way(channel: Any) -> None:
    name = queue(channel, max_length=2)
    put(channel, name, "a", "b")
    held = [get(channel, name, auto_ack=False) for _ in range(2)]
    put(channel, name, "c", "d", "e")
    assert drain(channel, name) == [b"d", b"e"]
    channel.basic_ack(held[1].tag, multiple=True)


def test_a_queue_that_rejects_publishes_says_so_with_a_nack(channel: Any) -> None:
    name = queue(channel, max_length=2, overflow="reject-publish")
    put(channel, name, "a", "b")
    with pytest.raises(NackError):
        put(channel, name, "c")
    assert drain(channel, name) == [b"a", b"b"]
    put(channel, name, "d")
    assert drain(channel, name) == [b"d"]


def test_one_full_queue_nacks_a_publish_that_others_took(channel: Any) -> None:
    full = queue(channel, max_length=1, overflow="reject-publish")
    free = queue(channel)
    key = fresh("key")
    for one in (full, free):
        channel.queue_bind(one, "amq.direct", key)
    put(channel, key, "a", to="amq.direct")
    with pytest.raises(NackError):
        put(channel, key, "b", to="amq.direct")
    assert drain(channel, full) == [b"a"]
    assert drain(channel, free) == [b"a", b"b"]


def test_what_a_full_queue_drops_may_go_to_the_dead_letters(channel: Any) -> None:
    dead = queue(channel)
    letters = {"dead_letter_exchange": "", "dead_letter_routing_key": dead}
    name = queue(channel, max_length=1, **letters)
    put(channel, name, "a", "b")
    got = get(channel, dead)
    assert (got.body, got.headers["x-first-death-reason"]) == (b"a", "maxlen")
    name = queue(channel, max_length=1, overflow="reject-publish-dlx", **letters)
    put(channel, name, "c")
    with pytest.raises(NackError):
        put(channel, name, "d")
    got = get(channel, dead)
    assert (got.body, got.headers["x-first-death-reason"]) == (b"d", "maxlen")
    assert drain(channel, name) == [b"c"]


def test_higher_priorities_come_first_and_equals_in_order(channel: Any) -> None:
    name = queue(channel, max_priority=10)
    for at, priority in enumerate([1, 5, 1, 9, 5, None, 200]):
        given: Any = {} if priority is None else {"priority": priority}
        put(channel, name, f"{priority}-{at}", **given)
    order = ["9-3", "200-6"], ["5-1", "5-4", "1-0", "1-2", "None-5"]
    got = [body.decode() for body in drain(channel, name)]
    # A priority above the queue's counts as the highest, 10: above the nine.
    assert got == [*reversed(order[0]), *order[1]]


def test_a_priority_above_the_highest_of_the_queue_counts_as_that(channel: Any) -> None:
    name = queue(channel, max_priority=3)
    for level, body in ((3, "three"), (9, "nine"), (0, "none"), (255, "most")):
        put(channel, name, body, priority=level)
    assert drain(channel, name) == [b"three", b"nine", b"most", b"none"]


def test_a_requeued_message_keeps_its_priority(channel: Any) -> None:
    name = queue(channel, max_priority=5)
    put(channel, name, "high", priority=4)
    put(channel, name, "low", priority=1)
    channel.basic_nack(get(channel, name, auto_ack=False).tag)
    counted(channel, name, 2)
    assert drain(channel, name) == [b"high", b"low"]
