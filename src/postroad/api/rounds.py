"""A group whose members share out among themselves: what a program can do with it, and its faces.

It stands beside the faces of a topic, for programs that bring a way of their own to share out, and
for looking after groups. The rule kept here: what members say and get is bytes, and stays so.
"""

from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

from postroad.api.asks import Asks
from postroad.api.faces import Runs, RunsLater, awaited, blocking
from postroad.api.refusals import expect
from postroad.model import groups, replies, rounds
from postroad.model.groups import ANY_GENERATION, GroupDescribed, Position
from postroad.model.rounds import Entered, GroupState


class EnterOptions(TypedDict, total=False):
    """What one may say when one enters; `EnterGroup` says what each means."""

    kind: str
    member: str
    static_id: str
    session_ms: int
    rebalance_ms: int
    gather_ms: int
    prefix: str


class RoundOperations:
    """Every operation on one group of mode offset."""

    def __init__(self, group: str) -> None:
        self.group = group

    def enter(
        self, strategies: Mapping[str, bytes], **options: Unpack[EnterOptions]
    ) -> Asks[Entered]:
        """Be a member, or be it again when the group rebalances; returns once all have entered.
        `strategies`: by name, the one liked best first, what one says of oneself to the leader.
        Raises `MemberNotFound`, `MemberReplaced`, `SettingsDiffer`.
        """
        command = rounds.EnterGroup(self.group, tuple(strategies.items()), **options)
        return expect((yield command), Entered, self.group)

    def share_out(self, entered: Entered, shares: Mapping[str, bytes] | None = None) -> Asks[bytes]:
        """Have one's share; the leader names those of all by member. Raises `Rebalancing`,
        `MemberNotFound`, `Fenced`.
        """
        given = tuple((shares or {}).items())
        command = rounds.ShareOut(self.group, entered.member, entered.generation, given)
        return expect((yield command), rounds.Shared, self.group).share

    def stay(self, entered: Entered) -> Asks[None]:
        """Say that one lives. Raises `Rebalancing`, `MemberNotFound`, `Fenced`."""
        command = rounds.StayInGroup(self.group, entered.member, entered.generation)
        expect((yield command), replies.Done, self.group)

    def leave(self, member: str = "", *, static_id: str = "") -> Asks[None]:
        """Go, or send a member away by its name or its static id. Raises `MemberNotFound`."""
        command = groups.LeaveGroup(self.group, member, static_id)
        expect((yield command), replies.Done, self.group)

    def commit(self, positions: Sequence[Position], entered: Entered | None = None) -> Asks[None]:
        """Remember how far one has read; from outside while the group has no members. Raises
        `Fenced`, `MemberNotFound`, `Rebalancing`, `TopicNotFound`.
        """
        member, generation = "", ANY_GENERATION
        if entered is not None:
            member, generation = entered.member, entered.generation
        command = groups.CommitOffsets(self.group, tuple(positions), member, generation)
        expect((yield command), replies.Done, self.group)

    def forget(self, places: Sequence[tuple[str, int]]) -> Asks[None]:
        """Forget what was committed for some (topic, partition). Raises `GroupNotFound`,
        `GroupInUse`, `TopicNotFound`.
        """
        command = rounds.ForgetOffsets(self.group, tuple(places))
        expect((yield command), replies.Done, self.group)

    def describe(self) -> Asks[GroupDescribed]:
        """State, generation, members, offsets and lag. Raises `GroupNotFound`."""
        command = groups.DescribeGroup(self.group)
        return expect((yield command), GroupDescribed, self.group)

    def delete(self) -> Asks[None]:
        """Remove the group and all it remembers. Raises `GroupNotFound`, `GroupInUse`."""
        expect((yield groups.DeleteGroup(self.group)), replies.Done, self.group)


def group_states(states: Sequence[str] = ()) -> Asks[list[GroupState]]:
    """All groups of mode offset in order of their names, or those in some states."""
    found: list[GroupState] = []
    while True:
        after = found[-1].group if found else ""
        command = rounds.ListGroupStates(after=after, states=tuple(states))
        listed = expect((yield command), rounds.GroupStatesListed)
        found.extend(listed.groups)
        if not listed.more:
            return found


class Group:
    """One group of mode offset: its members where they share out among themselves, and what it has
    committed."""

    def __init__(self, name: str, run: Runs) -> None:
        """Use `Broker.group`."""
        self._operations = RoundOperations(name)
        self._run = run

    enter = blocking(RoundOperations.enter)
    share_out = blocking(RoundOperations.share_out)
    stay = blocking(RoundOperations.stay)
    leave = blocking(RoundOperations.leave)
    commit = blocking(RoundOperations.commit)
    forget = blocking(RoundOperations.forget)
    describe = blocking(RoundOperations.describe)
    delete = blocking(RoundOperations.delete)


class AsyncGroup:
    """One group of mode offset, for the tasks of one event loop; as `Group`."""

    def __init__(self, name: str, run: RunsLater) -> None:
        """Use `AsyncBroker.group`."""
        self._operations = RoundOperations(name)
        self._run = run

    enter = awaited(RoundOperations.enter)
    share_out = awaited(RoundOperations.share_out)
    stay = awaited(RoundOperations.stay)
    leave = awaited(RoundOperations.leave)
    commit = awaited(RoundOperations.commit)
    forget = awaited(RoundOperations.forget)
    describe = awaited(RoundOperations.describe)
    delete = awaited(RoundOperations.delete)
