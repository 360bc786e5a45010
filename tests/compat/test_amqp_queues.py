"""Queues by pika: declared, looked at, deleted, and refused in RabbitMQ's words."""

from typing import Any

import pytest
from pika.exceptions import ChannelClosedByBroker, UnroutableError

from tests.compat.amqp_clients import (
    WAIT_MS_MAX,
    Broker,
    Reader,
    channel_error,
    count,
    counted,
    drain,
    fresh,
    get,
    gone,
    only_here,
    pump,
    put,
    queue,
)
from tests.compat.processes import until


def test_a_declared_queue_says_its_name_messages_and_consumers(channel: Any) -> None:
    name = fresh()
    made = channel.queue_declare(name, durable=True).method
    assert (made.queue, made.message_count, made.consumer_count) == (name, 0, 0)
    put(channel, name, "one", "two")
    Reader(channel.connection.channel(), name).wait(2)
    again = channel.queue_declare(name, durable=True).method
    assert (again.message_count, again.consumer_count) == (0, 1)


def test_a_queue_without_a_name_is_given_one_and_is_the_last_the_channel_meant(
    channel: Any,
) -> None:
    name = channel.queue_declare("", exclusive=True).method.queue
    assert name.startswith("amq.gen-")
    assert len(name) > 20
    channel.queue_bind("", "amq.fanout")
    channel.basic_publish("amq.fanout", "", b"to the last queue")
    assert get(channel, "").body == b"to the last queue"
    assert channel.queue_purge("").method.message_count == 0


def test_without_a_last_queue_an_empty_name_is_not_found(channel: Any) -> None:
    with channel_error(404, "NOT_FOUND - no previously declared queue"):
        channel.queue_purge("")


def test_a_passive_declare_of_nothing_is_not_found(channel: Any) -> None:
    name = fresh()
    with channel_error(404, f"NOT_FOUND - no queue '{name}' in vhost '/'"):
        channel.queue_declare(name, passive=True)
    assert gone(channel, name)


def test_a_passive_declare_asks_for_no_arguments(channel: Any) -> None:
    name = queue(channel, message_ttl=60_000)
    put(channel, name, "one")
    assert count(channel, name) == 1


@pytest.mark.parametrize(
    ("act", "arguments"),
    [
        ("basic_get", {}),
        ("queue_purge", {}),
        ("basic_consume", {"on_message_callback": print}),
        ("queue_bind", {"exchange": "amq.direct", "routing_key": "k"}),
    ],
)
def test_what_needs_a_queue_says_which_one_is_missing(
    channel: Any, act: str, arguments: dict[str, Any]
) -> None:
    name = fresh()
    with channel_error(404, f"NOT_FOUND - no queue '{name}' in vhost '/'"):
        getattr(channel, act)(queue=name, **arguments)


def test_deleting_a_queue_that_is_not_there_is_done(channel: Any) -> None:
    assert channel.queue_delete(fresh()).method.message_count == 0


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            {"x-message-ttl": 1000},
            {"x-message-ttl": 2000},
            "inequivalent arg 'x-message-ttl' for queue '{}' in vhost '/': "
            "received '2000' but current is '1000'",
        ),
        (
            {},
            {"x-max-length": 3},
            "inequivalent arg 'x-max-length' for queue '{}' in vhost '/': "
            "received the value '3' of type 'signedint' but current is none",
        ),
        (
            {"x-max-priority": 5},
            {},
            "inequivalent arg 'x-max-priority' for queue '{}' in vhost '/': "
            "received none but current is the value '5' of type 'signedint'",
        ),
        (
            {"x-dead-letter-exchange": "a"},
            {"x-dead-letter-exchange": "b"},
            "inequivalent arg 'x-dead-letter-exchange' for queue '{}' in vhost '/': "
            "received 'b' but current is 'a'",
        ),
    ],
)
def test_other_arguments_are_refused_with_both_values(
    channel: Any, first: dict[str, Any], second: dict[str, Any], said: str
) -> None:
    name = fresh()
    channel.queue_declare(name, durable=True, arguments=first)
    channel.queue_declare(name, durable=True, arguments=first)
    with channel_error(406, "PRECONDITION_FAILED - " + said.format(name)):
        channel.queue_declare(name, durable=True, arguments=second)


def test_other_flags_are_refused(channel: Any) -> None:
    name = queue(channel)
    text = f"inequivalent arg 'durable' for queue '{name}' in vhost '/'"
    said = f"PRECONDITION_FAILED - {text}: received 'false' but current is 'true'"
    with channel_error(406, said):
        channel.queue_declare(name, durable=False)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"x-message-ttl": -1}, "x-message-ttl"),
        ({"x-message-ttl": "soon"}, "x-message-ttl"),
        ({"x-expires": 0}, "x-expires"),
        ({"x-max-length": -1}, "x-max-length"),
        ({"x-overflow": "explode"}, "x-overflow"),
        ({"x-max-priority": 256}, "x-max-priority"),
        ({"x-dead-letter-routing-key": "k"}, "x-dead-letter-routing-key"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    channel: Any, arguments: dict[str, Any], why: str
) -> None:
    name = fresh()
    with pytest.raises(ChannelClosedByBroker) as caught:
        channel.queue_declare(name, durable=True, arguments=arguments)
    assert caught.value.reply_code == 406
    assert caught.value.reply_text.startswith(f"PRECONDITION_FAILED - invalid arg '{why}'")
    assert gone(channel_of(channel), name)


