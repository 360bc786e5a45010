"""What is remembered of schedules: settings, the next slot, and what came of those before.

One rule: those with a slot to come stand in the order of their slots, and of their names where the
slot is the same; that order is derived.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

import msgspec

from postroad.core.ledger import Ledger, Row
from postroad.core.realm import Realm
from postroad.model.schedules import ScheduleSettings

_settings = msgspec.msgpack.Decoder(ScheduleSettings).decode


class Timetable(Row):
    """One schedule. `next_ms` 0: no slot is to come, or it is paused. `offset_ms`: how much later
    than its slots it fires."""

    def __init__(self, name: str, settings: ScheduleSettings, declared_ms: int) -> None:
        super().__init__(b"w" + name.encode())
        self.name = name
        self.settings = settings
        self.declared_ms = declared_ms
        self.paused = False
        self.next_ms = 0
        self.offset_ms = 0
        self.slot_ms = 0
        self.fired_ms = 0
        self.fired = 0
        self.failed = 0
        self.passed = 0
        self.failure = ""

    @property
    def due_ms(self) -> int:
        """When its next slot is fired; 0: none is."""
        return self.next_ms + self.offset_ms if self.next_ms else 0

    def encode(self) -> bytes:
        """The row of a schedule."""
        counts = [self.fired, self.failed, self.passed]
        times = [self.declared_ms, self.next_ms, self.slot_ms, self.fired_ms, self.offset_ms]
        return msgspec.msgpack.encode([self.settings, self.paused, times, counts, self.failure])


class Schedules(Realm):
    """Schedules by name. `names`: in order; `plan`: (when the next slot is fired, name) of all
    that have one. Both are derived. `fired`, `failed`: slots since the start, and `late_ms`: how
    late the newest one was; volatile."""

    kinds = b"w"

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.by_name: dict[str, Timetable] = {}
        self.names: list[str] = []
        self.plan: list[tuple[int, str]] = []
        self.fired = 0
        self.failed = 0
        self.late_ms = 0

    def begin(self) -> None:
        """What was read back is not counted as of this start."""
        self.fired = self.failed = self.late_ms = 0

    def next_ms(self) -> int:
        """When the first slot to come is fired, in ms; 0 for none."""
        return self.plan[0][0] if self.plan else 0

    def first(self) -> Timetable:
        """The schedule whose slot is fired first; there is one."""
        return self.by_name[self.plan[0][1]]

    def add(self, timetable: Timetable) -> None:
        """A new schedule, whose next slot is planned later."""
        self.by_name[timetable.name] = timetable
        insort(self.names, timetable.name)

    def drop(self, timetable: Timetable) -> None:
        """Forget a schedule."""
        self.ledger.drop(timetable)
        self.plan_next(timetable, 0)
        del self.by_name[timetable.name]
        del self.names[bisect_left(self.names, timetable.name)]

    def plan_next(self, timetable: Timetable, next_ms: int, offset_ms: int | None = None) -> None:
        """Another slot is the next one, and fires with this offset from here on (`None`: with the
        one it had). The row was announced."""
        if timetable.next_ms:
            del self.plan[bisect_left(self.plan, (timetable.due_ms, timetable.name))]
        timetable.next_ms = next_ms
        if offset_ms is not None:
            timetable.offset_ms = offset_ms
        if next_ms:
            insort(self.plan, (timetable.due_ms, timetable.name))

    def names_after(self, after: str, prefix: str) -> Iterator[str]:
        """The names after `after` that start with `prefix`, in order."""
        at = max(bisect_right(self.names, after), bisect_left(self.names, prefix))
        while at < len(self.names) and self.names[at].startswith(prefix):
            yield self.names[at]
            at += 1

    def rows(self) -> Iterator[Row]:
        """Every row there is."""
        yield from self.by_name.values()

    def load(self, kind: bytes, key: bytes, value: bytes) -> None:  # noqa: ARG002
        """Take a row of a checkpoint."""
        settings, paused, times, counts, failure = msgspec.msgpack.decode(value)
        kept = _settings(msgspec.msgpack.encode(settings))
        timetable = Timetable(key.decode(), kept, times[0])
        timetable.paused = paused
        timetable.slot_ms, timetable.fired_ms = times[2:4]
        # Rows of earlier releases end here.
        offset_ms = times[4] if len(times) > 4 else 0
        timetable.fired, timetable.failed, timetable.passed = counts
        timetable.failure = failure
        self.add(timetable)
        self.plan_next(timetable, times[1], offset_ms)

    def check(self) -> None:
        """Everything that must hold between steps."""
        assert self.names == sorted(self.by_name), "every schedule stands among the names"
        due = sorted((one.due_ms, one.name) for one in self.by_name.values() if one.next_ms)
        assert self.plan == due, "what has a slot to come is planned, and nothing else"
        for one in self.by_name.values():
            assert not (one.paused and one.next_ms), "what is paused has no slot to come"
