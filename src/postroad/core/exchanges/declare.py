"""Declare, change, delete, describe and list exchanges.

One rule: declaring again is fine as long as what the caller cares about agrees.
"""

from bisect import bisect_left, bisect_right

import msgspec

from postroad.core.decision import Decision, World, refuse
from postroad.core.exchanges import records as facts
from postroad.core.exchanges.binding import Exchange
from postroad.core.state import State
from postroad.limits import EXCHANGES_MAX
from postroad.model.exchanges import (
    KINDS,
    ChangeExchange,
    DeclareExchange,
    DeleteExchange,
    DescribeExchange,
    ExchangeDescribed,
    ExchangeSettings,
    ListExchanges,
)
from postroad.model.names import bad_name
from postroad.model.replies import Declared, Done, Listed, Why

_encode = msgspec.msgpack.Encoder().encode
_settings = msgspec.msgpack.Decoder(ExchangeSettings).decode
_UNREADABLE = (msgspec.MsgspecError, TypeError, OverflowError, UnicodeEncodeError, RecursionError)


def decide_declare(world: World, command: DeclareExchange, now: int) -> Decision:
    """Make an exchange exist."""
    state = world.state
    wrong = bad_settings(command.settings)
    if wrong is not None:
        return refuse(Why.BAD_SETTINGS, wrong)
    known = state.exchanges.by_name.get(command.name)
    if known is not None:
        return _compare(state, known, command)
    wrong = bad_name(command.name)
    if wrong is not None:
        return refuse(Why.BAD_NAME, wrong)
    if len(state.exchanges.by_id) >= EXCHANGES_MAX:
        return refuse(Why.TOO_MANY, f"there are {EXCHANGES_MAX:,} exchanges; delete some first")
    record = facts.ExchangeDeclared(
        state.catalog.next_id,
        command.name,
        command.settings,
        command.extras or {},
        command.labels or {},
        now,
    )
    return Decision([record], Declared(record.exchange, True))


def _compare(state: State, exchange: Exchange, command: DeclareExchange) -> Decision:
    group = state.exchanges.touched
    for name in command.compare:
        if name in ExchangeSettings.__struct_fields__:
            same = getattr(exchange.settings, name) == getattr(command.settings, name)
        else:
            same = exchange.extras.get(name) == (command.extras or {}).get(name)
        if not same:
            text = f"exchange `{exchange.name}` exists with another `{name}`"
            return refuse(Why.SETTINGS_DIFFER, text, group)
    return Decision([], Declared(exchange.id, False), group)


def decide_change(world: World, command: ChangeExchange, _now: int) -> Decision:
    """Set settings, extras and labels."""
    exchange = world.state.exchanges.by_name.get(command.name)
    if exchange is None:
        return no_such_exchange(world.state, command.name)
    settings = exchange.settings
    if command.settings is not None:
        wrong = bad_settings(command.settings)
        if wrong is None:
            for name in ("kind", "hash_header"):
                if getattr(command.settings, name) != getattr(settings, name):
                    wrong = f"`{name}` of an exchange never changes"
        if wrong is not None:
            return refuse(Why.BAD_SETTINGS, wrong, world.state.exchanges.touched)
        settings = command.settings
    extras = merged(exchange.extras, command.extras)
    labels = merged(exchange.labels, command.labels)
    return Decision([facts.ExchangeChanged(exchange.id, settings, extras, labels)], Done())


def decide_delete(world: World, command: DeleteExchange, _now: int) -> Decision:
    """Remove an exchange."""
    realm = world.state.exchanges
    exchange = realm.by_name.get(command.name)
    if exchange is None:
        return no_such_exchange(world.state, command.name)
    if command.if_unused and realm.bindings_of(exchange.id):
        text = f"exchange `{exchange.name}` has bindings"
        return refuse(Why.EXCHANGE_IN_USE, text, realm.touched)
    return Decision([facts.ExchangeDeleted(exchange.id)], Done())


def decide_describe(world: World, command: DescribeExchange, _now: int) -> Decision:
    """Settings and counts."""
    realm = world.state.exchanges
    exchange = realm.by_name.get(command.name)
    if exchange is None:
        return no_such_exchange(world.state, command.name)
    described = ExchangeDescribed(
        exchange.id,
        exchange.name,
        exchange.settings,
        dict(exchange.extras),
        dict(exchange.labels),
        exchange.created_ms,
        realm.bindings_of(exchange.id),
        realm.bindings_to(exchange.id),
    )
    return Decision([], described, world.state.changed)


def decide_list(world: World, command: ListExchanges, _now: int) -> Decision:
    """Names in order."""
    realm = world.state.exchanges
    known = realm.names
    low = max(bisect_right(known, command.after), bisect_left(known, command.prefix))
    names: list[str] = []
    more = False
    for at in range(low, len(known)):
        if not known[at].startswith(command.prefix):
            break
        if command.kind and realm.by_name[known[at]].settings.kind != command.kind:
            continue
        if len(names) >= command.count:
            more = True
            break
        names.append(known[at])
    return Decision([], Listed(names, more), realm.touched)


def bad_settings(settings: object) -> str | None:
    """What is wrong with settings, in one line, or `None`."""
    if not isinstance(settings, ExchangeSettings):
        return f"settings are ExchangeSettings, not {type(settings).__name__}"
    try:
        _settings(_encode(settings))
    except _UNREADABLE as error:
        return f"settings: {error}"
    if settings.kind not in KINDS:
        return f"`kind` is one of {', '.join(KINDS)}"
    return None if settings.alternate is None else bad_name(settings.alternate)


def no_such_exchange(state: State, name: str) -> Decision:
    """The exchange is not there; what deleted it may still be on its way to the disk."""
    return refuse(Why.NO_SUCH_EXCHANGE, f"exchange `{name}` does not exist", state.changed)


def merged(old: dict[str, str], changes: dict[str, str | None] | None) -> dict[str, str]:
    """Names and texts after some were set and some (`None`) removed."""
    new = dict(old)
    for name, text in (changes or {}).items():
        if text is None:
            new.pop(name, None)
        else:
            new[name] = text
    return new
