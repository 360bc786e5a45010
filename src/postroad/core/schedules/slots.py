"""The slots of a schedule: which comes next, which are due, and which of those are fired.

One rule: this is asked while deciding and never afterwards.
"""

from hashlib import blake2b

from postroad.core.decision import World
from postroad.limits import SCHEDULE_LATE_MS, SCHEDULE_MISSED_MAX
from postroad.model.schedules import MISSED_ALL, MISSED_SKIP, ScheduleSettings


def slot_after(world: World, settings: ScheduleSettings, ms: int) -> int:
    """The first slot after an instant, in ms; 0: there is none."""
    if settings.cron:
        slot = world.calendar.after(settings.cron, settings.zone, ms)
    else:
        passed = (ms - settings.anchor_ms) // settings.every_ms
        slot = settings.anchor_ms + (passed + 1) * settings.every_ms
    if settings.until_ms is not None and slot > settings.until_ms:
        return 0
    return slot


def offset_of(world: World, name: str, settings: ScheduleSettings) -> int:
    """How much later than its slots a schedule fires, in ms: the same for all of them, so that they
    stay as far apart as they are, and after each start."""
    if not settings.jitter_ms:
        return 0
    salt = world.state.catalog.salt[:64]
    number = int.from_bytes(blake2b(name.encode(), digest_size=8, key=salt).digest(), "big")
    return number % settings.jitter_ms


def due_slots(world: World, settings: ScheduleSettings, slot_ms: int, now: int) -> list[int]:
    """The slots from `slot_ms`, which is one, up to now, in order; the last ones where they are
    many."""
    last = now if settings.until_ms is None else min(now, settings.until_ms)
    if settings.cron:
        span_ms = (slot_ms, last)
        found = world.calendar.newest(settings.cron, settings.zone, span_ms, SCHEDULE_MISSED_MAX)
        # Where the calendar knows better by now the slot that was promised still counts.
        return found or [slot_ms]
    every_ms = settings.every_ms
    newest = slot_ms + (last - slot_ms) // every_ms * every_ms
    oldest = max(slot_ms, newest - (SCHEDULE_MISSED_MAX - 1) * every_ms)
    return list(range(oldest, newest + 1, every_ms))


def fired_of(settings: ScheduleSettings, due: list[int], now: int) -> list[int]:
    """Which of the slots that are due are fired; the others are passed over."""
    late_ms = settings.late_ms
    if late_ms is None and settings.missed == MISSED_SKIP:
        late_ms = SCHEDULE_LATE_MS
    if late_ms is not None:
        due = [slot for slot in due if now - slot <= late_ms]
    return due if settings.missed == MISSED_ALL else due[-1:]
