"""Schedules against a naive book: whatever is asked and however long nobody looks, each slot is
fired or passed over once, in its order."""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from postroad.core.load import canonical
from postroad.limits import SCHEDULE_LATE_MS, SCHEDULE_MISSED_MAX
from postroad.model import commands
from postroad.model.replies import Done, Refused, Why
from postroad.model.schedules import (
    MISSED,
    DeclareSchedule,
    DeleteSchedule,
    FireSchedule,
    ListSchedules,
    PauseSchedule,
    ScheduleFired,
    ScheduleSettings,
    SchedulesListed,
)
from tests.unit.core.road import START_MS, Road, replayed

NAMES = st.sampled_from(["a", "b", "c"])
TIMES = st.sampled_from([10, 70, 1_000, 45_000])
ROOM = 150


@dataclass
class Book:
    """What one schedule is, and the first slot nobody looked at."""

    settings: ScheduleSettings
    paused: bool
    next_ms: int
    fired: int = 0
    failed: int = 0
    passed: int = 0
    offset_ms: int = field(default=0, compare=False)


def share_of(salt: bytes, name: str, jitter_ms: int) -> int:
    """How much later than its slots a schedule fires."""
    digest = blake2b(name.encode(), digest_size=8, key=salt).digest()
    return int.from_bytes(digest, "big") % jitter_ms if jitter_ms else 0


def first_after(settings: ScheduleSettings, ms: int) -> int:
    """One millisecond after another."""
    slot = ms + 1
    while (slot - settings.anchor_ms) % settings.every_ms:
        slot += 1
    return 0 if settings.until_ms is not None and slot > settings.until_ms else slot


