"""Bind, unbind, and what there is of bindings.

One rule: a binding that could not be routed by is refused here, with one line, and never later.
"""

from collections.abc import Iterable, Mapping

import msgspec

from postroad.core.decision import Decision, World, no_such_queue, refuse
from postroad.core.exchanges import records as facts
from postroad.core.exchanges.binding import Binding, identity_of, pack_arguments
from postroad.core.exchanges.declare import merged, no_such_exchange
from postroad.core.exchanges.state import Exchanges
from postroad.core.exchanges.sweep import ended_with
from postroad.core.state import State
from postroad.core.topics.declare import no_such_topic
from postroad.limits import (
    ARGUMENTS_BYTES_MAX,
    BINDINGS_LISTED_MAX,
    BINDINGS_MAX,
    FILTERS_PER_EXCHANGE_MAX,
    NAME_BYTES_MAX,
    WEIGHT_MAX,
)
from postroad.model.conditions import BadFilter
from postroad.model.exchanges import (
    CONSISTENT_HASH,
    FANOUT,
    HEADERS,
    MATCH_ARGUMENT,
    MATCHES,
    OF_EXCHANGE,
    OF_TOPIC,
    SOURCE_KINDS,
    TARGET_KINDS,
    TO_EXCHANGE,
    TO_QUEUE,
    TO_TOPIC,
    Bind,
    BindingInfo,
    BindingsListed,
    Bound,
    ChangeBinding,
    ListBindings,
    RemoveBinding,
    Unbind,
)
from postroad.model.filters import Filter
from postroad.model.message import HeaderValue
from postroad.model.replies import Done, Why

_VALUES = (str, bytes, int, float, bool, type(None))
_UNREADABLE = (msgspec.MsgspecError, TypeError, OverflowError, UnicodeEncodeError, RecursionError)


def decide_bind(world: World, command: Bind, now: int) -> Decision:
    """Make a binding."""
    state = world.state
    realm = state.exchanges
    ends = _ends(state, command)
    if isinstance(ends, Decision):
        return ends
    source, target = ends
    arguments = command.arguments or {}
    wrong = _bad_arguments(arguments) or _bad_rule(realm, source, command.key, arguments)
    if wrong is not None:
        return refuse(Why.BAD_COMMAND, wrong)
    text = command.filter or ""
    try:
        rule = Filter(text, command.filter_scope) if text else None
    except BadFilter as error:
        return refuse(Why.BAD_FILTER, str(error))
    known = realm.alike.get((source, target, identity_of(command.key, arguments)))
    if known is not None:
        return _compare(realm, known, rule)
    if len(realm.bindings) >= BINDINGS_MAX:
        return refuse(Why.TOO_MANY, f"there are {BINDINGS_MAX:,} bindings; remove some first")
    if rule is not None and (crowd := _crowd(realm, source)) is not None:
        return crowd
    record = facts.BindingMade(
        state.catalog.next_id,
        source,
        target,
        command.target_kind,
        command.key,
        pack_arguments(arguments),
        text,
        command.filter_scope if text else "",
        command.extras or {},
        now,
    )
    return Decision([record], Bound(record.binding, True))


def _compare(realm: Exchanges, known: Binding, rule: Filter | None) -> Decision:
    had = None if known.filter is None else (known.filter.text, known.filter.scope)
    if had != (None if rule is None else (rule.text, rule.scope)):
        text = f"binding {known.id} exists with another filter"
        return refuse(Why.SETTINGS_DIFFER, text, realm.touched)
    return Decision([], Bound(known.id, False), realm.touched)


def _crowd(realm: Exchanges, source: int) -> Decision | None:
    bindings = realm.from_source.get(source, {})
    if sum(one.filter is not None for one in bindings.values()) < FILTERS_PER_EXCHANGE_MAX:
        return None
    text = f"the exchange has {FILTERS_PER_EXCHANGE_MAX} bindings with a filter already"
    return refuse(Why.TOO_MANY, text, realm.touched)


