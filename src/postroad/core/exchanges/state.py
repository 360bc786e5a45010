"""The exchanges and bindings there are, and the routes decided so far.

One rule: what is cached or indexed is made of the rows alone; any change of them forgets the
routes.
Compiled by mypyc where possible.
"""

from bisect import insort
from collections.abc import Iterator

from postroad.core.exchanges.binding import (
    Binding,
    Exchange,
    decode_binding,
    decode_exchange,
)
from postroad.core.exchanges.match import Matcher, matcher_of
from postroad.core.exchanges.routes import Routes
from postroad.core.ledger import Ledger, Row
from postroad.core.queue import Queue
from postroad.core.realm import Realm
from postroad.core.topics.topic import Topic


class Exchanges(Realm):
    """All exchanges and bindings.

    `from_source`, `to_target`: bindings by number, by the number of either end. `alike`: bindings
    by (source, target, identity). `sweeping`: what is gone and still has bindings.
    `touched`: ordinal of the group of the last change (volatile).
    """

    kinds = b"xy"

    def __init__(self, ledger: Ledger, queues: dict[int, Queue], topics: dict[int, Topic]) -> None:
        self.ledger = ledger
        self.queues = queues
        self.topics = topics
        self.by_id: dict[int, Exchange] = {}
        self.by_name: dict[str, Exchange] = {}
        self.names: list[str] = []
        self.matchers: dict[int, Matcher] = {}
        self.bindings: dict[int, Binding] = {}
        self.from_source: dict[int, dict[int, Binding]] = {}
        self.to_target: dict[int, dict[int, Binding]] = {}
        self.alike: dict[tuple[int, int, bytes], Binding] = {}
        self.sweeping: dict[int, None] = {}
        self.routes = Routes()
        self.touched = 0

    def add_exchange(self, exchange: Exchange) -> None:
        """An exchange is there, with no bindings yet."""
        self.by_id[exchange.id] = exchange
        self.by_name[exchange.name] = exchange
        insort(self.names, exchange.name)
        self.matchers[exchange.id] = matcher_of(exchange.settings)
        self.routes.forget()

    def remove_exchange(self, exchange: Exchange) -> None:
        """An exchange is gone; its bindings are still to be swept."""
        del self.by_id[exchange.id]
        del self.by_name[exchange.name]
        self.names.remove(exchange.name)
        del self.matchers[exchange.id]
        self.gone(exchange.id)

    def gone(self, id: int) -> None:
        """A queue, topic or exchange is gone: nothing is routed there, and its bindings are to be
        removed."""
        self.routes.forget()
        if id in self.from_source or id in self.to_target:
            self.sweeping[id] = None

    def add_binding(self, binding: Binding) -> None:
        """A binding is there."""
        self.bindings[binding.id] = binding
        _enter(self.from_source, binding.source, binding)
        _enter(self.to_target, binding.target, binding)
        self.alike[binding.source, binding.target, binding.identity] = binding
        matcher = self.matchers.get(binding.source)
        if matcher is not None:
            matcher.add(binding)
        self.routes.forget()

    def remove_binding(self, binding: Binding) -> None:
        """A binding goes."""
        del self.bindings[binding.id]
        _leave(self.from_source, binding.source, binding)
        _leave(self.to_target, binding.target, binding)
        del self.alike[binding.source, binding.target, binding.identity]
        matcher = self.matchers.get(binding.source)
        if matcher is not None:
            matcher.remove(binding)
        for id in (binding.source, binding.target):
            if id not in self.from_source and id not in self.to_target:
                self.sweeping.pop(id, None)
        self.routes.forget()

    def set_key(self, binding: Binding, key: str) -> None:
        """A binding has another key from here on."""
        matcher = self.matchers.get(binding.source)
        if matcher is not None:
            matcher.remove(binding)
        del self.alike[binding.source, binding.target, binding.identity]
        binding.set_rule(key, binding.arguments)
        self.alike[binding.source, binding.target, binding.identity] = binding
        if matcher is not None:
            matcher.add(binding)

    def stands(self, id: int) -> bool:
        """Whether a queue, an exchange or a topic of this number is there."""
        return id in self.queues or id in self.by_id or id in self.topics

    def bindings_of(self, id: int) -> int:
        """How many bindings of an exchange lead somewhere."""
        found = self.from_source.get(id, {})
        if not self.sweeping:
            return len(found)
        return sum([self.stands(one.target) for one in found.values()])

    def bindings_to(self, id: int) -> int:
        """How many bindings to a queue, exchange or topic come from somewhere."""
        found = self.to_target.get(id, {})
        if not self.sweeping:
            return len(found)
        return sum([self.stands(one.source) for one in found.values()])

    def rows(self) -> Iterator[Row]:
        """Every row there is."""
        yield from self.by_id.values()
        yield from self.bindings.values()

    def load(self, kind: bytes, key: bytes, value: bytes) -> None:
        """Take a row of a checkpoint; exchanges come before bindings."""
        id = int.from_bytes(key, "big")
        if kind == b"x":
            self.add_exchange(decode_exchange(id, value))
        else:
            self.add_binding(decode_binding(id, value))

    def derive(self) -> None:
        """Bindings whose ends are gone are still to be swept."""
        for id in [*self.from_source, *self.to_target]:
            if not self.stands(id):
                self.sweeping[id] = None

    def check(self) -> None:
        """Every index tells the same."""
        assert self.names == sorted(self.by_name)
        assert len(self.by_name) == len(self.by_id) == len(self.matchers)
        assert len(self.alike) == len(self.bindings)
        for ends in (self.from_source, self.to_target):
            assert all(ends.values()), "no end is remembered without a binding"
            assert sum(map(len, ends.values())) == len(self.bindings)
        for id, matcher in self.matchers.items():
            assert matcher.bindings == self.from_source.get(id, {})
        lost = {id for id in (*self.from_source, *self.to_target) if not self.stands(id)}
        assert lost == set(self.sweeping), "what is gone loses its bindings"


def _enter(ends: dict[int, dict[int, Binding]], id: int, binding: Binding) -> None:
    known = ends.get(id)
    if known is None:
        ends[id] = {binding.id: binding}
    else:
        known[binding.id] = binding


def _leave(ends: dict[int, dict[int, Binding]], id: int, binding: Binding) -> None:
    known = ends[id]
    del known[binding.id]
    if not known:
        del ends[id]
