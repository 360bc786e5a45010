"""What lists promise: all that clients hear fits one order in which their commands were done, each
wholly, at some instant between the ask and the answer; and who waits longest is served first."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from postroad.model import commands as asks
from postroad.model import lists
from tests.sim.checkers.courses import Course, CourseRules, Key
from tests.sim.checkers.rows import NOTHING, Row, answer_of, changed, moved, popped, row_of
from tests.sim.checkers.watcher import Read
from tests.sim.copies import Violation
from tests.sim.workloads.lists import NAMES, PREFIX

if TYPE_CHECKING:
    from tests.sim.checker import Checker

WAITING = lists.ListPop | lists.ListMove
ABOUT_LISTS = lists.ListCommand
ABOUT_QUEUES = asks.DeclareQueue | asks.DeleteQueue | asks.PurgeQueue


class ListRules(CourseRules):
    """What there is are rows."""

    def __init__(self, checker: "Checker") -> None:
        super().__init__()
        self.checker = checker

    def is_mine(self, command: Any) -> bool:
        """Whether a command is about lists."""
        return is_about_lists(command)

    def fits(self, answer: Any, reply: Any) -> bool:
        """Whether what counts is the same."""
        return bool(answer == answer_of(reply))

    def following(self, course: Course) -> Iterator[Course]:
        """Something asked is done, who waits longest is served, a wait is over."""
        for key, ask in course.undecided(self.open):
            one = self._decide(course, key, ask.command)
            if one is not None:
                yield one
        for key, name in self._served(course):
            yield self._take(course, key, name)
        for key in course.line:
            if self._is_over(key):
                yield course.say(key, course.there, NOTHING)

    def audit(self, read: Read, now: int, _event: int) -> None:
        """All is quiet: who can be served was served, and lists are as they are."""
        self.now = max(self.now, now)
        reached = self.reached()
        found = {Course(one.there, one.line) for one in reached if self._is_quiet(one)}
        if reached and not found:
            raise Violation(f"somebody waits for what is there; {self.so_far()}")
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
        self.courses = {one for one in found if one.there == rows}
        if not self.courses:
            raise Violation(f"{rows} are there; {found}")

    def end(self, read: Read) -> None:
        """The story ends: take all there is."""
        for name in NAMES:
            while read(lists.ListPop((name,), lists.LEFT, 7)).messages:
                pass
            read(asks.DeleteQueue(name))

    def _decide(self, course: Course, key: Key, command: Any) -> Course | None:
        if not isinstance(command, WAITING):
            return course.say(key, *changed(course.there, command))
        for name in _names(command):
            row = row_of(course.there, name)
            waits = command.wait_ms and self._first(course, name) is not None
            if row is not None and row.items and not waits:
                late = command.wait_ms and self._is_late(course, key, name)
                return None if late else self._take(course, key, name)
        if command.wait_ms:
            return course._replace(line=self._line_with(course, key, command))
        return course.say(key, course.there, NOTHING)

    def _line_with(self, course: Course, key: Key, command: Any) -> tuple[Key, ...]:
        """Whoever asks later waits for a shorter time; only a move may wait for the disk before it
        waits for its turn."""
        if not isinstance(command, lists.ListPop):
            return (*course.line, key)
        order = list(self.open)
        later = [one for one in course.line if order.index(one) > order.index(key)]
        return (*(one for one in course.line if one not in later), key, *later)

    def _is_late(self, course: Course, key: Key, name: str) -> bool:
        """Whether a pop that may wait for the same list was asked before, and is not decided."""
        order = list(self.open)
        for other, ask in course.undecided(self.open):
            if order.index(other) >= order.index(key):
                return False
            command = ask.command
            pops = isinstance(command, lists.ListPop) and command.wait_ms
            if pops and other not in self.doubtful and name in command.lists:
                return True
        return False

    def _take(self, course: Course, key: Key, name: str) -> Course:
        command = self.open[key].command
        if isinstance(command, lists.ListMove):
            return course.say(key, *moved(course.there, command))
        return course.say(key, *popped(course.there, command, name))

    def _served(self, course: Course) -> Iterator[tuple[Key, str]]:
        """Who may be served now, and of which list."""
        for name, row in course.there:
            key = self._first(course, name)
            if row.items and key is not None and not self._is_late(course, key, name):
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
