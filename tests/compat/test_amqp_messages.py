"""Messages by pika: published, confirmed, consumed, settled, and given back in their order."""

import socket
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pika
import pytest
from pika.exceptions import AMQPError, ChannelClosedByBroker, UnroutableError

from tests.compat.amqp_clients import (
    Broker,
    Reader,
    channel_error,
    connection_error,
    count,
    counted,
    drain,
    fresh,
    get,
    only_here,
    pump,
    put,
    queue,
    settle_down,
)

MIB = 1 << 20


def test_a_message_comes_as_it_was_sent(channel: Any) -> None:
    name = queue(channel)
    sent = pika.BasicProperties(
        content_type="application/json",
        content_encoding="utf-8",
        headers={"tenant": "acme"},
        delivery_mode=2,
        priority=3,
        correlation_id="c-1",
        reply_to="answers",
        message_id="m-1",
        timestamp=1_700_000_000,
        type="order.paid",
        user_id="guest",
        app_id="shop",
        cluster_id="",
    )
    channel.basic_publish("", name, b'{"order": 17}', sent)
    got = get(channel, name)
    assert got.body == b'{"order": 17}'
    assert got.properties == sent
    assert (got.method.exchange, got.method.routing_key) == ("", name)
    assert (got.again, got.method.message_count) == (False, 0)


def test_headers_keep_their_types(channel: Any) -> None:
    name = queue(channel)
    headers = {
        "text": "häßlich ✓",
        "bytes": b"\xff\xfe\x00",
        "true": True,
        "int": -5,
        "long": 1 << 40,
        "decimal": Decimal("3.14"),
        "time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "none": None,
        "list": [1, "two", [3], {"four": 4}],
        "table": {"deep": {"deeper": {"x": [None, False]}}},
        "": "a key may be empty",
    }
    put(channel, name, b"", headers=headers)
    assert get(channel, name).headers == headers


@pytest.mark.parametrize("size", [0, 1, 131_064, 131_065, MIB, 15 * MIB], ids=str)
def test_bodies_of_any_size_come_whole(channel: Any, size: int) -> None:
    name = queue(channel)
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    put(channel, name, body)
    assert get(channel, name).body == body
    put(channel, name, body)
    (got,) = Reader(channel, name, auto_ack=True).wait(1)
    assert got.body == body
    channel.queue_delete(name)


@only_here
def test_a_message_that_is_too_large_closes_its_channel_and_not_the_connection(
    channel: Any,
) -> None:
    name = queue(channel)
    other = channel.connection.channel()
    with pytest.raises(ChannelClosedByBroker) as caught:
        put(channel, name, b"x" * (17 * MIB))
    assert caught.value.reply_code == 406
    assert "is larger than configured max size 16777216" in caught.value.reply_text
    assert count(other, name) == 0


def test_a_small_frame_size_cuts_bodies_in_both_directions(broker: Broker) -> None:
    with broker.channel(frame_max=4096) as channel:
        name = queue(channel)
        put(channel, name, b"y" * 50_000)
        assert get(channel, name).body == b"y" * 50_000


def test_consumers_get_messages_in_the_order_they_were_published(channel: Any) -> None:
    name = queue(channel)
    reader = Reader(channel, name)
    put(channel, name, *(str(number) for number in range(100)))
    assert [int(one.body) for one in reader.wait(100)] == list(range(100))
    assert [one.tag for one in reader.got] == list(range(1, 101))
    channel.basic_ack(100, multiple=True)
    channel.basic_cancel(reader.tag)
    assert drain(channel, name) == []


def test_many_confirms_are_outstanding_and_all_come(connection: Any) -> None:
    channel = connection.channel()
    name = queue(channel)
    raw = channel._impl
    confirmed: set[int] = set()
    highest = 0

    def on_confirm(frame: Any) -> None:
        nonlocal highest
        method = frame.method
        assert isinstance(method, pika.spec.Basic.Ack)
        first = highest + 1 if method.multiple else method.delivery_tag
        confirmed.update(range(first, method.delivery_tag + 1))
        highest = max(highest, method.delivery_tag)

    ready: list[Any] = []
    raw.confirm_delivery(on_confirm, callback=ready.append)
    pump(channel, lambda: bool(ready))
    for number in range(2_000):
        raw.basic_publish("", name, str(number).encode(), pika.BasicProperties(delivery_mode=2))
    pump(channel, lambda: len(confirmed) == 2_000)
    assert confirmed == set(range(1, 2_001))
    assert count(connection.channel(), name) == 2_000


def test_an_unroutable_message_is_dropped_and_confirmed(channel: Any) -> None:
    channel.basic_publish("amq.direct", "nowhere", b"lost")
    channel.basic_publish("", fresh(), b"lost")


def test_a_mandatory_message_comes_back_before_its_confirm(channel: Any) -> None:
    name = fresh()
    properties = pika.BasicProperties(message_id="m-1", headers={"n": 1})
    with pytest.raises(UnroutableError) as caught:
        channel.basic_publish("", name, b"nowhere to go", properties, mandatory=True)
    (back,) = caught.value.messages
    assert (back.method.reply_code, back.method.reply_text) == (312, "NO_ROUTE")
    assert (back.method.exchange, back.method.routing_key) == ("", name)
    assert (back.body, back.properties) == (b"nowhere to go", properties)


