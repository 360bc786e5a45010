"""Facts about topics and groups -> change of state.

One rule: as for all facts: total, and by the record and the state alone.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.bits import PAGE, PAGE_BITS, unpack_mask
from postroad.core.queue import Queue
from postroad.core.records import Published, Record
from postroad.core.shelf import Shelf
from postroad.core.state import State
from postroad.core.topics import records as facts
from postroad.core.topics.borrowed import cut, feed
from postroad.core.topics.log import GRAINS, Partition
from postroad.core.topics.takeover import APPLY as TAKEOVER
from postroad.core.topics.topic import Committed, Group, Share, Topic
from postroad.model.groups import share_name
from postroad.model.policy import QueueSettings


def topic_declared(state: State, record: facts.TopicDeclared) -> None:
    """A topic and its partitions exist."""
    topic = Topic(record.topic, record.name, record.settings)
    state.ledger.touch(topic)
    topic.extras = dict(record.extras)
    topic.labels = dict(record.labels)
    topic.created_ms = record.now_ms
    state.topics.add_topic(topic)
    _count_ids(state, record.topic)
    _add_partitions(state, topic, record.partitions)


def topic_changed(state: State, record: facts.TopicChanged) -> None:
    """Other settings, extras and labels."""
    topic = state.topics.all[record.topic]
    state.ledger.touch(topic)
    topic.settings = record.settings
    topic.extras = dict(record.extras)
    topic.labels = dict(record.labels)
    topic.touched = state.group
    for id in topic.partitions:
        state.topics.look_at(state.topics.partitions[id])


def partitions_added(state: State, record: facts.PartitionsAdded) -> None:
    """More partitions, and a queue for each in each group of mode lease."""
    topic = state.topics.all[record.topic]
    known = len(topic.partitions)
    _add_partitions(state, topic, record.partitions)
    shares = [share for _, share in sorted((one.id, one) for one in topic.shares.values())]
    for share, queues in zip(shares, record.queues, strict=True):
        for number, queue in enumerate(queues, known):
            _add_share_queue(state, share, number, (queue, 0), record.now_ms)


def topic_deleted(state: State, record: facts.TopicDeleted) -> None:
    """Out of sight at once, cut in slices."""
    topics = state.topics
    topic = topics.all[record.topic]
    assert not topic.shares, "the groups of a topic go before it"
    state.ledger.drop(topic)
    topics.remove_topic(topic)
    state.exchanges.gone(topic.id)
    state.schemas.drop(topic.id)
    for id in topic.partitions:
        partition = topics.partitions[id]
        state.ledger.touch(partition)
        partition.buried = True
        topics.dirty.pop(id, None)
        topics.buried[id] = None
        if partition.start == partition.end:
            _forget(state, partition)
        else:
            topics.look_at(partition)
    for group in topics.groups.values():
        for id in topic.partitions:
            committed = group.offsets.pop(id, None)
            if committed is not None:
                state.ledger.drop(committed)


def log_published(state: State, partition: Partition, record: Published, block: int) -> None:
    """Messages at the end of a log, and in the queues of its groups that keep up with it."""
    topics = state.topics
    topic = topics.all[partition.topic]
    retention_ms = topic.settings.retention_ms
    grain = 0 if retention_ms is None else max(1, retention_ms // GRAINS)
    size = len(record.blob) + len(record.heads)
    partition.append(record.first, size, record.now_ms, block == record.first, grain)
    partition.touched = state.group
    topic.turn += 1
    for id in partition.shares:
        queue = state.queues[id]
        if queue.next_offset != record.first:
            topics.hungry[id] = None
            continue
        feed(
            queue,
            [(record.first, partition.end - record.first)],
            partition.end,
            partition.id,
            record.now_ms,
        )
        queue.touched = state.group
        _note_undurable(state, queue.undurable, record.first)
    topics.look_at(partition)


def log_cut(state: State, record: facts.LogCut) -> None:
    """The front of a log is gone, here and in the queues of its groups."""
    partition = state.topics.partitions[record.partition]
    partition.cut(record.before)
    partition.touched = state.group
    for id in partition.shares:
        queue = state.queues[id]
        cut(queue, record.before)
        if queue.next_offset == partition.end:
            state.topics.hungry.pop(id, None)
    if partition.buried and partition.start == partition.end:
        _forget(state, partition)
    else:
        state.topics.look_at(partition)


def superseded(state: State, record: facts.Superseded) -> None:
    """Messages are gone because of later ones with their keys."""
    partition = state.topics.partitions[record.partition]
    number = record.first >> PAGE_BITS
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    partition.supersede(number, mask)
    for id in partition.shares:
        queue = state.queues[id]
        page = queue.pages.all.get(number)
        if page is not None and page.live & mask:
            queue.drop(number << PAGE_BITS, page.live & mask)


def cleaned(state: State, record: facts.Cleaned) -> None:
    """The cleaner was here."""
    partition = state.topics.partitions[record.partition]
    state.ledger.touch(partition)
    partition.cleaned_before = record.before
    partition.cleaned_ms = record.now_ms
    partition.tombstones_ms = record.tombstones_ms
    state.topics.look_at(partition)


def group_made(state: State, record: facts.GroupMade) -> None:
    """A group of mode offset exists."""
    _count_ids(state, record.group)
    group = Group(record.group, record.name)
    state.ledger.touch(group)
    group.created_ms = record.now_ms
    group.touched = state.group
    state.topics.add_group(group)


def group_turned(state: State, record: facts.GroupTurned) -> None:
    """A new generation."""
    group = state.topics.groups[record.group]
    state.ledger.touch(group)
    group.generation = record.generation
    group.strategy = record.strategy
    group.touched = state.group


def offsets_committed(state: State, record: facts.OffsetsCommitted) -> None:
    """A group has read so far."""
    rows = [(partition, offset, metadata, -1) for partition, offset, metadata in record.offsets]
    _commit(state, record.group, rows, record.now_ms)


def offsets_noted(state: State, record: facts.OffsetsNoted) -> None:
    """A group has read so far, in some leader epoch."""
    _commit(state, record.group, record.offsets, record.now_ms)


def offsets_forgotten(state: State, record: facts.OffsetsForgotten) -> None:
    """Some commits are forgotten."""
    group = state.topics.groups[record.group]
    group.touched = state.group
    for partition in record.partitions:
        state.ledger.drop(group.offsets.pop(partition))


def group_deleted(state: State, record: facts.GroupDeleted) -> None:
    """A group of mode offset is gone."""
    group = state.topics.groups[record.group]
    for committed in group.offsets.values():
        state.ledger.drop(committed)
    state.ledger.drop(group)
    state.topics.remove_group(group)


def share_declared(state: State, record: facts.ShareDeclared) -> None:
    """A group of mode lease exists, with a queue per partition."""
    _count_ids(state, record.group)
    share = Share(record.group, record.topic, record.name, record.settings)
    state.ledger.touch(share)
    share.created_ms = record.now_ms
    share.touched = state.group
    state.topics.add_share(share)
    for number, place in enumerate(record.queues):
        _add_share_queue(state, share, number, place, record.now_ms)


def share_sought(state: State, record: facts.ShareSought) -> None:
    """A group begins anew in one partition."""
    share = state.topics.shares[record.group]
    state.topics.leave_share(share, record.number, share.queues[record.number])
    _bury_queue(state, state.queues[share.queues[record.number]])
    _add_share_queue(state, share, record.number, (record.queue, record.start), record.now_ms)


def share_fed(state: State, record: facts.ShareFed) -> None:
    """A group's queue caught up a part of its log."""
    partition = state.topics.log_of_queue(record.queue)
    queue = state.queues[record.queue]
    first = queue.next_offset
    arrived = partition.present(first, record.count)
    feed(queue, arrived, first + record.count, partition.id, record.now_ms)
    if partition.touched > state.durable:
        queue.undurable.append((first, partition.touched))
    if queue.next_offset == partition.end:
        state.topics.hungry.pop(record.queue, None)


