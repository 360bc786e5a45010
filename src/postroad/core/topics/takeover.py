"""Facts about consumers of groups of mode lease, and about leases that change hands -> change of
state.

One rule: a message that changes hands is never ready in between, and receipts of the old lease are
good for nothing after. Compiled by mypyc where possible.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.bits import PAGE, PAGE_BITS, lowest, runs, span_mask, unpack_mask
from postroad.core.pages import below_mask
from postroad.core.queue import Queue
from postroad.core.records import Record
from postroad.core.state import State
from postroad.core.topics import records as facts
from postroad.core.topics.log import Partition
from postroad.core.topics.topic import Consumer


def consumer_made(state: State, record: facts.ConsumerMade) -> None:
    """A consumer exists."""
    share = state.topics.shares[record.group]
    consumer = Consumer(share.id, record.consumer, record.name)
    state.ledger.touch(consumer)
    state.ledger.touch(state.catalog)
    state.catalog.next_id = max(state.catalog.next_id, record.consumer + 1)
    consumer.created_ms = record.now_ms
    consumer.seen_ms = record.now_ms
    consumer.active_ms = record.now_ms
    share.add(consumer)
    share.touched = state.group


def consumer_deleted(state: State, record: facts.ConsumerDeleted) -> None:
    """A consumer that holds nothing is gone."""
    share = state.topics.shares[record.group]
    consumer = next(one for one in share.consumers.values() if one.id == record.consumer)
    for id in share.queues:
        leases = state.queues[id].leases
        assert consumer.holder not in leases.held, "a consumer goes once it holds nothing"
        leases.forget_holder(consumer.holder)
    del share.consumers[consumer.name]
    del share.by_holder[consumer.holder]
    share.touched = state.group
    state.ledger.drop(consumer)


def claimed(state: State, record: facts.Claimed) -> None:
    """Messages are under another lease."""
    queue = state.queues[record.queue]
    page = queue.page_of(record.first)
    assert page is not None, "only what is leased changes hands"
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    state.ledger.touch(page)
    state.ledger.touch(queue)
    granted_ms = queue.end_lease(record.lease, record.first, mask)
    for start, length in runs(mask):
        for slot in range(start, start + length):
            page.remember(slot, granted_ms, record.counted)
            if record.deliveries:
                page.set_count(slot, record.deliveries - 1)
            # The count may not tell who had it last, so the lease does.
            page.note_taker(slot, record.taken)
    low = lowest(mask)
    queue.leases.grant(
        record.taken,
        page.base + low,
        mask >> low,
        record.deadline_ms,
        record.holder,
        record.granted_ms,
    )
    queue.touched = state.group
    queue.came_back = state.group


def share_moved(state: State, record: facts.ShareMoved) -> None:
    """A group goes on elsewhere in one partition, and keeps what it has leased."""
    queue = state.queues[record.queue]
    log = state.topics.log_of_queue(record.queue)
    state.ledger.touch(queue)
    _pass_over(queue, record.start)
    if record.start < queue.next_offset:
        _bring_back(queue, log, max(record.start, log.start))
    queue.next_offset = max(queue.next_offset, record.start)
    if queue.next_offset == log.end:
        state.topics.hungry.pop(record.queue, None)
    queue.touched = state.group


def _pass_over(queue: Queue, start: int) -> None:
    """What nobody holds below an offset is not wanted."""
    for number in [one for one in queue.pages.all if one << PAGE_BITS < start]:
        page = queue.pages.all[number]
        mask = page.live & below_mask(page, start) & ~page.leased
        if mask:
            queue.drop(page.base, mask)


def _bring_back(queue: Queue, log: Partition, start: int) -> None:
    """What is done from an offset on is ready again, as if it had never been delivered."""
    queue.aged_before = min(queue.aged_before, start)
    extents = queue.extents
    if not len(extents.first):
        extents.add(start, log.id, start)
    elif extents.first[0] > start:
        extents.first[0] = start
        extents.index[0] = start
    at = start
    while at < queue.next_offset:
        slot = at & (PAGE - 1)
        count = min(PAGE - slot, queue.next_offset - at)
        page = queue.pages.all.get(at >> PAGE_BITS)
        wanted = span_mask(slot, count) & ~(0 if page is None else page.live)
        wanted &= ~log.gone_at(at >> PAGE_BITS)
        if wanted:
            queue.pages.put_back(at >> PAGE_BITS, wanted)
        at += count
    queue.pages.all = dict(sorted(queue.pages.all.items()))


APPLY: dict[type[Record], Callable[[State, Any], None]] = {
    facts.ConsumerMade: consumer_made,
    facts.ConsumerDeleted: consumer_deleted,
    facts.Claimed: claimed,
    facts.ShareMoved: share_moved,
}
