"""Queues over AMQP: declared, declared again, bound, purged and deleted as RabbitMQ does."""

from typing import Any

import pytest

from postroad.model.commands import DeclareQueue, DescribeQueue
from postroad.model.fields import Long, Stamp
from postroad.model.policy import PRIORITY, QueueSettings
from postroad.model.replies import Described
from postroad.protocols.amqp.methods import encode_method as method
from tests.wire.amqp.declaring import call, declare
from tests.wire.amqp.room import AmqpRoom, Client, names, published

DECLARED = ["queue.declare-ok"]
LOCKED = (
    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'mine' in vhost '/'. It could"
    " be originally declared on another connection or the exclusive property value does not match"
    " that of the original declaration."
)


@pytest.fixture
def room() -> AmqpRoom:
    return AmqpRoom()


@pytest.fixture
def client(room: AmqpRoom) -> Client:
    return room.client()


def described(room: AmqpRoom, queue: str) -> Described:
    reply = room.ask(DescribeQueue(queue))
    assert isinstance(reply, Described)
    return reply


def test_a_declare_tells_what_is_there(client: Client) -> None:
    first = declare(client)
    assert (first.queue, first.message_count, first.consumer_count) == ("q", 0, 0)
    client.publish("q", b"1", b"2", b"3")
    client.consume("q", "t")
    client.call("basic.cancel", consumer_tag="t")
    client.call("basic.recover", requeue=True)
    client.call("basic.qos", prefetch_count=1)
    client.consume("q", "t")
    again = declare(client)
    assert (again.message_count, again.consumer_count) == (2, 1)
    passive = declare(client, passive=True)
    assert (passive.message_count, passive.consumer_count) == (2, 1)


def test_a_declare_without_waiting_is_not_answered(client: Client) -> None:
    assert client.call("queue.declare", queue="q", nowait=True) == []
    assert declare(client, passive=True).name == "queue.declare-ok"


def test_the_server_makes_up_a_name_and_an_empty_one_means_it_from_then_on(
    client: Client,
) -> None:
    name = declare(client, queue="").queue
    assert name.startswith("amq.gen-")
    assert len(name) == len("amq.gen-") + 22
    assert declare(client, queue="").queue != name
    client.call("queue.bind", queue="", exchange="amq.fanout")
    client.publish("", b"x", exchange="amq.fanout")
    assert client.call("queue.purge", queue="")[0].message_count == 1
    assert declare(client, queue="", passive=True).message_count == 0


def test_an_empty_name_means_nothing_before_a_declare(client: Client) -> None:
    for name in ("queue.purge", "queue.delete", "queue.bind", "queue.unbind"):
        args = {"exchange": "amq.fanout"} if "bind" in name else {}
        (said,) = call(client, name, queue="", **args)
        assert said.reply_text == "NOT_FOUND - no previously declared queue", name


def test_line_ends_do_not_belong_to_a_name(client: Client) -> None:
    assert declare(client, queue="a\r\nb").queue == "ab"


@pytest.mark.parametrize("name", ["amq.mine", "amq.gen-x", "amq."])
def test_reserved_names_are_refused(client: Client, name: str) -> None:
    said = declare(client, queue=name)
    assert (said.reply_code, said.reply_text) == (
        403,
        f"ACCESS_REFUSED - queue name '{name}' contains reserved prefix 'amq.*'",
    )


def test_a_name_that_nothing_can_have_is_refused(client: Client) -> None:
    assert declare(client, queue="a\tb").reply_code == 406


# Declaring again.


def test_a_queue_is_declared_again_with_the_same_flags_only(client: Client) -> None:
    declare(client, durable=True)
    text = "PRECONDITION_FAILED - inequivalent arg '{}' for queue 'q' in vhost '/': received"
    said = declare(client)
    assert said.reply_text == text.format("durable") + " 'false' but current is 'true'"
    said = declare(client, durable=True, auto_delete=True)
    assert said.reply_text == text.format("auto_delete") + " 'true' but current is 'false'"
    assert declare(client, durable=True, exclusive=True).reply_code == 405


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "'x-message-ttl' {}: received none but current is the value '60000' of type 'sign"),
        ({"x-message-ttl": 5}, "'x-message-ttl' {}: received '5' but current is '60000'"),
        (
            {"x-message-ttl": 60_000, "x-max-length": 4},
            "'x-max-length' {}: received the value '4' of type 'signedint' but current is none",
        ),
        (
            {"x-message-ttl": 60_000, "x-queue-type": "quorum"},
            "'x-queue-type' {}: received 'quorum' but current is 'classic'",
        ),
        (
            {"x-message-ttl": 60_000, "x-queue-type": "stream"},
            "'x-message-ttl' for queue 'q' in vhost '/' of queue type rabbit_stream_queue",
        ),
    ],
)
def test_a_queue_is_declared_again_with_the_same_arguments_only(
    client: Client, arguments: dict[str, Any], text: str
) -> None:
    declare(client, durable=True, arguments={"x-message-ttl": 60_000})
    said = declare(client, durable=True, arguments=arguments)
    assert text.format("for queue 'q' in vhost '/'") in said.reply_text
    assert said.reply_code == 406


