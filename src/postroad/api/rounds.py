"""A group whose members share out among themselves: what a program can do with it, and its faces.

It stands beside the faces of a topic, for programs that bring a way of their own to share out, and
for looking after groups. The rule kept here: what members say and get is bytes, and stays so.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypedDict, TypeVar, Unpack

from postroad.api.asks import Asks
from postroad.api.faces import dress
from postroad.api.refusals import expect
from postroad.api.spaces import Runs, RunsLater
from postroad.model import groups, replies, rounds
from postroad.model.groups import ANY_GENERATION, GroupDescribed, Position
from postroad.model.rounds import Entered, GroupState

P = ParamSpec("P")
R = TypeVar("R")


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


def _blocking(
    operation: Callable[Concatenate[RoundOperations, P], Asks[R]],
) -> Callable[Concatenate["Group", P], R]:
    def method(self: "Group", /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._run(operation(self._operations, *args, **kwargs))

    dress(method, operation)
    return method


def _awaited(
    operation: Callable[Concatenate[RoundOperations, P], Asks[R]],
) -> Callable[Concatenate["AsyncGroup", P], Coroutine[Any, Any, R]]:
    async def method(self: "AsyncGroup", /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._run(operation(self._operations, *args, **kwargs))

    dress(method, operation)
    return method


class Group:
    """One group of mode offset: its members where they share out among themselves, and what it has
    committed."""

    def __init__(self, name: str, run: Runs) -> None:
        """Use `Broker.group`."""
        self._operations = RoundOperations(name)
        self._run = run

    enter = _blocking(RoundOperations.enter)
    share_out = _blocking(RoundOperations.share_out)
    stay = _blocking(RoundOperations.stay)
    leave = _blocking(RoundOperations.leave)
    commit = _blocking(RoundOperations.commit)
    forget = _blocking(RoundOperations.forget)
    describe = _blocking(RoundOperations.describe)
    delete = _blocking(RoundOperations.delete)


class AsyncGroup:
    """One group of mode offset, for the tasks of one event loop; as `Group`."""

    def __init__(self, name: str, run: RunsLater) -> None:
        """Use `AsyncBroker.group`."""
        self._operations = RoundOperations(name)
        self._run = run

    enter = _awaited(RoundOperations.enter)
    share_out = _awaited(RoundOperations.share_out)
    stay = _awaited(RoundOperations.stay)
    leave = _awaited(RoundOperations.leave)
    commit = _awaited(RoundOperations.commit)
    forget = _awaited(RoundOperations.forget)
    describe = _awaited(RoundOperations.describe)
    delete = _awaited(RoundOperations.delete)
