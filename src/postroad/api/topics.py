"""What a Python program can do with one topic, each thing written once.

It stands between the faces of a topic and the model. The rule kept here: an operation yields
commands and is sent their replies; texts become UTF-8 on the way in, and what comes back is bytes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict, Unpack

import msgspec
from msgspec import Struct

from postroad.api.asks import Asks
from postroad.api.options import QueueOptions, duration, queue_settings
from postroad.api.refusals import expect
from postroad.errors import BadSettings, OffsetOutOfRange, TopicNotFound
from postroad.limits import PAGE_NAMES
from postroad.model import groups, replies
from postroad.model import topics as logs
from postroad.model.groups import LEASE, OFFSET, GroupDescribed
from postroad.model.message import Delivery, HeaderValue, headers_of, key_of, keyed_head, plain_head
from postroad.model.policy import QueueSettings
from postroad.model.topics import EARLIEST, LATEST, TopicDescribed, TopicSettings

Text = bytes | str
"""A body or key: bytes as they are, text as UTF-8."""

Headers = Mapping[str, HeaderValue]

Place = tuple[int, int]
"""(partition, offset) of a message."""


class TopicOptions(TypedDict, total=False):
    """What one may set on a topic; `TopicSettings` says what each means."""

    retention_ms: int | None
    retention_bytes: int | None
    compact: bool
    tombstone_ms: int
    compact_messages: int
    message_bytes_max: int | None


class TopicMessage(Struct, gc=False):
    """A message as it stands in a topic. `tombstone`: it says that its key is gone."""

    topic: str
    partition: int
    offset: int
    published_ms: int
    body: bytes
    key: bytes | None
    tombstone: bool
    head: bytes = b""

    @property
    def headers(self) -> dict[str, HeaderValue]:
        """The headers in plain form, whichever protocol the message came by."""
        return headers_of(self.head)


class TopicOperations:
    """Every operation on one topic. `learn`: told of the queues that settle what a group leased."""

    def __init__(self, topic: str, learn: Callable[[int, str], None]) -> None:
        self.topic = topic
        self._learn = learn
        self._known: set[int] = set()

    def declare(
        self,
        partitions: int = 1,
        *,
        labels: dict[str, str] | None = None,
        **settings: Unpack[TopicOptions],
    ) -> Asks[bool]:
        """Make the topic exist; true when it did not before.

        Declaring it again is fine as long as the settings named here agree with those it has.
        Raises `SettingsDiffer`, `BadSettings`, `BadName`, `NameTaken`.
        """
        wanted = topic_settings(settings, TopicSettings(), self.topic)
        names = tuple(settings)
        command = logs.DeclareTopic(self.topic, partitions, wanted, None, labels, names)
        return expect((yield command), logs.TopicDeclared, self.topic).created

    def change(
        self,
        *,
        partitions: int | None = None,
        labels: dict[str, str | None] | None = None,
        **settings: Unpack[TopicOptions],
    ) -> Asks[None]:
        """Set settings and labels, or have more partitions; what is not named stays. Raises
        `TopicNotFound`, `BadSettings`.
        """
        wanted = None
        if settings:
            now = expect((yield logs.DescribeTopic(self.topic)), TopicDescribed, self.topic)
            wanted = topic_settings(settings, now.settings, self.topic)
        command = logs.ChangeTopic(self.topic, wanted, partitions, None, labels)
        expect((yield command), replies.Done, self.topic)

    def delete(self) -> Asks[None]:
        """Remove the topic with all it holds. Raises `TopicNotFound`."""
        expect((yield logs.DeleteTopic(self.topic)), replies.Done, self.topic)

    def describe(self) -> Asks[TopicDescribed]:
        """Settings, and of each partition its first and next offset and its bytes. Raises
        `TopicNotFound`.
        """
        return expect((yield logs.DescribeTopic(self.topic)), TopicDescribed, self.topic)

    def publish(
        self,
        body: Text,
        *,
        key: Text | None = None,
        headers: Headers | None = None,
        partition: int | None = None,
    ) -> Asks[Place]:
        """Publish a message; returns, when it is durable, its partition and offset.

        Messages of one key go to one partition, in order; those without to one partition after
        another. Raises `TopicNotFound`, `MessageTooLarge`, `NoSpace`.
        """
        places = yield from self.publish_many(
            [body],
            keys=None if key is None else [key],
            headers=headers,
            partition=partition,
        )
        return places[0]

    def publish_many(
        self,
        bodies: Sequence[Text],
        *,
        keys: Sequence[Text | None] | None = None,
        headers: Headers | None = None,
        partition: int | None = None,
    ) -> Asks[list[Place]]:
        """Publish messages in one atomic step; the place of each. `keys`: one per message. Raises
        as `publish` does.
        """
        plain = None if headers is None else dict(headers)
        heads: list[bytes] | None = None
        if keys is not None:
            heads = [plain_head(plain) if key is None else keyed_head(plain, key) for key in keys]
        elif plain:
            heads = [plain_head(plain)] * len(bodies)
        packed = None if keys is None else [None if key is None else as_bytes(key) for key in keys]
        texts = [as_bytes(body) for body in bodies]
        command = logs.Append(self.topic, texts, heads, packed, partition)
        done = expect((yield command), logs.Appended, self.topic)
        return list(zip(done.partitions, done.offsets, strict=True))

    def end_key(self, key: Text) -> Asks[Place]:
        """Publish a tombstone: the key is gone, and with compaction all its messages soon are.
        Raises as `publish` does.
        """
        head = keyed_head(None, key, True)
        command = logs.Append(self.topic, [b""], [head], [as_bytes(key)], tombstones=[True])
        done = expect((yield command), logs.Appended, self.topic)
        return done.partitions[0], done.offsets[0]

    def read(
        self,
        offset: int = 0,
        count: int = 1_000,
        *,
        partition: int = 0,
        wait_ms: int = 0,
        bytes_max: int = 1024 * 1024,
    ) -> Asks[list[TopicMessage]]:
        """Up to `count` messages of a partition from an offset on, about `bytes_max` of them; at
        the end, wait up to `wait_ms` for the next. Reading changes nothing.

        Raises `TopicNotFound`, `OffsetOutOfRange` where the offset was cut off or is not there yet.
        """
        span = logs.Span(self.topic, partition, offset)
        wait = duration(wait_ms, "wait_ms") or 0
        while True:
            command = logs.Fetch((span,), count, bytes_max, 1, wait)
            part = expect((yield command), logs.Fetched, self.topic).parts[0]
            if part.start < 0:
                text = f"there is no partition {partition} of a topic `{self.topic}`"
                raise TopicNotFound(text, self.topic)
            if not part.start <= span.offset <= part.end:
                text = f"partition {partition} has offsets from {part.start} to {part.end}"
                raise OffsetOutOfRange(text, self.topic)
            if part.messages or part.next_offset == span.offset:
                return messages_of(part)
            span = logs.Span(self.topic, partition, part.next_offset)

    def find(self, at: int | str, *, partition: int = 0) -> Asks[int]:
        """The offset of the first message published at or after an instant (ms since 1970), or
        `"earliest"`, or `"latest"`. Raises `TopicNotFound`.
        """
        command = logs.FindOffset(self.topic, partition, at)
        return expect((yield command), logs.OffsetFound, self.topic).offset

    def cut(self, before: int, *, partition: int = 0) -> Asks[int]:
        """Forget what is below an offset; the first that is left. Raises `OffsetOutOfRange`."""
        command = logs.CutTopic(self.topic, partition, before)
        return expect((yield command), logs.OffsetFound, self.topic).offset

    def declare_group(
        self, group: str, *, start: int | str = LATEST, **settings: Unpack[QueueOptions]
    ) -> Asks[bool]:
        """Make a group that leases messages one by one; true when it did not exist.

        `start`: `"earliest"`, `"latest"` or an instant in ms. `settings`: of its leases, such as
        `lease_ms`, `deliveries_max`, `dead_letter_queue`, `retry`. Raises `TopicNotFound`.
        """
        wanted = queue_settings(settings, QueueSettings(), group)
        command = groups.DeclareGroup(self.topic, group, wanted, start)
        return expect((yield command), groups.GroupDeclared, self.topic).created

    def receive(
        self, group: str, count: int = 1, *, wait_ms: int = 0, lease_ms: int | None = None
    ) -> Asks[list[Delivery]]:
        """Lease up to `count` messages for a group that leases; settle them with `ack`, `retry`,
        `release` or `reject` of the broker. The log keeps them all the same. Raises
        `GroupNotFound`.
        """
        command = groups.ReceiveShare(
            self.topic, group, count, duration(lease_ms, "lease_ms"), wait_ms
        )
        messages = expect((yield command), replies.Received, self.topic).messages
        if messages and messages[0].queue not in self._known:
            described = yield from self.group(group, mode=LEASE)
            for part in described.parts:
                self._known.add(part.queue)
                self._learn(part.queue, groups.share_name(self.topic, group, part.partition))
        return messages

    def group(self, group: str, *, mode: str = OFFSET) -> Asks[GroupDescribed]:
        """Members, offsets and lag of a group; `mode`: `"offset"` or `"lease"`. Raises
        `GroupNotFound`.
        """
        topic = self.topic if mode == LEASE else ""
        return expect((yield groups.DescribeGroup(group, topic)), GroupDescribed, self.topic)

    def groups(self) -> Asks[list[str]]:
        """The names of the groups that lease from this topic, in order. Raises `TopicNotFound`."""
        command = groups.ListGroups(self.topic, count=PAGE_NAMES)
        return expect((yield command), replies.Listed, self.topic).names

    def delete_group(self, group: str, *, mode: str = OFFSET) -> Asks[None]:
        """Remove a group and all it remembers. Raises `GroupNotFound`, `GroupInUse`."""
        topic = self.topic if mode == LEASE else ""
        expect((yield groups.DeleteGroup(group, topic)), replies.Done, self.topic)

    def reset_offsets(
        self,
        group: str,
        *,
        to: int | str = EARLIEST,
        offset: int | None = None,
        partition: int | None = None,
        mode: str = OFFSET,
        keep_leases: bool = False,
    ) -> Asks[None]:
        """Let a group begin anew: at `to` (`"earliest"`, `"latest"`, an instant in ms) or at an
        offset, in one partition or in all. `keep_leases`: of a group that leases, what is leased
        stays so. Raises `GroupNotFound`, `GroupInUse`.
        """
        command = groups.SeekGroup(self.topic, group, mode, to, partition, offset, keep_leases)
        expect((yield command), replies.Done, self.topic)


def topic_settings(options: TopicOptions, base: TopicSettings, topic: str) -> TopicSettings:
    """`base` with what the options say. Raises `BadSettings` about the topic."""
    unknown = sorted(set(options) - set(TopicSettings.__struct_fields__))
    if unknown:
        raise BadSettings(f"a topic has no setting `{unknown[0]}`", topic)
    settings = msgspec.structs.replace(base, **options)
    try:
        msgspec.convert(msgspec.structs.astuple(settings), TopicSettings, strict=True)
    except msgspec.ValidationError as error:
        raise BadSettings(f"settings: {error}", topic) from None
    return settings


def messages_of(part: logs.FetchedPart) -> list[TopicMessage]:
    """What was read, as a program sees it."""
    found: list[TopicMessage] = []
    for one in part.messages:
        key, ends = key_of(one.head)
        found.append(
            TopicMessage(
                part.topic,
                part.partition,
                one.offset,
                one.published_ms,
                one.body,
                key,
                ends,
                one.head,
            )
        )
    return found


def as_bytes(text: object) -> bytes:
    """Bytes as they are, text as UTF-8."""
    if isinstance(text, bytes):
        return text
    if isinstance(text, str):
        return text.encode()
    raise TypeError(f"a body or key is bytes or text, not {type(text).__name__}; encode it first")
