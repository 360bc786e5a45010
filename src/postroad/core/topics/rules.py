"""What may be said in a group whose members share out among themselves, and by whom.

One rule: it looks and changes nothing.
"""

from postroad.core.topics.circle import Circle, Seat, circle_of
from postroad.core.topics.state import Topics
from postroad.core.topics.topic import Group
from postroad.limits import (
    DURATION_MS_MAX,
    GROUP_BYTES_SHARED_MAX,
    GROUP_MEMBERS_MAX,
    GROUPS_MAX,
    MEMBER_METADATA_BYTES_MAX,
    MEMBER_STRATEGIES_MAX,
)
from postroad.model.names import bad_name
from postroad.model.replies import Refused, Why
from postroad.model.rounds import EnterGroup, ShareOut

AGAIN = Refused(Why.REBALANCING, "the group rebalances; enter it again")
OUT = Refused(Why.NO_SUCH_MEMBER, "one is no member any more; enter the group again")
REPLACED = Refused(Why.FENCED, "another has come with this static id")


def bad_enter(command: EnterGroup) -> Refused | None:
    """Why nobody can enter like this."""
    named = {"kind": command.kind, "prefix": command.prefix}
    if command.static_id:
        named["static_id"] = command.static_id
    for name in (command.group, *named.values(), *dict(command.strategies)):
        wrong = bad_name(name)
        if wrong is not None:
            return Refused(Why.BAD_NAME, wrong)
    times = (command.session_ms, command.rebalance_ms, command.gather_ms + 1)
    if not all(1 <= one <= DURATION_MS_MAX for one in times):
        return Refused(Why.BAD_COMMAND, f"times are from 1 to {DURATION_MS_MAX:,} ms")
    if not 1 <= len(command.strategies) <= MEMBER_STRATEGIES_MAX:
        text = f"a member has from 1 to {MEMBER_STRATEGIES_MAX} strategies"
        return Refused(Why.BAD_COMMAND, text)
    if sum(len(metadata) for _, metadata in command.strategies) > MEMBER_METADATA_BYTES_MAX:
        text = f"a member says at most {MEMBER_METADATA_BYTES_MAX:,} bytes of itself"
        return Refused(Why.TOO_LARGE, text)
    return None


def no_room(topics: Topics, group: Group | None, command: EnterGroup) -> Refused | None:
    """Why nobody of this kind can enter a group, whoever it is."""
    if group is None:
        if command.member:
            return Refused(Why.NO_SUCH_MEMBER, f"group `{command.group}` does not exist")
        if len(topics.groups) >= GROUPS_MAX:
            return Refused(Why.BAD_COMMAND, f"there are {GROUPS_MAX:,} groups; delete some first")
        return None
    if group.members:
        text = f"the broker shares out the partitions of group `{group.name}`"
        return Refused(Why.SETTINGS_DIFFER, text)
    circle = circle_of(group)
    if circle is None:
        return None
    if circle.seats and circle.kind != command.kind:
        return Refused(Why.SETTINGS_DIFFER, f"group `{group.name}` is of kind {circle.kind}")
    known = command.member in circle.seats or command.static_id in circle.by_static
    known = known or command.member in circle.named
    if not known and len(circle.seats) + len(circle.named) >= GROUP_MEMBERS_MAX:
        return Refused(Why.TOO_MANY, f"a group has at most {GROUP_MEMBERS_MAX:,} members")
    if circle.said_bytes > GROUP_BYTES_SHARED_MAX:
        text = f"the members of a group say at most {GROUP_BYTES_SHARED_MAX:,} bytes of themselves"
        return Refused(Why.TOO_MANY, text)
    return None


def bad_shares(command: ShareOut) -> Refused | None:
    """Why shares cannot be given."""
    if sum(len(share) for _, share in command.shares) > GROUP_BYTES_SHARED_MAX:
        return Refused(Why.TOO_LARGE, f"shares have at most {GROUP_BYTES_SHARED_MAX:,} bytes")
    return None


def seat_of(circle: Circle, member: str, static_id: str) -> Seat | Refused:
    """A member by its name, or by its static id alone; or why it is none."""
    known = circle.by_static.get(static_id) if static_id else None
    if known is not None and member and known != member:
        return Refused(Why.FENCED, f"another has come with the static id `{static_id}`")
    seat = circle.seats.get(member or known or "")
    if seat is None or (static_id and known is None):
        return Refused(Why.NO_SUCH_MEMBER, f"`{member or static_id}` is no member; enter first")
    return seat
