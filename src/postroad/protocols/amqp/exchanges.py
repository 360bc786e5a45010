"""exchange.declare, delete, bind and unbind, as scripts of commands.

It stands between a channel and the core. The rule kept here: AMQP's types of exchanges and the
core's kinds meet in one table, and nowhere else.
"""

from typing import Any, Final

from postroad.model.exchanges import (
    CONSISTENT_HASH,
    DIRECT,
    FANOUT,
    HEADERS,
    TO_EXCHANGE,
    TOPIC,
    Bind,
    DeclareExchange,
    DeleteExchange,
    DescribeExchange,
    ExchangeDescribed,
    ExchangeSettings,
    Unbind,
)
from postroad.model.replies import Declared, Refused, Why
from postroad.protocols.amqp.agreement import DURABLE, compare_arguments, compare_flag, flag
from postroad.protocols.amqp.arguments import type_of
from postroad.protocols.amqp.bindings import check_not_default, plain_arguments, refuse_binding
from postroad.protocols.amqp.channel import Channel, Handler
from postroad.protocols.amqp.errors import (
    ACCESS_REFUSED,
    COMMAND_INVALID,
    NOT_FOUND,
    PRECONDITION_FAILED,
    ChannelFault,
    ConnectionFault,
    refusal,
)
from postroad.protocols.amqp.link import Script
from postroad.protocols.amqp.methods import encode_method

TYPES: Final = {
    "direct": DIRECT,
    "fanout": FANOUT,
    "topic": TOPIC,
    "headers": HEADERS,
    "x-consistent-hash": CONSISTENT_HASH,
}
DELAYED_TYPE: Final = "x-delayed-message"
_NAMES: Final = {kind: name for name, kind in TYPES.items()}
_ALTERNATE: Final = "alternate-exchange"
_HASH_HEADER: Final = "hash-header"
_DELAYED: Final = "x-delayed-type"
_COMPARED: Final = (_ALTERNATE, _HASH_HEADER, _DELAYED)
_TRIES: Final = 3


def exchange_text(channel: Channel, name: str) -> str:
    """Return an exchange as RabbitMQ's texts name it."""
    return f"exchange '{name}' in vhost '{channel.link.vhost}'"


def declare(channel: Channel, args: dict[str, Any]) -> Script:
    """exchange.declare."""
    name = _stripped(args["exchange"])
    link, what = channel.link, exchange_text(channel, name)
    check_not_default(name)
    wanted = None if args["passive"] else _settings(channel, args, what)
    for _ in range(_TRIES):
        described = yield DescribeExchange(link.core(name))
        if isinstance(described, ExchangeDescribed):
            if wanted is not None:
                _compare(channel, described, wanted, args)
            break
        if wanted is None:
            raise ChannelFault(NOT_FOUND, f"no {what}")
        if name.startswith("amq."):
            text = f"exchange name '{name}' contains reserved prefix 'amq.*'"
            raise ChannelFault(ACCESS_REFUSED, text)
        extras = {DURABLE: flag(args["durable"])}
        declared = yield DeclareExchange(link.core(name), wanted, extras)
        if isinstance(declared, Refused):
            raise refusal(declared, what)
        assert isinstance(declared, Declared)
        if declared.created:
            break
    if not args["nowait"]:
        channel.send(encode_method(channel.number, "exchange.declare-ok"))


def _stripped(name: str) -> str:
    return name.replace("\r", "").replace("\n", "")


