"""All topics, partitions and groups of a shard, as one realm of the state.

One rule: only apply changes what the rows say; what is derived of them is derived here.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from postroad.core.ledger import Ledger, Row
from postroad.core.queue import Queue
from postroad.core.realm import Realm
from postroad.core.shelf import Shelf
from postroad.core.topics.log import (
    Partition,
    decode_gone,
    decode_partition,
    decode_samples,
)
from postroad.core.topics.topic import (
    Group,
    Share,
    Topic,
    decode_committed,
    decode_consumer,
    decode_group,
    decode_share,
    decode_topic,
)
from postroad.limits import STALE_MAX


class Topics(Realm):
    """Topics and groups by number and by name. `buried`: partitions of deleted topics that are not
    cut yet; `dirty`: partitions the cleaner may have work in; `hungry`: queues of groups that are
    behind their logs; `dues`: (when, partition) where time may have something to cut. The last
    three are derived."""

    kinds = b"TPGg"

    def __init__(self, ledger: Ledger, shelves: dict[int, Shelf], queues: dict[int, Queue]) -> None:
        self.ledger = ledger
        self.shelves = shelves
        self.queues = queues
        self.all: dict[int, Topic] = {}
        self.by_name: dict[str, Topic] = {}
        self.names: list[str] = []
        self.partitions: dict[int, Partition] = {}
        self.buried: dict[int, None] = {}
        self.groups: dict[int, Group] = {}
        self.group_of: dict[str, Group] = {}
        self.group_names: list[str] = []
        self.shares: dict[int, Share] = {}
        self.share_of_queue: dict[int, tuple[int, int]] = {}
        self.dirty: dict[int, None] = {}
        self.hungry: dict[int, None] = {}
        self.dues: list[tuple[int, int]] = []

    def rows(self) -> Iterator[Row]:
        """Every row there is."""
        yield from self.all.values()
        for partition in self.partitions.values():
            yield partition
            yield from partition.samples
            yield from partition.gone.values()
        for group in self.groups.values():
            yield group
            yield from group.offsets.values()
        for share in self.shares.values():
            yield share
            yield from share.consumers.values()

    def load(self, kind: bytes, key: bytes, value: bytes) -> None:
        """Take a row of a checkpoint."""
        if kind == b"T":
            self.add_topic(decode_topic(int.from_bytes(key, "big"), value))
        elif kind == b"P":
            id = int.from_bytes(key, "big")
            partition = decode_partition(id, value, self.ledger, self.shelves)
            self.partitions[id] = partition
            if partition.buried:
                self.buried[id] = None
        elif kind == b"G":
            self.add_group(decode_group(int.from_bytes(key, "big"), value))
        else:
            self._load_part(key[:1], key[1:], value)

    def _load_part(self, kind: bytes, key: bytes, value: bytes) -> None:
        first, second = int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")
        if kind == b"i":
            page = decode_samples(first, second, value)
            self.partitions[first].samples.append(page)
        elif kind == b"m":
            self.partitions[first].gone[second] = decode_gone(first, second, value)
        elif kind == b"o":
            self.groups[first].offsets[second] = decode_committed(first, second, value)
        elif kind == b"w":
            # After all groups, for `w` comes after `s`.
            self.shares[first].add(decode_consumer(first, second, value))
        else:
            assert kind == b"s", "each kind of row has its own letter"
            self.add_share(decode_share(first, value))

    def derive(self) -> None:
        """What the shelves must keep, and where time and the cleaner have work."""
        for partition in self.partitions.values():
            partition.count_live()
        for share in self.shares.values():
            for number, queue in enumerate(share.queues):
                self.enter_share(share, number, queue)
        for partition in self.partitions.values():
            self.look_at(partition)

    def check(self) -> None:
        """Everything that must hold between steps."""
        for partition in self.partitions.values():
            partition.check()
            for id in partition.shares:
                queue = self.queues[id]
                share = self.shares[self.share_of_queue[id][0]]
                assert set(queue.leases.held) <= set(share.by_holder), (
                    "a consumer with leases stays"
                )
                assert queue.next_offset <= partition.end, "a group's queue is never ahead"
                if queue.next_offset < partition.end:
                    assert id in self.hungry, "a queue that is behind is fed"

    def add_topic(self, topic: Topic) -> None:
        """Enter a topic under its name and number."""
        self.all[topic.id] = topic
        self.by_name[topic.name] = topic
        insort(self.names, topic.name)

    def remove_topic(self, topic: Topic) -> None:
        """A topic is gone."""
        del self.all[topic.id]
        del self.by_name[topic.name]
        del self.names[bisect_left(self.names, topic.name)]

    def add_group(self, group: Group) -> None:
        """Enter a group of mode offset."""
        self.groups[group.id] = group
        self.group_of[group.name] = group
        insort(self.group_names, group.name)

    def remove_group(self, group: Group) -> None:
        """A group of mode offset is gone."""
        del self.groups[group.id]
        del self.group_of[group.name]
        del self.group_names[bisect_left(self.group_names, group.name)]

    def add_share(self, share: Share) -> None:
        """Enter a group of mode lease."""
        self.shares[share.id] = share
        self.all[share.topic].shares[share.name] = share

    def remove_share(self, share: Share) -> None:
        """A group of mode lease is gone; its queues are buried elsewhere."""
        for number, queue in enumerate(share.queues):
            self.leave_share(share, number, queue)
        del self.shares[share.id]
        del self.all[share.topic].shares[share.name]

    def enter_share(self, share: Share, number: int, queue: int) -> None:
        """A queue gets the messages of a partition."""
        partition = self.partitions[self.all[share.topic].partitions[number]]
        partition.shares.append(queue)
        self.share_of_queue[queue] = (share.id, number)
        if self.queues[queue].next_offset < partition.end:
            self.hungry[queue] = None

    def leave_share(self, share: Share, number: int, queue: int) -> None:
        """A queue gets no more."""
        partition = self.partitions[self.all[share.topic].partitions[number]]
        partition.shares.remove(queue)
        del self.share_of_queue[queue]
        self.hungry.pop(queue, None)

    def partition_of(self, topic: Topic, number: int) -> Partition | None:
        """A partition by its number."""
        if not 0 <= number < len(topic.partitions):
            return None
        return self.partitions[topic.partitions[number]]

    def log_of_queue(self, queue: int) -> Partition:
        """The partition that a group's queue is fed from."""
        share, number = self.share_of_queue[queue]
        return self.partitions[self.all[self.shares[share].topic].partitions[number]]

    def cut_due(self, partition: Partition) -> int:
        """When the first block of a partition may go, in ms: 0 for never, 1 for at once."""
        if partition.buried:
            return 1
        settings = self.all[partition.topic].settings
        if partition.start == partition.end:
            return 0
        keeps = settings.retention_bytes
        if keeps is None and settings.retention_ms is None:
            return 0
        _, last_ms, bytes_before = partition.next_sample(partition.start)
        if keeps is not None and partition.bytes_end - bytes_before >= keeps:
            return 1
        return 0 if settings.retention_ms is None else last_ms + settings.retention_ms

    def look_at(self, partition: Partition) -> None:
        """A partition changed: enter where there is work."""
        due = self.cut_due(partition)
        if due and (not partition.heaped_due or due < partition.heaped_due):
            partition.heaped_due = due
            heappush(self.dues, (due, partition.id))
            if len(self.dues) > 2 * len(self.partitions) + STALE_MAX:
                self._forget_stale()
        if not partition.buried and self.all[partition.topic].settings.compact:
            self.dirty[partition.id] = None

    def next_cut(self) -> tuple[int, int]:
        """When the next cut is due and of which partition; (0, 0) for never."""
        while self.dues:
            due, id = self.dues[0]
            partition = self.partitions.get(id)
            if partition is not None and partition.heaped_due == due:
                if self.cut_due(partition) == due:
                    return due, id
                partition.heaped_due = 0
            heappop(self.dues)
            if partition is not None and not partition.heaped_due:
                self.look_at(partition)
        return 0, 0

    def _forget_stale(self) -> None:
        kept: set[tuple[int, int]] = set()
        for due, id in self.dues:
            partition = self.partitions.get(id)
            if partition is not None and partition.heaped_due == due:
                kept.add((due, id))
        self.dues = list(kept)
        heapify(self.dues)
