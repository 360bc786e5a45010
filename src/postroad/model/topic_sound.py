"""What the fields of commands about topics and groups may be.

It stands beside `sound`, which looks at all commands. The rule kept here: kinds and shapes only,
and of values within values too.
"""

from postroad.model import claims, groups, rounds, topics
from postroad.model.kinds import (
    BYTES,
    FLAG,
    MAYBE_BYTES,
    MAYBE_NUMBER,
    MAYBE_TEXT,
    NUMBER,
    TEXT,
    TUPLE,
    Kinds,
    Shapes,
)
from postroad.model.policy import QueueSettings

PLACE: Kinds = (int, str)
_OF_MEMBER = (("group", TEXT), ("member", TEXT), ("generation", NUMBER))
_OF_GROUP = (("topic", TEXT), ("group", TEXT))

FIELDS: Shapes = {
    topics.DeclareTopic: (("name", TEXT), ("partitions", NUMBER), ("compare", TUPLE)),
    topics.ChangeTopic: (("name", TEXT), ("partitions", MAYBE_NUMBER)),
    topics.DeleteTopic: (("name", TEXT),),
    topics.DescribeTopic: (("name", TEXT),),
    topics.ListTopics: (("prefix", TEXT), ("after", TEXT), ("count", NUMBER)),
    topics.Append: (("topic", TEXT), ("partition", MAYBE_NUMBER)),
    topics.Fetch: (
        ("spans", TUPLE),
        ("count", NUMBER),
        ("bytes_max", NUMBER),
        ("bytes_min", NUMBER),
        ("wait_ms", NUMBER),
    ),
    topics.FindOffset: (("topic", TEXT), ("partition", NUMBER), ("at", PLACE)),
    topics.CutTopic: (("topic", TEXT), ("partition", NUMBER), ("before", NUMBER)),
    groups.JoinGroup: (
        ("group", TEXT),
        ("member", TEXT),
        ("topics", TUPLE),
        ("strategy", TEXT),
        ("session_ms", NUMBER),
    ),
    groups.Heartbeat: (
        ("group", TEXT),
        ("member", TEXT),
        ("generation", NUMBER),
        ("owned", TUPLE),
    ),
    groups.LeaveGroup: (("group", TEXT), ("member", TEXT), ("static_id", TEXT)),
    groups.CommitOffsets: (
        ("group", TEXT),
        ("positions", TUPLE),
        ("member", TEXT),
        ("generation", NUMBER),
        ("static_id", TEXT),
    ),
    groups.DescribeGroup: (("group", TEXT), ("topic", TEXT)),
    groups.ListGroups: (("topic", TEXT), ("prefix", TEXT), ("after", TEXT), ("count", NUMBER)),
    groups.DeleteGroup: (("group", TEXT), ("topic", TEXT)),
    groups.DeclareGroup: (
        ("topic", TEXT),
        ("group", TEXT),
        ("settings", (QueueSettings,)),
        ("start", PLACE),
    ),
    groups.SeekGroup: (
        ("topic", TEXT),
        ("group", TEXT),
        ("mode", TEXT),
        ("to", PLACE),
        ("partition", MAYBE_NUMBER),
        ("offset", MAYBE_NUMBER),
        ("keep_leases", FLAG),
    ),
    groups.ReceiveShare: (
        ("topic", TEXT),
        ("group", TEXT),
        ("count", NUMBER),
        ("lease_ms", MAYBE_NUMBER),
        ("wait_ms", NUMBER),
        ("partition", MAYBE_NUMBER),
        ("consumer", TEXT),
        ("leased", FLAG),
    ),
    rounds.EnterGroup: (
        ("group", TEXT),
        ("strategies", TUPLE),
        ("kind", TEXT),
        ("member", TEXT),
        ("static_id", TEXT),
        ("session_ms", NUMBER),
        ("rebalance_ms", NUMBER),
        ("gather_ms", NUMBER),
        ("prefix", TEXT),
        ("named_first", FLAG),
    ),
    rounds.ShareOut: (*_OF_MEMBER, ("shares", TUPLE), ("static_id", TEXT)),
    rounds.StayInGroup: (*_OF_MEMBER, ("static_id", TEXT)),
    rounds.ForgetOffsets: (("group", TEXT), ("places", TUPLE)),
    rounds.ListGroupStates: (
        ("prefix", TEXT),
        ("after", TEXT),
        ("count", NUMBER),
        ("states", TUPLE),
    ),
    claims.ClaimLeases: (
        *_OF_GROUP,
        ("offsets", TUPLE),
        ("consumer", TEXT),
        ("partition", NUMBER),
        ("idle_ms", NUMBER),
        ("lease_ms", MAYBE_NUMBER),
        ("since_ms", NUMBER),
        ("deliveries", MAYBE_NUMBER),
        ("force", FLAG),
        ("bodies", FLAG),
    ),
    claims.ClaimIdle: (
        *_OF_GROUP,
        ("consumer", TEXT),
        ("partition", NUMBER),
        ("idle_ms", NUMBER),
        ("start", NUMBER),
        ("count", NUMBER),
        ("lease_ms", MAYBE_NUMBER),
        ("of", MAYBE_TEXT),
        ("bodies", FLAG),
    ),
    claims.ListLeases: (
        *_OF_GROUP,
        ("partition", NUMBER),
        ("start", NUMBER),
        ("end", MAYBE_NUMBER),
        ("count", NUMBER),
        ("consumer", MAYBE_TEXT),
        ("idle_ms", NUMBER),
    ),
    claims.CountLeases: (*_OF_GROUP, ("partition", NUMBER)),
    claims.DeclareConsumer: (*_OF_GROUP, ("consumer", TEXT)),
    claims.DeleteConsumer: (*_OF_GROUP, ("consumer", TEXT), ("dropped", FLAG)),
    claims.ListConsumers: (*_OF_GROUP, ("after", TEXT), ("count", NUMBER)),
}