def test_what_is_given_back_comes_again_in_its_old_place(channel: Any) -> None:
    name = queue(channel)
    put(channel, name, "a", "b", "c", "d")
    first, second, third = (get(channel, name, auto_ack=False) for _ in range(3))
    assert not first.again
    channel.basic_nack(second.tag)
    channel.basic_reject(first.tag)
    counted(channel, name, 3)
    again = [get(channel, name) for _ in range(3)]
    assert [one.body for one in again] == [b"a", b"b", b"d"]
    assert [one.again for one in again] == [True, True, False]
    channel.basic_ack(third.tag)


def test_a_nack_of_many_gives_all_back_in_order(channel: Any) -> None:
    name = queue(channel)
    put(channel, name, *"abcde")
    held = [get(channel, name, auto_ack=False) for _ in range(4)]
    channel.basic_nack(held[2].tag, multiple=True)
    counted(channel, name, 4)
    assert drain(channel, name) == [b"a", b"b", b"c", b"e"]
    channel.basic_nack(0, multiple=True)
    counted(channel, name, 1)
    assert drain(channel, name) == [b"d"]


def test_a_rejected_message_without_a_dead_letter_exchange_is_gone(channel: Any) -> None:
    name = queue(channel)
    put(channel, name, "a", "b")
    channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=False)
    channel.basic_nack(get(channel, name, auto_ack=False).tag, requeue=False)
    settle_down(channel)
    assert count(channel, name) == 0


def test_recover_brings_back_all_that_the_channel_holds(channel: Any) -> None:
    name = queue(channel)
    put(channel, name, *"abc")
    reader = Reader(channel, name)
    reader.wait(3)
    channel.basic_recover(requeue=True)
    again = reader.wait(6)[3:]
    assert [one.body for one in again] == [b"a", b"b", b"c"]
    assert all(one.again for one in again)


def test_a_closed_channel_gives_back_what_it_held(channel: Any) -> None:
    name = queue(channel)
    put(channel, name, *"abc")
    other = channel.connection.channel()
    Reader(other, name).wait(3)
    other.close()
    counted(channel, name, 3)
    again = [get(channel, name) for _ in range(3)]
    assert [(one.body, one.again) for one in again] == [(b"a", True), (b"b", True), (b"c", True)]


def test_a_connection_that_breaks_gives_back_what_it_held(broker: Broker, channel: Any) -> None:
    name = queue(channel)
    put(channel, name, "a")
    broken = broker.connect()
    Reader(broken.channel(), name).wait(1)
    broken._impl._transport._sock.shutdown(socket.SHUT_RDWR)
    got = get(channel, name)
    assert (got.body, got.again) == (b"a", True)
    with pytest.raises(AMQPError):
        broken.close()


def test_without_acks_a_delivery_is_the_end_of_it(channel: Any) -> None:
    name = queue(channel)
    put(channel, name, *"abc")
    other = channel.connection.channel()
    Reader(other, name, auto_ack=True).wait(3)
    other.close()
    assert count(channel, name) == 0


@pytest.mark.parametrize("tag", [7, 99])
def test_an_unknown_delivery_tag_closes_the_channel(channel: Any, tag: int) -> None:
    channel.basic_ack(tag)
    with channel_error(406, f"PRECONDITION_FAILED - unknown delivery tag {tag}"):
        count(channel, "any")


def test_the_second_ack_of_a_message_closes_the_channel(channel: Any) -> None:
    name = queue(channel)
    put(channel, name, "a")
    tag = get(channel, name, auto_ack=False).tag
    channel.basic_ack(tag)
    channel.basic_ack(tag)
    with channel_error(406, f"PRECONDITION_FAILED - unknown delivery tag {tag}"):
        count(channel, name)


def test_a_publish_to_no_exchange_closes_the_channel(channel: Any) -> None:
    name = fresh("exchange")
    with channel_error(404, f"NOT_FOUND - no exchange '{name}' in vhost '/'"):
        channel.basic_publish(name, "k", b"")


def test_the_user_a_message_names_must_be_who_sends_it(channel: Any) -> None:
    name = queue(channel)
    said = "user_id property set to 'mallory' but authenticated user was 'guest'"
    with channel_error(406, "PRECONDITION_FAILED - " + said):
        put(channel, name, "", user_id="mallory")


def test_immediate_is_not_there_and_closes_the_connection(connection: Any) -> None:
    channel = connection.channel()
    raw = channel._impl
    method = pika.spec.Basic.Publish(exchange="", routing_key="k", immediate=True)
    raw._send_method(method, (pika.BasicProperties(), b""))
    with connection_error(540, "NOT_IMPLEMENTED - immediate=true"):
        count(channel, "any")


def test_getting_from_an_empty_queue_is_empty(channel: Any) -> None:
    assert channel.basic_get(queue(channel)) == (None, None, None)


def test_a_get_says_how_many_are_left(channel: Any) -> None:
    name = queue(channel)
    put(channel, name, *"abc")
    assert [get(channel, name).method.message_count for _ in range(3)] == [2, 1, 0]
