"""What schedules promise: a slot comes at most once; it is passed over only where its settings say
so; and each message is counted."""

from typing import TYPE_CHECKING, Any

from postroad.model import topics
from postroad.model.message import Delivery
from postroad.model.schedules import (
    DeclareSchedule,
    DeleteSchedule,
    ListSchedules,
    ScheduleDeclared,
    SchedulesListed,
)
from tests.sim.checkers.watcher import Read, Watcher
from tests.sim.copies import Asked, Violation
from tests.sim.workloads.schedules import (
    BODY,
    EVERY_MS,
    FRESH,
    HAND,
    JITTER_MS,
    LATE_MS,
    LATEST,
    LOOSE,
    MISSED_MAX,
    STEADY,
    TICKS,
)

if TYPE_CHECKING:
    from tests.sim.checker import Checker

Tick = tuple[int, int]
"""A slot, and when its message was published."""


class ScheduleRules(Watcher):
    """`there`: schedules that are there for certain; `first_ms`: the slot that was told when one
    was made. `seen`: how many messages of each there were. `offsets_ms`: how much later than its
    slots each fires."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.used = False
        self.there: set[str] = set()
        self.first_ms: dict[str, int] = {}
        self.seen: dict[str, int] = {}
        self.offsets_ms: dict[str, int] = {}

    def asked(self, ask: Asked) -> None:
        """Messages may come that nobody publishes."""
        if isinstance(ask.command, DeclareSchedule):
            self.used = True
            self.checker.topics.hoped.add(BODY)

    def answered(self, ask: Asked, reply: Any, _now: int, _event: int) -> None:
        """A schedule is there."""
        if isinstance(reply, ScheduleDeclared) and ask.command.name != LOOSE:
            name = ask.command.name
            if reply.created and name in self.there:
                raise Violation(f"schedule {name} was there, and was made again")
            if reply.changed:
                raise Violation(f"schedule {name} had other settings")
            if reply.created:
                self.first_ms[name] = reply.next_ms
            self.there.add(name)
        elif isinstance(reply, SchedulesListed):
            self.there |= {one.name for one in reply.schedules} - {LOOSE}

    def audit(self, read: Read, now: int, _event: int) -> None:
        """All is quiet: look at all that was fired."""
        if not self.used:
            return
        ticks = _ticks(read)
        listed = read(ListSchedules())
        if ticks is None or not isinstance(listed, SchedulesListed):
            return
        infos = {one.name: one for one in listed.schedules}
        if not self.there <= infos.keys():
            raise Violation(f"schedules are gone: {self.there - infos.keys()}")
        self._judge_offsets(listed)
        again = _ticks(read) or {}
        for name, info in infos.items():
            known = len(ticks.get(name, ())), len(again.get(name, ()))
            if name != LOOSE and not known[0] <= info.fired <= known[1]:
                raise Violation(f"{info} has {known} messages")
            if info.failed:
                raise Violation(f"{info} was refused something")
        for name, found in ticks.items():
            if len(found) < self.seen.get(name, 0):
                raise Violation(f"messages of {name} are gone")
            self.seen[name] = len(found)
            _judge(name, found, self.offsets_ms.get(name, 0))
        self._judge_first(ticks)
        self._judge_newest(ticks, now)

    def end(self, read: Read) -> None:
        """Nothing comes any more."""
        if self.used:
            for name in (*EVERY_MS, LOOSE):
                read(DeleteSchedule(name))
            read(topics.DeleteTopic(TICKS))
            self.used = False

    def _judge_offsets(self, listed: SchedulesListed) -> None:
        """Each fires as much later as it always did, and less than its jitter."""
        for one in listed.schedules:
            if one.name == LOOSE or not one.next_ms:
                continue
            offset_ms = one.due_ms - one.next_ms
            if not 0 <= offset_ms < max(1, JITTER_MS.get(one.name, 0)):
                raise Violation(f"{one} fires {offset_ms} ms after its slots")
            before_ms = self.offsets_ms.setdefault(one.name, offset_ms)
            if before_ms != offset_ms:
                raise Violation(f"{one} fired {before_ms} ms after its slots before")

    def _judge_first(self, ticks: dict[str, list[Tick]]) -> None:
        """The slot that was told is the first one."""
        for name, first_ms in self.first_ms.items():
            found = ticks.get(name, [])
            if name in (STEADY, LATEST) and found and found[0][0] < first_ms:
                raise Violation(f"{name} began at {found[0][0]}, and {first_ms} was told")
            if name == STEADY and found and found[0][0] > first_ms and not _is_full(found, 0):
                raise Violation(f"{name} left out {first_ms} and began at {found[0][0]}")

    def _judge_newest(self, ticks: dict[str, list[Tick]], now: int) -> None:
        """What was due by now has come."""
        for name in self.there & {STEADY, LATEST}:
            newest = ticks.get(name, [(0, 0)])[-1][0]
            due_ms = now - EVERY_MS[name] - self.offsets_ms.get(name, 0)
            if newest <= due_ms and self.first_ms.get(name, now) <= due_ms:
                raise Violation(f"no slot of {name} came since {newest}, and it is {now}")


def _ticks(read: Read) -> dict[str, list[Tick]] | None:
    """What each schedule fired, in order."""
    found: dict[str, list[Tick]] = {}
    offset = 0
    while True:
        fetched = read(topics.Fetch((topics.Span(TICKS, 0, offset),), 1_000))
        if not isinstance(fetched, topics.Fetched) or fetched.parts[0].end < 0:
            return None
        part = fetched.parts[0]
        for message in part.messages:
            name, tick = _tick(message)
            found.setdefault(name, []).append(tick)
        if part.next_offset == offset:
            return found
        offset = part.next_offset


def _tick(message: Delivery) -> tuple[str, Tick]:
    headers = message.headers
    name, slot = headers.get("postroad-schedule"), headers.get("postroad-slot")
    if not isinstance(name, str) or not isinstance(slot, int) or message.body != BODY:
        raise Violation(f"{message} is none that a schedule fires")
    return name, (slot, message.published_ms)


def _judge(name: str, found: list[Tick], offset_ms: int) -> None:
    """The slots of one schedule, each with the one before it."""
    if name == HAND:
        return
    every_ms = EVERY_MS.get(name, 0)
    for at, (slot, published_ms) in enumerate(found):
        before = found[at - 1][0] if at else 0
        if slot <= before:
            raise Violation(f"{name} fired slot {slot} after slot {before}")
        if slot + offset_ms > published_ms:
            raise Violation(f"{name} fired slot {slot} early, at {published_ms}")
        if not every_ms:
            continue
        if slot % every_ms:
            raise Violation(f"{name} has no slot {slot}")
        last = at + 1 == len(found) or found[at + 1][1] != published_ms
        if last and published_ms - offset_ms - slot >= every_ms:
            raise Violation(f"{name} fired slot {slot} at {published_ms}: there is a newer one")
        if name == FRESH and published_ms - slot > LATE_MS[FRESH]:
            raise Violation(f"{name} fired slot {slot} late, at {published_ms}")
        if name == STEADY and at and slot != before + every_ms and not _is_full(found, at):
            raise Violation(f"{name} left out what is between {before} and {slot}")


def _is_full(found: list[Tick], at: int) -> bool:
    """Whether as many were fired at once from here on as may be."""
    return sum(one[1] == found[at][1] for one in found[at:]) == MISSED_MAX
