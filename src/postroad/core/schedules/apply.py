"""Facts of schedules -> change of state.

One rule: apply is total, and knows neither zones nor cron: the next slot is in the fact.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.schedules import records as facts
from postroad.core.schedules.state import Timetable
from postroad.core.state import State


def schedule_set(state: State, record: facts.ScheduleSet) -> None:
    """A schedule is there, or another one than before."""
    schedules = state.schedules
    timetable = schedules.by_name.get(record.name)
    if timetable is None:
        timetable = Timetable(record.name, record.settings, record.now_ms)
        schedules.add(timetable)
    schedules.ledger.touch(timetable)
    timetable.settings = record.settings
    timetable.paused = record.paused
    timetable.failure = ""
    schedules.plan_next(timetable, record.next_ms, record.offset_ms)


def schedule_paused(state: State, record: facts.SchedulePaused) -> None:
    """It rests, or goes on."""
    schedules = state.schedules
    timetable = schedules.by_name[record.name]
    schedules.ledger.touch(timetable)
    timetable.paused = record.paused
    schedules.plan_next(timetable, record.next_ms)


def schedule_deleted(state: State, record: facts.ScheduleDeleted) -> None:
    """It is gone."""
    state.schedules.drop(state.schedules.by_name[record.name])


def slots_fired(state: State, record: facts.SlotsFired) -> None:
    """Slots came and went."""
    schedules = state.schedules
    timetable = schedules.by_name[record.name]
    schedules.ledger.touch(timetable)
    timetable.fired += record.fired
    timetable.failed += record.failed
    timetable.passed += record.passed
    if record.fired or record.failed:
        timetable.slot_ms = record.slot_ms
        timetable.fired_ms = record.now_ms
        timetable.failure = record.failure
        # What is fired by hand is not late, and waits for no offset.
        schedules.late_ms = max(0, record.now_ms - record.slot_ms - timetable.offset_ms)
    schedules.fired += record.fired
    schedules.failed += record.failed
    schedules.plan_next(timetable, record.next_ms)


APPLY: dict[type, Callable[[State, Any], None]] = {
    facts.ScheduleSet: schedule_set,
    facts.SchedulePaused: schedule_paused,
    facts.ScheduleDeleted: schedule_deleted,
    facts.SlotsFired: slots_fired,
}
"""What each fact changes."""
