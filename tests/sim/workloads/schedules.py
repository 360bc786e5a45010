"""What clients do with schedules: some run for as long as the story, one is changed by everybody.

All of them lead to one topic, where what was fired stays to be looked at.
"""

from typing import TYPE_CHECKING, Any

from postroad.model import topics
from postroad.model.exchanges import TO_TOPIC
from postroad.model.schedules import (
    DeclareSchedule,
    DeleteSchedule,
    FireSchedule,
    ListSchedules,
    PauseSchedule,
    ScheduleSettings,
)

if TYPE_CHECKING:
    from tests.sim.workload import Session

TICKS = "ticks"
STEADY, LATEST, FRESH, HAND, LOOSE = "steady", "latest", "fresh", "hand", "loose"
DAY_MS = 86_400_000
BODY = b"900000000.0|tick"
MISSED_MAX = 20
EVERY_MS = {STEADY: 40, LATEST: 70, FRESH: 90, HAND: DAY_MS}
MISSED = {STEADY: "all", LATEST: "one", FRESH: "skip", HAND: "one"}
LATE_MS = {FRESH: 30}
JITTER_MS = {LATEST: 60}
CHOICES_MS = (30, 45, 200)
LOOSE_JITTER_MS = {45: 100}


def settings_of(name: str, every_ms: int, missed: str = "one") -> ScheduleSettings:
    """Settings that say nothing else."""
    late_ms = LATE_MS.get(name)
    return ScheduleSettings(
        *(TICKS, TO_TOPIC),
        body=BODY,
        every_ms=every_ms,
        missed=missed,
        late_ms=late_ms,
        jitter_ms=LOOSE_JITTER_MS.get(every_ms, 0) if name == LOOSE else JITTER_MS.get(name, 0),
    )


FIXED = tuple(
    DeclareSchedule(name, settings_of(name, EVERY_MS[name], MISSED[name])) for name in EVERY_MS
)
NEEDS = (topics.DeclareTopic(TICKS, 1), *FIXED)


def next_of_schedules(session: "Session", _publish: int) -> Any:
    """Something to ask."""
    rng = session.rng
    chance = rng.random()
    if chance < 0.15:
        return NEEDS[0]
    if chance < 0.4:
        return rng.choice(FIXED)
    if chance < 0.6:
        settings = settings_of(LOOSE, rng.choice(CHOICES_MS), rng.choice(("one", "all")))
        return DeclareSchedule(LOOSE, settings, rng.choice((None, None, False, True)))
    if chance < 0.7:
        return PauseSchedule(LOOSE, rng.random() < 0.5)
    if chance < 0.75:
        return DeleteSchedule(LOOSE)
    if chance < 0.85:
        return FireSchedule(HAND)
    return ListSchedules(rng.choice(("", "l", STEADY)))