COLUMNS: Shapes = {
    topics.DeclareTopic: (("compare", TEXT),),
    topics.Append: (
        ("bodies", BYTES),
        ("heads", BYTES),
        ("keys", MAYBE_BYTES),
        ("tombstones", FLAG),
    ),
    groups.JoinGroup: (("topics", TEXT),),
    rounds.ListGroupStates: (("states", TEXT),),
    claims.ClaimLeases: (("offsets", NUMBER),),
}

_SPAN = (("topic", str), ("partition", int), ("offset", int), ("bytes_max", int))
_POSITION = (
    *(("topic", str), ("partition", int), ("offset", int), ("metadata", str)),
    ("leader_epoch", int),
)


_PAIRS: tuple[tuple[type, str, type], ...] = (
    (groups.Heartbeat, "owned", int),
    (rounds.EnterGroup, "strategies", bytes),
    (rounds.ShareOut, "shares", bytes),
    (rounds.ForgetOffsets, "places", int),
)
"""Fields that hold pairs of a text and something else."""


def unsound_values(command: object) -> str | None:
    """What is wrong with the values inside a command, in one line, or `None`."""
    if isinstance(command, topics.Fetch):
        return _unsound_rows("spans", command.spans, topics.Span, _SPAN)
    if isinstance(command, groups.CommitOffsets):
        return _unsound_rows("positions", command.positions, groups.Position, _POSITION)
    for kind, name, second in _PAIRS:
        if isinstance(command, kind):
            return _unsound_pairs(name, getattr(command, name), second)
    return None


def _unsound_pairs(name: str, pairs: tuple[object, ...], second: type) -> str | None:
    for one in pairs:
        if not isinstance(one, tuple) or [type(part) for part in one] != [str, second]:
            return f"each of `{name}` is a text and {second.__name__} in a tuple"
    return None


def _unsound_rows(
    name: str, rows: tuple[object, ...], kind: type, fields: tuple[tuple[str, type], ...]
) -> str | None:
    for row in rows:
        if not isinstance(row, kind):
            return f"each of `{name}` is a {kind.__name__}, not {type(row).__name__}"
        for field, wanted in fields:
            if type(getattr(row, field)) is not wanted:
                return f"`{field}` of each of `{name}` is of the wrong kind"
    return None
