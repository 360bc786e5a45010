"""All courses that things may have taken, told apart by what clients hear: each command was done
wholly, at some instant between the ask and the answer.

A command whose answer nobody will hear is done at some instant, or never.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from postroad.model.replies import Refused, Why
from tests.sim.checkers.watcher import Watcher
from tests.sim.copies import Asked, Violation

Key = tuple[int, int]
"""Session and number of an ask."""
COURSES_MAX = 5_000
"""Where there are more, which takes many sessions that go with asks on their way, nothing is
judged until all is quiet."""
UNDONE = (Why.NO_SPACE, Why.STOPPING)


class TooManyError(Exception):
    """There are more courses than anybody can follow."""


class Course(NamedTuple):
    """How things may have gone. `there`: what there is; `line`: who waits, the longest first;
    `told`: decided, and not heard of yet."""

    there: Any = ()
    line: tuple[Key, ...] = ()
    told: frozenset[tuple[Key, Any]] = frozenset()

    def answer(self, key: Key) -> Any:
        """What an ask will hear, where that is decided."""
        return next((answer for one, answer in self.told if one == key), None)

    def say(self, key: Key, there: Any, answer: Any) -> "Course":
        """An ask is decided."""
        line = tuple(one for one in self.line if one != key)
        return Course(there, line, self.told | {(key, answer)})

    def without(self, key: Key) -> "Course":
        """An ask is over."""
        line = tuple(one for one in self.line if one != key)
        return Course(self.there, line, frozenset(one for one in self.told if one[0] != key))

    def undecided(self, open_asks: dict[Key, Asked]) -> list[tuple[Key, Asked]]:
        """What may still be decided, the oldest first."""
        decided = {key for key, _ in self.told}.union(self.line)
        return [(key, ask) for key, ask in open_asks.items() if key not in decided]


class CourseRules(Watcher):
    """`courses`: all that may be so, none where that is too much. `open`: asks that may still be
    decided, `doubtful` those of them that nobody will hear of. `now`: the last instant heard of."""

    def __init__(self) -> None:
        self.courses = {Course()}
        self.open: dict[Key, Asked] = {}
        self.doubtful: set[Key] = set()
        self.now = 0

    def is_mine(self, command: Any) -> bool:
        """Whether a command is judged here."""
        raise NotImplementedError

    def following(self, course: Course) -> Iterable[Course]:
        """What may happen next."""
        raise NotImplementedError

    def fits(self, answer: Any, reply: Any) -> bool:
        """Whether a reply is what was to be heard."""
        raise NotImplementedError

    def asked(self, ask: Asked) -> None:
        """Something may be done from now on."""
        self.now = max(self.now, ask.now)
        if self.is_mine(ask.command):
            self.open[ask.session, ask.number] = ask

    def answered(self, ask: Asked, reply: Any, now: int, _event: int) -> None:
        """It was done, and this is what it said."""
        self.now = max(self.now, now)
        key = (ask.session, ask.number)
        if key in self.open:
            if self.courses:
                self._heard(key, reply)
            del self.open[key]

    def unknown(self, ask: Asked, _until: int) -> None:
        """Nobody will tell."""
        key = (ask.session, ask.number)
        if key in self.open:
            self.doubtful.add(key)

    def began(self, now: int) -> None:
        """A new life: what was on its way was done before, or never will be; nobody waits any
        more. The clock may have lost a moment that nothing durable tells of."""
        self.now = now
        self.courses = {Course(one.there) for one in self.reached()}
        self.open.clear()
        self.doubtful.clear()

    def reached(self) -> set[Course]:
        """All that may come of what is so; nothing where that is too much."""
        try:
            return self._explore(lambda _: True)
        except TooManyError:
            return set()

    def so_far(self) -> str:
        """What is known."""
        courses = list(self.courses)
        return f"of {len(courses)} courses one is {courses[:1]}, open: {list(self.open.values())}"

    def _heard(self, key: Key, reply: Any) -> None:
        if isinstance(reply, Refused) and reply.why in UNDONE:
            found = {one.without(key) for one in self.courses if one.answer(key) is None}
        else:
            try:
                # Nothing is done after it that need not be.
                seen = self._explore(lambda course: course.answer(key) is None)
            except TooManyError:
                self.courses = set()
                return
            told = [(one, one.answer(key)) for one in seen]
            found = {
                one.without(key)
                for one, answer in told
                if answer is not None and self.fits(answer, reply)
            }
        if not found:
            raise Violation(f"{self.open[key].command} heard {reply}; {self.so_far()}")
        self.courses = found

    def _explore(self, goes_on: Callable[[Course], bool]) -> set[Course]:
        seen = set(self.courses)
        left = list(seen)
        while left:
            course = left.pop()
            if not goes_on(course):
                continue
            for one in self.following(course):
                if one not in seen:
                    seen.add(one)
                    left.append(one)
            if len(seen) > COURSES_MAX:
                raise TooManyError
        return seen
