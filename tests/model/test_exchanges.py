"""Exchanges against a naive matcher: whatever is bound, in whatever order, the same queues get the
same messages."""

import json
import re
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from postroad.core.load import canonical
from postroad.model import commands
from postroad.model.exchanges import (
    DIRECT,
    FANOUT,
    HEADERS,
    TO_EXCHANGE,
    TO_QUEUE,
    TOPIC,
    Bind,
    BindingsListed,
    ChangeBinding,
    DeclareExchange,
    DeleteExchange,
    ExchangeSettings,
    ListBindings,
    ListExchanges,
    PublishTo,
    Routed,
    Unbind,
)
from postroad.model.message import plain_head
from postroad.model.replies import Listed, Refused, Why
from tests.unit.core.road import Road, replayed

Headers = dict[str, Any]
Body = dict[str, Any]
Deed = tuple[str, dict[str, Any]]

EXCHANGES = ["x", "y", "z"]
QUEUES = ["a", "b", "c", "d"]
KINDS = [DIRECT, FANOUT, TOPIC, HEADERS]
PATTERNS = st.sampled_from(
    ["a", "a", "a.b", "b", "", "#", "*", "a.*", "a.#", "#.b", "*.b.#", "#.#.a", "a.#.a", "*.*"]
)
KEYS = st.sampled_from(["a", "a.b", "b", "", "a.b.a"])
HEADS = st.dictionaries(
    st.sampled_from(["h", "k", "x-h"]), st.sampled_from([1, 1, "1", True, "deer"]), max_size=3
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["h", "k", "x-h"]), st.sampled_from([1, 1, "1", True, None]), max_size=3
)
MATCHES = st.sampled_from([None, "all", "any", "any", "all-with-x", "any-with-x"])
BODIES = st.dictionaries(
    st.sampled_from(["h", "k"]),
    st.sampled_from([1, "1", None, ["deer", 5], {"h": "deer"}, -0.5]),
    max_size=2,
)

FILTERS: list[tuple[str, str, Callable[[Headers, Body], bool]]] = [
    ('{"h": [1]}', "attributes", lambda head, _: type(head.get("h")) is int and head["h"] == 1),
    ('{"h": ["1", "true"]}', "attributes", lambda head, _: said(head.get("h")) in ("1", "true")),
    ('{"h": [{"exists": false}]}', "attributes", lambda head, _: "h" not in head),
    (
        '{"$or": [{"h": [{"prefix": "de"}]}, {"k": [{"suffix": "er"}]}]}',
        "attributes",
        lambda head, _: "deer" in (said(head.get("h")), said(head.get("k"))),
    ),
    (
        '{"h": [{"anything-but": "deer"}], "k": [{"exists": true}]}',
        "attributes",
        lambda head, _: "h" in head and head["h"] != "deer" and "k" in head,
    ),
    ('{"h": [1, null]}', "body", lambda _, body: "h" in body and body["h"] in (1, None)),
    (
        '{"h": [{"numeric": [">", -1, "<", 5.1]}]}',
        "body",
        lambda _, body: any(
            isinstance(one, int | float) and -1 < one < 5.1
            for one in (body["h"] if isinstance(body.get("h"), list) else [body.get("h")])
        ),
    ),
    (
        '{"k": {"h": [{"wildcard": "d*r"}]}}',
        "body",
        lambda _, body: body.get("k") == {"h": "deer"},
    ),
]


def said(one: object) -> str | None:
    """A header that is text to a filter."""
    if isinstance(one, bool):
        return "true" if one else "false"
    return one if isinstance(one, str) else None


def fits(kind: str, key: str, arguments: Headers, routing_key: str, headers: Headers) -> bool:
    """The matching of one binding, as the words of the manual have it."""
    if kind == DIRECT:
        return key == routing_key
    if kind == FANOUT:
        return True
    if kind == HEADERS:
        how = str(arguments.get("x-match", "all"))
        wanted = {
            name: one
            for name, one in arguments.items()
            if name != "x-match" and (how.endswith("-with-x") or not name.startswith("x-"))
        }
        found = [
            name in headers
            and (one is None or (type(one) is type(headers[name]) and one == headers[name]))
            for name, one in wanted.items()
        ]
        return all(found) if how.startswith("all") else any(found)
    spoken = "".join(f"{word}." for word in routing_key.split(".")) if routing_key else ""
    parts = {"*": r"[^.]*\.", "#": r"(?:[^.]*\.)*"}
    words = key.split(".") if key else []
    pattern = "".join(parts.get(word, re.escape(word) + r"\.") for word in words)
    return re.fullmatch(pattern, spoken) is not None


class Rule:
    def __init__(self, source: str, target: str, to: str, key: str, arguments: Headers) -> None:
        self.source, self.target, self.to, self.key = source, target, to, key
        self.arguments = arguments
        self.filter: int | None = None
        self.id = 0

    @property
    def words(self) -> tuple[str, ...]:
        typed = sorted((name, repr(one)) for name, one in self.arguments.items())
        return self.source, self.target, self.to, self.key, repr(typed)


