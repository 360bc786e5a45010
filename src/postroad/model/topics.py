"""Topics in commands, replies and settings: logs that are read, not used up.

One rule: a partition is a number from 0 on inside its topic, an offset a number inside its
partition, and neither is ever given twice.
"""

from collections.abc import Sequence

from msgspec import Struct

from postroad.model.message import Delivery
from postroad.model.policy import DAY_MS
from postroad.model.value import value

EARLIEST = "earliest"
"""The first offset a partition still has."""
LATEST = "latest"
"""The offset the next message gets."""


class TopicSettings(Struct, frozen=True, array_like=True, gc=False):
    """Everything one may set on a topic. `None` means: not limited.

    `retention_ms`: messages older than this leave. `retention_bytes`: so much each partition keeps
    at least; what is more leaves from the front, a block at a time. `compact`: of each key only the
    last message stays, and every message needs a key. `tombstone_ms`: how long a tombstone stays
    once it is the last of its key. `compact_messages`: so many new messages are worth a pass of the
    cleaner. `message_bytes_max`: a larger message (body and head) is refused.
    """

    retention_ms: int | None = None
    retention_bytes: int | None = None
    compact: bool = False
    tombstone_ms: int = DAY_MS
    compact_messages: int = 10_000
    message_bytes_max: int | None = None


@value
class DeclareTopic:
    """Make a topic exist. The same again is fine; `compare` names the settings (fields of
    `TopicSettings`, or `partitions`) and extras that must agree with a topic that exists already.
    Answer: `TopicDeclared`, or `Refused(SETTINGS_DIFFER)`."""

    name: str
    partitions: int = 1
    settings: TopicSettings = TopicSettings()
    extras: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    compare: tuple[str, ...] = ()


@value
class ChangeTopic:
    """Set settings, extras and labels of a topic, and how many partitions it has (never fewer);
    `None` leaves them; in the two maps a value of `None` removes that name. Answer: `Done`."""

    name: str
    settings: TopicSettings | None = None
    partitions: int | None = None
    extras: dict[str, str | None] | None = None
    labels: dict[str, str | None] | None = None


@value
class DeleteTopic:
    """Remove a topic with all it holds and its groups of mode lease. Answer: `Done`."""

    name: str


@value
class DescribeTopic:
    """Settings and partitions of one topic. Answer: `TopicDescribed`."""

    name: str


@value
class ListTopics:
    """Names of topics in order, as `ListQueues`. Answer: `Listed`."""

    prefix: str = ""
    after: str = ""
    count: int = 1_000


@value
class Append:
    """Publish messages to a topic, all of it or nothing, as one atomic step.

    `partition` None: messages with a key go where the key's hash says, the others together to one
    partition after another. `keys`: one per message, `None` in it for none; a head that shall tell
    the key to readers is made by `message.keyed_head`. `tombstones`: which messages say that their
    key is gone. Answer: `Appended`.
    """

    topic: str
    bodies: Sequence[bytes]
    heads: Sequence[bytes] | None = None
    keys: Sequence[bytes | None] | None = None
    partition: int | None = None
    tombstones: Sequence[bool] | None = None


@value
class Span:
    """Where to read: from `offset` of one partition on, about `bytes_max` (0: as much as the fetch
    may have)."""

    topic: str
    partition: int
    offset: int
    bytes_max: int = 0


@value
class Fetch:
    """Read messages of partitions, in the order of `spans`, up to about `bytes_max` and `count`;
    with less than `bytes_min` there, wait up to `wait_ms`. Answer: `Fetched`."""

    spans: tuple[Span, ...]
    count: int = 1_000
    bytes_max: int = 1024 * 1024
    bytes_min: int = 1
    wait_ms: int = 0


@value
class FindOffset:
    """The offset of the first message of a partition that was published at or after `at` (ms), or
    EARLIEST, or LATEST. Answer: `OffsetFound`."""

    topic: str
    partition: int
    at: int | str


@value
class CutTopic:
    """Forget the messages of a partition below an offset. Answer: `OffsetFound`, of the first that
    is left."""

    topic: str
    partition: int
    before: int


@value
class TopicDeclared:
    """`created` is false when the topic existed."""

    topic: int
    created: bool


@value
class Appended:
    """The partition and the offset of each message; `published_ms`: the time they carry."""

    partitions: Sequence[int]
    offsets: Sequence[int]
    published_ms: int


@value
class FetchedPart:
    """What was read of one partition. `start`, `end`: the first offset it has and the next it will
    give (-1: no such partition); an offset outside of them yields nothing. `next_offset`: where to
    go on. `messages`: each with the partition's number in the state as its queue."""

    topic: str
    partition: int
    start: int
    end: int
    next_offset: int
    messages: list[Delivery]


@value
class Fetched:
    """A part per span, in the same order."""

    parts: list[FetchedPart]


@value
class OffsetFound:
    """An offset; `published_ms`: of the message there, 0 when there is none yet."""

    offset: int
    published_ms: int = 0


@value
class PartitionInfo:
    """A partition: offsets from `start` to below `end`, `bytes` of bodies and heads about."""

    number: int
    start: int
    end: int
    bytes: int


@value
class TopicDescribed:
    """A topic and its partitions by number."""

    topic: int
    name: str
    settings: TopicSettings
    extras: dict[str, str]
    labels: dict[str, str]
    created_ms: int
    partitions: list[PartitionInfo]


TopicCommand = (
    DeclareTopic
    | ChangeTopic
    | DeleteTopic
    | DescribeTopic
    | ListTopics
    | Append
    | Fetch
    | FindOffset
    | CutTopic
)

TopicReply = TopicDeclared | Appended | Fetched | OffsetFound | TopicDescribed
