"""Groups whose members share out among themselves against a naive book: whatever is asked, in
whatever order, a generation has one leader and one share-out, and nobody acts in an older one."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from postroad.model import rounds
from postroad.model.ask import Caller
from postroad.model.groups import CommitOffsets, DescribeGroup, GroupDescribed, LeaveGroup, Position
from postroad.model.replies import Done, Refused, Why
from postroad.model.rounds import COMPLETING, PREPARING, Entered, EnterGroup, Shared, ShareOut
from tests.unit.core.topics.log_road import LogRoad

WHO = st.sampled_from(["ann", "ben", "cle", "dan"])
STATIC = {"cle": "box"}


Deed = TypeVar("Deed", bound=Callable[..., None])
DEEDS: dict[str, st.SearchStrategy[Any]] = {}
WEIGHTED: list[str] = []


def deed(weight: int, **given: st.SearchStrategy[Any]) -> Callable[[Deed], Deed]:
    """One of the things that happen, `weight` times as often as the rarest."""

    def enter(function: Deed) -> Deed:
        DEEDS[function.__name__] = st.fixed_dictionaries(given)
        WEIGHTED.extend([function.__name__] * weight)
        return function

    return enter


class Rounds(RuleBasedStateMachine):
    """Four clients of one group. `entered`: what each was told last; `waits`: its ask that waits;
    `plans`: of each generation what its leader said; `taken`: shares that were handed out."""

    def __init__(self) -> None:
        super().__init__()
        self.road = LogRoad()
        self.callers: dict[str, Caller] = {}
        self.entered: dict[str, Entered] = {}
        self.waits: dict[int, tuple[str, Any]] = {}
        self.leaders: dict[int, str] = {}
        self.plans: dict[int, dict[str, bytes]] = {}
        self.commits: dict[int, int] = {}
        self.generation = 0
        self.epoch = 1
        self.seen = 0

    @initialize()
    def begin(self) -> None:
        self.road.topic("t", 2)

    def send(self, who: str, command: Any) -> int:
        caller = self.callers.setdefault(who, self.road.connect(10 + len(self.callers)))
        # What is answered at once is heard after all that was answered because of it.
        number = self.road.asked + 1
        self.waits[number] = (who, command)
        self.road.ask(command, caller)
        self.listen()
        return number

    def listen(self) -> None:
        """Hear what was said since."""
        told, self.seen = self.road.told[self.seen :], len(self.road.told)
        for number, reply in told:
            if number not in self.waits:
                continue
            who, command = self.waits.pop(number)
            if isinstance(reply, Entered):
                self.has_entered(who, reply)
            elif isinstance(reply, Shared) and isinstance(command, ShareOut):
                assert reply.generation == command.generation
                plan = self.plans[reply.generation]
                assert reply.share == plan.get(command.member, b""), "a share is the leader's word"

    def has_entered(self, who: str, entered: Entered) -> None:
        assert entered.generation >= self.generation, "a generation never goes back"
        self.generation = entered.generation
        known = self.leaders.setdefault(entered.generation, entered.leader)
        if who not in STATIC and known not in self.static_names():
            assert entered.leader == known, "a generation has one leader"
        assert bool(entered.members) == (entered.leader == entered.member)
        self.entered[who] = entered

    def static_names(self) -> set[str]:
        return {name for name in self.leaders.values() if name.startswith("box")}

    @deed(8, who=WHO, fresh=st.booleans(), metadata=st.sampled_from([b"", b"x"]))
    def enter(self, who: str, fresh: bool, metadata: bytes) -> None:
        known = self.entered.get(who)
        member = "" if known is None or fresh else known.member
        likes = (("a", metadata), ("b", b""))
        self.send(who, EnterGroup("g", likes, "k", member, STATIC.get(who, ""), 300, 500))

    @deed(6, who=WHO)
    def share_out(self, who: str) -> None:
        known = self.entered.get(who)
        if known is None:
            return
        shares: dict[str, bytes] = {}
        if known.members:
            shares = {
                name: b"%d.%d" % (known.generation, at)
                for at, (name, *_) in enumerate(known.members)
            }
            if self.counts(known):
                self.plans[known.generation] = shares
        self.send(who, ShareOut("g", known.member, known.generation, tuple(shares.items())))

    def counts(self, leader: Entered) -> bool:
        """Whether the group waits for the word of this leader."""
        now = self.described()
        if now is None or (now.generation, now.state) != (leader.generation, COMPLETING):
            return False
        return leader.member in {one.member for one in now.members}

    @deed(2, who=WHO)
    def stay(self, who: str) -> None:
        known = self.entered.get(who)
        if known is not None:
            self.send(who, rounds.StayInGroup("g", known.member, known.generation))

    @deed(2, who=WHO)
    def leave(self, who: str) -> None:
        known = self.entered.pop(who, None)
        if known is not None:
            self.send(who, LeaveGroup("g", known.member))

    @deed(6, who=WHO, number=st.integers(0, 1), offset=st.integers(0, 9))
    def commit(self, who: str, number: int, offset: int) -> None:
        """Only a member of the group's own generation commits, and not before the shares are
        known."""
        known = self.entered.get(who)
        if known is None:
            return
        before = self.described()
        assert before is not None
        there = known.member in {one.member for one in before.members}
        good = there and before.generation == known.generation and before.state != COMPLETING
        command = CommitOffsets(
            "g", (Position("t", number, offset, "m", 4),), known.member, known.generation
        )
        reply = self.road.ask(command)
        if good:
            assert reply == Done()
            self.commits[number] = offset
        else:
            assert isinstance(reply, Refused)
            assert reply.why in (Why.NO_SUCH_MEMBER, Why.WRONG_GENERATION, Why.REBALANCING)

    @deed(1, number=st.integers(0, 1))
    def forget(self, number: int) -> None:
        before = self.described()
        reply = self.road.ask(rounds.ForgetOffsets("g", (("t", number),)))
        if before is not None and not before.members:
            assert reply == Done()
            self.commits.pop(number, None)
        else:
            assert isinstance(reply, Refused)

    @deed(3, ms=st.sampled_from([50, 150, 600]))
    def wait(self, ms: int) -> None:
        self.road.now += ms
        self.road.settle_down()
        self.listen()

    @deed(1)
    def restart(self) -> None:
        self.epoch += 1
        self.road.check()
        self.road.restart(self.epoch)
        self.callers.clear()
        self.waits.clear()
        self.seen = len(self.road.told)

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(WEIGHTED, key=WEIGHTED.count, reverse=True)))
        getattr(self, name)(**data.draw(DEEDS[name], name))

    def described(self) -> GroupDescribed | None:
        reply = self.road.ask(DescribeGroup("g"))
        return reply if isinstance(reply, GroupDescribed) else None

    @invariant()
    def commits_and_generations_stay(self) -> None:
        now = self.described()
        if now is None:
            assert not self.commits
            return
        assert now.generation >= self.generation
        assert {one.partition: one.offset for one in now.parts if one.offset >= 0} == self.commits
        assert {one.leader_epoch for one in now.parts if one.offset >= 0} <= {4}

    @invariant()
    def nobody_waits_for_ever(self) -> None:
        """Who waits to enter waits in a group that prepares; for a share, in one that completes."""
        now = self.described()
        for who, command in self.waits.values():
            assert now is not None, who
            wanted = PREPARING if isinstance(command, EnterGroup) else COMPLETING
            assert now.state == wanted, (who, command, now.state)

    def teardown(self) -> None:
        self.road.check()


TestRounds = Rounds.TestCase
PROFILE = hypothesis_settings()
TestRounds.settings = hypothesis_settings(max_examples=PROFILE.max_examples, stateful_step_count=60)
