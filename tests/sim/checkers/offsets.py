"""What groups promise of what they commit: it is there with its metadata and leader epoch until the
next commit, all of an ask or nothing, and what was forgotten is gone and stays gone."""

from typing import TYPE_CHECKING, Any

from postroad.model import groups
from postroad.model.groups import CommitOffsets, DeleteGroup, GroupDescribed
from postroad.model.replies import Refused
from postroad.model.rounds import ForgetOffsets
from tests.sim.checkers.registers import ABSENT, Register, Write
from tests.sim.checkers.watcher import Read, Watcher
from tests.sim.copies import Asked, Violation
from tests.sim.workloads.rounds import APART, PARTITIONS, READ, RING

if TYPE_CHECKING:
    from tests.sim.checker import Checker

Place = tuple[str, int]
"""Group and partition."""
Value = tuple[int, str, int] | None


class OffsetRules(Watcher):
    """`held`: what is committed; `writes`: asks on their way and what they write; `asked_at`: event
    of the ask of each value, `ended_at`: of the last that may have ended one; `doubtful`: commits
    that nobody heard the end of."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.held: dict[Place, Register] = {
            (group, number): Register() for group in (RING, APART) for number in range(PARTITIONS)
        }
        self.writes: dict[int, list[tuple[Place, Write]]] = {}
        self.asked_at: dict[Value, int] = {}
        self.ended_at: dict[Place, int] = {}
        self.doubtful: list[tuple[int, list[tuple[Place, Value]]]] = []
        self.used = False

    def asked(self, ask: Asked) -> None:
        """Something may be committed, or forgotten."""
        values = _values_of(ask.command)
        if not values:
            return
        self.used = True
        mine = self.writes[id(ask)] = []
        for place, value in values:
            mine.append((place, self.held[place].write(value, ask.event)))
            if value is ABSENT:
                self.ended_at[place] = ask.event
            else:
                self.asked_at[value] = ask.event

    def answered(self, ask: Asked, reply: Any, _now: int, event: int) -> None:
        """It is, or not; or somebody looks."""
        for place, write in self.writes.pop(id(ask), ()):
            if isinstance(reply, Refused):
                self.held[place].refuse(write)
            else:
                self.held[place].confirm(write, event)
        if isinstance(reply, GroupDescribed) and (reply.group, 0) in self.held:
            for place, value in _shown(reply):
                if value not in self.held[place].may_be(ask.event, 0, 0):
                    raise Violation(f"{place} shows {value}: {self.held[place].writes}")

    def unknown(self, ask: Asked, until: int) -> None:
        """Nobody will tell."""
        mine = self.writes.pop(id(ask), [])
        for place, write in mine:
            self.held[place].doubt(write, until)
        if isinstance(ask.command, CommitOffsets) and mine:
            self.doubtful.append((ask.event, [(place, write.value) for place, write in mine]))

    def audit(self, read: Read, _now: int, event: int) -> None:
        """All is quiet: look at both groups."""
        shown: dict[Place, Value] = dict.fromkeys(self.held)
        for group in (RING, APART) if self.used else ():
            described = read(groups.DescribeGroup(group))
            if isinstance(described, GroupDescribed):
                shown.update(_shown(described))
            for number in range(PARTITIONS):
                register = self.held[group, number]
                value = shown[group, number]
                if value not in register.may_be(event, 0, 0):
                    raise Violation(f"{group}, {number} has {value}: {register.writes}")
                register.settle(value, event)
        for asked, values in self.doubtful:
            self._audit_whole(asked, values, shown)
        self.doubtful.clear()

    def _audit_whole(
        self, asked: int, values: list[tuple[Place, Value]], shown: dict[Place, Value]
    ) -> None:
        """One of a commit's offsets is there, and so are the others, or what came after them."""
        if not any(shown[place] == value for place, value in values):
            return
        for place, _ in values:
            since = self.asked_at.get(shown[place], self.ended_at.get(place, -1))
            if since < asked:
                raise Violation(f"{place} has {shown[place]}, and others {values}")


def _values_of(command: Any) -> list[tuple[Place, Value]]:
    """What an ask writes, and where."""
    group = getattr(command, "group", None)
    if group not in (RING, APART):
        return []
    if isinstance(command, CommitOffsets):
        return [
            ((group, one.partition), (one.offset, one.metadata, one.leader_epoch))
            for one in command.positions
        ]
    if isinstance(command, ForgetOffsets):
        return [((group, number), ABSENT) for _, number in command.places]
    if isinstance(command, DeleteGroup):
        return [((group, number), ABSENT) for number in range(PARTITIONS)]
    return []


def _shown(described: GroupDescribed) -> list[tuple[Place, Value]]:
    """What a group says it has committed."""
    shown: dict[Place, Value] = dict.fromkeys(
        ((described.group, number) for number in range(PARTITIONS)), ABSENT
    )
    for part in described.parts:
        if part.topic == READ and part.offset >= 0:
            value = (part.offset, part.metadata, part.leader_epoch)
            shown[described.group, part.partition] = value
    return list(shown.items())
