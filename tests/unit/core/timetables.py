"""Schedules on a road: declared, looked at, and what they fired."""

import msgspec

from postroad.engine.calendar import CronCalendar
from postroad.model.replies import Refused, Why
from postroad.model.schedules import (
    DeclareSchedule,
    ListSchedules,
    ScheduleDeclared,
    ScheduleInfo,
    ScheduleSettings,
    SchedulesListed,
)
from tests.unit.core.road import Road

EVERY = ScheduleSettings("q", body=b"work", every_ms=1_000)
NIGHTLY = ScheduleSettings("q", body=b"night", cron="0 3 * * *", zone="Europe/Paris")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def road(now: int = 1_000_000) -> Road:
    r = Road(now=now)
    r.core.world.calendar = CronCalendar()
    r.declare()
    return r


def slots(r: Road, queue: str = "q") -> list[object]:
    """The slots of all messages in a queue."""
    return [one.message.headers["postroad-slot"] for one in r.peek(queue, count=1_000)]


def info(r: Road, name: str = "tick") -> ScheduleInfo:
    listed = r.ask(ListSchedules(name))
    assert isinstance(listed, SchedulesListed)
    (found,) = listed.schedules
    return found


def declared(r: Road, settings: ScheduleSettings, name: str = "tick") -> ScheduleDeclared:
    reply = r.ask(DeclareSchedule(name, settings))
    assert isinstance(reply, ScheduleDeclared), reply
    return reply


def changed(settings: ScheduleSettings, **fields: object) -> ScheduleSettings:
    return msgspec.structs.replace(settings, **fields)


def why(reply: object) -> Why:
    assert isinstance(reply, Refused), reply
    return reply.why
