"""From an exchange along bindings to queues.

One rule: each exchange is visited once, so that circles end; what an exchange has no binding for
goes on to its alternate. Compiled by mypyc where possible.
"""

from postroad.core.exchanges.binding import Binding, Exchange
from postroad.core.exchanges.match import Matcher
from postroad.core.exchanges.routes import Keys, Route
from postroad.core.exchanges.state import Exchanges
from postroad.core.queue import Queue
from postroad.model.filters import BODY, Content


class Walk:
    """One message's way. `open`: more than the keys decides, and there was no message to look at;
    `body_looked`: a body had its say."""

    def __init__(self, realm: Exchanges, keys: Keys, content: Content | None) -> None:
        self.realm = realm
        self.keys = keys
        self.content = content
        self.found: dict[int, Queue] = {}
        self.open = False
        self.body_looked = False
        self._seen: set[int] = set()

    def go(self, start: Exchange) -> None:
        """Visit all there is to visit."""
        ahead = [start]
        while ahead and not self.open:
            exchange = ahead.pop()
            if exchange.id not in self._seen:
                self._seen.add(exchange.id)
                self._visit(exchange, ahead)

    def _visit(self, exchange: Exchange, ahead: list[Exchange]) -> None:
        realm = self.realm
        matcher = realm.matchers[exchange.id]
        if self.content is None and not matcher.by_key:
            self.open = True
            return
        wanted = False
        for binding in self._fitting(matcher):
            if not self._passes(binding):
                continue
            queue = realm.queues.get(binding.target)
            if queue is not None:
                self.found[queue.id] = queue
                wanted = True
                continue
            target = realm.by_id.get(binding.target)
            if target is not None:
                ahead.append(target)
                wanted = True
        if not wanted and not self.open and exchange.settings.alternate is not None:
            other = realm.by_name.get(exchange.settings.alternate)
            if other is not None:
                ahead.append(other)

    def _fitting(self, matcher: Matcher) -> list[Binding]:
        if len(self.keys) == 1:
            return matcher.find(self.keys[0], self.content)
        found: dict[int, Binding] = {}
        for key in self.keys:
            for binding in matcher.find(key, self.content):
                found[binding.id] = binding
        return list(found.values())

    def _passes(self, binding: Binding) -> bool:
        rule = binding.filter
        if rule is None:
            return True
        if self.content is None:
            self.open = True
            return False
        if rule.scope == BODY:
            self.body_looked = True
        return rule.passes(self.content)


def route_by_keys(realm: Exchanges, exchange: Exchange, keys: Keys) -> Route | None:
    """Where keys alone lead; `None`: a message must be looked at."""
    known = realm.routes.by_key
    spot = (exchange.id, keys)
    if spot in known:
        return known[spot]
    walk = Walk(realm, keys, None)
    walk.go(exchange)
    route = None if walk.open else realm.routes.route(walk.found)
    realm.routes.keep_by_key(exchange.id, keys, route)
    return route


def route_of_message(
    realm: Exchanges, exchange: Exchange, keys: Keys, head: bytes, body: bytes
) -> Route:
    """Where a message goes whose keys do not decide alone."""
    known = realm.routes.by_head.get((exchange.id, keys, head))
    if known is not None:
        return known
    walk = Walk(realm, keys, Content(head, body))
    walk.go(exchange)
    route = realm.routes.route(walk.found)
    if not walk.body_looked:
        realm.routes.keep_by_head(exchange.id, keys, head, route)
    return route
