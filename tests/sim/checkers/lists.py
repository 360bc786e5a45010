"""What lists promise: all that clients hear fits one order in which their commands were done, each
wholly, at some instant between the ask and the answer; and who waits longest is served first.

All courses that things may have taken are kept. A command whose answer nobody will hear is done at
some instant, or never.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from postroad.model import commands as asks
from postroad.model import lists
from postroad.model.replies import Why
from tests.sim.checkers.rows import (
    NOTHING,
    Answer,
    Row,
    Rows,
    answer_of,
    changed,
    moved,
    popped,
    row_of,
)
from tests.sim.checkers.watcher import Read, Watcher
from tests.sim.copies import Asked, Violation
from tests.sim.workloads.lists import NAMES, PREFIX

if TYPE_CHECKING:
    from tests.sim.checker import Checker

Key = tuple[int, int]
"""Session and number of an ask."""
COURSES_MAX = 5_000
"""Where there are more, which takes dozens of sessions that go with asks on their way, nothing is
judged until all is quiet."""
WAITING = lists.ListPop | lists.ListMove
ABOUT_LISTS = lists.ListCommand
ABOUT_QUEUES = asks.DeclareQueue | asks.DeleteQueue | asks.PurgeQueue


class TooManyError(Exception):
    """There are more courses than anybody can follow."""


class Course(NamedTuple):
    """How things may have gone. `line`: who waits, the longest first; `told`: decided, and not
    heard of yet."""

    rows: Rows = ()
    line: tuple[Key, ...] = ()
    told: frozenset[tuple[Key, Answer]] = frozenset()

    def answer(self, key: Key) -> Answer | None:
        """What an ask will hear, where that is decided."""
        return next((answer for one, answer in self.told if one == key), None)

    def say(self, key: Key, rows: Rows, answer: Answer) -> "Course":
        """An ask is decided."""
        line = tuple(one for one in self.line if one != key)
        return Course(rows, line, self.told | {(key, answer)})

    def without(self, key: Key) -> "Course":
        """An ask is over."""
        line = tuple(one for one in self.line if one != key)
        return Course(self.rows, line, frozenset(one for one in self.told if one[0] != key))


class ListRules(Watcher):
    """`courses`: all that may be so. `open`: asks that may still be decided, `doubtful` those of
    them that nobody will hear of."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.courses = {Course()}
        self.open: dict[Key, Asked] = {}
        self.doubtful: set[Key] = set()
        self.now = 0

    def asked(self, ask: Asked) -> None:
        """Something may be done from now on."""
        self.now = max(self.now, ask.now)
        if is_about_lists(ask.command):
            self.open[ask.session, ask.number] = ask

    def answered(self, ask: Asked, reply: Any, now: int, _event: int) -> None:
        """It was done, and this is what it said."""
        self.now = max(self.now, now)
        key = (ask.session, ask.number)
        if key in self.open:
            if self.courses:
                self._heard(key, answer_of(reply))
            del self.open[key]

    def _heard(self, key: Key, answer: Answer) -> None:
        if answer in (("Refused", Why.NO_SPACE), ("Refused", Why.STOPPING)):
            found = {one.without(key) for one in self.courses if one.answer(key) is None}
        else:
            try:
                found = self._that_say(key, answer)
            except TooManyError:
                self.courses = set()
                return
        if not found:
            raise Violation(f"{self.open[key].command} heard {answer}; {self._so_far()}")
        self.courses = found

    def unknown(self, ask: Asked, _until: int) -> None:
        """Nobody will tell."""
        key = (ask.session, ask.number)
        if key in self.open:
            self.doubtful.add(key)

    def died(self) -> None:
        """What was on its way was done, or never will be; nobody waits any more."""
        self.courses = {Course(one.rows) for one in self._reached()}
        self.open.clear()
        self.doubtful.clear()

    def began(self, now: int) -> None:
        """The clock may have lost a moment that nothing durable tells of."""
        self.now = now

    def audit(self, read: Read, now: int, _event: int) -> None:
        """All is quiet: who can be served was served, and lists are as they are."""
        self.now = max(self.now, now)
        reached = self._reached()
        found = {Course(one.rows, one.line) for one in reached if self._is_quiet(one)}
        if reached and not found:
            raise Violation(f"somebody waits for what is there; {self._so_far()}")
        self.courses = found
        for key in self.doubtful:
            del self.open[key]
        self.doubtful.clear()
        waiting = tuple(self.open)
        there = sorted(read(asks.ListQueues(PREFIX)).names)
        rows = tuple((name, _read_row(read, name)) for name in there)
        if not reached:
            self.courses = {Course(rows, waiting)} if len(waiting) < 2 else set()
            return
        self.courses = {one for one in found if one.rows == rows}
        if not self.courses:
            raise Violation(f"{rows} are there; {found}")

    def end(self, read: Read) -> None:
        """The story ends: take all there is."""
        for name in NAMES:
            while read(lists.ListPop((name,), lists.LEFT, 7)).messages:
                pass
            read(asks.DeleteQueue(name))

    def _that_say(self, key: Key, answer: Answer) -> set[Course]:
        """The courses in which an ask hears this, with nothing done after it that need not be."""
        found: set[Course] = set()
        seen = set(self.courses)
        left = list(seen)
        while left:
            course = left.pop()
            told = course.answer(key)
            if told is not None:
                if told == answer:
                    found.add(course.without(key))
                continue
            for one in self._next(course):
                if one not in seen:
                    seen.add(one)
                    left.append(one)
            if len(seen) > COURSES_MAX:
                raise TooManyError
        return found

    def _reached(self) -> set[Course]:
        """All that may come of what is so; nothing where that is too much."""
        seen = set(self.courses)
        left = list(seen)
        while left:
            fresh = set(self._next(left.pop())) - seen
            seen |= fresh
            left.extend(fresh)
            if len(seen) > COURSES_MAX:
                return set()
        return seen

    def _next(self, course: Course) -> Iterator[Course]:
        """What may happen next: something asked is done, who waits longest is served, a wait is
        over."""
        decided = {key for key, _ in course.told}.union(course.line)
        for key, ask in self.open.items():
            if key in decided:
                continue
            yield self._decide(course, key, ask.command)
            pops = isinstance(ask.command, lists.ListPop) and ask.command.wait_ms
            if pops and key not in self.doubtful:
                # Whoever asks later waits for a shorter time; only a move may wait for the disk
                # before it waits for its turn.
                break
        for key, name in self._served(course):
            yield self._take(course, key, name)
        for key in course.line:
            if self._is_over(key):
                yield course.say(key, course.rows, NOTHING)

    def _decide(self, course: Course, key: Key, command: Any) -> Course:
        if not isinstance(command, WAITING):
            return course.say(key, *changed(course.rows, command))
        for name in _names(command):
            row = row_of(course.rows, name)
            waits = command.wait_ms and self._first(course, name) is not None
            if row is not None and row.items and not waits:
                return self._take(course, key, name)
        if command.wait_ms:
            return course._replace(line=(*course.line, key))
        return course.say(key, course.rows, NOTHING)

    def _take(self, course: Course, key: Key, name: str) -> Course:
        command = self.open[key].command
        if isinstance(command, lists.ListMove):
            return course.say(key, *moved(course.rows, command))
        return course.say(key, *popped(course.rows, command, name))

    def _served(self, course: Course) -> Iterator[tuple[Key, str]]:
        """Who may be served now, and of which list."""
        for name, row in course.rows:
            key = self._first(course, name)
            if row.items and key is not None:
                yield key, name

    def _first(self, course: Course, name: str) -> Key | None:
        """Who waits longest for a list."""
        return next((key for key in course.line if name in _names(self.open[key].command)), None)

    def _is_over(self, key: Key) -> bool:
        ask = self.open[key]
        return (
            key in self.doubtful
            or self.checker.stopping
            or self.now >= ask.now + ask.command.wait_ms
        )

    def _is_quiet(self, course: Course) -> bool:
        """Whether all was decided, and heard of, but for those who wait in vain."""
        told = {key for key, _ in course.told}
        if told - self.doubtful or not self.doubtful.isdisjoint(course.line):
            return False
        if any(key not in course.line for key in self.open.keys() - self.doubtful):
            return False
        return next(self._served(course), None) is None

    def _so_far(self) -> str:
        courses = list(self.courses)
        return f"of {len(courses)} courses one is {courses[0]}, open: {list(self.open.values())}"


def _read_row(read: Read, name: str) -> Row:
    """A list as it is."""
    items = answer_of(read(lists.ListRange(name)))[2]
    described = read(lists.DescribeList(name))
    return Row(items, described.main_end, described.passing)


def is_about_lists(command: Any) -> bool:
    """Whether a command is one of those that are judged here."""
    if isinstance(command, ABOUT_QUEUES):
        return command.name.startswith(PREFIX)
    return isinstance(command, ABOUT_LISTS)


def _names(command: Any) -> tuple[str, ...]:
    return command.lists if isinstance(command, lists.ListPop) else (command.source,)