class Schedules(RuleBasedStateMachine):
    """Three schedules of two queues, one of which has little room. `slots`: what must be in each
    queue, in order; `due`: who has a slot now, and the order in which they are looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.road = Road()
        self.books: dict[str, Book] = {}
        self.slots: dict[str, list[tuple[str, int]]] = {"wide": [], "small": []}
        self.epoch = 1

    @initialize()
    def begin(self) -> None:
        self.road.declare("wide")
        self.road.declare("small", length_max=ROOM)

    @rule(
        name=NAMES,
        to=st.sampled_from(["wide", "small"]),
        every_ms=TIMES,
        anchor_ms=st.sampled_from([0, 3]),
        until_ms=st.sampled_from([None, None, START_MS + 100_000]),
        missed=st.sampled_from(MISSED),
        late_ms=st.sampled_from([None, 100]),
        jitter_ms=st.sampled_from([0, 0, 40, 90_000]),
        paused=st.sampled_from([None, None, False, True]),
    )
    def declare(self, name: str, to: str, paused: bool | None, **times: Any) -> None:
        settings = ScheduleSettings(to, **times)
        reply: Any = self.road.ask(DeclareSchedule(name, settings, paused))
        book = self.books.get(name)
        assert reply.created == (book is None)
        if book is None:
            book = Book(settings, bool(paused), 0)
            book.next_ms = 0 if paused else first_after(settings, self.road.now)
            self.books[name] = book
        else:
            now_paused = book.paused if paused is None else paused
            assert reply.changed == ((book.settings, book.paused) != (settings, now_paused))
            if reply.changed:
                same = all(
                    getattr(book.settings, one) == getattr(settings, one)
                    for one in ("every_ms", "anchor_ms", "until_ms")
                )
                if now_paused:
                    book.next_ms = 0
                elif not same or not book.next_ms:
                    book.next_ms = first_after(settings, self.road.now)
            book.settings, book.paused = settings, now_paused
        salt = self.road.state.catalog.salt
        book.offset_ms = share_of(salt, name, settings.jitter_ms)
        assert reply.next_ms == book.next_ms

    @rule(name=NAMES, paused=st.booleans())
    def pause(self, name: str, paused: bool) -> None:
        reply = self.road.ask(PauseSchedule(name, paused))
        book = self.books.get(name)
        if book is None:
            assert isinstance(reply, Refused)
            assert reply.why is Why.NO_SUCH_SCHEDULE
            return
        assert reply == Done()
        if book.paused != paused:
            book.paused = paused
            book.next_ms = 0 if paused else first_after(book.settings, self.road.now)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        reply = self.road.ask(DeleteSchedule(name))
        assert (reply == Done()) == (self.books.pop(name, None) is not None)

    @rule(name=NAMES)
    def fire(self, name: str) -> None:
        reply = self.road.ask(FireSchedule(name))
        book = self.books.get(name)
        if book is not None and self.has_room(book, 1):
            assert reply == ScheduleFired(self.road.now)
            self.slots[book.settings.target].append((name, self.road.now))
            book.fired += 1
        else:
            assert isinstance(reply, Refused)

    @rule(ms=st.sampled_from([1, 9, 10, 61, 500, 3_000, SCHEDULE_LATE_MS + 500]))
    def wait(self, ms: int) -> None:
        """Nobody looks for so long; then all that is due is looked at, the earliest first."""
        self.road.wait(ms)
        due = [
            (one.next_ms + one.offset_ms, name) for name, one in self.books.items() if one.next_ms
        ]
        for due_ms, name in sorted(due):
            if due_ms <= self.road.now:
                self.look(name, self.books[name])

    def look(self, name: str, book: Book) -> None:
        """The slots of one schedule up to now."""
        now, settings = self.road.now - book.offset_ms, book.settings
        last = now if settings.until_ms is None else min(now, settings.until_ms)
        every = list(range(book.next_ms, last + 1, settings.every_ms))[-SCHEDULE_MISSED_MAX:]
        late_ms = settings.late_ms
        if late_ms is None and settings.missed == "skip":
            late_ms = SCHEDULE_LATE_MS
        taken = [one for one in every if late_ms is None or now - one <= late_ms]
        if settings.missed != "all":
            taken = taken[-1:]
        book.passed += len(every) - len(taken)
        book.next_ms = first_after(settings, now)
        if not self.has_room(book, len(taken)):
            book.failed += len(taken)
            return
        book.fired += len(taken)
        self.slots[settings.target].extend((name, one) for one in taken)

    def has_room(self, book: Book, count: int) -> bool:
        target = book.settings.target
        return target == "wide" or len(self.slots[target]) + count <= ROOM

    @rule(queue=st.sampled_from(["wide", "small"]), count=st.integers(1, 400))
    def take(self, queue: str, count: int) -> None:
        received: Any = self.road.ask(commands.Pop(queue, count))
        for message in received.messages:
            headers = message.headers
            slot = (headers["postroad-schedule"], headers["postroad-slot"])
            assert slot == self.slots[queue].pop(0)

    @rule()
    def restart(self) -> None:
        before = canonical(self.road.state)
        self.epoch += 1
        self.road.restart(self.epoch)
        assert {key: one for key, one in canonical(self.road.state).items() if key[:1] == b"w"} == {
            key: one for key, one in before.items() if key[:1] == b"w"
        }

    @invariant()
    def agrees(self) -> None:
        listed = self.road.ask(ListSchedules())
        assert isinstance(listed, SchedulesListed)
        found = {
            one.name: Book(one.settings, one.paused, one.next_ms, one.fired, one.failed, one.passed)
            for one in listed.schedules
        }
        assert found == self.books
        for one in listed.schedules:
            book = self.books[one.name]
            assert one.due_ms == (book.next_ms + book.offset_ms if book.next_ms else 0)
        for queue, slots in self.slots.items():
            if queue in self.road.state.by_name:
                assert self.road.counts(queue)[0] == len(slots)
        self.road.state.check()

    def teardown(self) -> None:
        live = canonical(self.road.state)
        assert canonical(replayed(self.road.records())) == live
        assert canonical(replayed([], self.road.cut().items())) == live


TestSchedules = Schedules.TestCase
TestSchedules.settings = hypothesis_settings(max_examples=30, stateful_step_count=30, deadline=None)


def test_the_book_would_notice_a_setting_that_is_left_out() -> None:
    named = {"target", "every_ms", "anchor_ms", "until_ms", "missed", "late_ms", "jitter_ms"}
    content = {"body", "head", "key", "ttl_ms", "priority"}
    other = {"target_kind", "routing_key", "cron", "zone", *content}
    assert named | other == {one.name for one in msgspec.structs.fields(ScheduleSettings)}