def test_arguments_that_mean_nothing_may_differ(client: Client) -> None:
    declare(client, arguments={"x-queue-mode": "lazy", "x-mine": 1})
    said = declare(client, arguments={"x-queue-version": 2, "x-mine": 2, "x-queue-type": "classic"})
    assert said.name == "queue.declare-ok"


def test_a_queue_of_another_protocol_is_declared_without_arguments(
    room: AmqpRoom, client: Client
) -> None:
    room.ask(DeclareQueue("q", QueueSettings(lease_ms=5_000), {"sqs.Policy": "x"}))
    for flags in ({}, {"durable": True}, {"auto_delete": True}):
        assert declare(client, **flags).name == "queue.declare-ok"
    assert described(room, "q").settings == QueueSettings(lease_ms=5_000)
    said = declare(client, arguments={"x-message-ttl": 5})
    assert said.reply_code == 406
    room.ask(DeclareQueue("r", QueueSettings(ttl_ms=5)))
    assert declare(client, "r", arguments={"x-message-ttl": 5}).name == "queue.declare-ok"


def test_a_queue_that_is_not_there_is_not_found(client: Client) -> None:
    for name, args in (
        ("queue.declare", {"passive": True}),
        ("queue.purge", {}),
        ("queue.bind", {"exchange": "amq.direct"}),
    ):
        (said,) = call(client, name, queue="none", **args)
        assert said.reply_text == "NOT_FOUND - no queue 'none' in vhost '/'", name


# Arguments.


def test_arguments_become_settings(room: AmqpRoom, client: Client) -> None:
    arguments = {
        "x-message-ttl": 60_000,
        "x-expires": 70_000,
        "x-max-length": 10,
        "x-max-length-bytes": 1_000,
        "x-dead-letter-exchange": "dlx",
        "x-dead-letter-routing-key": "dead",
        "x-delivery-limit": 3,
        "x-single-active-consumer": True,
        "x-max-priority": 9,
    }
    assert declare(client, arguments=arguments).name == "queue.declare-ok"
    settings = described(room, "q").settings
    assert (settings.ttl_ms, settings.expires_ms) == (60_000, 70_000)
    assert (settings.length_max, settings.bytes_max) == (10, 1_000)
    assert (settings.dead_letter_exchange, settings.dead_letter_routing_key) == ("dlx", "dead")
    assert (settings.overflow, settings.deliveries_max) == ("dead-letter-oldest", 4)
    assert settings.single_active_consumer
    assert settings.expired_to_dead_letters
    assert settings.kind == PRIORITY


def test_a_queue_with_bounds_drops_its_head_where_it_does_not_say_otherwise(
    room: AmqpRoom, client: Client
) -> None:
    declare(client, arguments={"x-max-length": 1})
    assert described(room, "q").settings.overflow == "drop-oldest"


def test_a_message_of_a_known_id_is_confirmed_and_dropped(client: Client) -> None:
    declare(client, arguments={"x-message-deduplication": True, "x-cache-ttl": 60_000})
    client.call("confirm.select")
    for id, body in (("a", b"1"), ("a", b"2"), (7, b"3"), (7, b"4"), (None, b"5"), (None, b"6")):
        headers = {} if id is None else {"x-deduplication-header": id}
        assert names(client.publish("q", body, headers=headers)) == ["basic.ack"]
    assert declare(client, passive=True).message_count == 4
    (got,) = client.call("basic.get", queue="q")
    assert (got.body, got.properties.headers) == (b"1", {"x-deduplication-header": "a"})
    said = declare(client, "r", arguments={"x-deduplication-header": "id"})
    assert said.reply_code == 406


def test_a_number_may_be_written_in_64_bits(client: Client) -> None:
    for ttl in (Long(60_000), 60_000):
        assert declare(client, arguments={"x-message-ttl": ttl}).name == "queue.declare-ok"
    arguments = {"since": Stamp(5), "list": [Long(5), {"at": Stamp(6)}]}
    said = call(client, "queue.bind", queue="q", exchange="amq.headers", arguments=arguments)
    assert names(said) == ["queue.bind-ok"]


# Exclusive and auto-delete.


def test_an_exclusive_queue_is_locked_to_its_connection_and_goes_with_it(room: AmqpRoom) -> None:
    owner, other = room.client(), room.client()
    assert declare(owner, "mine", exclusive=True).name == "queue.declare-ok"
    assert declare(owner, "mine", exclusive=True).name == "queue.declare-ok"
    assert declare(owner, "mine").reply_text == LOCKED
    for name, args in (
        ("queue.declare", {}),
        ("queue.declare", {"exclusive": True}),
        ("queue.declare", {"passive": True}),
        ("queue.bind", {"exchange": "amq.direct"}),
        ("queue.unbind", {"exchange": "amq.direct"}),
        ("queue.purge", {}),
        ("queue.delete", {}),
        ("basic.consume", {}),
        ("basic.get", {}),
    ):
        (said,) = call(other, name, queue="mine", **args)
        assert (said.reply_code, said.reply_text) == (405, LOCKED), name
    owner.hang_up()
    assert declare(other, "mine", exclusive=True).name == "queue.declare-ok"


