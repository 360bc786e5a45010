"""What may be asked about schedules, and what is answered.

It stands beside commands and replies, which take these into their unions. The rule kept here: a
slot is an instant that a schedule names in advance; it is fired once or passed over, never twice.
"""

import msgspec
from msgspec import Struct

from postroad.limits import (
    DURATION_MS_MAX,
    KEY_LENGTH_MAX,
    PRIORITY_MAX,
    SCHEDULE_BODY_BYTES_MAX,
    SCHEDULE_CRON_CHARS_MAX,
    SCHEDULE_EVERY_MS_MIN,
    SCHEDULE_JITTER_MS_MAX,
)
from postroad.model.exchanges import TARGET_KINDS, TO_QUEUE, TO_TOPIC
from postroad.model.heads import bad_head
from postroad.model.kinds import FLAG, NUMBER, TEXT, Shapes
from postroad.model.message import HEAD_PLAIN
from postroad.model.value import value

MISSED_ONE = "one"
MISSED_ALL = "all"
MISSED_SKIP = "skip"
MISSED = (MISSED_ONE, MISSED_ALL, MISSED_SKIP)
"""What becomes of slots whose time came while nobody could fire them."""

SCHEDULE_HEADER = "postroad-schedule"
"""Header of a message that a schedule fired: the schedule's name."""
SLOT_HEADER = "postroad-slot"
"""Header of a message that a schedule fired: the slot, in ms since 1970."""


class ScheduleSettings(Struct, frozen=True, array_like=True, gc=False):
    """What a schedule fires, where to, and when.

    `target`: a queue, exchange or topic, as `target_kind` says; `routing_key`: for an exchange.
    `body`, `head`: of each message; `key`: its ordering key. When: either `cron`, five fields read
    in the time of `zone`, or `every_ms`: at `anchor_ms` and each so many ms before and after it;
    no later than `until_ms`. `missed`: of the slots that are due at once the newest is fired
    (`one`), or all, the oldest first (`all`, at most `SCHEDULE_MISSED_MAX`), or the newest unless
    it is late (`skip`). `late_ms`: a slot that is late by more is passed over; `None`: none is, and
    with `skip` one that is late by more than `SCHEDULE_LATE_MS`. `jitter_ms`: each slot is fired
    later by the same time, from 0 to less than this, which the schedule's name and the broker make
    by chance once; a slot is late from then on. `ttl_ms`, `priority`: of each message, as in
    `Publish`; a topic knows neither.
    """

    target: str
    target_kind: str = TO_QUEUE
    routing_key: str = ""
    body: bytes = b""
    head: bytes = b""
    key: str | None = None
    cron: str = ""
    zone: str = "UTC"
    every_ms: int = 0
    anchor_ms: int = 0
    until_ms: int | None = None
    missed: str = MISSED_ONE
    late_ms: int | None = None
    jitter_ms: int = 0
    ttl_ms: int | None = None
    priority: int | None = None


@value
class DeclareSchedule:
    """Make a schedule exist with these settings; one that has others gets them, and its next slot
    is the first after now unless they say the same times.

    `paused`: whether it fires nothing from here on; `None`: as it was. Answer: `ScheduleDeclared`,
    or `Refused(BAD_NAME, BAD_SETTINGS, NO_SUCH_QUEUE, NO_SUCH_EXCHANGE, NO_SUCH_TOPIC, TOO_LARGE,
    TOO_MANY)`.
    """

    name: str
    settings: ScheduleSettings
    paused: bool | None = None


@value
class PauseSchedule:
    """Fire nothing until it is resumed with `paused` false; slots of the time between are passed
    over. Answer: `Done`, or `Refused(NO_SUCH_SCHEDULE)`."""

    name: str
    paused: bool = True


@value
class DeleteSchedule:
    """Forget a schedule. Answer: `Done`, or `Refused(NO_SUCH_SCHEDULE)`."""

    name: str


@value
class FireSchedule:
    """Fire a schedule now, paused or not; its slots stay as they are. Answer: `ScheduleFired`, or
    the refusal of its message, or `Refused(NO_SUCH_SCHEDULE)`."""

    name: str


@value
class ListSchedules:
    """The schedules whose names start with `prefix`, in order, those after `after`, at most
    `count`. Answer: `SchedulesListed`."""

    prefix: str = ""
    after: str = ""
    count: int = 100


ScheduleCommand = DeclareSchedule | PauseSchedule | DeleteSchedule | FireSchedule | ListSchedules


@value
class ScheduleDeclared:
    """`created` is false when it existed; `changed` when it was as it should be already, or is new.
    `next_ms`: its next slot, 0 for none."""

    created: bool
    changed: bool
    next_ms: int


@value
class ScheduleFired:
    """The message is on its way; `slot_ms` is the instant it carries."""

    slot_ms: int


