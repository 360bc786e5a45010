"""Members of groups of mode offset: who is there, who reads what, in which generation.

One rule: a partition is given to a member only once no other owns it; a member owns what it was
given until it says that it let go, leaves, or was silent for too long. Who is a member is volatile;
the generation is a fact and never goes back.
"""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from postroad.core.decision import Decision, World, refuse
from postroad.core.records import Record
from postroad.core.topics import records as facts
from postroad.core.topics.assign import Logs, assign
from postroad.core.topics.circle import has_members
from postroad.core.topics.topic import Group, Member
from postroad.limits import (
    DURATION_MS_MAX,
    GROUP_MEMBERS_MAX,
    GROUPS_MAX,
    MEMBER_TOPICS_MAX,
)
from postroad.model.groups import STRATEGIES, Heartbeat, JoinGroup, LeaveGroup, Membership
from postroad.model.names import bad_name
from postroad.model.replies import Done, Why


class Members:
    """All members of all groups, by when they are out unless they are heard of. The records of its
    decisions are applied already."""

    def __init__(self, world: World, apply_all: Callable[[Sequence[Record]], None]) -> None:
        self.world = world
        self.apply_all = apply_all
        self._ends: list[tuple[int, int, str]] = []

    def join(self, command: JoinGroup, now: int) -> Decision:
        """A member comes, or comes again with other topics."""
        topics = self.world.state.topics
        wrong = _bad_join(command)
        if wrong is not None:
            return refuse(Why.BAD_COMMAND, wrong)
        group = topics.group_of.get(command.group)
        if group is None:
            return self._first(command, now)
        if has_members(group) and not group.members:
            text = f"the members of group `{group.name}` share out among themselves"
            return refuse(Why.SETTINGS_DIFFER, text, group.touched)
        if group.members and group.strategy != command.strategy:
            text = f"group `{group.name}` shares its partitions by {group.strategy}"
            return refuse(Why.SETTINGS_DIFFER, text, group.touched)
        if len(group.members) >= GROUP_MEMBERS_MAX:
            return refuse(Why.BAD_COMMAND, f"a group has at most {GROUP_MEMBERS_MAX:,} members")
        return self._enter(group, command, now)

    def _first(self, command: JoinGroup, now: int) -> Decision:
        state = self.world.state
        if len(state.topics.groups) >= GROUPS_MAX:
            return refuse(Why.BAD_COMMAND, f"there are {GROUPS_MAX:,} groups; delete some first")
        made = facts.GroupMade(state.catalog.next_id, command.group, now)
        self.apply_all([made])
        decision = self._enter(state.topics.groups[made.group], command, now)
        return Decision([made, *decision.records], decision.reply)

    def _enter(self, group: Group, command: JoinGroup, now: int) -> Decision:
        member = Member(command.member, tuple(dict.fromkeys(command.topics)), command.session_ms)
        old = group.members.get(command.member)
        if old is not None:
            member.target = old.target
        group.members[command.member] = member
        turned = self._turn(group, command.strategy)
        return Decision([turned], self._tell(group, member, now))

    def heartbeat(self, command: Heartbeat, now: int) -> Decision:
        """A member lives, and may have let go of something."""
        group = self.world.state.topics.group_of.get(command.group)
        member = None if group is None else group.members.get(command.member)
        if group is None or member is None:
            text = f"`{command.member}` is no member of group `{command.group}`; join it again"
            return refuse(Why.NO_SUCH_MEMBER, text, self.world.state.changed)
        if command.generation != member.told:
            text = f"the generation of `{member.name}` is {member.told}"
            return refuse(Why.WRONG_GENERATION, text, group.touched)
        member.owned &= self._ids(command.owned)
        records: list[Record] = []
        if self._shape(group) != group.shape:
            records.append(self._turn(group, group.strategy))
        reply = self._tell(group, member, now)
        return Decision(records, reply, None if records else group.touched)

    def leave(self, command: LeaveGroup) -> Decision:
        """A member goes."""
        group = self.world.state.topics.group_of.get(command.group)
        if group is None or command.member not in group.members:
            return Decision([], Done(), self.world.state.changed)
        del group.members[command.member]
        return Decision([self._turn(group, group.strategy)], Done())

    def next_end(self) -> int:
        """When the next member is out, in ms; 0 for never."""
        while self._ends:
            until_ms, id, name = self._ends[0]
            group = self.world.state.topics.groups.get(id)
            member = None if group is None else group.members.get(name)
            if member is not None and member.until_ms == until_ms:
                return until_ms
            heappop(self._ends)
        return 0

    def silent(self, now: int) -> list[Record]:
        """The members of one group that were silent for too long are out."""
        end = self.next_end()
        if not end or end > now:
            return []
        group = self.world.state.topics.groups[self._ends[0][1]]
        for name in [one.name for one in group.members.values() if one.until_ms <= now]:
            del group.members[name]
        return [self._turn(group, group.strategy)]

    def _turn(self, group: Group, strategy: str) -> facts.GroupTurned:
        """Share out anew; what a member owns and shall not have any more it is told next time."""
        logs = self._logs(group)
        members = [group.members[name] for name in sorted(group.members)]
        group.shape = self._shape(group)
        for name, partitions in assign(strategy, members, logs).items() if members else ():
            group.members[name].target = set(partitions)
        turned = facts.GroupTurned(group.id, group.generation + 1, strategy)
        self.apply_all([turned])
        return turned

    def _tell(self, group: Group, member: Member, now: int) -> Membership:
        others: set[int] = set()
        for one in group.members.values():
            if one is not member:
                others |= one.owned
        given = member.target - others
        member.owned |= given
        member.told = group.generation
        member.until_ms = now + member.session_ms
        heappush(self._ends, (member.until_ms, group.id, member.name))
        complete = given == member.target == member.owned
        return Membership(group.generation, self.named(given), len(group.members), complete)

    def named(self, partitions: set[int]) -> tuple[tuple[str, int], ...]:
        """Partitions as (topic, number), in order."""
        topics = self.world.state.topics
        found: list[tuple[str, int]] = []
        for id in partitions:
            log = topics.partitions.get(id)
            if log is not None and not log.buried:
                found.append((topics.all[log.topic].name, log.number))
        return tuple(sorted(found))

    def _ids(self, named: tuple[tuple[str, int], ...]) -> set[int]:
        topics = self.world.state.topics
        found: set[int] = set()
        for name, number in named:
            topic = topics.by_name.get(name)
            log = None if topic is None else topics.partition_of(topic, number)
            if log is not None:
                found.add(log.id)
        return found

    def _logs(self, group: Group) -> Logs:
        topics = self.world.state.topics
        logs: Logs = {}
        for member in group.members.values():
            for name in member.topics:
                topic = topics.by_name.get(name)
                if topic is not None:
                    logs[name] = topic.partitions
        return logs

    def _shape(self, group: Group) -> dict[str, int]:
        """What a share-out rests on besides the members: how many partitions there are."""
        topics = self.world.state.topics
        shape: dict[str, int] = {}
        for member in group.members.values():
            for name in member.topics:
                topic = topics.by_name.get(name)
                shape[name] = 0 if topic is None else topic.id << 20 | len(topic.partitions)
        return shape


def _bad_join(command: JoinGroup) -> str | None:
    wrong = bad_name(command.group) or bad_name(command.member)
    if wrong is not None:
        return wrong
    if command.strategy not in STRATEGIES:
        return f"a strategy is one of {', '.join(STRATEGIES)}"
    if not 1 <= command.session_ms <= DURATION_MS_MAX:
        return f"`session_ms` is from 1 to {DURATION_MS_MAX:,}"
    if not 1 <= len(command.topics) <= MEMBER_TOPICS_MAX:
        return f"a member reads from 1 to {MEMBER_TOPICS_MAX:,} topics"
    return None
