"""Commands about schedules: declare, pause, delete, fire, list.

One rule: declaring what is there already changes nothing, so that every start of a program may
do it.
"""

from collections.abc import Callable
from itertools import islice
from typing import Any

from postroad.core.decision import Decision, Missing, World, no_such_queue, refuse
from postroad.core.schedules.fire import publish_slots
from postroad.core.schedules.records import (
    ScheduleDeleted,
    SchedulePaused,
    ScheduleSet,
    SlotsFired,
)
from postroad.core.schedules.slots import offset_of, slot_after
from postroad.core.schedules.state import Timetable
from postroad.core.state import State
from postroad.limits import PAGE_NAMES, SCHEDULES_MAX
from postroad.model.exchanges import TO_QUEUE, TO_TOPIC
from postroad.model.names import bad_name
from postroad.model.replies import Done, Refused, Why
from postroad.model.schedules import (
    DeclareSchedule,
    DeleteSchedule,
    FireSchedule,
    ListSchedules,
    PauseSchedule,
    ScheduleDeclared,
    ScheduleFired,
    ScheduleInfo,
    ScheduleSettings,
    SchedulesListed,
    bad_schedule,
)


def decide_declare(world: World, command: DeclareSchedule, now: int) -> Decision:
    """A schedule is as it is told from here on."""
    state = world.state
    known = state.schedules.by_name.get(command.name)
    refusal = _refused(world, command, known)
    if refusal is not None:
        return refusal
    paused = command.paused
    if paused is None:
        paused = known is not None and known.paused
    if known is not None and known.settings == command.settings and known.paused is paused:
        return Decision([], ScheduleDeclared(False, False, known.next_ms), state.changed)
    next_ms = 0 if paused else _next_slot(world, command, known, now)
    offset_ms = offset_of(world, command.name, command.settings)
    record = ScheduleSet(command.name, command.settings, paused, next_ms, now, offset_ms)
    return Decision([record], ScheduleDeclared(known is None, known is not None, next_ms))


def decide_pause(world: World, command: PauseSchedule, now: int) -> Decision:
    """It rests, or goes on with the first slot after now."""
    timetable = world.state.schedules.by_name.get(command.name)
    if timetable is None:
        return _no_such(world.state, command.name)
    if timetable.paused is command.paused:
        return Decision([], Done(), world.state.changed)
    next_ms = 0 if command.paused else slot_after(world, timetable.settings, now)
    return Decision([SchedulePaused(command.name, command.paused, next_ms, now)], Done())


def decide_delete(world: World, command: DeleteSchedule, _now: int) -> Decision:
    """It is forgotten."""
    if command.name not in world.state.schedules.by_name:
        return _no_such(world.state, command.name)
    return Decision([ScheduleDeleted(command.name)], Done())


def decide_fire(world: World, command: FireSchedule, now: int) -> Decision:
    """Its message now, beside its slots."""
    timetable = world.state.schedules.by_name.get(command.name)
    if timetable is None:
        return _no_such(world.state, command.name)
    decision = publish_slots(world, timetable, [now], now)
    if isinstance(decision.reply, Refused):
        return decision
    record = SlotsFired(command.name, 1, 0, 0, now, timetable.next_ms, now)
    return Decision([*decision.records, record], ScheduleFired(now))


def decide_list(world: World, command: ListSchedules, _now: int) -> Decision:
    """Some of them, in order of their names."""
    state = world.state
    if not 1 <= command.count <= PAGE_NAMES:
        return refuse(Why.BAD_COMMAND, f"1 to {PAGE_NAMES:,} schedules are listed at once")
    names = state.schedules.names_after(command.after, command.prefix)
    found = list(islice(names, command.count + 1))
    infos = [_info(state.schedules.by_name[name]) for name in found[: command.count]]
    return Decision([], SchedulesListed(infos, len(found) > command.count), state.changed)


def _next_slot(world: World, command: DeclareSchedule, known: Timetable | None, now: int) -> int:
    """The first slot after now; where the times are as they were, one that is due stays due."""
    settings = command.settings
    if known is not None and known.next_ms and _times(known.settings) == _times(settings):
        return known.next_ms
    return slot_after(world, settings, now)


def _times(settings: ScheduleSettings) -> tuple[object, ...]:
    every = (settings.every_ms, settings.anchor_ms)
    return (settings.cron, settings.zone, *every, settings.until_ms)


def _refused(world: World, command: DeclareSchedule, known: Timetable | None) -> Decision | None:
    """Why it cannot be, or `None`."""
    wrong = bad_name(command.name)
    if wrong is not None:
        return refuse(Why.BAD_NAME, wrong)
    settings = command.settings
    wrong = bad_schedule(settings)
    if wrong is None and settings.cron:
        wrong = world.calendar.fault(settings.cron, settings.zone)
    if wrong is not None:
        return refuse(Why.BAD_SETTINGS, f"schedule `{command.name}`: {wrong}")
    if known is None and len(world.state.schedules.by_name) >= SCHEDULES_MAX:
        text = f"there are {SCHEDULES_MAX:,} schedules at most; delete some first"
        return refuse(Why.TOO_MANY, text, world.state.changed)
    return _no_target(world.state, settings)


def _no_target(state: State, settings: ScheduleSettings) -> Decision | None:
    """The refusal of a target that is not there. One that goes later is noted at each slot."""
    target = settings.target
    if settings.target_kind == TO_QUEUE:
        return None if target in state.by_name else no_such_queue(state, target)
    if settings.target_kind == TO_TOPIC:
        if target in state.topics.by_name:
            return None
        return refuse(Why.NO_SUCH_TOPIC, f"topic `{target}` does not exist", state.changed)
    if target in state.exchanges.by_name:
        return None
    return refuse(Why.NO_SUCH_EXCHANGE, f"exchange `{target}` does not exist", state.changed)


def _no_such(state: State, name: str) -> Decision:
    return refuse(Why.NO_SUCH_SCHEDULE, f"schedule `{name}` does not exist", state.changed)


def _info(timetable: Timetable) -> ScheduleInfo:
    return ScheduleInfo(
        timetable.name,
        timetable.settings,
        timetable.paused,
        timetable.next_ms,
        timetable.slot_ms,
        timetable.fired_ms,
        timetable.fired,
        timetable.failed,
        timetable.passed,
        timetable.failure,
        timetable.declared_ms,
        timetable.due_ms,
    )


DECIDERS: dict[type, Callable[[World, Any, int], Decision | Missing]] = {
    DeclareSchedule: decide_declare,
    PauseSchedule: decide_pause,
    DeleteSchedule: decide_delete,
    FireSchedule: decide_fire,
    ListSchedules: decide_list,
}