class Exchanges:
    """What may happen to exchanges, in any order."""

    def __init__(self) -> None:
        self.road = Road()
        self.settings: dict[str, ExchangeSettings] = {}
        self.rules: list[Rule] = []
        self.queues: dict[str, list[bytes]] = {}
        self.epoch = 1
        self.count = 0
        self.rows: dict[bytes, bytes] = {}
        self.rows_at = 0

    def begin(self, kinds: list[str], alternate: str | None) -> None:
        for name in QUEUES[:3]:
            self.declare_queue(name)
        for name, kind in zip(EXCHANGES, kinds, strict=True):
            self.declare(name, kind, alternate, False)

    def declare_queue(self, name: str) -> None:
        self.road.declare(name)
        self.queues.setdefault(name, [])

    def delete_queue(self, name: str) -> None:
        self.road.ask(commands.DeleteQueue(name))
        if self.queues.pop(name, None) is not None:
            self.gone(TO_QUEUE, name)

    def declare(self, name: str, kind: str, alternate: str | None, until_unbound: bool) -> None:
        settings = ExchangeSettings(kind, until_unbound=until_unbound, alternate=alternate)
        reply = self.road.ask(DeclareExchange(name, settings, compare=("kind",)))
        known = self.settings.setdefault(name, settings)
        differs = isinstance(reply, Refused) and reply.why == Why.SETTINGS_DIFFER
        assert differs is (known.kind != kind)

    def delete(self, name: str, if_unused: bool) -> None:
        reply = self.road.ask(DeleteExchange(name, if_unused))
        if name not in self.settings:
            assert isinstance(reply, Refused)
        elif if_unused and any(one.source == name for one in self.rules):
            assert isinstance(reply, Refused)
            assert reply.why == Why.EXCHANGE_IN_USE
        else:
            del self.settings[name]
            self.gone(TO_EXCHANGE, name)

    def bind(
        self,
        source: str,
        target: str,
        key: str,
        arguments: Headers,
        match: str | None,
        chosen: int | None,
    ) -> None:
        if match is not None:
            arguments = {**arguments, "x-match": match}
        to = TO_EXCHANGE if target in EXCHANGES else TO_QUEUE
        made = Rule(source, target, to, key, arguments)
        made.filter = chosen
        text, scope = (None, "attributes") if chosen is None else FILTERS[chosen][:2]
        reply = self.road.ask(Bind(source, target, key, arguments, to, text, scope))
        known = next((one for one in self.rules if one.words == made.words), None)
        if source not in self.settings or target not in {**self.settings, **self.queues}:
            assert isinstance(reply, Refused)
        elif known is None:
            assert not isinstance(reply, Refused), reply
            self.rules.append(made)
        else:
            assert isinstance(reply, Refused) is (known.filter != chosen)

    def unbind(self, number: int) -> None:
        if number < len(self.rules):
            one = self.rules.pop(number)
            self.road.ask(Unbind(one.source, one.target, one.key, one.arguments, one.to))
            self.empty(one.source)

    def change_filter(self, number: int, chosen: int | None) -> None:
        if number < len(self.rules):
            listed = self.road.ask(ListBindings())
            assert isinstance(listed, BindingsListed)
            id = listed.bindings[number].binding
            text, scope = ("", "attributes") if chosen is None else FILTERS[chosen][:2]
            self.road.ask(ChangeBinding(id, text, scope))
            self.rules[number].filter = chosen

    def publish(
        self,
        exchange: str,
        messages: list[tuple[str, Headers, Body]],
        more: tuple[str, ...] | None,
        together: bool,
    ) -> None:
        if together:
            messages = [(messages[0][0], head, body) for _, head, body in messages]
        keys = [messages[0][0]] if together else [key for key, _, _ in messages]
        bodies = []
        for _, _, body in messages:
            self.count += 1
            bodies.append(json.dumps({**body, "n": self.count}).encode())
        heads = [plain_head(head) for _, head, _ in messages]
        more_keys = None if more is None else [more] * len(messages)
        command = PublishTo(exchange, keys, bodies, heads, more_keys=more_keys)
        reply = self.road.ask(command)
        if exchange and exchange not in self.settings:
            assert isinstance(reply, Refused)
            return
        assert isinstance(reply, Routed), reply
        unroutable = []
        for at, (key, head, body) in enumerate(messages):
            all_keys = {key, *(more or ())}
            found = self.walk(exchange, all_keys, head, body)
            for queue in found:
                self.queues[queue].append(bodies[at])
            if not found:
                unroutable.append(at)
        assert list(reply.unroutable) == unroutable

    def time_passes(self, ms: int) -> None:
        self.road.wait(ms)

    def save(self) -> None:
        self.road.core.touch_everything()
        self.rows = self.road.cut()
        self.rows_at = len(self.road.steps)

    def restart(self, from_rows: bool) -> None:
        self.epoch += 1
        if from_rows:
            self.road.restart(self.epoch, self.rows, self.rows_at)
        else:
            self.road.restart(self.epoch)

    def both_know_the_same(self) -> None:
        self.road.state.check()
        for name, bodies in self.queues.items():
            held = [one.message.body for one in self.road.peek(name, count=1_000)]
            assert held == bodies, name
        listed = self.road.ask(ListBindings())
        assert isinstance(listed, BindingsListed)
        seen = [
            Rule(one.source, one.target, one.target_kind, one.key, dict(one.arguments)).words
            for one in listed.bindings
        ]
        assert seen == [one.words for one in self.rules]

    def end(self) -> None:
        self.road.settle_down()
        names = self.road.ask(ListExchanges())
        assert names == Listed(sorted(self.settings), False)
        for name, wanted in self.settings.items():
            kept = self.road.state.exchanges.by_name[name].settings
            assert asdict(kept) == asdict(wanted)
        live = self.road.state.exchanges.bindings
        assert len(live) == len(self.rules), "what led nowhere was swept"
        assert canonical(replayed(self.road.records())) == canonical(self.road.state)
        self.road.core.touch_everything()
        rows = self.road.cut()
        assert canonical(replayed([], rows.items())) == canonical(self.road.state)

    def walk(self, exchange: str, keys: set[str], head: Headers, body: Body) -> set[str]:
        """The queues a message reaches, by the definition."""
        if not exchange:
            return keys & set(self.queues)
        reached: set[str] = set()
        seen: set[str] = set()
        ahead = [exchange]
        while ahead:
            name = ahead.pop()
            if name in seen or name not in self.settings:
                continue
            seen.add(name)
            settings = self.settings[name]
            wanted = [
                one
                for one in self.rules
                if one.source == name
                and any(fits(settings.kind, one.key, one.arguments, key, head) for key in keys)
                and (one.filter is None or FILTERS[one.filter][2](head, body))
            ]
            ahead.extend(one.target for one in wanted if one.to == TO_EXCHANGE)
            reached.update(one.target for one in wanted if one.to == TO_QUEUE)
            if not wanted and settings.alternate is not None:
                ahead.append(settings.alternate)
        return reached

    def gone(self, to: str, name: str) -> None:
        """A queue or exchange is gone, and its bindings with it."""
        if to == TO_EXCHANGE:
            self.rules = [one for one in self.rules if one.source != name]
        sources = {one.source for one in self.rules if (one.to, one.target) == (to, name)}
        self.rules = [one for one in self.rules if (one.to, one.target) != (to, name)]
        self.road.settle_down()
        for source in sorted(sources):
            self.empty(source)

    def empty(self, source: str) -> None:
        """A binding of an exchange is gone; was it the last?"""
        known = self.settings.get(source)
        bound = any(one.source == source for one in self.rules)
        if known is not None and known.until_unbound and not bound:
            del self.settings[source]
            self.gone(TO_EXCHANGE, source)


