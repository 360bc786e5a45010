"""What members do that share out a topic among themselves, and what is committed from outside."""

from typing import TYPE_CHECKING, Any

from postroad.model import groups, rounds, topics
from postroad.model.groups import ANY_GENERATION, CommitOffsets, LeaveGroup, Position
from postroad.model.replies import Refused, Why
from postroad.model.rounds import Entered, EnterGroup, ForgetOffsets, ShareOut, StayInGroup
from tests.sim.workloads.work import Work

READ = "read"
PARTITIONS = 3
RING = "ring"
"""The group with members."""
APART = "apart"
"""The group whose offsets are committed from outside."""
LIKES = (("range", "sticky"), ("sticky", "range"), ("range",))
STATICS = ("till-0", "till-1")
SESSIONS_MS = (90, 300, 900)
REBALANCES_MS = (50, 140)
ASKED = (EnterGroup, ShareOut, StayInGroup)
NEEDS = (topics.DeclareTopic(READ, PARTITIONS),)

if TYPE_CHECKING:
    from tests.sim.workload import Session


class RoundWork(Work):
    """One member. `member`: its name, "" for none yet; `entered`: what it was told last, and `past`
    earlier; `must`: what it has to ask next, "enter", "share" or nothing."""

    def __init__(self, session: "Session") -> None:
        rng = self.rng = session.rng
        self.static = rng.choice(("", "", *STATICS))
        self.likes = rng.choice(LIKES)
        self.session_ms = rng.choice(SESSIONS_MS)
        self.rebalance_ms = rng.choice(REBALANCES_MS)
        self.member = ""
        self.entered: Entered | None = None
        self.past: list[Entered] = []
        self.must = "enter"

    def heard(self, command: Any, reply: Any) -> None:
        """An answer came."""
        if isinstance(reply, rounds.MemberNamed):
            self.member = reply.member
        elif isinstance(reply, Entered):
            if self.entered is not None:
                self.past = [*self.past[-3:], self.entered]
            self.entered, self.member, self.must = reply, reply.member, "share"
        elif isinstance(reply, rounds.Shared):
            self.must = ""
        elif isinstance(reply, Refused) and isinstance(command, ASKED):
            self._refused(command.member, reply.why)

    def _refused(self, member: str, why: Why) -> None:
        if member in (self.member, ""):
            self.must = "enter"
            if why in (Why.NO_SUCH_MEMBER, Why.FENCED):
                self.member = ""

    def next_command(self, _: "Session", publish: int) -> Any:
        """Something to ask."""
        rng = self.rng
        chance = rng.random()
        if chance < 0.16:
            return self._outside(publish)
        if chance < 0.26:
            return self._other(publish)
        if chance < 0.42 and self.past:
            return self._late(publish, rng.choice(self.past))
        if self.must == "enter" or self.entered is None:
            return self._enter()
        if self.must == "share":
            self.must = ""
            return self._share_out(publish, self.entered)
        return self._live(publish, self.entered)

    def _enter(self) -> EnterGroup:
        rng = self.rng
        # A member that was started anew knows its static id alone.
        member = "" if self.static and rng.random() < 0.4 else self.member
        return EnterGroup(
            RING,
            tuple((name, name.encode() + b" it is") for name in self.likes),
            member=member,
            static_id=self.static,
            session_ms=self.session_ms,
            rebalance_ms=self.rebalance_ms,
            gather_ms=rng.choice((0, 0, 20)),
            named_first=rng.random() < 0.2,
        )

    def _share_out(self, publish: int, told: Entered) -> ShareOut:
        """The leader names all, or all but one; what each gets says for which round it is."""
        given = [
            (name, b"%d|%s|%d" % (told.generation, name.encode(), publish))
            for name, _, _ in told.members
        ]
        if given and self.rng.random() < 0.1:
            given.pop()
        return ShareOut(RING, told.member, told.generation, tuple(given), self.static)

    def _live(self, publish: int, told: Entered) -> Any:
        rng = self.rng
        chance = rng.random()
        if chance < 0.5:
            return StayInGroup(RING, told.member, told.generation, self.static)
        if chance < 0.8:
            return self._commit(publish, told)
        if chance < 0.86:
            return self._share_out(publish, told)
        if chance < 0.93:
            return self._enter()
        self.must, self.member = "enter", ""
        return LeaveGroup(RING, told.member, self.static)

    def _late(self, publish: int, told: Entered) -> Any:
        """As a member that does not know what happened meanwhile."""
        kind = self.rng.randrange(4)
        if kind == 0:
            return StayInGroup(RING, told.member, told.generation)
        if kind == 1:
            return self._share_out(publish, told)
        return self._commit(publish, told)

    def _positions(self, publish: int) -> tuple[Position, ...]:
        rng = self.rng
        numbers = sorted(rng.sample(range(PARTITIONS), rng.choice((1, 2, 3))))
        epoch = rng.choice((-1, 0, 7))
        return tuple(
            Position(READ, number, publish, f"by {publish}", epoch if number else -1)
            for number in numbers
        )

    def _commit(self, publish: int, told: Entered) -> CommitOffsets:
        positions = self._positions(publish)
        return CommitOffsets(RING, positions, told.member, told.generation, self.static)

    def _outside(self, publish: int) -> Any:
        rng = self.rng
        chance = rng.random()
        if chance < 0.55:
            return CommitOffsets(APART, self._positions(publish))
        if chance < 0.8:
            numbers = rng.sample(range(PARTITIONS), rng.choice((1, 2)))
            group = rng.choice((APART, APART, RING))
            return ForgetOffsets(group, tuple((READ, number) for number in numbers))
        return groups.DescribeGroup(rng.choice((APART, RING)))

    def _other(self, publish: int) -> Any:
        rng = self.rng
        kind = rng.randrange(8)
        if kind == 0:
            return rng.choice(NEEDS)
        if kind == 1:
            return groups.DeleteGroup(rng.choice((APART, RING)))
        if kind < 4:
            return CommitOffsets(RING, self._positions(publish), "", ANY_GENERATION)
        if kind == 4 and self.entered is not None:
            return LeaveGroup(RING, "", rng.choice(STATICS))
        return rounds.ListGroupStates()