def share_deleted(state: State, record: facts.ShareDeleted) -> None:
    """A group of mode lease is gone."""
    share = state.topics.shares[record.group]
    state.topics.remove_share(share)
    for queue in share.queues:
        _bury_queue(state, state.queues[queue])
    for consumer in share.consumers.values():
        state.ledger.drop(consumer)
    state.ledger.drop(share)


def _commit(state: State, id: int, rows: list[tuple[int, int, str, int]], now_ms: int) -> None:
    group = state.topics.groups[id]
    group.touched = state.group
    for partition, offset, metadata, leader_epoch in rows:
        committed = group.offsets.get(partition)
        if committed is None:
            committed = Committed(group.id, partition)
            group.offsets[partition] = committed
        state.ledger.touch(committed)
        committed.offset = offset
        committed.metadata = metadata
        committed.leader_epoch = leader_epoch
        committed.at_ms = now_ms


def _add_partitions(state: State, topic: Topic, ids: list[int]) -> None:
    state.ledger.touch(topic)
    for id in ids:
        _count_ids(state, id)
        shelf = Shelf(id, state.ledger, state.freed)
        state.ledger.touch(shelf)
        state.shelves[id] = shelf
        number = len(topic.partitions)
        partition = Partition(id, topic.id, number, state.ledger, state.shelves)
        state.ledger.touch(partition)
        partition.touched = state.group
        state.topics.partitions[id] = partition
        topic.partitions.append(id)
    topic.touched = state.group