@value
class ScheduleInfo:
    """A schedule. `next_ms`: its next slot; 0: none, since it is paused or over. `fired`: slots
    whose messages were taken; `failed`: those whose messages were refused, the last time for the
    reason `failure` (empty: the last one was taken); `passed`: those known to be passed over.
    `slot_ms`: the newest slot fired or refused; `fired_ms`: when. 0: never. `due_ms`: when the next
    slot is fired: at the slot, or later by the schedule's share of its jitter; 0 where none is."""

    name: str
    settings: ScheduleSettings
    paused: bool
    next_ms: int
    slot_ms: int
    fired_ms: int
    fired: int
    failed: int
    passed: int
    failure: str
    declared_ms: int
    due_ms: int = 0


@value
class SchedulesListed:
    """`more`: ask for those after the last one."""

    schedules: list[ScheduleInfo]
    more: bool


ScheduleReply = ScheduleDeclared | ScheduleFired | SchedulesListed

FIELDS: Shapes = {
    DeclareSchedule: (
        ("name", TEXT),
        ("settings", (ScheduleSettings,)),
        ("paused", (bool, type(None))),
    ),
    PauseSchedule: (("name", TEXT), ("paused", FLAG)),
    DeleteSchedule: (("name", TEXT),),
    FireSchedule: (("name", TEXT),),
    ListSchedules: (("prefix", TEXT), ("after", TEXT), ("count", NUMBER)),
}
"""Fields that hold one thing, and what each may be."""

_UNREADABLE = (msgspec.MsgspecError, TypeError, OverflowError, UnicodeEncodeError, RecursionError)

_encode = msgspec.msgpack.Encoder().encode
_settings = msgspec.msgpack.Decoder(ScheduleSettings).decode


def unsound_schedule(command: object) -> str | None:
    """What is wrong with the kinds in settings: a row of them must be read back as it was."""
    assert isinstance(command, DeclareSchedule), "no other command has such settings"
    try:
        _settings(_encode(command.settings))
    except _UNREADABLE as error:
        return f"settings: {error}"
    return None


def bad_schedule(settings: ScheduleSettings) -> str | None:
    """What is wrong with settings whose kinds are right, in one line, or `None`; whether there are
    such slots of cron is for who can read it."""
    if settings.target_kind not in TARGET_KINDS:
        return f"`target_kind` is one of {', '.join(TARGET_KINDS)}"
    if settings.missed not in MISSED:
        return f"`missed` is one of {', '.join(MISSED)}"
    if len(settings.body) + len(settings.head) > SCHEDULE_BODY_BYTES_MAX:
        return f"body and headers have at most {SCHEDULE_BODY_BYTES_MAX:,} bytes together"
    if settings.key is not None and len(settings.key) > KEY_LENGTH_MAX:
        return f"a key has at most {KEY_LENGTH_MAX:,} characters"
    if settings.head and settings.head[0] != HEAD_PLAIN:
        return "its head is no plain one"
    return bad_head([settings.head]) or _bad_life(settings) or _bad_times(settings)


def _bad_life(settings: ScheduleSettings) -> str | None:
    ttl_ms, priority = settings.ttl_ms, settings.priority
    if settings.target_kind == TO_TOPIC and (ttl_ms is not None or priority is not None):
        return "a topic knows neither `ttl_ms` nor `priority`"
    if ttl_ms is not None and not 0 <= ttl_ms <= DURATION_MS_MAX:
        return f"`ttl_ms` is from 0 to {DURATION_MS_MAX:,}"
    if priority is not None and not 0 <= priority <= PRIORITY_MAX:
        return f"`priority` is from 0 to {PRIORITY_MAX}"
    return None


def _bad_times(settings: ScheduleSettings) -> str | None:
    if bool(settings.cron) == bool(settings.every_ms):
        return "give either `cron` or an interval"
    if max(len(settings.cron), len(settings.zone)) > SCHEDULE_CRON_CHARS_MAX:
        return f"cron and zone have at most {SCHEDULE_CRON_CHARS_MAX} characters each"
    if settings.every_ms and not SCHEDULE_EVERY_MS_MIN <= settings.every_ms <= DURATION_MS_MAX:
        return f"an interval is from {SCHEDULE_EVERY_MS_MIN} to {DURATION_MS_MAX:,} ms"
    if not 0 <= settings.anchor_ms <= DURATION_MS_MAX:
        return f"`anchor_ms` is from 0 to {DURATION_MS_MAX:,}"
    if not 0 <= settings.jitter_ms <= SCHEDULE_JITTER_MS_MAX:
        return f"`jitter_ms` is from 0 to {SCHEDULE_JITTER_MS_MAX:,}"
    for name, ms in (("until_ms", settings.until_ms), ("late_ms", settings.late_ms)):
        if ms is not None and not 0 <= ms <= DURATION_MS_MAX:
            return f"`{name}` is from 0 to {DURATION_MS_MAX:,}"
    return None