def deed(name: str, /, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Deed]:
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


CHOSEN = st.none() | st.none() | st.integers(0, len(FILTERS) - 1)
EXCHANGE = st.sampled_from(EXCHANGES)
BINDS = deed(
    "bind",
    source=EXCHANGE,
    target=st.sampled_from(QUEUES * 2 + EXCHANGES),
    key=PATTERNS,
    arguments=ARGUMENTS,
    match=MATCHES,
    chosen=CHOSEN,
)
PUBLISHES = deed(
    "publish",
    exchange=st.sampled_from(["x", "x", "y", "y", "z", ""]),
    messages=st.lists(st.tuples(KEYS, HEADS, BODIES), min_size=1, max_size=9),
    more=st.none() | st.lists(KEYS, max_size=2).map(tuple),
    together=st.booleans(),
)
OTHERS = st.one_of(
    deed("declare_queue", name=st.sampled_from(QUEUES)),
    deed("delete_queue", name=st.sampled_from(QUEUES)),
    deed(
        "declare",
        name=EXCHANGE,
        kind=st.sampled_from(KINDS),
        alternate=st.sampled_from([None, None, *EXCHANGES]),
        until_unbound=st.booleans(),
    ),
    deed("delete", name=EXCHANGE, if_unused=st.booleans()),
    deed("unbind", number=st.integers(0, 9)),
    deed("change_filter", number=st.integers(0, 9), chosen=CHOSEN),
    deed("time_passes", ms=st.sampled_from([0, 10])),
    deed("save"),
    deed("restart", from_rows=st.booleans()),
)


@settings(max_examples=150, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=3, max_size=3),
    alternate=st.sampled_from([None, *EXCHANGES]),
    first=st.lists(BINDS, min_size=5, max_size=8),
    deeds=st.lists(st.one_of(BINDS, PUBLISHES, PUBLISHES, OTHERS), min_size=15, max_size=40),
)
def test_the_same_queues_get_the_same_messages(
    kinds: list[str], alternate: str | None, first: list[Deed], deeds: list[Deed]
) -> None:
    both = Exchanges()
    both.begin(kinds, alternate)
    for name, arguments in [*first, *deeds]:
        getattr(both, name)(**arguments)
        both.both_know_the_same()
    both.end()
