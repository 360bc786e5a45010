"""Topics and their groups as rows: names, settings, generations, what was committed.

One rule: what a row says is durable; who is a member just now is not, and lies beside it.
"""

import msgspec

from postroad.core.leases import CONSUMERS_FROM
from postroad.core.ledger import Row
from postroad.model.policy import QueueSettings
from postroad.model.topics import TopicSettings

_settings = msgspec.msgpack.Decoder(TopicSettings).decode
_lease_settings = msgspec.msgpack.Decoder(QueueSettings).decode


class Topic(Row):
    """A topic: its partitions by number, as their ids. `shares`: its groups of mode lease by name.
    `turn`, `touched` (group of the last change) are volatile."""

    def __init__(self, id: int, name: str, settings: TopicSettings) -> None:
        super().__init__(b"T" + id.to_bytes(8, "big"))
        self.id = id
        self.name = name
        self.settings = settings
        self.extras: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.created_ms = 0
        self.partitions: list[int] = []
        self.shares: dict[str, Share] = {}
        self.turn = 0
        self.touched = 0

    def encode(self) -> bytes:
        """The row of a topic."""
        return msgspec.msgpack.encode(
            [
                self.name,
                self.settings,
                dict(sorted(self.extras.items())),
                dict(sorted(self.labels.items())),
                self.created_ms,
                self.partitions,
            ]
        )


def decode_topic(id: int, packed: bytes) -> Topic:
    """A topic from its row."""
    fields = msgspec.msgpack.decode(packed)
    topic = Topic(id, fields[0], _settings(msgspec.msgpack.encode(fields[1])))
    topic.extras, topic.labels, topic.created_ms, topic.partitions = fields[2:]
    return topic


class Consumer(Row):
    """Who receives in a group of mode lease, by name. `holder`: what its leases bear. Volatile:
    when it last asked, and last got something."""

    def __init__(self, share: int, id: int, name: str) -> None:
        super().__init__(b"gw" + share.to_bytes(8, "big") + id.to_bytes(8, "big"))
        self.id = id
        self.name = name
        self.holder = CONSUMERS_FROM | id
        self.created_ms = 0
        self.seen_ms = 0
        self.active_ms = 0

    def encode(self) -> bytes:
        """The row of a consumer."""
        return msgspec.msgpack.encode([self.name, self.created_ms])


def decode_consumer(share: int, id: int, packed: bytes) -> Consumer:
    """A consumer from its row."""
    name, created_ms = msgspec.msgpack.decode(packed)
    consumer = Consumer(share, id, name)
    consumer.created_ms = created_ms
    return consumer


class Share(Row):
    """A group of mode lease: its queue for each partition of its topic, its consumers by name and,
    those, by holder. `turn`: the partition that is next to be received from; volatile, as
    `touched`."""

    def __init__(self, id: int, topic: int, name: str, settings: QueueSettings) -> None:
        super().__init__(b"gs" + id.to_bytes(8, "big"))
        self.id = id
        self.topic = topic
        self.name = name
        self.settings = settings
        self.queues: list[int] = []
        self.consumers: dict[str, Consumer] = {}
        self.by_holder: dict[int, Consumer] = {}
        self.created_ms = 0
        self.turn = 0
        self.touched = 0

    def encode(self) -> bytes:
        """The row of a group of mode lease."""
        return msgspec.msgpack.encode(
            [self.topic, self.name, self.settings, self.queues, self.created_ms]
        )

    def add(self, consumer: Consumer) -> None:
        """Enter a consumer."""
        self.consumers[consumer.name] = consumer
        self.by_holder[consumer.holder] = consumer

    def name_of(self, holder: int) -> str:
        """Who a holder is, "" for nobody with a name."""
        consumer = self.by_holder.get(holder)
        return "" if consumer is None else consumer.name


def decode_share(id: int, packed: bytes) -> Share:
    """A group of mode lease from its row."""
    topic, name, settings, queues, created_ms = msgspec.msgpack.decode(packed)
    share = Share(id, topic, name, _lease_settings(msgspec.msgpack.encode(settings)))
    share.queues = queues
    share.created_ms = created_ms
    return share


class Committed(Row):
    """What a group committed for one partition."""

    def __init__(self, group: int, partition: int) -> None:
        super().__init__(b"go" + group.to_bytes(8, "big") + partition.to_bytes(8, "big"))
        self.partition = partition
        self.offset = 0
        self.metadata = ""
        self.at_ms = 0
        self.leader_epoch = -1

    def encode(self) -> bytes:
        """The row of one commit."""
        fields = [self.offset, self.metadata, self.at_ms]
        if self.leader_epoch >= 0:
            fields.append(self.leader_epoch)
        return msgspec.msgpack.encode(fields)


class Member:
    """Who reads for a group; volatile. `target`: the partitions it shall have; `owned`: those it
    has, and nobody else may read."""

    def __init__(self, name: str, topics: tuple[str, ...], session_ms: int) -> None:
        self.name = name
        self.topics = topics
        self.session_ms = session_ms
        self.until_ms = 0
        self.told = 0
        self.target: set[int] = set()
        self.owned: set[int] = set()


class Group(Row):
    """A group of mode offset. `generation` grows with each change of its members and never goes
    back. Volatile: `members` by name, `shape` (what the last share-out rested on), `circle` (of
    members that share out among themselves), `touched`."""

    def __init__(self, id: int, name: str) -> None:
        super().__init__(b"G" + id.to_bytes(8, "big"))
        self.id = id
        self.name = name
        self.generation = 0
        self.strategy = ""
        self.created_ms = 0
        self.offsets: dict[int, Committed] = {}
        self.members: dict[str, Member] = {}
        self.shape: dict[str, int] = {}
        self.circle: object = None
        self.touched = 0

    def encode(self) -> bytes:
        """The row of a group; commits have rows of their own."""
        return msgspec.msgpack.encode([self.name, self.generation, self.strategy, self.created_ms])


def decode_group(id: int, packed: bytes) -> Group:
    """A group of mode offset from its row."""
    name, generation, strategy, created_ms = msgspec.msgpack.decode(packed)
    group = Group(id, name)
    group.generation = generation
    group.strategy = strategy
    group.created_ms = created_ms
    return group


def decode_committed(group: int, partition: int, packed: bytes) -> Committed:
    """One commit from its row."""
    committed = Committed(group, partition)
    fields = msgspec.msgpack.decode(packed)
    committed.offset, committed.metadata, committed.at_ms = fields[:3]
    if len(fields) > 3:
        committed.leader_epoch = fields[3]
    return committed
