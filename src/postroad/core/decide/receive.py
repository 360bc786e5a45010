"""Receive, pop and push: ready messages to somebody who asked.

One rule: what is handed out is one page's worth a record, and the caller applies each before it
asks for the next.
"""

from postroad.core import records as facts
from postroad.core.bits import pack_mask, take_lowest
from postroad.core.decision import World
from postroad.core.handout import Handout, downward, pieces_of, scattered_pieces
from postroad.core.lanes import Picked
from postroad.core.page import Page
from postroad.core.queue import Queue
from postroad.core.settled import popped_record
from postroad.model.commands import SESSION_LEASE


def next_lease(world: World, queue: Queue) -> int:
    """The number of a queue's next lease: (epoch, counter), so that one lost in a crash is never
    given again."""
    return max(queue.leases.next, world.epoch << 40)


def pick(queue: Queue, count: int) -> Picked:
    """Up to `count` ready messages that may leave now: all of them where there are lanes, or else
    those of one page; who calls leases or drops them, and then asks for more."""
    pages = queue.pages
    lanes = pages.lanes
    if lanes is not None:
        if lanes.is_plain(pages.delayed):
            return pages.lowest_ready(count, queue.purged_before)
        return lanes.pick(count, queue.leased)
    page = queue.pages.first_ready(queue.purged_before)
    return [] if page is None else [(page, take_lowest(page.ready, count))]


def is_open(queue: Queue) -> bool:
    """Whether any message may leave now."""
    pages = queue.pages
    lanes = pages.lanes
    return pages.ready > 0 and (lanes is None or lanes.is_plain(pages.delayed) or lanes.is_open())


def lease_record(
    world: World, queue: Queue, picked: tuple[Page, int], deadline_ms: int, handout: Handout
) -> facts.Leased:
    """Lease ready messages of one page into a handout; `holder` is set by who calls."""
    page, mask = picked
    lease = next_lease(world, queue)
    first, span, packed = pack_mask(mask)
    named = scattered_pieces if packed else pieces_of
    pieces = named(queue, page.base, mask, page, lease)
    # In the front lane of a list the last is foremost.
    handout.pieces.extend(downward(pieces) if mask & page.front else pieces)
    return facts.Leased(
        queue.id, lease, page.base + first, span, packed, deadline_ms, 0, handout.now_ms
    )


def pop_record(queue: Queue, picked: tuple[Page, int], handout: Handout) -> facts.Record:
    """Take ready messages of one page for good."""
    page, mask = picked
    pieces = pieces_of(queue, page.base, mask, page)
    handout.pieces.extend(downward(pieces) if mask & page.front else pieces)
    return popped_record(queue, page.base, mask, handout.now_ms)


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
    newest = max(piece.end() for piece in handout.pieces)
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
