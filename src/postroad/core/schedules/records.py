"""The facts of schedules, tags 110 to 113.

One rule: a fact carries the next slot as it was found when it was decided: no other calendar can
change what was.
"""

from postroad.core.records import Record
from postroad.model.schedules import ScheduleSettings


class ScheduleSet(Record, tag=110):
    """A schedule has these settings from here on. `next_ms` 0: it has no slot to come.
    `offset_ms`: how much later than its slots it fires."""

    name: str
    settings: ScheduleSettings
    paused: bool
    next_ms: int
    now_ms: int
    offset_ms: int = 0


class SchedulePaused(Record, tag=111):
    """A schedule fires nothing from here on, or fires again."""

    name: str
    paused: bool
    next_ms: int
    now_ms: int


class ScheduleDeleted(Record, tag=112):
    """A schedule is forgotten."""

    name: str


class SlotsFired(Record, tag=113):
    """Slots came. The messages of `fired` of them were published in the same step, those of
    `failed` were refused, for the reason `failure`; `passed` were passed over. `slot_ms`: the
    newest one that was not passed over, 0 for none; `next_ms`: the first that is to come."""

    name: str
    fired: int
    failed: int
    passed: int
    slot_ms: int
    next_ms: int
    now_ms: int
    failure: str = ""


ScheduleRecord = ScheduleSet | SchedulePaused | ScheduleDeleted | SlotsFired
