"""Receive, pop and push: ready messages to somebody who asked.

One rule: what is handed out is one page's worth a record, so the caller applies each before it asks
for the next.
"""

from postroad.core import records as facts
from postroad.core.bits import pack_mask, take_lowest
from postroad.core.decision import World
from postroad.core.handout import Handout, pieces_of
from postroad.core.queue import Queue
from postroad.model.commands import SESSION_LEASE


def next_lease(world: World, queue: Queue) -> int:
    """The number of a queue's next lease: (epoch, counter), so that one lost in a crash is never
    given again."""
    return max(queue.leases.next, world.epoch << 40)


def lease_from_page(
    world: World, queue: Queue, count: int, deadline_ms: int, handout: Handout, holder: int
) -> facts.Leased | None:
    """Lease up to `count` messages of the lowest ready page into a handout; `None` when none is
    ready."""
    page = queue.pages.first_ready(queue.purged_before)
    if page is None:
        return None
    mask = take_lowest(page.ready, count)
    lease = next_lease(world, queue)
    first, span, packed = pack_mask(mask)
    handout.pieces.extend(pieces_of(queue, page, mask, lease))
    return facts.Leased(
        queue.id, lease, page.base + first, span, packed, deadline_ms, holder, handout.now_ms
    )


def pop_from_page(queue: Queue, count: int, handout: Handout) -> facts.Dropped | None:
    """Take up to `count` messages of the lowest ready page for good."""
    page = queue.pages.first_ready(queue.purged_before)
    if page is None:
        return None
    mask = take_lowest(page.ready, count)
    first, span, packed = pack_mask(mask)
    handout.pieces.extend(pieces_of(queue, page, mask, 0))
    return facts.Dropped(queue.id, page.base + first, span, packed, facts.POPPED)


def messages_group(world: World, queue: Queue, handout: Handout) -> int:
    """The group that must be durable before these messages may be seen: that of the newest of
    them, and where some came back that of the last return, or a crash could forget several
    deliveries of one message."""
    state = world.state
    group = 0
    if queue.came_back > state.durable:
        for piece in handout.pieces:
            if piece.counts is not None:
                group = queue.came_back
    while queue.undurable and queue.undurable[0][1] <= state.durable:
        queue.undurable.pop(0)
    if not queue.undurable:
        return group
    newest = max(piece.offset + piece.count for piece in handout.pieces)
    for first, of_group in queue.undurable:
        if first < newest and of_group > group:
            group = of_group
    return group


def free_slots(queue: Queue, count: int) -> int:
    """How many of `count` messages may be leased now, given the most the queue may lease at
    once."""
    most = queue.settings.leased_max
    if most is None:
        return count
    return max(0, min(count, most - queue.leased))


def deadline_of(queue: Queue, lease_ms: int | None, now: int) -> int:
    """When a lease ends: 0 for a lease that is bound to its session."""
    length = queue.settings.lease_ms if lease_ms is None else lease_ms
    return 0 if length == SESSION_LEASE else now + length
