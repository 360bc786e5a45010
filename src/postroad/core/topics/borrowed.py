"""The queues of groups of mode lease: their messages are a log's, and so are their offsets.

One rule: such a queue never holds what its log has not; what it leaves is the group's affair alone.
"""

from postroad.core.bits import PAGE_BITS
from postroad.core.pages import below_mask
from postroad.core.queue import Queue


def feed(queue: Queue, arrived: list[tuple[int, int]], end: int, shelf: int, now_ms: int) -> None:
    """Messages of the log are ready here too, runs of them (first, count); `end`: the offset that
    comes next."""
    assert queue.borrowed, "other queues are published to"
    queue.ledger.touch(queue)
    queue.extents.add(queue.next_offset, shelf, queue.next_offset)
    queue.times.add(now_ms, queue.next_offset, queue.settings.life_ms)
    for first, count in arrived:
        queue.pages.add(first, count)
    queue.next_offset = end


def cut(queue: Queue, before: int) -> None:
    """The log forgets what is below an offset: so does this queue, all but the leases, which end as
    if acked."""
    queue.ledger.touch(queue)
    number = queue.first_offset() >> PAGE_BITS
    queue.aged_before = max(queue.aged_before, before)
    queue.times.drop_before(before)
    while number << PAGE_BITS < min(before, queue.next_offset):
        page = queue.pages.all.get(number)
        if page is not None:
            mask = page.live & below_mask(page, before) & ~page.leased
            if mask:
                queue.drop(page.base, mask)
        number += 1
    queue.next_offset = max(queue.next_offset, before)