def decide_unbind(world: World, command: Unbind, _now: int) -> Decision:
    """Remove a binding by what it was made with."""
    ends = _ends(world.state, command)
    if isinstance(ends, Decision):
        return ends
    realm = world.state.exchanges
    arguments = command.arguments or {}
    wrong = _bad_arguments(arguments)
    if wrong is not None:
        return refuse(Why.BAD_COMMAND, wrong)
    known = realm.alike.get((*ends, identity_of(command.key, arguments)))
    if known is None:
        text = f"exchange `{command.source}` has no such binding to `{command.target}`"
        return refuse(Why.NO_SUCH_BINDING, text, realm.touched)
    return _remove(realm, known)


def decide_remove(world: World, command: RemoveBinding, _now: int) -> Decision:
    """Remove a binding by its number."""
    realm = world.state.exchanges
    known = _find(realm, command.binding)
    return _no_such(realm, command.binding) if known is None else _remove(realm, known)


def decide_change(world: World, command: ChangeBinding, _now: int) -> Decision:
    """Another filter, other extras, another key."""
    realm = world.state.exchanges
    known = _find(realm, command.binding)
    if known is None:
        return _no_such(realm, command.binding)
    wrong = _bad_key(realm, known, command.key)
    if wrong is not None:
        return wrong
    text, scope = ("", "") if known.filter is None else (known.filter.text, known.filter.scope)
    if command.filter is not None:
        text, scope = command.filter, command.filter_scope if command.filter else ""
        try:
            rule = Filter(text, scope) if text else None
        except BadFilter as error:
            return refuse(Why.BAD_FILTER, str(error))
        if rule is not None and known.filter is None and (crowd := _crowd(realm, known.source)):
            return crowd
    extras = merged(known.extras, command.extras)
    record = facts.BindingChanged(known.id, text, scope, extras, command.key)
    return Decision([record], Done())


def _bad_key(realm: Exchanges, known: Binding, key: str | None) -> Decision | None:
    if key is None:
        return None
    wrong = _bad_rule(realm, known.source, key, known.arguments)
    if wrong is not None:
        return refuse(Why.BAD_COMMAND, wrong)
    other = realm.alike.get((known.source, known.target, identity_of(key, known.arguments)))
    if other is None or other is known:
        return None
    return refuse(Why.SETTINGS_DIFFER, f"binding {other.id} has this key", realm.touched)


def decide_list(world: World, command: ListBindings, _now: int) -> Decision:
    """Bindings in order of their numbers."""
    state = world.state
    realm = state.exchanges
    found: Iterable[Binding] = realm.bindings.values()
    if command.target is not None:
        target = _target(state, command.target_kind, command.target)
        if isinstance(target, Decision):
            return target
        found = realm.to_target.get(target, {}).values()
    source = 0
    if command.source is not None:
        chosen = _source(state, command.source_kind, command.source)
        if isinstance(chosen, Decision):
            return chosen
        source = chosen
        if command.target is None:
            found = realm.from_source.get(source, {}).values()
    most = max(0, min(command.count, BINDINGS_LISTED_MAX))
    listed: list[BindingInfo] = []
    for binding in found:
        if binding.id <= command.after or (source and binding.source != source):
            continue
        info = _info(state, binding)
        if info is None:
            continue
        if len(listed) == most:
            return Decision([], BindingsListed(listed, True), state.changed)
        listed.append(info)
    return Decision([], BindingsListed(listed, False), state.changed)


def _info(state: State, binding: Binding) -> BindingInfo | None:
    """A binding in words; `None` when one of its ends is gone."""
    realm = state.exchanges
    of_exchange = realm.by_id.get(binding.source)
    source = of_exchange or state.topics.all.get(binding.source)
    to_topic = state.topics.all.get(binding.target)
    target = to_topic or state.queues.get(binding.target) or realm.by_id.get(binding.target)
    if source is None or target is None:
        return None
    return BindingInfo(
        binding.id,
        source.name,
        target.name,
        binding.target_kind,
        binding.pattern,
        dict(binding.arguments),
        None if binding.filter is None else binding.filter.text,
        "" if binding.filter is None else binding.filter.scope,
        dict(binding.extras),
        binding.created_ms,
        OF_TOPIC if of_exchange is None else OF_EXCHANGE,
    )


