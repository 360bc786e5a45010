"""Facts about exchanges and bindings -> changes of state.

One rule: as in `postroad.core.apply`: total, and made of the record and the state alone.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.exchanges import records as facts
from postroad.core.exchanges.binding import Binding, Exchange, unpack_arguments
from postroad.core.records import Record
from postroad.core.state import State


def exchange_declared(state: State, record: facts.ExchangeDeclared) -> None:
    """An exchange exists."""
    _number(state, record.exchange)
    exchange = Exchange(record.exchange, record.name, record.settings)
    state.ledger.touch(exchange)
    exchange.extras = dict(record.extras)
    exchange.labels = dict(record.labels)
    exchange.created_ms = record.now_ms
    state.exchanges.add_exchange(exchange)
    state.exchanges.touched = state.group


def exchange_changed(state: State, record: facts.ExchangeChanged) -> None:
    """Other settings, extras and labels; how it routes stays."""
    exchange = state.exchanges.by_id[record.exchange]
    state.ledger.touch(exchange)
    exchange.settings = record.settings
    exchange.extras = dict(record.extras)
    exchange.labels = dict(record.labels)
    state.exchanges.routes.forget()
    state.exchanges.touched = state.group


def exchange_deleted(state: State, record: facts.ExchangeDeleted) -> None:
    """Out of sight at once; bindings are removed in slices."""
    exchange = state.exchanges.by_id[record.exchange]
    state.ledger.drop(exchange)
    state.exchanges.remove_exchange(exchange)
    state.exchanges.touched = state.group


def binding_made(state: State, record: facts.BindingMade) -> None:
    """A binding is there."""
    _number(state, record.binding)
    binding = Binding(record.binding, record.source, record.target, record.target_kind)
    binding.set_rule(record.key, unpack_arguments(record.arguments))
    binding.set_filter(record.filter, record.filter_scope)
    binding.extras = dict(record.extras)
    binding.created_ms = record.now_ms
    state.ledger.touch(binding)
    state.exchanges.add_binding(binding)
    state.exchanges.touched = state.group


def binding_changed(state: State, record: facts.BindingChanged) -> None:
    """Another filter, other extras, another key."""
    binding = state.exchanges.bindings[record.binding]
    state.ledger.touch(binding)
    if record.key is not None:
        state.exchanges.set_key(binding, record.key)
    binding.set_filter(record.filter, record.filter_scope)
    binding.extras = dict(record.extras)
    state.exchanges.routes.forget()
    state.exchanges.touched = state.group


def bindings_removed(state: State, record: facts.BindingsRemoved) -> None:
    """Bindings go."""
    for id in record.bindings:
        binding = state.exchanges.bindings[id]
        state.ledger.drop(binding)
        state.exchanges.remove_binding(binding)
    state.exchanges.touched = state.group


def _number(state: State, id: int) -> None:
    state.ledger.touch(state.catalog)
    state.catalog.next_id = max(state.catalog.next_id, id + 1)


APPLY: dict[type[Record], Callable[[State, Any], None]] = {
    facts.ExchangeDeclared: exchange_declared,
    facts.ExchangeChanged: exchange_changed,
    facts.ExchangeDeleted: exchange_deleted,
    facts.BindingMade: binding_made,
    facts.BindingChanged: binding_changed,
    facts.BindingsRemoved: bindings_removed,
}
