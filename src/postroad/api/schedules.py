"""What a Python program can do with schedules.

It stands beside `operations`, of which it is a part. The rule kept here: one call says all of a
schedule, so that every start of a program may make it again.
"""

import re
from datetime import timedelta
from typing import Final, TypedDict, Unpack

import msgspec

from postroad.api.asks import Asks
from postroad.api.messages import Body, Headers, bytes_of, head_of
from postroad.api.options import duration
from postroad.api.refusals import expect
from postroad.errors import BadSettings
from postroad.limits import PAGE_NAMES
from postroad.model.exchanges import TO_EXCHANGE, TO_QUEUE, TO_TOPIC
from postroad.model.message import keyed_head
from postroad.model.replies import Done
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

Every = str | int | timedelta
"""A time between slots: `500ms`, `30s`, `5m`, `12h` or `1d`; whole ms; or a `timedelta`."""

_FORM: Final = re.compile(r"(\d{1,15})(ms|s|m|h|d)", re.ASCII)
_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_NAMED: Final = (("queue", TO_QUEUE), ("exchange", TO_EXCHANGE), ("topic", TO_TOPIC))


class ScheduleTimes(TypedDict, total=False):
    """When a schedule has slots, and what becomes of those that were missed.

    Either `cron`, read in the time of `zone` (UTC unless set), or `every`, counted from `anchor_ms`
    (1970 unless set, so that `5m` is at :00, :05 and so on). `until_ms`: no slot is later.
    `missed`: of slots that are due at once the newest is fired (`one`), or `all`, or the newest
    unless it is late (`skip`). `late_ms`: what is late by more is passed over. `jitter_ms`: all
    slots are fired later by the same share of it, which the name of the schedule makes by chance,
    so that many schedules of one time are spread.
    """

    cron: str
    zone: str
    every: Every
    anchor_ms: int
    until_ms: int | None
    missed: str
    late_ms: int | None
    jitter_ms: int


class ScheduleOptions(ScheduleTimes, total=False):
    """Where the messages of a schedule go and what they are: one of `queue`, `exchange` (with
    `routing_key`) and `topic`; `body`, `headers`, `key`, `ttl_ms` and `priority` as of any message;
    a topic knows neither of the last two. `paused`: whether it fires nothing from here on; left
    out, that stays as it is.
    """

    queue: str
    exchange: str
    routing_key: str
    topic: str
    body: Body
    headers: Headers | None
    key: str | None
    ttl_ms: int | None
    priority: int | None
    paused: bool | None


class ScheduleOperations:
    """Every operation on schedules."""

    def schedule(self, name: str, /, **options: Unpack[ScheduleOptions]) -> Asks[ScheduleDeclared]:
        """Make a schedule exist with just these options: at each of its slots the broker publishes
        a message, with the headers `postroad-schedule` and `postroad-slot` (ms since 1970).

        Declaring it again changes nothing where nothing is new. `ScheduleOptions` says what each
        option means. Raises `BadSettings`, `QueueNotFound`, `ExchangeNotFound`, `TopicNotFound`,
        `TooMany`.
        """
        paused = options.get("paused")
        if not isinstance(paused, bool | None):
            raise BadSettings(f"schedule `{name}`: `paused` is true, false or left out", name)
        command = DeclareSchedule(name, settings_of(name, options), paused)
        return expect((yield command), ScheduleDeclared, name)

    def schedules(self, prefix: str = "") -> Asks[list[ScheduleInfo]]:
        """The schedules whose names start with `prefix`, in order, and how each fares."""
        found: list[ScheduleInfo] = []
        more = True
        while more:
            after = found[-1].name if found else ""
            page = expect((yield ListSchedules(prefix, after, PAGE_NAMES)), SchedulesListed)
            found.extend(page.schedules)
            more = page.more
        return found

    def pause_schedule(self, name: str) -> Asks[None]:
        """Fire nothing until `resume_schedule`; slots of the time between are passed over. Raises
        `ScheduleNotFound`.
        """
        expect((yield PauseSchedule(name)), Done, name)

    def resume_schedule(self, name: str) -> Asks[None]:
        """Go on with the first slot after now. Raises `ScheduleNotFound`."""
        expect((yield PauseSchedule(name, False)), Done, name)

    def unschedule(self, name: str) -> Asks[None]:
        """Forget a schedule; messages it fired stay. Raises `ScheduleNotFound`."""
        expect((yield DeleteSchedule(name)), Done, name)

    def fire(self, name: str) -> Asks[int]:
        """Fire a schedule now, beside its slots; returns the instant that its message carries as
        its slot, in ms since 1970. Raises `ScheduleNotFound`, or what a publish raises.
        """
        return expect((yield FireSchedule(name)), ScheduleFired, name).slot_ms


