"""Exchanges over AMQP: declared, declared again, bound to each other and deleted."""

from typing import Any

import pytest

from postroad.model.exchanges import (
    CONSISTENT_HASH,
    TOPIC,
    DeclareExchange,
    DescribeExchange,
    ExchangeDescribed,
    ExchangeSettings,
)
from postroad.protocols.amqp.exchanges import TYPES
from tests.wire.amqp.declaring import call
from tests.wire.amqp.room import AmqpRoom, Client, names

DIFFERS = "PRECONDITION_FAILED - inequivalent arg '{}' for exchange 'e' in vhost '/': received {}"


@pytest.fixture
def room() -> AmqpRoom:
    return AmqpRoom()


@pytest.fixture
def client(room: AmqpRoom) -> Client:
    return room.client()


def declare(client: Client, exchange: Any = "e", kind: Any = "direct", **args: Any) -> str:
    """The text of the refusal, or the name of the answer."""
    (said,) = call(client, "exchange.declare", exchange=exchange, type=kind, **args)
    return str(said.args.get("reply_text", said.name))


def settings_of(room: AmqpRoom, exchange: str = "e") -> ExchangeSettings:
    reply = room.ask(DescribeExchange(exchange))
    assert isinstance(reply, ExchangeDescribed)
    return reply.settings


@pytest.mark.parametrize("kind", list(TYPES))
def test_every_type_of_exchange_can_be_declared(room: AmqpRoom, client: Client, kind: str) -> None:
    assert declare(client, kind=kind) == "exchange.declare-ok"
    assert declare(client, kind=kind) == "exchange.declare-ok"
    assert settings_of(room).kind == TYPES[kind]


def test_flags_and_arguments_become_settings(room: AmqpRoom, client: Client) -> None:
    arguments = {"alternate-exchange": "other", "x-delayed-type": "topic"}
    flags = {"auto_delete": True, "internal": True, "durable": True}
    for _ in range(2):
        said = declare(client, kind="x-delayed-message", arguments=arguments, **flags)
        assert said == "exchange.declare-ok"
    assert settings_of(room) == ExchangeSettings(
        TOPIC, delayed=True, until_unbound=True, internal=True, alternate="other"
    )
    arguments = {"hash-header": "id"}
    assert declare(client, "h", "x-consistent-hash", arguments=arguments) == "exchange.declare-ok"
    assert settings_of(room, "h") == ExchangeSettings(CONSISTENT_HASH, hash_header="id")


def test_an_exchange_is_declared_again_as_it_is(client: Client) -> None:
    declare(client, durable=True)
    durable = {"durable": True}
    told = "'{}' but current is '{}'"
    for args, name, values in (
        ({"kind": "topic", **durable}, "type", ("topic", "direct")),
        ({}, "durable", ("false", "true")),
        ({"auto_delete": True, **durable}, "auto_delete", ("true", "false")),
        ({"internal": True, **durable}, "internal", ("true", "false")),
    ):
        assert declare(client, **args) == DIFFERS.format(name, told.format(*values))
    arguments = {"alternate-exchange": "a"}
    assert declare(client, arguments=arguments, **durable) == DIFFERS.format(
        "alternate-exchange", "the value 'a' of type 'longstr' but current is none"
    )
    assert declare(client, arguments={"mine": 1}, **durable) == "exchange.declare-ok"


def test_an_exchange_of_another_protocol_may_be_declared_as_durable_or_not(
    room: AmqpRoom, client: Client
) -> None:
    room.ask(DeclareExchange("e"))
    assert declare(client) == "exchange.declare-ok"
    assert declare(client, durable=True) == "exchange.declare-ok"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"exchange": ""}, "ACCESS_REFUSED - operation not permitted on the default exchange"),
        (
            {"exchange": "amq.mine"},
            "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'",
        ),
        ({"passive": True}, "NOT_FOUND - no exchange 'e' in vhost '/'"),
        (
            {"arguments": {"alternate-exchange": 3}},
            "PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in"
            " exchange 'e' in vhost '/'",
        ),
        (
            {"kind": "x-delayed-message", "arguments": {"x-delayed-type": [{}]}},
            "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange"
            " type",
        ),
        (
            {"kind": "x-delayed-message"},
            "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange"
            " type",
        ),
        (
            {"kind": "x-consistent-hash", "arguments": {"hash-property": "message_id"}},
            "PRECONDITION_FAILED - invalid arg 'hash-property' for exchange 'e' in vhost '/': use"
            " 'hash-header'",
        ),
    ],
)
def test_what_cannot_be_declared_is_refused(
    client: Client, args: dict[str, Any], text: str
) -> None:
    assert declare(client, **args) == text


