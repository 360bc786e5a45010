"""Commits, and what there is to say about groups; groups of mode lease are made and moved here.

One rule: a commit counts only from who may read the partition now: a member of the generation it
names, or anybody while the group has no members.
"""

from dataclasses import replace

from postroad.core.decide.declare import bad_settings as bad_lease_settings
from postroad.core.decision import Decision, Missing, World, refuse
from postroad.core.queue import Queue
from postroad.core.records import Record
from postroad.core.topics import records as facts
from postroad.core.topics.circle import circle_of, has_members
from postroad.core.topics.consumers import delivered_before, share_of
from postroad.core.topics.declare import (
    find_offset,
    no_such_partition,
    no_such_topic,
    page_of,
)
from postroad.core.topics.log import Partition
from postroad.core.topics.standings import (
    fenced_in_circle,
    in_use,
    kind_of,
    no_such_group,
    seats_of,
    state_of,
)
from postroad.core.topics.topic import Group, Member, Share, Topic
from postroad.limits import COMMIT_METADATA_BYTES_MAX, GROUPS_MAX
from postroad.model.groups import (
    ANY_GENERATION,
    LEASE,
    OFFSET,
    CommitOffsets,
    DeclareGroup,
    DeleteGroup,
    DescribeGroup,
    GroupDeclared,
    GroupDescribed,
    GroupPart,
    ListGroups,
    MemberInfo,
    Position,
    SeekGroup,
)
from postroad.model.names import bad_name
from postroad.model.policy import QueueSettings
from postroad.model.replies import Done, Listed, Why
from postroad.model.sound import unsound_settings
from postroad.model.topics import EARLIEST, LATEST

SHARE_SETTINGS = frozenset(
    {"lease_ms", "deliveries_max", "dead_letter_queue", "retry", "leased_max", "paused"}
)
"""The settings of a queue that a group of mode lease has too."""


def decide_commit(world: World, command: CommitOffsets, now: int) -> Decision:
    """Remember how far a group has read."""
    state = world.state
    group = state.topics.group_of.get(command.group)
    records: list[Record] = []
    if group is None:
        wrong = bad_name(command.group)
        if wrong is not None:
            return refuse(Why.BAD_NAME, wrong)
        if command.member or command.generation != ANY_GENERATION:
            return no_such_group(world, command.group)
        if len(state.topics.groups) >= GROUPS_MAX:
            return refuse(Why.BAD_COMMAND, f"there are {GROUPS_MAX:,} groups; delete some first")
        id = state.catalog.next_id
        records.append(facts.GroupMade(id, command.group, now))
    else:
        id = group.id
        fenced = _fenced(group, command)
        if fenced is not None:
            return fenced
    member = None if group is None else group.members.get(command.member)
    rows: list[tuple[int, int, str, int]] = []
    for position in command.positions:
        row = _row_of(world, position, member)
        if isinstance(row, Decision):
            return row
        rows.append(row)
    if any(row[3] >= 0 for row in rows):
        records.append(facts.OffsetsNoted(id, rows, now))
    elif rows:
        records.append(facts.OffsetsCommitted(id, [row[:3] for row in rows], now))
    return Decision(records, Done(), None if records else state.changed)


def _row_of(
    world: World, position: Position, member: Member | None
) -> tuple[int, int, str, int] | Decision:
    """One offset as the fact has it, or why it is refused."""
    topics = world.state.topics
    topic = topics.by_name.get(position.topic)
    if topic is None:
        return no_such_topic(world.state, position.topic)
    log = topics.partition_of(topic, position.partition)
    if log is None:
        return no_such_partition(topic, position.partition)
    if member is not None and log.id not in member.owned:
        text = f"`{member.name}` does not own partition {log.number} of `{topic.name}`"
        return refuse(Why.WRONG_GENERATION, text)
    wrong = _bad_position(position.offset, position.metadata)
    if wrong is not None:
        return refuse(Why.BAD_COMMAND, wrong)
    if not -1 <= position.leader_epoch < 1 << 31:
        return refuse(Why.BAD_COMMAND, "a leader epoch is -1 or not below 0")
    return log.id, position.offset, position.metadata, position.leader_epoch


