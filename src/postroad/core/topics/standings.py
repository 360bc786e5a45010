"""How groups of mode offset stand: their states, who may commit, and what is forgotten of them.

One rule: a group is what its members make of it; this only looks.
"""

from postroad.core.decision import Decision, World, refuse
from postroad.core.topics import records as facts
from postroad.core.topics.circle import Circle, circle_of, has_members
from postroad.core.topics.declare import no_such_partition, no_such_topic, page_of
from postroad.core.topics.rules import seat_of
from postroad.core.topics.topic import Group
from postroad.limits import PAGE_NAMES
from postroad.model.groups import CommitOffsets, MemberInfo
from postroad.model.replies import Done, Refused, Why
from postroad.model.rounds import (
    COMPLETING,
    EMPTY,
    PREPARING,
    STABLE,
    ForgetOffsets,
    GroupState,
    GroupStatesListed,
    ListGroupStates,
)


def no_such_group(world: World, name: str) -> Decision:
    """The group is not there."""
    return refuse(Why.NO_SUCH_GROUP, f"group `{name}` does not exist", world.state.changed)


def in_use(group: Group) -> Decision:
    """The group has members, who must leave first."""
    circle = circle_of(group)
    count = len(group.members) or (0 if circle is None else len(circle.seats))
    text = f"group `{group.name}` has {count} members; they must leave first"
    return refuse(Why.GROUP_IN_USE, text, group.touched)


def state_of(group: Group) -> str:
    """Where the broker shares out, a group prepares while a member has to let go of something."""
    circle = circle_of(group)
    if circle is not None and circle.seats:
        return circle.state
    if not group.members:
        return EMPTY
    settled = all(one.target == one.owned for one in group.members.values())
    return STABLE if settled else PREPARING


def kind_of(group: Group) -> str:
    """What the members are for."""
    circle = circle_of(group)
    return "" if circle is None else circle.kind


def seats_of(group: Group) -> list[MemberInfo]:
    """The members of a group that share out among themselves."""
    circle = circle_of(group)
    if circle is None:
        return []
    return [
        MemberInfo(
            name, (), (), seat.static_id, seat.strategies.get(circle.strategy, b""), seat.share
        )
        for name, seat in sorted(circle.seats.items())
    ]


def fenced_in_circle(group: Group, circle: Circle, command: CommitOffsets) -> Decision | None:
    """Why a commit of who shares out among themselves does not count, or `None`."""
    seat = seat_of(circle, command.member, command.static_id)
    if isinstance(seat, Refused):
        return refuse(seat.why, seat.text, group.touched)
    if command.generation != group.generation:
        text = f"the generation of `{group.name}` is {group.generation}, not {command.generation}"
        return refuse(Why.WRONG_GENERATION, text, group.touched)
    if circle.state == COMPLETING:
        text = "the members of the group do not know their shares yet"
        return refuse(Why.REBALANCING, text, group.touched)
    return None


def decide_forget(world: World, command: ForgetOffsets, _now: int) -> Decision:
    """Forget single commits."""
    topics = world.state.topics
    group = topics.group_of.get(command.group)
    if group is None:
        return no_such_group(world, command.group)
    wanted = {name for one in group.members.values() for name in one.topics}
    found: dict[int, None] = {}
    for name, number in command.places:
        topic = topics.by_name.get(name)
        if topic is None:
            return no_such_topic(world.state, name)
        log = topics.partition_of(topic, number)
        if log is None:
            return no_such_partition(topic, number)
        # What members that share out among themselves read is not known here.
        if name in wanted or (has_members(group) and not group.members):
            return in_use(group)
        if log.id in group.offsets:
            found[log.id] = None
    if not found:
        return Decision([], Done(), group.touched)
    return Decision([facts.OffsetsForgotten(group.id, list(found))], Done())


def decide_list_states(world: World, command: ListGroupStates, _now: int) -> Decision:
    """Groups with their states."""
    topics = world.state.topics
    count = min(command.count, PAGE_NAMES)
    found: list[GroupState] = []
    after, more = command.after, True
    while more and len(found) < count:
        names, more = page_of(topics.group_names, command.prefix, after, count)
        for at, name in enumerate(names):
            group = topics.group_of[name]
            state = state_of(group)
            after = name
            if command.states and state not in command.states:
                continue
            found.append(GroupState(name, state, kind_of(group)))
            if len(found) == count:
                more = more or at + 1 < len(names)
                break
    return Decision([], GroupStatesListed(found, more), world.state.changed)