def test_anybody_may_publish_to_an_exclusive_queue(room: AmqpRoom) -> None:
    owner, other = room.client(), room.client()
    declare(owner, "mine", exclusive=True)
    other.publish("mine", b"x")
    assert declare(owner, "mine", passive=True).message_count == 1


def test_anybody_may_ask_whether_somebody_waits_for_a_reply(room: AmqpRoom) -> None:
    asker, server = room.client(), room.client()
    asker.declare("calls")
    asker.consume("amq.rabbitmq.reply-to", "t", no_ack=True)
    asker.publish("calls", b"2+2", reply_to="amq.rabbitmq.reply-to")
    (call_,) = server.call("basic.get", queue="calls")
    name = call_.properties.reply_to
    said = declare(server, name)
    assert (said.name, said.queue) == ("queue.declare-ok", name)
    asker.hang_up()
    assert declare(server, name, passive=True).reply_code == 404
    assert declare(server, "amq.rabbitmq.reply-to").consumer_count == 1


def test_an_auto_delete_queue_goes_with_its_last_consumer(client: Client) -> None:
    declare(client, auto_delete=True)
    client.consume("q", "t")
    client.call("basic.cancel", consumer_tag="t")
    assert declare(client, passive=True).reply_code == 404


# Bind, purge, delete.


def test_a_queue_is_bound_and_unbound(client: Client) -> None:
    declare(client)
    key: dict[str, Any] = {"queue": "q", "exchange": "amq.direct", "routing_key": "k"}
    assert names(client.call("queue.bind", **key)) == ["queue.bind-ok"]
    assert client.call("queue.bind", nowait=True, **key) == []
    client.publish("k", b"x", exchange="amq.direct")
    assert names(client.call("queue.unbind", **key)) == ["queue.unbind-ok"]
    assert names(client.call("queue.unbind", **key)) == ["queue.unbind-ok"]
    client.publish("k", b"y", exchange="amq.direct")
    assert client.call("queue.purge", queue="q")[0].message_count == 1


def test_what_cannot_be_bound_is_refused(client: Client) -> None:
    declare(client)
    for args, text in (
        ({"exchange": "none"}, "NOT_FOUND - no exchange 'none' in vhost '/'"),
        ({"exchange": ""}, "ACCESS_REFUSED - operation not permitted on the default exchange"),
        (
            {"exchange": "amq.headers", "arguments": {"x-match": "some"}},
            'PRECONDITION_FAILED - Invalid x-match field value <<"some">>; expected all, any,'
            " all-with-x, or any-with-x",
        ),
        (
            {"exchange": "amq.headers", "arguments": {"x-match": 3}},
            "PRECONDITION_FAILED - Invalid x-match field type signedint (value 3); expected"
            " longstr",
        ),
    ):
        (said,) = call(client, "queue.bind", queue="q", **args)
        assert said.reply_text == text
    (said,) = call(client, "queue.unbind", queue="q", exchange="")
    assert said.reply_code == 403


def test_what_is_not_there_is_unbound_all_the_same(client: Client) -> None:
    for queue, exchange in (("none", "amq.direct"), ("none", "none")):
        said = client.call("queue.unbind", queue=queue, exchange=exchange)
        assert names(said) == ["queue.unbind-ok"]


def test_an_empty_key_of_an_empty_name_means_the_queue(client: Client) -> None:
    declare(client)
    client.call("queue.bind", queue="", exchange="amq.direct")
    client.publish("q", b"x", exchange="amq.direct")
    assert declare(client, passive=True).message_count == 1


def test_a_purge_leaves_what_is_leased(client: Client) -> None:
    declare(client)
    client.publish("q", b"1", b"2")
    client.call("basic.get", queue="q")
    assert client.call("queue.purge", queue="q")[0].message_count == 1
    assert client.call("queue.purge", queue="q", nowait=True) == []
    client.call("basic.recover", requeue=True)
    assert declare(client, passive=True).message_count == 1


def test_a_queue_is_deleted_only_if_unused_and_only_if_empty(client: Client) -> None:
    declare(client)
    client.publish("q", b"1")
    (said,) = call(client, "queue.delete", queue="q", if_empty=True)
    assert said.reply_text == "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty"
    client.consume("q", "t")
    client.feed(method(2, "channel.open"))
    (said,) = client.call("queue.delete", channel=2, queue="q", if_unused=True)
    assert said.reply_text == "PRECONDITION_FAILED - queue 'q' in vhost '/' in use"
    client.feed(method(1, "channel.close") + method(1, "channel.open"))
    assert client.call("queue.delete", queue="q", if_unused=True)[0].message_count == 1


def test_a_queue_that_is_not_there_is_deleted_all_the_same(client: Client) -> None:
    assert client.call("queue.delete", queue="none")[0].message_count == 0
    assert client.call("queue.delete", queue="none", nowait=True) == []


def test_a_publish_behind_a_declare_finds_the_queue(client: Client) -> None:
    client.feed(method(1, "queue.declare", queue="q", nowait=True) + published("q", b"x"))
    assert declare(client, passive=True).message_count == 1
