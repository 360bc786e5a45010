"""Whatever time has something to do with has its turn, however much there is to do elsewhere."""

import random
from collections.abc import Callable

from postroad.core import history
from postroad.core import records as facts
from postroad.core.bits import PAGE
from postroad.core.exchanges.records import BindingsRemoved
from postroad.core.kv.records import KvExpired, KvSwept
from postroad.core.schedules.records import SlotsFired
from postroad.core.topics.records import Cleaned, LogCut, ShareFed, Superseded
from postroad.limits import CLOCK_SLICES_MAX
from postroad.model import commands, groups, kv, topics
from postroad.model.exchanges import FANOUT, Bind, DeclareExchange, DeleteExchange, ExchangeSettings
from postroad.model.policy import QueueSettings
from postroad.model.schedules import DeclareSchedule, ScheduleSettings
from tests.unit.core.road import Road

TURNS = (
    (history.HolderLeft,),
    (facts.Swept,),
    (facts.Dropped,),
    (SlotsFired,),
    (facts.MoveTaskMoved, facts.MoveTaskEnded),
    (BindingsRemoved,),
    (KvExpired, KvSwept),
    (LogCut,),
    (ShareFed,),
    (Superseded, Cleaned),
)
"""What each of the clocks writes, in their order; a move drops what it moves, too."""
WAITS_MAX = len(TURNS) * CLOCK_SLICES_MAX
"""Slices that one of them waits at most: those that each other may have in a row."""
HOUR_MS = 3_600_000


class Busy:
    """A broker that is given more to do than it can. `waits`: for how many slices each clock has
    had something to do; `longest`: the most of them so far."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.road = road = Road()
        self.waits = [0] * len(TURNS)
        self.turns = [0] * len(TURNS)
        self.count = 0
        for name in ("slots", "to", "dead", "purged", "held", "bound"):
            road.declare(name, lease_ms=HOUR_MS)
        road.declare("bad", lease_ms=HOUR_MS, dead_letter_queue="dead")
        road.ask(topics.DeclareTopic("short", 1, topics.TopicSettings(retention_ms=20)))
        compact = topics.TopicSettings(compact=True, compact_messages=3)
        road.ask(topics.DeclareTopic("latest", 1, compact))

    def deeds(self) -> list[Callable[[], None]]:
        return [
            self.leave,
            self.purge,
            self.die,
            self.plan,
            self.move,
            self.unbind,
            self.end_keys,
            self.age,
            self.share,
            self.supersede,
        ]

    def leave(self) -> None:
        """Somebody goes who holds messages."""
        caller = self.road.connect(1_000 + self.count)
        self.road.publish(b"held", b"too", to=("held",))
        self.road.ask(commands.Receive("held", 2, commands.SESSION_LEASE), caller)
        self.road.core.forget(caller)

    def purge(self) -> None:
        """A page of it is to be swept now and then."""
        self.road.publish(*[b""] * (PAGE // 2), to=("purged",))
        self.road.ask(commands.PurgeQueue("purged"))

    def die(self) -> None:
        self.road.publish(b"bad", to=("bad",))
        self.road.settle(self.road.receive("bad"), commands.REJECT)

    def plan(self) -> None:
        name = f"every-{self.count % 30}"
        self.road.ask(DeclareSchedule(name, ScheduleSettings("slots", every_ms=10)))

    def move(self) -> None:
        name = f"from-{self.count}"
        self.road.declare(name)
        self.road.publish(b"moved", to=(name,))
        self.road.ask(commands.StartMoveTask(name, "to"))

    def unbind(self) -> None:
        name = f"x-{self.count}"
        self.road.ask(DeclareExchange(name, ExchangeSettings(FANOUT)))
        self.road.ask(Bind(name, "bound"))
        self.road.ask(DeleteExchange(name))

    def end_keys(self) -> None:
        self.road.ask(kv.KvSet("s", [b"%d" % self.count], [b"v"], ttl_ms=self.dice.randint(1, 9)))

    def age(self) -> None:
        self.road.ask(topics.Append("short", [b"old"]))

    def share(self) -> None:
        settings = QueueSettings(lease_ms=HOUR_MS)
        self.road.ask(groups.DeclareGroup("short", f"g-{self.count}", settings, "earliest"))

    def supersede(self) -> None:
        self.road.ask(topics.Append("latest", [b"v"] * 4, keys=[b"k"] * 4))

    def due(self) -> list[bool]:
        """Which of the clocks have something to do now."""
        road = self.road
        dues = [clock.next_ms(road.core.world) for clock in road.core.schedule.clocks]
        assert len(dues) == len(TURNS)
        return [0 < due <= road.now for due in dues]

    def slice(self) -> None:
        """Time goes on, and does one thing."""
        self.road.now += self.dice.choice((0, 1, 10))
        before = self.due()
        schedule = self.road.core.schedule
        leaving, swept = len(schedule.ending), len(schedule.sweeping)
        kinds = {type(one) for one in self.road.tick()}
        if kinds & set(TURNS[4]):
            kinds.discard(facts.Dropped)
        if len(schedule.ending) < leaving:
            kinds.add(history.HolderLeft)
        if len(schedule.sweeping) < swept:
            kinds.add(facts.Swept)
        after = self.due()
        for at, written in enumerate(TURNS):
            had = bool(kinds & set(written))
            self.turns[at] += had
            self.waits[at] = self.waits[at] + 1 if before[at] and after[at] and not had else 0
            assert self.waits[at] <= WAITS_MAX, f"{written[0].__name__} waits for its turn"

    def go_on(self) -> None:
        self.count += 1
        for deed in self.dice.choices(self.deeds(), k=self.dice.choice((0, 1, 2, 6))):
            deed()
        self.slice()


def live(stories: int) -> list[int]:
    """Live random stories, the same each time; how many turns each of the clocks had."""
    turns = [0] * len(TURNS)
    for seed in range(stories):
        busy = Busy(seed)
        for _ in range(200):
            busy.go_on()
        busy.road.check()
        turns = [sum(pair) for pair in zip(turns, busy.turns, strict=True)]
    return turns


def test_all_that_time_does_takes_turns_however_much_there_is_to_do() -> None:
    assert min(live(3)) > 10, "all of them have something to do"