def _fenced(group: Group, command: CommitOffsets) -> Decision | None:
    """Why a commit does not count, or `None`."""
    if command.generation == ANY_GENERATION and not command.member:
        if has_members(group):
            text = f"group `{group.name}` has members; only they commit"
            return refuse(Why.WRONG_GENERATION, text, group.touched)
        return None
    circle = circle_of(group)
    if circle is not None and circle.seats:
        return fenced_in_circle(group, circle, command)
    member = group.members.get(command.member)
    if member is None:
        text = f"`{command.member}` is no member of group `{group.name}`; join it again"
        return refuse(Why.NO_SUCH_MEMBER, text, group.touched)
    if command.generation != member.told:
        text = f"the generation of `{member.name}` is {member.told}, not {command.generation}"
        return refuse(Why.WRONG_GENERATION, text, group.touched)
    return None


def _bad_position(offset: int, metadata: str) -> str | None:
    if not 0 <= offset < 1 << 63:
        return "an offset is not below 0"
    try:
        size = len(metadata.encode())
    except UnicodeEncodeError:
        return "metadata is text that UTF-8 can carry"
    if size > COMMIT_METADATA_BYTES_MAX:
        return f"metadata has at most {COMMIT_METADATA_BYTES_MAX:,} bytes"
    return None


def decide_describe(world: World, command: DescribeGroup, _now: int) -> Decision:
    """Members, offsets and lag."""
    topics = world.state.topics
    if command.topic:
        share = share_of(world, command.topic, command.group)
        return share if isinstance(share, Decision) else _describe_share(world, share)
    group = topics.group_of.get(command.group)
    if group is None:
        return no_such_group(world, command.group)
    members = [
        MemberInfo(one.name, one.topics, _named(world, one.owned))
        for _, one in sorted(group.members.items())
    ]
    members.extend(seats_of(group))
    parts: list[GroupPart] = []
    touched = group.touched
    for log in _logs_of(world, group):
        touched = max(touched, log.touched)
        parts.append(_group_part(world, group, log))
    described = GroupDescribed(group.name, OFFSET, group.generation, group.strategy, members, parts)
    described = replace(described, state=state_of(group), kind=kind_of(group))
    return Decision([], described, touched)


def _logs_of(world: World, group: Group) -> list[Partition]:
    """All partitions of the topics that a group has read or its members want to."""
    topics = world.state.topics
    wanted = {name for one in group.members.values() for name in one.topics}
    for id in group.offsets:
        log = topics.partitions.get(id)
        if log is not None and not log.buried:
            wanted.add(topics.all[log.topic].name)
    found = [topics.by_name[name] for name in sorted(wanted) if name in topics.by_name]
    return [topics.partitions[id] for topic in found for id in topic.partitions]


def _named(world: World, partitions: set[int]) -> tuple[tuple[str, int], ...]:
    topics = world.state.topics
    logs = [topics.partitions[id] for id in partitions if id in topics.partitions]
    return tuple(sorted((topics.all[log.topic].name, log.number) for log in logs if not log.buried))


def _group_part(world: World, group: Group, log: Partition) -> GroupPart:
    committed = group.offsets.get(log.id)
    name = world.state.topics.all[log.topic].name
    if committed is None:
        return GroupPart(name, log.number, -1, log.end - log.start)
    lag = max(0, log.end - max(committed.offset, log.start))
    part = GroupPart(name, log.number, committed.offset, lag, committed.metadata, committed.at_ms)
    return replace(part, leader_epoch=committed.leader_epoch)


def _describe_share(world: World, share: Share) -> Decision:
    topics = world.state.topics
    topic = topics.all[share.topic]
    parts: list[GroupPart] = []
    touched = share.touched
    for number, id in enumerate(share.queues):
        queue = world.state.queues[id]
        log = topics.partitions[topic.partitions[number]]
        touched = max(touched, queue.touched, log.touched)
        pages = queue.pages
        waiting = pages.ready + pages.delayed + log.end - queue.next_offset
        offset = _lowest(queue)
        parts.append(
            GroupPart(
                topic.name,
                number,
                offset,
                waiting,
                leased=queue.leased,
                dead=pages.dead,
                queue=queue.id,
                delivered=delivered_before(queue),
            )
        )
    return Decision([], GroupDescribed(share.name, LEASE, 0, "", [], parts), touched)


def _lowest(queue: Queue) -> int:
    for page in queue.pages.all.values():
        if page.live:
            return page.base + (page.live & -page.live).bit_length() - 1
    return queue.next_offset


def decide_list(world: World, command: ListGroups, _now: int) -> Decision:
    """Names in order."""
    topics = world.state.topics
    names = topics.group_names
    if command.topic:
        topic = topics.by_name.get(command.topic)
        if topic is None:
            return no_such_topic(world.state, command.topic)
        names = sorted(topic.shares)
    found, more = page_of(names, command.prefix, command.after, command.count)
    return Decision([], Listed(found, more), world.state.changed)