def _find(realm: Exchanges, id: int) -> Binding | None:
    known = realm.bindings.get(id)
    if known is None or not realm.stands(known.source) or not realm.stands(known.target):
        return None
    return known


def _no_such(realm: Exchanges, id: int) -> Decision:
    return refuse(Why.NO_SUCH_BINDING, f"there is no binding {id}", realm.touched)


def _remove(realm: Exchanges, binding: Binding) -> Decision:
    ids = [binding.id]
    return Decision([facts.BindingsRemoved(ids), *ended_with(realm, ids)], Done())


def _ends(state: State, command: Bind | Unbind) -> tuple[int, int] | Decision:
    source = _source(state, command.source_kind, command.source)
    if isinstance(source, Decision):
        return source
    target = _target(state, command.target_kind, command.target)
    return target if isinstance(target, Decision) else (source, target)


def _source(state: State, kind: str, name: str) -> int | Decision:
    if kind == OF_TOPIC:
        topic = state.topics.by_name.get(name)
        return no_such_topic(state, name) if topic is None else topic.id
    if kind == OF_EXCHANGE:
        exchange = state.exchanges.by_name.get(name)
        return no_such_exchange(state, name) if exchange is None else exchange.id
    return refuse(Why.BAD_COMMAND, f"`source_kind` is one of {', '.join(SOURCE_KINDS)}")


def _target(state: State, kind: str, name: str) -> int | Decision:
    if kind == TO_QUEUE:
        queue = state.by_name.get(name)
        return no_such_queue(state, name) if queue is None else queue.id
    if kind == TO_EXCHANGE:
        exchange = state.exchanges.by_name.get(name)
        return no_such_exchange(state, name) if exchange is None else exchange.id
    if kind == TO_TOPIC:
        topic = state.topics.by_name.get(name)
        return no_such_topic(state, name) if topic is None else topic.id
    return refuse(Why.BAD_COMMAND, f"`target_kind` is one of {', '.join(TARGET_KINDS)}")


def _bad_arguments(arguments: Mapping[str, object]) -> str | None:
    for name, one in arguments.items():
        if type(name) is not str or type(one) not in _VALUES:
            return "arguments are texts, bytes, numbers, truth values or nothing, by name"
    try:
        size = len(pack_arguments(arguments))
    except _UNREADABLE as error:
        return f"arguments: {error}"
    if size > ARGUMENTS_BYTES_MAX:
        return f"arguments have at most {ARGUMENTS_BYTES_MAX:,} bytes, these have {size:,}"
    return None


def _bad_rule(
    realm: Exchanges, source: int, key: str, arguments: dict[str, HeaderValue]
) -> str | None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "a binding key is text that UTF-8 can carry"
    if size > NAME_BYTES_MAX:
        return f"a binding key has at most {NAME_BYTES_MAX} bytes, this one has {size}"
    exchange = realm.by_id.get(source)
    kind = FANOUT if exchange is None else exchange.settings.kind
    if kind == HEADERS and arguments.get(MATCH_ARGUMENT, "all") not in MATCHES:
        return f"argument `{MATCH_ARGUMENT}` is one of {', '.join(MATCHES)}"
    if kind == CONSISTENT_HASH and not _is_weight(key):
        return f"the key of a binding of a consistent hash is a weight, 1 to {WEIGHT_MAX:,}"
    return None


def _is_weight(key: str) -> bool:
    return key.isascii() and key.isdecimal() and len(key) <= 9 and 1 <= int(key) <= WEIGHT_MAX
