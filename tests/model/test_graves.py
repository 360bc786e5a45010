"""Dead letters through exchanges, against lists: whatever dies, both know where it went and how it
came there."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from postroad.core.load import canonical
from postroad.limits import DEAD_WAIT_MS
from postroad.model import commands
from postroad.model.exchanges import Bind, DeclareExchange, ExchangeSettings, PublishTo, Unbind
from postroad.model.message import Death
from postroad.model.policy import QueueSettings
from postroad.model.properties import Properties, routed_head, write_properties
from tests.unit.core.road import Road, replayed

NAMES = ("a", "b", "c", "d")
KEYS = ("red", "blue", "a")
QUEUES = st.sampled_from(NAMES)
ROUTING = st.sampled_from(KEYS)
WAYS = st.fixed_dictionaries(
    {
        "dead_letter_exchange": st.sampled_from([None, "", "x", "x", "missing"]),
        "dead_letter_routing_key": st.sampled_from([None, "red", "b", "c"]),
        "dead_letter_strict": st.booleans(),
        "deliveries_max": st.sampled_from([None, 1, 2]),
        "ttl_ms": st.sampled_from([None, 200, 1_500]),
    }
)

FAILURE = "it broke: the disk is on fire"


@dataclass
class Naive:
    """A message of the model. `way`: exchange and keys it travels under, `None`: it came by no
    exchange; `died`: of what, while it is dead."""

    body: bytes
    came_ms: int
    way: tuple[str, tuple[str, ...]] | None
    count: int = 0
    died: str = ""
    failure: str = ""
    deaths: list[Death] = field(default_factory=list)


class Graves(RuleBasedStateMachine):
    """Four queues, one exchange, and bindings that come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.road = Road()
        self.held: dict[str, list[Naive]] = {name: [] for name in NAMES}
        self.settings: dict[str, QueueSettings] = {}
        self.rests: dict[str, int] = {}
        self.bound: set[tuple[str, str]] = set()
        self.published = 0

    @initialize(ways=st.tuples(*[WAYS] * 4))
    def begin(self, ways: tuple[dict[str, Any]]) -> None:
        self.road.ask(DeclareExchange("x", ExchangeSettings("direct")))
        for name, way in zip(NAMES, ways, strict=True):
            given = dict(way)
            if given["dead_letter_exchange"] is None:
                given["dead_letter_routing_key"] = None
            self.settings[name] = QueueSettings(**given)
            self.road.declare(name, **given)

    @rule(name=QUEUES, count=st.integers(1, 4))
    def publish(self, name: str, count: int) -> None:
        bodies = [b"%d" % (self.published + at) for at in range(count)]
        self.published += count
        self.road.publish(*bodies, to=(name,))
        self.held[name] += [Naive(body, self.road.now, None) for body in bodies]
        self.look()

    @rule(key=st.sampled_from(NAMES), copy=st.sampled_from([None, "red", "blue"]))
    def publish_by_name(self, key: str, copy: str | None) -> None:
        headers = None if copy is None else {"CC": [copy]}
        head = routed_head("", key, write_properties(Properties(headers=headers)))  # type: ignore[arg-type]
        self.road.ask(PublishTo("", (key,), [b"%d" % self.published], [head]))
        way = ("", (key,) if copy is None else (key, copy))
        self.held[key].append(Naive(b"%d" % self.published, self.road.now, way))
        self.published += 1
        self.look()

    @rule(name=QUEUES, outcome=st.sampled_from([commands.REJECT, commands.RETRY, commands.ACK]))
    def receive_and_settle(self, name: str, outcome: int) -> None:
        messages = self.road.receive(name, 3)
        if messages:
            self.road.settle(messages, outcome, failure=FAILURE)
        mine = {message.body for message in messages}
        assert len(mine) == min(3, sum(not one.died for one in self.held[name]))
        for one in [one for one in self.held[name] if one.body in mine and not one.died]:
            self.settled(name, one, outcome)
        self.look()

    def settled(self, name: str, one: Naive, outcome: int) -> None:
        settings = self.settings[name]
        one.count += 1
        no_way = outcome == commands.REJECT and settings.dead_letter_exchange is None
        if no_way or outcome == commands.ACK:
            self.held[name].remove(one)
        elif settings.deliveries_max is not None and one.count >= settings.deliveries_max:
            one.died = "max-deliveries"
        elif outcome == commands.REJECT:
            one.died = "rejected"
        one.failure = FAILURE if one.died else ""

    @rule(name=QUEUES, key=ROUTING)
    def bind(self, name: str, key: str) -> None:
        self.road.ask(Bind("x", name, key))
        self.bound.add((key, name))
        self.look()

    @rule(name=QUEUES, key=ROUTING)
    def unbind(self, name: str, key: str) -> None:
        self.road.ask(Unbind("x", name, key))
        self.bound.discard((key, name))
        self.look()

    @rule(ms=st.sampled_from([1, 150, 200, DEAD_WAIT_MS, 1_500]))
    def wait(self, ms: int) -> None:
        self.road.now += ms
        self.look()

    @rule(epoch=st.integers(2, 9))
    def crash(self, epoch: int) -> None:
        self.road.restart(self.road.state.group + epoch)
        self.rests.clear()
        self.look()

    def look(self) -> None:
        self.road.settle_down()
        while self.expire() or self.bury():
            pass
        self.road.state.check()
        for name in NAMES:
            seen = [
                (
                    one.message.body,
                    one.state,
                    [] if one.message.note is None else one.message.note.deaths,
                )
                for one in self.road.peek(name, count=1_000)
            ]
            known = [
                (one.body, "dead" if one.died else "ready", one.deaths) for one in self.held[name]
            ]
            assert sorted(seen, key=repr) == sorted(known, key=repr)

    def expire(self) -> bool:
        changed = False
        for name, held in self.held.items():
            life = self.settings[name].ttl_ms
            for one in list(held):
                if life is None or one.died or one.came_ms + life > self.road.now:
                    continue
                changed = True
                if self.settings[name].dead_letter_exchange is None:
                    held.remove(one)
                else:
                    one.died = "expired"
        return changed

    def bury(self) -> bool:
        changed = False
        for name, held in self.held.items():
            dead = [one for one in held if one.died]
            if not dead or self.rests.get(name, 0) > self.road.now:
                continue
            gone = [one for one in dead if self.goes(name, one)]
            for one in gone:
                held.remove(one)
            if gone:
                self.rests.pop(name, None)
                changed = True
            else:
                self.rests[name] = self.road.now + DEAD_WAIT_MS
        return changed

    def goes(self, name: str, one: Naive) -> bool:
        """Whether a dead message leaves; copies of it are where it went."""
        settings = self.settings[name]
        exchange = settings.dead_letter_exchange
        if exchange is None:
            return True
        key = settings.dead_letter_routing_key
        keys = (one.way[1] if one.way else (name,)) if key is None else (key,)
        found = [queue for queue in NAMES if self.leads(exchange, keys, queue)]
        if not found and settings.dead_letter_strict:
            return False
        deaths = self.with_death(name, one)
        for queue in found:
            if not self.is_round(deaths, queue):
                copy = Naive(one.body, self.road.now, (exchange, keys), deaths=deaths)
                self.held[queue].append(copy)
        return True

    def leads(self, exchange: str, keys: tuple[str, ...], queue: str) -> bool:
        if not exchange:
            return queue in keys
        return exchange == "x" and any((key, queue) in self.bound for key in keys)

    def with_death(self, name: str, one: Naive) -> list[Death]:
        known = [death for death in one.deaths if (death.queue, death.reason) == (name, one.died)]
        rest = [death for death in one.deaths if death not in known]
        now = self.road.now
        if known:
            old = known[0]
            times = (old.first_ms, now, old.times + 1)
            last = Death(name, one.died, one.count, *times, old.exchange, old.keys, old.number)
        else:
            exchange, keys = one.way or (None, ())
            number = len(one.deaths)
            last = Death(name, one.died, one.count, now, 0, 1, exchange, keys, number)
        last.failure = one.failure
        return [*rest, last]

    @staticmethod
    def is_round(deaths: list[Death], queue: str) -> bool:
        names = [death.queue for death in deaths]
        if queue not in names:
            return False
        since = len(names) - 1 - names[::-1].index(queue)
        return all(death.reason != "rejected" for death in deaths[since:])

    def teardown(self) -> None:
        assert canonical(replayed(self.road.records())) == canonical(self.road.state)


TestGraves = Graves.TestCase
TestGraves.settings = hypothesis_settings(
    max_examples=60, stateful_step_count=40, deadline=None, print_blob=True
)