def channel_of(closed: Any) -> Any:
    return closed.connection.channel()


def test_names_that_begin_with_amq_are_ours(channel: Any) -> None:
    said = "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'"
    with channel_error(403, said):
        channel.queue_declare("amq.mine")


def test_an_exclusive_queue_is_locked_to_its_connection_and_goes_with_it(
    broker: Broker, channel: Any
) -> None:
    name = fresh()
    with broker.connected() as owner:
        owner.channel().queue_declare(name, exclusive=True)
        other = channel_of(channel)
        said = f"cannot obtain exclusive access to locked queue '{name}' in vhost '/'"
        with pytest.raises(ChannelClosedByBroker) as caught:
            other.basic_get(name)
        assert caught.value.reply_code == 405
        assert caught.value.reply_text.startswith("RESOURCE_LOCKED - " + said)
        assert not gone(owner.channel(), name)
    assert until(lambda: gone(channel, name), WAIT_MS_MAX)


def test_an_auto_delete_queue_goes_with_its_last_consumer(channel: Any) -> None:
    name = fresh()
    channel.queue_declare(name, auto_delete=True)
    first, second = (Reader(channel, name) for _ in range(2))
    channel.basic_cancel(first.tag)
    assert not gone(channel, name)
    channel.basic_cancel(second.tag)
    assert until(lambda: gone(channel, name), WAIT_MS_MAX)


def test_an_auto_delete_queue_that_never_had_a_consumer_stays(broker: Broker, channel: Any) -> None:
    name = fresh()
    with broker.connected() as maker:
        maker.channel().queue_declare(name, auto_delete=True)
    assert not gone(channel, name)


def test_a_queue_is_deleted_only_if_unused_and_only_if_empty(channel: Any) -> None:
    name = queue(channel)
    put(channel, name, "one")
    said = f"PRECONDITION_FAILED - queue '{name}' in vhost '/' "
    with channel_error(406, said + "not empty"):
        channel_of(channel).queue_delete(name, if_empty=True)
    reader = Reader(channel, name)
    with channel_error(406, said + "in use"):
        channel_of(channel).queue_delete(name, if_unused=True)
    (held,) = reader.wait(1)
    channel.basic_cancel(reader.tag)
    channel.basic_nack(held.tag)
    counted(channel, name, 1)
    assert channel.queue_delete(name).method.message_count == 1
    assert gone(channel, name)


def test_a_purge_leaves_what_is_leased(channel: Any) -> None:
    name = queue(channel)
    put(channel, name, "leased", "ready", "ready")
    held = get(channel, name, auto_ack=False)
    assert channel.queue_purge(name).method.message_count == 2
    channel.basic_nack(held.tag)
    counted(channel, name, 1)
    assert drain(channel, name) == [b"leased"]


def test_a_queue_nobody_uses_expires(channel: Any) -> None:
    name = queue(channel, expires=300)

    def refused() -> bool:
        try:
            channel.basic_publish("", name, b"", mandatory=True)
        except UnroutableError:
            return True
        return False

    assert not refused()
    # Unlike a declare, a publish does not use the queue.
    assert until(refused, WAIT_MS_MAX)
    assert gone(channel, name)


def test_consumers_are_told_when_their_queue_is_deleted(channel: Any) -> None:
    name = queue(channel)
    cancelled: list[str] = []
    channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
    reader = Reader(channel, name)
    channel_of(channel).queue_delete(name)
    pump(channel, lambda: bool(cancelled))
    assert cancelled == [reader.tag]
    assert channel.is_open


@pytest.mark.parametrize("name", ["brievenbus-ß", "почта", "邮件", "📮 with spaces/and:signs%2F"])
def test_names_may_be_in_any_script(channel: Any, name: str) -> None:
    channel.queue_declare(name, durable=True)
    channel.queue_bind(name, "amq.topic", f"{name}.#")
    put(channel, f"{name}.x", name, to="amq.topic")
    got = get(channel, name)
    assert (got.body.decode(), got.method.routing_key) == (name, f"{name}.x")
    channel.queue_delete(name)


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_queue_types_of_rabbitmq_are_accepted(channel: Any, kind: str) -> None:
    name = queue(channel, queue_type=kind)
    put(channel, name, "one")
    assert get(channel, name).body == b"one"


def test_an_unknown_queue_type_is_refused(channel: Any) -> None:
    with pytest.raises(ChannelClosedByBroker) as caught:
        queue(channel, queue_type="magic")
    assert caught.value.reply_code == 406


def test_arguments_that_say_where_or_how_to_store_are_accepted_and_ignored(channel: Any) -> None:
    name = queue(channel, queue_mode="lazy", queue_version=2, queue_type="classic")
    put(channel, name, "one")
    assert get(channel, name).body == b"one"


@only_here
def test_a_queue_that_is_not_durable_survives_all_the_same(channel: Any) -> None:
    name = fresh()
    channel.queue_declare(name, durable=False)
    put(channel, name, "one")
    assert count(channel, name) == 1
