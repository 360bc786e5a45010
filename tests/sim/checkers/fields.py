"""What maps promise of fields that end: a field is there until its end, and not a moment longer,
with the value and the end that it was given last; also after the power went."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

from postroad.model import kv
from postroad.model import kv_replies as answers
from postroad.model.replies import Refused, Why
from tests.sim.checkers.courses import Course, CourseRules
from tests.sim.checkers.watcher import Read
from tests.sim.copies import FOREVER_MS, Asked, Violation
from tests.sim.workloads.fields import FIELDS, MAPS, SPACE


class Field(NamedTuple):
    """A value, and when it ends: at the earliest, at the latest."""

    value: bytes
    low_ms: int = FOREVER_MS
    high_ms: int = FOREVER_MS


Map = dict[bytes, Field]
Maps = tuple[tuple[bytes, tuple[tuple[bytes, Field], ...]], ...]
"""What was set and not taken away, by key and field, though its end may have come."""
Outcome = tuple[Map | None, Any]


class FieldRules(CourseRules):
    """What there is are maps. `top`: the latest instant ever heard of: what had ended by then may
    be gone for good though a clock that lost a moment says that its end is to come."""

    def __init__(self) -> None:
        super().__init__()
        self.top = 0
        self._outcomes: dict[type, Callable[[Map, Ends, Any], Iterator[Outcome]]] = {
            kv.KvMapSet: _set,
            kv.KvFieldExpire: _expire,
            kv.KvFieldEnds: _see_ends,
            kv.KvMembers: _see_values,
            kv.KvMembersRemove: _remove,
            kv.KvDelete: _delete,
        }

    def is_mine(self, command: Any) -> bool:
        """Whether a command is about these maps."""
        return getattr(command, "space", "") == SPACE

    def following(self, course: Course) -> Iterator[Course]:
        """Something asked is done."""
        self.top = max(self.top, self.now)
        maps = dict(course.there)
        for key, ask in course.undecided(self.open):
            if isinstance(ask.command, kv.KvRename):
                yield from self._renamed(course, key, ask)
                continue
            name = getattr(ask.command, "key", None) or ask.command.keys[0]
            there = dict(maps.get(name, ()))
            ends = Ends(ask.now, self.top)
            for after, answer in self._outcomes[type(ask.command)](there, ends, ask.command):
                yield course.say(key, _with(maps, name, there if after is None else after), answer)

    def fits(self, answer: Any, reply: Any) -> bool:
        """Whether a reply is what was to be heard."""
        what, told = answer
        if isinstance(reply, answers.KvEndsSeen):
            return all(
                one == seen
                if low is None
                else seen is not None and low <= (seen or FOREVER_MS) <= one
                for (low, one), seen in zip(told, reply.ends_ms, strict=True)
            )
        heard: Any = None
        if isinstance(reply, answers.KvEndsSet):
            heard = tuple(reply.results)
        elif isinstance(reply, answers.KvGot):
            heard = tuple(reply.values)
        elif isinstance(reply, answers.KvCounted):
            heard = reply.count
        elif isinstance(reply, answers.KvStored):
            heard = True
        elif isinstance(reply, Refused) and reply.why is Why.NO_SUCH_KEY:
            heard = False
        return bool(what != "ends" and heard == told)

    def audit(self, read: Read, _now: int, _event: int) -> None:
        """All is quiet: what is there is what there may be."""
        lost = not self.courses
        reached = self.reached()
        self.courses = {Course(one.there) for one in reached if self._is_quiet(one)}
        if reached and not self.courses:
            raise Violation(f"not all was answered; {self.so_far()}")
        for key in self.doubtful:
            del self.open[key]
        self.doubtful.clear()
        maps: dict[bytes, Map] = {}
        for name in MAPS:
            values = read(kv.KvMembers(SPACE, name, kv.MAP, FIELDS)).values
            ends = read(kv.KvFieldEnds(SPACE, name, FIELDS)).ends_ms
            maps[name] = {
                field: Field(value, end or FOREVER_MS, end or FOREVER_MS)
                for field, value, end in zip(FIELDS, values, ends, strict=True)
                if value is not None and end is not None
            }
        if lost or not reached:
            self.courses = {Course(_with(maps, MAPS[0], maps[MAPS[0]]))}

    def _is_quiet(self, course: Course) -> bool:
        return not {key for key, _ in course.told} - self.doubtful and not (
            {key for key, _ in course.undecided(self.open)} - self.doubtful
        )

    def _renamed(self, course: Course, key: Any, ask: Asked) -> Iterator[Course]:
        command = ask.command
        maps = dict(course.there)
        there = dict(maps.get(command.key, ()))
        ends = Ends(ask.now, self.top)
        # What has ended goes with the rest, or the key was gone with it.
        if there:
            maps.pop(command.key)
            yield course.say(key, _with(maps, command.new_key, there), ("renamed", True))
        if not any(ends.is_there(field) for field in there.values()):
            yield course.say(key, course.there, ("renamed", False))


class Ends:
    """The time of a command: after it was asked, and before it was heard of."""

    def __init__(self, low_ms: int, high_ms: int) -> None:
        self.low_ms = low_ms
        self.high_ms = high_ms

    def is_there(self, field: Field) -> bool:
        """Whether it is there for certain."""
        return field.low_ms > self.high_ms

    def may_be(self, there: Map, field: bytes) -> list[Field | None]:
        """What may be seen of a field."""
        one = there.get(field)
        found: list[Field | None] = []
        if one is not None and one.high_ms > self.low_ms:
            found.append(one)
        if one is None or not self.is_there(one):
            found.append(None)
        return found

    def seen(self, there: Map, fields: Any) -> Iterator[dict[bytes, Field | None]]:
        """What may be seen of fields together."""
        names = list(dict.fromkeys(fields))
        for some in product(*(self.may_be(there, name) for name in names)):
            yield dict(zip(names, some, strict=True))

    def end_of(self, command: Any) -> tuple[int, int]:
        """When what is set by a command ends."""
        if command.ttl_ms is not None:
            return self.low_ms + command.ttl_ms, self.high_ms + command.ttl_ms
        if command.until_ms is not None:
            return command.until_ms, command.until_ms
        return FOREVER_MS, FOREVER_MS


def _set(there: Map, ends: Ends, command: kv.KvMapSet) -> Iterator[Outcome]:
    for seen in ends.seen(there, command.fields):
        after = dict(there)
        new = 0
        for field, value in zip(command.fields, command.values, strict=True):
            old = seen[field]
            if command.only != kv.ALWAYS and (old is None) != (command.only == kv.IF_ABSENT):
                continue
            new += old is None
            if command.keep_ttl:
                kept = Field(value) if old is None else old._replace(value=value)
            else:
                kept = Field(value, *ends.end_of(command))
            after[field] = kept
        yield after, ("count", new)


def _expire(there: Map, ends: Ends, command: kv.KvFieldExpire) -> Iterator[Outcome]:
    low, high = ends.end_of(command)
    overs = [
        over for over in (True, False) if (low <= ends.high_ms if over else high > ends.low_ms)
    ]
    for over, seen in product(overs, ends.seen(there, command.fields)):
        after = dict(there)
        results = []
        for field in command.fields:
            old = seen[field]
            if old is None:
                results.append(kv.FIELD_ABSENT)
            elif not _gets(old, low, command.only):
                results.append(kv.FIELD_UNCHANGED)
            else:
                results.append(kv.FIELD_REMOVED if over else kv.FIELD_CHANGED)
                after[field] = Field(old.value, low, high)
                if over:
                    del after[field]
        yield after, ("results", tuple(results))


def _gets(old: Field, low_ms: int, only: int) -> bool:
    """Whether a field gets another end."""
    endless = old.high_ms == FOREVER_MS
    if endless and low_ms == FOREVER_MS:
        return False
    return {kv.IF_ABSENT: endless, kv.IF_PRESENT: not endless}.get(only, True)


def _see_ends(there: Map, ends: Ends, command: kv.KvFieldEnds) -> Iterator[Outcome]:
    for seen in ends.seen(there, command.fields):
        fields = [seen[field] for field in command.fields]
        told = tuple((None, None) if one is None else (one.low_ms, one.high_ms) for one in fields)
        yield None, ("ends", told)


def _is_end(told: tuple[int | None, int | None], seen: int | None) -> bool:
    """Whether a field ends when it should; `None`: it is not there, 0: it never ends."""
    low, high = told
    if low is None or high is None or seen is None:
        return low is None and seen is None
    return low <= (seen or FOREVER_MS) <= high


def _see_values(there: Map, ends: Ends, command: kv.KvMembers) -> Iterator[Outcome]:
    for seen in ends.seen(there, command.members):
        fields = [seen[field] for field in command.members]
        yield None, ("values", tuple(None if one is None else one.value for one in fields))


def _remove(there: Map, ends: Ends, command: kv.KvMembersRemove) -> Iterator[Outcome]:
    for seen in ends.seen(there, command.members):
        after = {field: one for field, one in there.items() if seen.get(field) is None}
        yield after, ("count", sum(one is not None for one in seen.values()))


def _delete(there: Map, ends: Ends, _: kv.KvDelete) -> Iterator[Outcome]:
    if there:
        yield {}, ("count", 1)
    if not any(ends.is_there(field) for field in there.values()):
        yield {}, ("count", 0)


def _with(maps: dict[bytes, Any], name: bytes, there: Map) -> Maps:
    """With another map under a key."""
    changed = {**maps, name: there}
    return tuple(
        (key, tuple(sorted(dict(changed[key]).items()))) for key in sorted(changed) if changed[key]
    )
