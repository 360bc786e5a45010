"""Publishes to queues of which some refuse, against a naive count of what each has room for."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from postroad.core.load import canonical
from postroad.model import commands
from postroad.model.exchanges import FANOUT, Bind, DeclareExchange, ExchangeSettings, PublishTo
from postroad.model.exchanges import Routed as To
from postroad.model.message import plain_head
from postroad.model.policy import QueueSettings
from postroad.model.replies import Refused
from tests.unit.core.road import Road, replayed

Deed = tuple[str, dict[str, Any]]
NAMES = ["a", "b", "c", "d"]
BYTES_MAX = 12
HEAD = plain_head({"of no": "weight"})
"""What comes with each message; where bytes are limited the bodies alone count."""
ALL, FULL, ANY = "all or none", "skip_full", "skip_refusing"


class Naive:
    """One queue. `ids`: those it knows, `None` where it takes messages as often as they come."""

    def __init__(self, name: str) -> None:
        self.bytes_max = BYTES_MAX if name == "b" else None
        self.ids: set[str] | None = set() if name == "d" else None
        self.held: list[bytes] = []
        self.length_max: int | None = None
        self.largest: int | None = None

    def settings(self) -> QueueSettings:
        return QueueSettings(
            length_max=self.length_max,
            bytes_max=self.bytes_max,
            limits_bodies=True,
            message_bytes_max=None if self.largest is None else self.largest + len(HEAD),
            dedup_window_ms=None if self.ids is None else 60_000,
        )

    def knows(self, id: str | None) -> bool:
        return self.ids is not None and id in self.ids

    def has_room(self, body: bytes) -> bool:
        size = sum(map(len, self.held)) + len(body)
        if self.bytes_max is not None and size > self.bytes_max:
            return False
        return self.length_max is None or len(self.held) < self.length_max

    def is_too_large(self, body: bytes) -> bool:
        return self.largest is not None and len(body) > self.largest

    def take(self, body: bytes, id: str | None) -> None:
        self.held.append(body)
        if self.ids is not None and id is not None:
            self.ids.add(id)


class Crowd:
    """One fanout to all queues."""

    def __init__(self) -> None:
        self.road = Road()
        self.epoch = 1
        self.count = 0
        self.queues = {name: Naive(name) for name in NAMES}
        self.road.ask(DeclareExchange("x", ExchangeSettings(FANOUT)))
        for name, queue in self.queues.items():
            self.road.ask(commands.DeclareQueue(name, queue.settings()))
            self.road.ask(Bind("x", name))

    def bound(self, name: str, length_max: int | None, largest: int | None) -> None:
        queue = self.queues[name]
        queue.length_max, queue.largest = length_max, largest
        self.road.ask(commands.ChangeQueue(name, queue.settings()))

    def pop(self, name: str, count: int) -> None:
        popped = self.road.ask(commands.Pop(name, count))
        assert not isinstance(popped, Refused)
        del self.queues[name].held[:count]

    def restart(self) -> None:
        self.epoch += 1
        self.road.restart(self.epoch)

    def publish(self, way: str, messages: list[tuple[int, str | None]]) -> None:
        bodies = []
        for size, _ in messages:
            self.count += 1
            bodies.append(b"%d" % self.count + b"." * size)
        ids = [id for _, id in messages]
        skips = {} if way == ALL else {way: True}
        heads = [HEAD] * len(bodies)
        command = PublishTo("x", ("",), bodies, heads, dedup_ids=ids, **skips)  # type: ignore[arg-type]
        reply = self.road.ask(command)
        before = {name: (list(one.held), set(one.ids or ())) for name, one in self.queues.items()}
        refused, large = self.refused_in_turn(way, bodies, ids)
        if refused and (way == ALL or (way == FULL and large)):
            assert isinstance(reply, Refused), reply
            for name, (held, known) in before.items():
                self.put_back(name, held, known)
            return
        assert isinstance(reply, To), reply
        if way == FULL and any("d" in names for names in refused.values()):
            # Of all that is published at once such a queue takes all or nothing.
            self.put_back("d", *before["d"])
            assert set(reply.full) == set(range(len(bodies)))
            return
        told = {at: set(names) for at, names in reply.refused_by}
        assert told == (refused if way == ANY else {})
        if not large:
            assert set(reply.full) == set(refused)

    def refused_in_turn(
        self, way: str, bodies: list[bytes], ids: list[str | None]
    ) -> tuple[dict[int, set[str]], bool]:
        """By whom each message is refused; whether any for being too large."""
        refused: dict[int, set[str]] = {}
        large = False
        for at, (body, id) in enumerate(zip(bodies, ids, strict=True)):
            for name, queue in self.queues.items():
                if queue.is_too_large(body):
                    refused.setdefault(at, set()).add(name)
                    # Who is full and left out for that does not look how large a message is.
                    skipped = way == FULL and queue.ids is None and not queue.has_room(body)
                    large = large or not skipped
                elif queue.knows(id):
                    continue
                elif queue.has_room(body):
                    queue.take(body, id)
                else:
                    refused.setdefault(at, set()).add(name)
        return refused, large

    def put_back(self, name: str, held: list[bytes], known: set[str]) -> None:
        queue = self.queues[name]
        queue.held = held
        queue.ids = None if queue.ids is None else known

    def both_know_the_same(self) -> None:
        self.road.state.check()
        for name, queue in self.queues.items():
            held = [one.message.body for one in self.road.peek(name, count=1_000)]
            assert held == queue.held, name

    def end(self) -> None:
        assert canonical(replayed(self.road.records())) == canonical(self.road.state)


def deed(name: str, /, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Deed]:
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


NAME = st.sampled_from(NAMES)
DEEDS = st.one_of(
    deed(
        "publish",
        way=st.sampled_from([ALL, FULL, ANY, ANY]),
        messages=st.lists(
            st.tuples(st.integers(0, 4), st.sampled_from([None, "i", "j", "k", "l", "m"])),
            min_size=1,
            max_size=5,
        ),
    ),
    deed(
        "bound",
        name=NAME,
        length_max=st.none() | st.integers(1, 5),
        largest=st.none() | st.integers(2, 6),
    ),
    deed("pop", name=NAME, count=st.integers(1, 5)),
    deed("restart"),
)


@settings(max_examples=150, deadline=None)
@given(deeds=st.lists(DEEDS, min_size=5, max_size=30))
def test_what_one_queue_refuses_the_others_get_as_the_publish_says(deeds: list[Deed]) -> None:
    both = Crowd()
    for name, arguments in deeds:
        getattr(both, name)(**arguments)
        both.both_know_the_same()
    both.end()


def live(stories: int) -> None:
    """Live random stories, the same each time: what planted faults are looked for with."""
    for seed in range(stories):
        rng = random.Random(seed)
        both = Crowd()
        for _ in range(30):
            name = rng.choice(NAMES)
            chance = rng.random()
            if chance < 0.25:
                both.bound(name, rng.choice((None, 1, 3, 5)), rng.choice((None, 2, 4, 6)))
            elif chance < 0.4:
                both.pop(name, rng.randint(1, 5))
            else:
                first = rng.randrange(50)
                ids = (None, str(first), str(first + 1))
                some = [(rng.randint(0, 4), rng.choice(ids)) for _ in range(4)]
                both.publish(rng.choice((ALL, FULL, ANY, ANY)), some)
            both.both_know_the_same()
        both.end()