def test_an_unknown_type_closes_the_connection(client: Client) -> None:
    (said,) = client.call("exchange.declare", exchange="e", type="bogus")
    assert (said.name, said.reply_text) == (
        "connection.close",
        "COMMAND_INVALID - unknown exchange type 'bogus'",
    )


def test_the_standard_exchanges_are_declared_as_they_are(client: Client) -> None:
    assert declare(client, "amq.topic", "topic", durable=True) == "exchange.declare-ok"
    assert declare(client, "amq.topic", passive=True) == "exchange.declare-ok"
    assert "inequivalent arg 'durable'" in declare(client, "amq.topic", "topic")
    assert "inequivalent arg 'type'" in declare(client, "amq.topic", "direct", durable=True)


def test_nobody_waits_who_does_not_want_to(client: Client) -> None:
    methods: list[tuple[str, dict[str, Any]]] = [
        ("exchange.declare", {"exchange": "e", "type": "fanout"}),
        ("exchange.bind", {"destination": "e", "source": "amq.fanout"}),
        ("exchange.unbind", {"destination": "e", "source": "amq.fanout"}),
        ("exchange.delete", {"exchange": "e"}),
    ]
    for name, args in methods:
        assert client.call(name, nowait=True, **args) == [], name


def test_an_exchange_is_deleted(client: Client) -> None:
    declare(client)
    client.declare("q")
    client.call("queue.bind", queue="q", exchange="e")
    (said,) = call(client, "exchange.delete", exchange="e", if_unused=True)
    assert said.reply_text == "PRECONDITION_FAILED - exchange 'e' in vhost '/' in use"
    assert names(client.call("exchange.delete", exchange="e")) == ["exchange.delete-ok"]
    assert names(client.call("exchange.delete", exchange="e")) == ["exchange.delete-ok"]
    assert declare(client, passive=True).startswith("NOT_FOUND")


def test_the_standard_exchanges_stay(client: Client) -> None:
    (said,) = call(client, "exchange.delete", exchange="amq.direct")
    assert said.reply_text == (
        "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed"
    )
    (said,) = call(client, "exchange.delete", exchange="")
    assert said.reply_text == "ACCESS_REFUSED - operation not permitted on the default exchange"


def test_exchanges_are_bound_to_exchanges(client: Client) -> None:
    declare(client)
    client.declare("q")
    client.call("queue.bind", queue="q", exchange="e", routing_key="k")
    key: dict[str, Any] = {"destination": "e", "source": "amq.fanout"}
    assert names(client.call("exchange.bind", **key)) == ["exchange.bind-ok"]
    client.publish("k", b"x", exchange="amq.fanout")
    assert names(client.call("exchange.unbind", **key)) == ["exchange.unbind-ok"]
    assert names(client.call("exchange.unbind", **key)) == ["exchange.unbind-ok"]
    client.publish("k", b"y", exchange="amq.fanout")
    assert client.call("queue.purge", queue="q")[0].message_count == 1


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        (("none", "amq.fanout"), "NOT_FOUND - no exchange 'none' in vhost '/'"),
        (("amq.fanout", "none"), "NOT_FOUND - no exchange 'none' in vhost '/'"),
        (("", "amq.fanout"), "ACCESS_REFUSED - operation not permitted on the default exchange"),
        (("amq.fanout", ""), "ACCESS_REFUSED - operation not permitted on the default exchange"),
    ],
)
def test_exchanges_that_are_not_there_are_not_bound(
    client: Client, ends: tuple[str, str], text: str
) -> None:
    (said,) = client.call("exchange.bind", destination=ends[0], source=ends[1])
    assert said.reply_text == text
