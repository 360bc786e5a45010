"""The facts about topics and groups.

One rule: as for all facts, what is released keeps its tag and its fields. What is published to a
partition is `Published`, whose shelf is the partition's number.
"""

from postroad.core.records import Record
from postroad.model.policy import QueueSettings
from postroad.model.topics import TopicSettings


class TopicDeclared(Record, tag=40):
    """A topic exists from here on, with these partitions."""

    topic: int
    name: str
    settings: TopicSettings
    extras: dict[str, str]
    labels: dict[str, str]
    partitions: list[int]
    now_ms: int


class TopicChanged(Record, tag=41):
    """A topic's settings, extras and labels are these from here on."""

    topic: int
    settings: TopicSettings
    extras: dict[str, str]
    labels: dict[str, str]


class PartitionsAdded(Record, tag=42):
    """A topic has more partitions; `queues`: for each group of mode lease, in order of their
    numbers, its queue for each new partition."""

    topic: int
    partitions: list[int]
    queues: list[list[int]]
    now_ms: int


class TopicDeleted(Record, tag=43):
    """A topic is gone; what it held is cut in slices. Its groups of mode lease go before it."""

    topic: int


class LogCut(Record, tag=44):
    """The messages of a partition below offset `before` are gone."""

    partition: int
    before: int


class Superseded(Record, tag=45):
    """Messages of one page of a partition are gone, for others came later with their keys; `first`,
    `span`, `mask` as of a queue's page."""

    partition: int
    first: int
    span: int
    mask: bytes


class Cleaned(Record, tag=46):
    """All below offset `before` has been compared by key. `tombstones_ms`: when the oldest of the
    tombstones that stayed was published, 0 for none."""

    partition: int
    before: int
    now_ms: int
    tombstones_ms: int


class GroupMade(Record, tag=47):
    """A group of mode offset exists."""

    group: int
    name: str
    now_ms: int


class GroupTurned(Record, tag=48):
    """A group has other members, or they other topics: a new generation."""

    group: int
    generation: int
    strategy: str


class OffsetsCommitted(Record, tag=49):
    """A group has read so far: (partition, next offset, metadata) each."""

    group: int
    offsets: list[tuple[int, int, str]]
    now_ms: int


class GroupDeleted(Record, tag=50):
    """A group of mode offset is gone, and with it what it committed."""

    group: int


class ShareDeclared(Record, tag=51):
    """A group of mode lease exists on a topic: per partition its queue and the offset it begins
    at."""

    group: int
    topic: int
    name: str
    settings: QueueSettings
    queues: list[tuple[int, int]]
    now_ms: int


class ShareSought(Record, tag=52):
    """In one partition a group of mode lease begins anew, with another queue."""

    group: int
    number: int
    queue: int
    start: int
    now_ms: int


class ShareFed(Record, tag=53):
    """A group's queue that was behind its log has the next `count` messages."""

    queue: int
    count: int
    now_ms: int


class ShareDeleted(Record, tag=54):
    """A group of mode lease is gone; its queues are swept in slices."""

    group: int


class ConsumerMade(Record, tag=55):
    """A consumer of a group of mode lease exists."""

    group: int
    consumer: int
    name: str
    now_ms: int


class ConsumerDeleted(Record, tag=56):
    """A consumer is gone; it held nothing any more."""

    group: int
    consumer: int


class Claimed(Record, tag=57):
    """Leased messages are under the lease `taken` from here on, granted at `granted_ms`, and no
    more under `lease`. `counted`: a delivery more; `deliveries` not 0: so many from here on."""

    queue: int
    lease: int
    first: int
    span: int
    mask: bytes
    taken: int
    deadline_ms: int
    holder: int
    granted_ms: int
    counted: bool
    deliveries: int


class ShareMoved(Record, tag=58):
    """A group of mode lease goes on from offset `start` in one partition; what is leased stays
    so."""

    queue: int
    start: int


class OffsetsNoted(Record, tag=59):
    """As OffsetsCommitted, with the leader epoch that each committer named: (partition, next
    offset, metadata, epoch) each."""

    group: int
    offsets: list[tuple[int, int, str, int]]
    now_ms: int


class OffsetsForgotten(Record, tag=100):
    """What a group committed for some partitions is forgotten."""

    group: int
    partitions: list[int]


TopicRecord = (
    TopicDeclared
    | TopicChanged
    | PartitionsAdded
    | TopicDeleted
    | LogCut
    | Superseded
    | Cleaned
    | GroupMade
    | GroupTurned
    | OffsetsCommitted
    | GroupDeleted
    | ShareDeclared
    | ShareSought
    | ShareFed
    | ShareDeleted
    | ConsumerMade
    | ConsumerDeleted
    | Claimed
    | ShareMoved
    | OffsetsNoted
    | OffsetsForgotten
)
