"""From an exchange, or a topic, along bindings to queues and topics.

One rule: each exchange is visited once, so that circles end; what an exchange has no binding for
goes on to its alternate. Compiled by mypyc where possible.
"""

from postroad.core.exchanges.binding import Binding, Exchange
from postroad.core.exchanges.match import Matcher
from postroad.core.exchanges.routes import Keys, Route
from postroad.core.exchanges.state import Exchanges
from postroad.core.queue import Queue
from postroad.core.topics.topic import Topic
from postroad.model.filters import BODY, Content


class Walk:
    """One message's way. `open`: more than the keys decides, and there was no message to look at;
    `body_looked`: a body had its say."""

    def __init__(self, realm: Exchanges, keys: Keys, content: Content | None) -> None:
        self.realm = realm
        self.keys = keys
        self.content = content
        self.found: dict[int, Queue] = {}
        self.topics: dict[int, Topic] = {}
        self.open = False
        self.body_looked = False
        self._seen: set[int] = set()

    def go(self, start: int) -> None:
        """Visit all there is to visit from an exchange or a topic on."""
        ahead = [start]
        while ahead and not self.open:
            id = ahead.pop()
            if id in self._seen:
                continue
            self._seen.add(id)
            exchange = self.realm.by_id.get(id)
            if exchange is not None:
                self._visit(exchange, ahead)
            else:
                self._follow(list(self.realm.from_source.get(id, {}).values()), ahead)

    def _visit(self, exchange: Exchange, ahead: list[int]) -> None:
        realm = self.realm
        matcher = realm.matchers[exchange.id]
        if self.content is None and not matcher.by_key:
            self.open = True
            return
        wanted = self._follow(self._fitting(matcher), ahead)
        if not wanted and not self.open and exchange.settings.alternate is not None:
            other = realm.by_name.get(exchange.settings.alternate)
            if other is not None:
                ahead.append(other.id)

    def _follow(self, bindings: list[Binding], ahead: list[int]) -> bool:
        """Where bindings that fit lead to; whether any leads anywhere."""
        realm = self.realm
        wanted = False
        for binding in bindings:
            if not self._passes(binding):
                continue
            id = binding.target
            queue = realm.queues.get(id)
            if queue is not None:
                self.found[id] = queue
                wanted = True
                continue
            topic = realm.topics.get(id)
            if topic is not None and id not in self._seen:
                self.topics[id] = topic
            if topic is not None or id in realm.by_id:
                ahead.append(id)
                wanted = True
        return wanted

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


def route_by_keys(realm: Exchanges, start: int, keys: Keys) -> Route | None:
    """Where keys alone lead; `None`: a message must be looked at."""
    known = realm.routes.by_key
    spot = (start, keys)
    if spot in known:
        return known[spot]
    walk = Walk(realm, keys, None)
    walk.go(start)
    route = None if walk.open else realm.routes.route(walk.found, walk.topics)
    realm.routes.keep_by_key(start, keys, route)
    return route


def route_of_message(realm: Exchanges, start: int, keys: Keys, head: bytes, body: bytes) -> Route:
    """Where a message goes whose keys do not decide alone."""
    known = realm.routes.by_head.get((start, keys, head))
    if known is not None:
        return known
    content = Content(head, body)
    walk = Walk(realm, keys, content)
    walk.go(start)
    route = realm.routes.route(walk.found, walk.topics)
    if not walk.body_looked and not content.in_envelope:
        realm.routes.keep_by_head(start, keys, head, route)
    return route
