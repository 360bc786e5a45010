"""Publishes over AMQP: confirms, returns, and what a message's properties ask for."""

from typing import Any

import pytest

from postroad.limits import AMQP_EXCHANGES_KNOWN_MAX
from postroad.protocols.amqp.methods import encode_method
from tests.wire.amqp.room import AmqpRoom, Client, Said, ack, bodies, names, published


@pytest.fixture
def room() -> AmqpRoom:
    return AmqpRoom()


def fault_of(said: list[Said]) -> tuple[str, int, str]:
    last = said[-1]
    return last.name, last.reply_code, last.reply_text


def test_a_run_of_publishes_is_confirmed_as_one(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    assert names(client.call("confirm.select")) == ["confirm.select-ok"]
    said = client.publish("q", b"1", b"2", b"3")
    assert [(one.name, one.delivery_tag, one.multiple) for one in said] == [("basic.ack", 3, True)]
    said = client.publish("q", b"4")
    assert [(one.name, one.delivery_tag, one.multiple) for one in said] == [("basic.ack", 4, False)]


def test_what_nobody_wants_is_returned_before_it_is_confirmed(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    client.call("confirm.select")
    said = client.feed(
        published("nobody", b"a", b"b", mandatory=True, message_id="m")
        + published("q", b"c", mandatory=True)
        + published("nobody", b"d")
    )
    assert names(said) == ["basic.return", "basic.return", "basic.ack"]
    assert (said[0].reply_code, said[0].reply_text, said[0].body) == (312, "NO_ROUTE", b"a")
    assert (said[1].routing_key, said[1].properties.message_id) == ("nobody", "m")
    assert (said[2].delivery_tag, said[2].multiple) == (4, True)


def test_a_full_queue_refuses_what_it_has_no_room_for(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q", **{"x-max-length": 2, "x-overflow": "reject-publish"})
    client.call("confirm.select")
    said = client.publish("q", b"1", b"2", b"3", b"4")
    assert [(one.name, one.delivery_tag, one.multiple) for one in said] == [
        ("basic.ack", 2, True),
        ("basic.nack", 3, False),
        ("basic.nack", 4, False),
    ]


def test_an_exchange_that_is_not_there_closes_the_channel(room: AmqpRoom) -> None:
    client = room.client()
    said = client.publish("q", b"1", exchange="x")
    assert fault_of(said) == ("channel.close", 404, "NOT_FOUND - no exchange 'x' in vhost '/'")
    assert (said[-1].class_id, said[-1].method_id) == (60, 40)


def test_what_follows_a_publish_that_closes_the_channel_is_not_done(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    purge = encode_method(1, "queue.purge", queue="q")
    said = client.feed(published("", b"1", exchange="x") + published("q", b"2") + purge)
    assert names(said) == ["channel.close"]
    client.call("channel.close-ok")
    client.call("channel.open")
    assert client.call("queue.purge", queue="q")[0].message_count == 0
    assert client.session.held_back == 0


def test_what_follows_a_publish_waits_only_while_nobody_knows_its_exchange(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    client.call("exchange.declare", exchange="x", type="fanout")
    client.call("queue.bind", exchange="x", queue="q")
    both = published("", b"1", exchange="x") + published("q", b"2")
    output = client.session.receive(both, room.now_ms)
    assert len(output.asks) == 1
    client.take(output)
    room.go()
    output = client.session.receive(both, room.now_ms)
    assert len(output.asks) == 2
    client.take(output)
    room.go()
    client.call("exchange.delete", exchange="x")
    assert fault_of(client.feed(both))[1] == 404
    client.call("channel.close-ok")
    client.call("channel.open")
    assert client.call("queue.purge", queue="q")[0].message_count == 4


def test_the_names_of_exchanges_that_are_remembered_are_bounded(room: AmqpRoom) -> None:
    client = room.client()
    client.session.known_exchanges.update(str(one) for one in range(AMQP_EXCHANGES_KNOWN_MAX))
    client.publish("", b"1", exchange="amq.fanout")
    assert client.session.known_exchanges == {"amq.fanout"}


def test_a_message_of_no_time_is_not_for_a_get_right_behind_it(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    get = encode_method(1, "basic.get", queue="q", no_ack=True)
    assert names(client.feed(published("q", b"1", expiration="0") + get)) == ["basic.get-empty"]
    client.declare("all", **{"x-message-ttl": 0})
    get = encode_method(1, "basic.get", queue="all", no_ack=True)
    assert names(client.feed(published("all", b"1") + get)) == ["basic.get-empty"]
    client.consume("all")
    assert bodies(client.publish("all", b"2")) == [b"2"]


def test_a_client_that_says_goodbye_behind_a_publish_is_let_go_once_it_is_done(
    room: AmqpRoom,
) -> None:
    client = room.client()
    client.declare("q")
    close = encode_method(0, "connection.close", reply_code=200, reply_text="", class_id=0)
    said = client.feed(published("", b"1", exchange="amq.fanout") + published("q", b"2") + close)
    assert names(said) == ["connection.close-ok"]
    assert room.client().call("queue.purge", queue="q")[0].message_count == 1


def test_an_internal_exchange_takes_nothing_from_clients(room: AmqpRoom) -> None:
    client = room.client()
    client.call("exchange.declare", exchange="x", type="fanout", internal=True)
    name, code, text = fault_of(client.publish("q", b"1", exchange="x"))
    assert (name, code) == ("channel.close", 403)
    assert text == "ACCESS_REFUSED - cannot publish to internal exchange 'x' in vhost '/'"


def test_expiration_is_how_long_a_message_lives(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    client.publish("q", b"short", expiration="1000")
    client.publish("q", b"long")
    room.tick(1_001)
    assert bodies(client.consume("q")) == [b"long"]


@pytest.mark.parametrize("text", ["soon", "-1", "10s", "", "315360000001"])
def test_an_expiration_that_is_no_time_closes_the_channel(room: AmqpRoom, text: str) -> None:
    client = room.client()
    client.declare("q")
    name, code, told = fault_of(
        client.feed(published("q", b"fine") + published("q", b"1", expiration=text))
    )
    assert (name, code) == ("channel.close", 406)
    assert told.startswith(f"PRECONDITION_FAILED - invalid expiration '{text}'")
    client.call("channel.close-ok")
    client.call("channel.open")
    assert bodies(client.consume("q")) == [b"fine"]


def test_a_higher_priority_leaves_first_where_the_queue_has_priorities(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q", **{"x-max-priority": 10})
    client.feed(published("q", b"low", priority=1) + published("q", b"high", priority=9))
    assert bodies(client.consume("q")) == [b"high", b"low"]


def test_copies_go_to_further_keys_and_blind_ones_are_not_shown(room: AmqpRoom) -> None:
    client = room.client()
    for queue in ("a", "b", "c"):
        client.declare(queue)
    client.publish("a", b"x", headers={"CC": ["b"], "BCC": ["c"], "n": 1})
    for queue in ("a", "b", "c"):
        [_, got] = client.consume(queue, tag=queue)
        assert got.properties.headers == {"CC": ["b"], "n": 1}


def test_a_user_id_must_be_the_users_own(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    assert client.publish("q", b"x", user_id="guest") == []
    name, code, text = fault_of(client.publish("q", b"x", user_id="root"))
    assert (name, code) == ("channel.close", 406)
    assert "user_id property set to 'root' but authenticated user was 'guest'" in text


def test_confirms_keep_the_order_of_publishes_over_several_runs(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    client.call("exchange.declare", exchange="f", type="fanout")
    client.call("confirm.select")
    said = client.feed(
        published("q", b"1", b"2") + published("", b"3", exchange="f") + published("q", b"4")
    )
    assert [(one.delivery_tag, one.multiple) for one in said] == [(2, True), (3, False), (4, False)]


def test_a_delayed_exchange_holds_a_message_for_as_long_as_its_header_says(room: AmqpRoom) -> None:
    client = room.client()
    client.call(
        "exchange.declare",
        exchange="later",
        type="x-delayed-message",
        durable=True,
        arguments={"x-delayed-type": "direct"},
    )
    client.declare("q")
    client.call("queue.bind", queue="q", exchange="later", routing_key="k")
    client.publish("k", b"x", exchange="later", headers={"x-delay": 5_000})
    assert bodies(client.consume("q")) == []
    assert bodies(client.since(4_999)) == []
    assert bodies(client.since(1)) == [b"x"]


def delayed_key(seconds: int, key: str) -> str:
    return ".".join(f"{seconds:028b}") + f".{key}"


def held(client: Client, queue: str) -> int:
    count: int = client.call("queue.declare", queue=queue, passive=True)[0].message_count
    return count


def declare_celery(client: Client) -> None:
    """What kombu declares, for the lowest three levels."""
    call, declare = client.call, client.declare
    call("exchange.declare", exchange="celery_delayed_delivery", type="topic", durable=True)
    for level in range(3):
        name = f"celery_delayed_{level}"
        call("exchange.declare", exchange=name, type="topic", durable=True)
        after = f"celery_delayed_{level - 1}" if level else "celery_delayed_delivery"
        declare(name, **{"x-message-ttl": 2**level * 1_000, "x-dead-letter-exchange": after})
        before = "*." * (27 - level)
        call("queue.bind", queue=name, exchange=name, routing_key=before + "1.#")
        call("exchange.bind", destination=after, source=name, routing_key=before + "0.#")


def test_celerys_28_levels_are_one_wait(room: AmqpRoom) -> None:
    client = room.client()
    declare_celery(client)
    client.declare("celery")
    client.call(
        "queue.bind", queue="celery", exchange="celery_delayed_delivery", routing_key="#.celery"
    )
    client.call("confirm.select")
    key = delayed_key(5, "celery")
    assert names(client.publish(key, b"x", exchange="celery_delayed_2")) == ["basic.ack"]
    assert (
        client.call("queue.declare", queue="celery_delayed_2", passive=True)[0].message_count == 0
    )
    client.consume("celery")
    assert client.since(4_999) == []
    [got] = client.since(1)
    assert (got.exchange, got.routing_key, got.body) == ("celery_delayed_delivery", key, b"x")


def test_celerys_levels_are_walked_where_the_end_is_not_bound_yet(room: AmqpRoom) -> None:
    client = room.client()
    declare_celery(client)
    client.declare("celery")
    key = delayed_key(3, "celery")
    client.publish(key, b"x", exchange="celery_delayed_2")
    assert (
        client.call("queue.declare", queue="celery_delayed_1", passive=True)[0].message_count == 1
    )
    client.call(
        "queue.bind", queue="celery", exchange="celery_delayed_delivery", routing_key="#.celery"
    )
    client.consume("celery")
    room.tick(2_001)
    room.tick(1_001)
    assert [one.body for one in client.heard if one.name == "basic.deliver"] == [b"x"]


def test_a_channel_that_was_closed_says_nothing_of_what_was_on_its_way(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    client.call("confirm.select")
    said = client.feed(
        published("q", b"1") + published("k", b"2", exchange="none") + published("q", b"3")
    )
    assert names(said) == ["basic.ack", "channel.close"]


def test_a_reply_to_nobody_is_refused(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    name, code, text = fault_of(client.publish("q", b"x", reply_to="amq.rabbitmq.reply-to"))
    assert (name, code) == ("channel.close", 406)
    assert text == "PRECONDITION_FAILED - fast reply consumer does not exist"


def test_replies_come_to_the_channel_that_asked(room: AmqpRoom) -> None:
    asking, answering = room.client(), room.client()
    asking.declare("rpc")
    said = asking.consume("amq.rabbitmq.reply-to", no_ack=True)
    assert names(said) == ["basic.consume-ok"]
    asking.publish("rpc", b"question", reply_to="amq.rabbitmq.reply-to", correlation_id="1")
    [_, question] = answering.consume("rpc", no_ack=True)
    to = question.properties.reply_to
    assert to is not None
    assert to.startswith("amq.rabbitmq.reply-to.")
    before = len(asking.heard)
    answering.publish(to, b"answer", correlation_id="1")
    [answer] = asking.heard[before:]
    assert (answer.body, answer.properties.correlation_id) == (b"answer", "1")


def test_a_channel_has_one_consumer_of_replies(room: AmqpRoom) -> None:
    client = room.client()
    client.consume("amq.rabbitmq.reply-to", no_ack=True)
    name, code, text = fault_of(client.consume("amq.rabbitmq.reply-to", tag="b", no_ack=True))
    assert (name, code, text) == (
        "channel.close",
        406,
        "PRECONDITION_FAILED - reply consumer already set",
    )


def test_who_deletes_the_queue_of_its_replies_may_ask_for_another(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("rpc")
    client.consume("amq.rabbitmq.reply-to", no_ack=True)
    client.publish("rpc", b"question", reply_to="amq.rabbitmq.reply-to")
    [question] = client.call("basic.get", queue="rpc", no_ack=True)
    said = client.call("queue.delete", queue=question.properties.reply_to)
    assert sorted(names(said)) == ["basic.cancel", "queue.delete-ok"]
    said = client.consume("amq.rabbitmq.reply-to", no_ack=True)
    assert names(said) == ["basic.consume-ok"]
    client.call("queue.delete", queue=question.properties.reply_to)
    client.publish("rpc", b"again", reply_to="amq.rabbitmq.reply-to")
    [other] = client.call("basic.get", queue="rpc", no_ack=True)
    assert other.properties.reply_to != question.properties.reply_to


def test_a_message_is_delivered_with_all_it_was_published_with(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    everything: dict[str, Any] = {
        "content_type": "text/plain",
        "content_encoding": "utf-8",
        "headers": {"a": 1, "b": {"c": [True, None, 1.5]}},
        "delivery_mode": 2,
        "priority": 3,
        "correlation_id": "c",
        "reply_to": "r",
        "expiration": "60000",
        "message_id": "m",
        "timestamp": 1_700_000_000,
        "type": "t",
        "user_id": "guest",
        "app_id": "a",
    }
    client.publish("q", b"body", **everything)
    [_, got] = client.consume("q")
    assert {name: getattr(got.properties, name) for name in everything} == everything
    client.feed(ack(1))