def _settings(channel: Channel, args: dict[str, Any], what: str) -> ExchangeSettings:
    given, arguments = args["type"], args["arguments"]
    delayed = given == DELAYED_TYPE
    if delayed:
        given = arguments.get(_DELAYED)
        if not isinstance(given, str) or given not in TYPES:
            text = "Invalid argument, 'x-delayed-type' must be an existing exchange type"
            raise ChannelFault(PRECONDITION_FAILED, text)
    if given not in TYPES:
        raise ConnectionFault(COMMAND_INVALID, f"unknown exchange type '{given[:80]}'")
    for name in (_ALTERNATE, _HASH_HEADER):
        if not isinstance(arguments.get(name, ""), str):
            text = f"invalid type '{type_of(arguments[name])}' for arg '{name}' in {what}"
            raise ChannelFault(PRECONDITION_FAILED, text)
    if given == "x-consistent-hash" and "hash-property" in arguments:
        text = f"invalid arg 'hash-property' for {what}: use 'hash-header'"
        raise ChannelFault(PRECONDITION_FAILED, text)
    alternate = arguments.get(_ALTERNATE)
    return ExchangeSettings(
        TYPES[given],
        delayed=delayed,
        until_unbound=args["auto_delete"],
        internal=args["internal"],
        alternate=None if alternate is None else channel.link.core(alternate),
        hash_header=arguments.get(_HASH_HEADER) if given == "x-consistent-hash" else None,
    )


def _compare(
    channel: Channel, current: ExchangeDescribed, wanted: ExchangeSettings, args: dict[str, Any]
) -> None:
    what = exchange_text(channel, _stripped(args["exchange"]))
    settings = current.settings
    kind = DELAYED_TYPE if settings.delayed else _NAMES[settings.kind]
    compare_flag("type", args["type"], kind, what)
    compare_flag("durable", flag(args["durable"]), current.extras.get(DURABLE), what)
    compare_flag("auto_delete", flag(args["auto_delete"]), flag(settings.until_unbound), what)
    compare_flag("internal", flag(args["internal"]), flag(settings.internal), what)
    compare_arguments(_COMPARED, _arguments(channel, wanted), _arguments(channel, settings), what)


def _arguments(channel: Channel, settings: ExchangeSettings) -> dict[str, Any]:
    """Return the settings that are arguments in AMQP."""
    arguments: dict[str, Any] = {}
    if settings.alternate is not None:
        arguments[_ALTERNATE] = channel.link.name(settings.alternate) or settings.alternate
    if settings.hash_header is not None:
        arguments[_HASH_HEADER] = settings.hash_header
    if settings.delayed:
        arguments[_DELAYED] = _NAMES[settings.kind]
    return arguments


def delete(channel: Channel, args: dict[str, Any]) -> Script:
    """exchange.delete; one that is not there is fine."""
    name = _stripped(args["exchange"])
    check_not_default(name)
    what = exchange_text(channel, name)
    if name.startswith("amq."):
        raise ChannelFault(ACCESS_REFUSED, f"deletion of system {what} not allowed")
    done = yield DeleteExchange(channel.link.core(name), args["if_unused"])
    if isinstance(done, Refused) and done.why is not Why.NO_SUCH_EXCHANGE:
        raise refusal(done, what)
    if not args["nowait"]:
        channel.send(encode_method(channel.number, "exchange.delete-ok"))


def bind(channel: Channel, args: dict[str, Any]) -> Script:
    """exchange.bind."""
    check_not_default(args["source"], args["destination"])
    link = channel.link
    arguments = plain_arguments(args["arguments"])
    source, target = link.core(args["source"]), link.core(args["destination"])
    bound = yield Bind(source, target, args["routing_key"], arguments, TO_EXCHANGE)
    if isinstance(bound, Refused):
        raise refuse_binding(channel, bound, args, f"exchange '{args['destination']}'")
    if not args["nowait"]:
        channel.send(encode_method(channel.number, "exchange.bind-ok"))


def unbind(channel: Channel, args: dict[str, Any]) -> Script:
    """exchange.unbind; what is not bound is fine."""
    check_not_default(args["source"], args["destination"])
    link = channel.link
    arguments = plain_arguments(args["arguments"])
    source, target = link.core(args["source"]), link.core(args["destination"])
    yield Unbind(source, target, args["routing_key"], arguments, TO_EXCHANGE)
    if not args["nowait"]:
        channel.send(encode_method(channel.number, "exchange.unbind-ok"))


HANDLERS: Final[dict[str, Handler]] = {
    "exchange.declare": declare,
    "exchange.delete": delete,
    "exchange.bind": bind,
    "exchange.unbind": unbind,
}