def settings_of(name: str, options: ScheduleOptions) -> ScheduleSettings:
    """The settings that options say. Raises `BadSettings`, `TypeError`, `ValueError`."""
    unknown = sorted(set(options) - set(ScheduleOptions.__annotations__))
    if unknown:
        raise BadSettings(f"a schedule has no option `{unknown[0]}`", name)
    targets = [(options[word], kind) for word, kind in _NAMED if word in options]  # type: ignore[literal-required]
    if len(targets) != 1:
        raise BadSettings(f"schedule `{name}`: give one of `queue`, `exchange`, `topic`", name)
    key = options.get("key")
    headers = options.get("headers")
    priority = options.get("priority")
    head = head_of(headers, key, None, priority)
    if targets[0][1] == TO_TOPIC and key is not None:
        head = keyed_head(dict(headers) if headers else None, key)
    times = times_of(name, options)
    settings = msgspec.structs.replace(
        times,
        target=targets[0][0],
        target_kind=targets[0][1],
        routing_key=options.get("routing_key", ""),
        body=bytes_of(options.get("body", b"")),
        head=head,
        key=key,
        ttl_ms=duration(options.get("ttl_ms"), "ttl_ms", 1),
        priority=priority or None,
    )
    return _sound(name, settings)


def times_of(name: str, options: ScheduleTimes) -> ScheduleSettings:
    """Settings that have the times alone. Raises `BadSettings`."""
    if ("cron" in options) == ("every" in options):
        raise BadSettings(f"schedule `{name}`: give either `cron` or `every`", name)
    times = ScheduleSettings(
        "",
        cron=options.get("cron", ""),
        zone=options.get("zone", "UTC"),
        every_ms=every_ms_of(name, options["every"]) if "every" in options else 0,
        anchor_ms=options.get("anchor_ms", 0),
        until_ms=options.get("until_ms"),
        missed=options.get("missed", "one"),
        late_ms=options.get("late_ms"),
        jitter_ms=options.get("jitter_ms", 0),
    )
    return _sound(name, times)


def every_ms_of(name: str, every: object) -> int:
    """A time between slots in ms. Raises `BadSettings`."""
    if isinstance(every, timedelta):
        return every // timedelta(milliseconds=1)
    if isinstance(every, int) and not isinstance(every, bool):
        return every
    found = _FORM.fullmatch(every) if isinstance(every, str) else None
    if found is None:
        text = "`every` is a time such as 500ms, 30s, 5m, 12h or 1d, whole ms, or a timedelta"
        raise BadSettings(f"schedule `{name}`: {text}, not {every!r}", name)
    return int(found[1]) * _MS[found[2]]


def _sound(name: str, settings: ScheduleSettings) -> ScheduleSettings:
    """Settings whose kinds are right. Raises `BadSettings`."""
    try:
        msgspec.convert(msgspec.structs.astuple(settings), ScheduleSettings, strict=True)
    except msgspec.ValidationError as error:
        told = str(error)
        at = told.partition("$[")[2].partition("]")[0]
        field = ScheduleSettings.__struct_fields__[int(at)] if at.isdigit() else "an option"
        wrong = told.partition(" - at")[0].lower()
        raise BadSettings(f"schedule `{name}`: `{field}`: {wrong}", name) from None
    bad = bad_schedule(settings)
    if bad is not None:
        raise BadSettings(f"schedule `{name}`: {bad}", name)
    return settings
