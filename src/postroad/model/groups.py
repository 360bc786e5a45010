"""Groups on topics in commands and replies: who reads what, and how far it is.

One rule: a group of mode offset remembers one offset per partition; one of mode lease has a queue
per partition, whose messages are leased and settled one by one.
"""

from postroad.model.policy import QueueSettings
from postroad.model.topics import EARLIEST, LATEST
from postroad.model.value import value

RANGE = "range"
"""Each topic's partitions in runs, one run per member."""
ROUND_ROBIN = "round-robin"
"""All partitions one by one over the members."""
STICKY = "sticky"
"""Evenly, and each partition stays where it is as long as that is even."""
STRATEGIES = (RANGE, ROUND_ROBIN, STICKY)

OFFSET = "offset"
"""A group that remembers one offset per partition."""
LEASE = "lease"
"""A group whose messages are leased and settled one by one."""

ANY_GENERATION = -1
"""A commit from outside: good while the group has no members."""


@value
class JoinGroup:
    """Become a member of a group of mode offset, or say anew which topics one wants to read; the
    group is made when it is not there. `strategy`: how partitions are shared out, the same for all
    members. A member that is silent for `session_ms` is out. Answer: `Membership`."""

    group: str
    member: str
    topics: tuple[str, ...]
    strategy: str = RANGE
    session_ms: int = 30_000


@value
class Heartbeat:
    """A member lives, and reads just the partitions `owned` (topic, number). What it owned and does
    not name is free for others. Answer: `Membership`; what is not in its assignment any more must
    be let go and left out next time."""

    group: str
    member: str
    generation: int
    owned: tuple[tuple[str, int], ...]


@value
class LeaveGroup:
    """A member goes; its partitions are shared out at once. `static_id`: of one that has it, whose
    `member` may then be "". Answer: `Done`."""

    group: str
    member: str
    static_id: str = ""


@value
class Position:
    """An offset that a group has committed: the next one to read. `metadata`, `leader_epoch` (-1:
    none): the committer's own."""

    topic: str
    partition: int
    offset: int
    metadata: str = ""
    leader_epoch: int = -1


@value
class CommitOffsets:
    """Remember how far a group has read. `generation`: that of the member, or ANY_GENERATION where
    the group has no members; another is refused, and so are partitions the member does not own,
    where the broker shares them out. `static_id`: the member's, if it has one. Answer: `Done`, once
    durable."""

    group: str
    positions: tuple[Position, ...]
    member: str = ""
    generation: int = ANY_GENERATION
    static_id: str = ""


@value
class DescribeGroup:
    """A group: of mode offset by its name, of mode lease with its topic. Answer:
    `GroupDescribed`."""

    group: str
    topic: str = ""


@value
class ListGroups:
    """Names of groups in order: those of mode offset, or with `topic` those of mode lease on it.
    Answer: `Listed`."""

    topic: str = ""
    prefix: str = ""
    after: str = ""
    count: int = 1_000


@value
class DeleteGroup:
    """Remove a group and all it remembers; one of mode offset must have no members. Answer:
    `Done`."""

    group: str
    topic: str = ""


@value
class DeclareGroup:
    """Make a group of mode lease exist on a topic. `settings`: of its leases, as a queue's.
    `start`: where it begins in each partition: EARLIEST, LATEST, or a time in ms. The same again is
    fine. Answer: `GroupDeclared`."""

    topic: str
    group: str
    settings: QueueSettings = QueueSettings()
    start: int | str = LATEST


@value
class SeekGroup:
    """Let a group begin anew at `to`: EARLIEST, LATEST or a time in ms, or with `offset` at that
    offset; in one `partition` or in all. Of mode lease, all leases there end and settled messages
    come again; with `keep_leases` those stay, and only what nobody holds comes again or is passed
    over. Answer: `Done`."""

    topic: str
    group: str
    mode: str
    to: int | str = EARLIEST
    partition: int | None = None
    offset: int | None = None
    keep_leases: bool = False


@value
class ReceiveShare:
    """Lease up to `count` messages of a group of mode lease, of one partition at a time; otherwise
    as `Receive`. `partition` None: of any. `consumer`: in whose name, made where it is not there;
    with it a `lease_ms` of SESSION_LEASE means until it is settled or claimed, restarts or not.
    Without `leased` the messages are done at once, as with `Pop`. The receipts are settled as those
    of the queue `share_name(topic, group, partition)`. Answer: `Received`."""

    topic: str
    group: str
    count: int = 1
    lease_ms: int | None = None
    wait_ms: int = 0
    partition: int | None = None
    consumer: str = ""
    leased: bool = True


@value
class Membership:
    """What a member reads now. `members`: how many there are. `complete`: nothing is to be let go
    and nothing waits for another member; until then it is worth asking again soon."""

    generation: int
    assignment: tuple[tuple[str, int], ...]
    members: int
    complete: bool


@value
class MemberInfo:
    """A member of a group and what it owns; or, where members share out among themselves, its
    static id, what it says of itself, and what the leader gave it."""

    member: str
    topics: tuple[str, ...]
    assignment: tuple[tuple[str, int], ...]
    static_id: str = ""
    metadata: bytes = b""
    share: bytes = b""


@value
class GroupPart:
    """How far a group is in a partition. `offset`: the next to read (mode lease: the lowest that is
    not settled); -1: nothing committed. `lag`: messages before the end. `leased`, `dead`: of mode
    lease; `queue`: number of the queue its receipts are of; `delivered`: the offset after the last
    that was ever delivered."""

    topic: str
    partition: int
    offset: int
    lag: int
    metadata: str = ""
    committed_ms: int = 0
    leased: int = 0
    dead: int = 0
    queue: int = 0
    delivered: int = 0
    leader_epoch: int = -1


@value
class GroupDescribed:
    """A group, its members, and how far it is. `state`: of mode offset, as in `rounds`; `kind`:
    what its members are for, where they share out among themselves."""

    group: str
    mode: str
    generation: int
    strategy: str
    members: list[MemberInfo]
    parts: list[GroupPart]
    state: str = ""
    kind: str = ""


@value
class GroupDeclared:
    """`queues`: per partition, the number of the queue its receipts are of."""

    created: bool
    queues: tuple[int, ...]


def share_name(topic: str, group: str, partition: int) -> str:
    """The name of the queue that a group of mode lease has for a partition: no declared queue has a
    name like it, and none is listed."""
    return f"\0{topic}\0{group}\0{partition}"


GroupCommand = (
    JoinGroup
    | Heartbeat
    | LeaveGroup
    | CommitOffsets
    | DescribeGroup
    | ListGroups
    | DeleteGroup
    | DeclareGroup
    | SeekGroup
    | ReceiveShare
)

GroupReply = Membership | GroupDescribed | GroupDeclared