def decide_delete(world: World, command: DeleteGroup, _now: int) -> Decision:
    """Remove a group."""
    if command.topic:
        share = share_of(world, command.topic, command.group)
        if isinstance(share, Decision):
            return share
        return Decision([facts.ShareDeleted(share.id)], Done())
    group = world.state.topics.group_of.get(command.group)
    if group is None:
        return no_such_group(world, command.group)
    if has_members(group):
        return in_use(group)
    return Decision([facts.GroupDeleted(group.id)], Done())


def decide_declare(world: World, command: DeclareGroup, now: int) -> Decision | Missing:
    """Make a group of mode lease exist."""
    state = world.state
    topic = state.topics.by_name.get(command.topic)
    if topic is None:
        return no_such_topic(state, command.topic)
    wrong = bad_name(command.group)
    if wrong is not None:
        return refuse(Why.BAD_NAME, wrong)
    wrong = unsound_settings(command.settings) or _bad_share_settings(command)
    if wrong is not None:
        return refuse(Why.BAD_SETTINGS, wrong)
    known = topic.shares.get(command.group)
    if known is not None:
        return Decision([], GroupDeclared(False, tuple(known.queues)), known.touched)
    if len(state.topics.shares) >= GROUPS_MAX:
        return refuse(Why.BAD_COMMAND, f"there are {GROUPS_MAX:,} groups; delete some first")
    starts = _starts(world, topic, command.start)
    if isinstance(starts, Decision | Missing):
        return starts
    group = state.catalog.next_id
    queues = list(enumerate(starts, group + 1))
    record = facts.ShareDeclared(group, topic.id, command.group, command.settings, queues, now)
    return Decision([record], GroupDeclared(True, tuple(id for id, _ in queues)))


def _bad_share_settings(command: DeclareGroup) -> str | None:
    settings, plain = command.settings, QueueSettings()
    for name in QueueSettings.__struct_fields__:
        if name not in SHARE_SETTINGS and getattr(settings, name) != getattr(plain, name):
            return f"a group on a topic has no `{name}`"
    return bad_lease_settings(settings)


def _starts(world: World, topic: Topic, place: int | str) -> list[int] | Decision | Missing:
    """Where a group begins in each partition."""
    if isinstance(place, str) and place not in (EARLIEST, LATEST):
        return refuse(Why.BAD_COMMAND, f"a place is {EARLIEST}, {LATEST} or a time in ms")
    starts: list[int] = []
    for id in topic.partitions:
        found = find_offset(world, world.state.topics.partitions[id], place)
        if isinstance(found, Missing):
            return found
        starts.append(found[0])
    return starts


def decide_seek(world: World, command: SeekGroup, now: int) -> Decision | Missing:
    """Let a group begin anew elsewhere."""
    topics = world.state.topics
    topic = topics.by_name.get(command.topic)
    if topic is None:
        return no_such_topic(world.state, command.topic)
    numbers = list(range(len(topic.partitions)))
    if command.partition is not None:
        if not 0 <= command.partition < len(topic.partitions):
            return no_such_partition(topic, command.partition)
        numbers = [command.partition]
    starts = _sought(world, topic, command)
    if isinstance(starts, Decision | Missing):
        return starts
    if command.mode == LEASE:
        share = topic.shares.get(command.group)
        if share is None:
            return no_such_group(world, command.group)
        if command.keep_leases:
            kept = [facts.ShareMoved(share.queues[number], starts[number]) for number in numbers]
            return Decision(list(kept), Done())
        first = world.state.catalog.next_id
        sought: list[Record] = [
            facts.ShareSought(share.id, number, id, starts[number], now)
            for id, number in enumerate(numbers, first)
        ]
        return Decision(sought, Done())
    group = topics.group_of.get(command.group)
    if group is None:
        return no_such_group(world, command.group)
    if has_members(group):
        return in_use(group)
    rows = [(topic.partitions[number], starts[number], "") for number in numbers]
    return Decision([facts.OffsetsCommitted(group.id, rows, now)], Done())


def _sought(world: World, topic: Topic, command: SeekGroup) -> list[int] | Decision | Missing:
    """Per partition where the group shall begin."""
    if command.mode not in (OFFSET, LEASE):
        return refuse(Why.BAD_COMMAND, f"a mode is {OFFSET} or {LEASE}")
    if command.offset is None:
        return _starts(world, topic, command.to)
    logs = [world.state.topics.partitions[id] for id in topic.partitions]
    return [min(max(command.offset, log.start), log.end) for log in logs]