def _add_share_queue(
    state: State, share: Share, number: int, place: tuple[int, int], now_ms: int
) -> None:
    """A group's queue for one partition: (its number, where it begins)."""
    id, start = place
    _count_ids(state, id)
    topic = state.topics.all[share.topic]
    name = share_name(topic.name, share.name, number)
    settings: QueueSettings = share.settings
    queue = Queue(id, name, settings, state.ledger, state.shelves)
    state.ledger.touch(queue)
    state.ledger.touch(share)
    queue.created_ms = now_ms
    queue.changed_ms = now_ms
    queue.next_offset = start
    queue.aged_before = start
    queue.touched = state.group
    state.add_queue(queue)
    if number < len(share.queues):
        share.queues[number] = id
    else:
        share.queues.append(id)
    state.topics.enter_share(share, number, id)


def _bury_queue(state: State, queue: Queue) -> None:
    queue.purge(queue.next_offset)
    queue.deleted = True
    state.remove_queue(queue)
    if not queue.pages.all:
        del state.buried[queue.id]
        for segment in list(queue.leases.segments.values()):
            state.ledger.drop(segment)
        state.ledger.drop(queue)


def _forget(state: State, partition: Partition) -> None:
    """Nothing of a deleted topic's partition is left."""
    shelf = state.shelves.pop(partition.id)
    assert not shelf.blocks(), "a shelf goes when nothing on it is wanted"
    state.ledger.drop(shelf)
    for page in partition.samples:
        state.ledger.drop(page)
    for gone in partition.gone.values():
        state.ledger.drop(gone)
    state.ledger.drop(partition)
    del state.topics.partitions[partition.id]
    del state.topics.buried[partition.id]


def _count_ids(state: State, id: int) -> None:
    state.ledger.touch(state.catalog)
    state.catalog.next_id = max(state.catalog.next_id, id + 1)


def _note_undurable(state: State, waiting: list[tuple[int, int]], first: int) -> None:
    """Remember from which offset on messages are in the group that is built now (volatile)."""
    if not state.group or (waiting and waiting[-1][1] == state.group):
        return
    while waiting and waiting[0][1] <= state.durable:
        waiting.pop(0)
    waiting.append((first, state.group))


APPLY: dict[type[Record], Callable[[State, Any], None]] = {
    facts.TopicDeclared: topic_declared,
    facts.TopicChanged: topic_changed,
    facts.PartitionsAdded: partitions_added,
    facts.TopicDeleted: topic_deleted,
    facts.LogCut: log_cut,
    facts.Superseded: superseded,
    facts.Cleaned: cleaned,
    facts.GroupMade: group_made,
    facts.GroupTurned: group_turned,
    facts.OffsetsCommitted: offsets_committed,
    facts.OffsetsNoted: offsets_noted,
    facts.OffsetsForgotten: offsets_forgotten,
    facts.GroupDeleted: group_deleted,
    facts.ShareDeclared: share_declared,
    facts.ShareSought: share_sought,
    facts.ShareFed: share_fed,
    facts.ShareDeleted: share_deleted,
    **TAKEOVER,
}
