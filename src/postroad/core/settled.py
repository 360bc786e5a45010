"""Settled messages that stay readable for a time: kept, put back, and forgotten.

One rule: a kept message has left its queue in every respect but its body, which is wanted on its
shelf until it is forgotten. Compiled by mypyc where possible.
"""

from postroad.core import history
from postroad.core import records as facts
from postroad.core.bits import PAGE, PAGE_BITS, pack_mask, unpack_mask
from postroad.core.ledger import Row
from postroad.core.past import Past
from postroad.core.queue import Queue
from postroad.core.records import Record


def done_record(queue: Queue, lease: int, base: int, mask: int, now: int) -> Record:
    """The fact that leased messages of one page are done, or those nobody holds (`lease` 0) were
    acked late."""
    first, span, packed = pack_mask(mask)
    first += base
    if queue.settings.keep_settled_ms is not None:
        return history.Kept(queue.id, lease, first, span, packed, now)
    if lease:
        return facts.Acked(queue.id, lease, first, span, packed)
    return facts.Dropped(queue.id, first, span, packed, facts.LATE)


def popped_record(queue: Queue, base: int, mask: int, now: int) -> Record:
    """The fact that ready messages of one page were taken for good."""
    first, span, packed = pack_mask(mask)
    first += base
    if queue.settings.keep_settled_ms is not None:
        return history.Kept(queue.id, 0, first, span, packed, now)
    return facts.Dropped(queue.id, first, span, packed, facts.POPPED)


def keep(queue: Queue, record: history.Kept) -> None:
    """Messages are done and stay readable; of what was purged only the lease is left to end."""
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    if record.lease:
        queue.end_lease(record.lease, record.first, mask)
    page = queue.page_of(record.first)
    if page is None:
        return
    assert record.lease or not mask & page.leased, "a leased message is settled by its lease"
    past = queue.past
    if past is None:
        past = Past(queue.id, queue.ledger)
        queue.past = past
    past.keep(page, mask, record.now_ms, queue.settings.keep_settled_ms or 0)
    if queue.pages.remove(page, mask):
        queue.page_gone(page.number)


def forget(queue: Queue, until_ms: int, pages: int) -> None:
    """What settled by an instant is kept no more, that of the first pages."""
    past = queue.past
    while past is not None and pages > 0:
        end = past.first_end()
        if not end or end > until_ms:
            return
        page = past.oldest()
        _let_go(queue, past, page.number, page.until(until_ms))
        pages -= 1


def recall(queue: Queue, record: history.Recalled) -> None:
    """Kept messages were published anew."""
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    assert queue.past is not None, "only what is kept is put back"
    _let_go(queue, queue.past, record.first >> PAGE_BITS, mask)


def _let_go(queue: Queue, past: Past, number: int, mask: int) -> None:
    page = past.pages[number]
    assert not mask & ~page.settled, "only what is kept is forgotten"
    queue.release(page.base, mask)
    if past.remove(page, mask):
        queue.page_gone(number)


def more_rows(queue: Queue) -> list[Row]:
    """The rows of a queue that are neither pages nor leases."""
    found: list[Row] = [*queue.dedup.pages.values(), *queue.lives.pages.values()]
    if queue.past is not None:
        found.extend(queue.past.pages.values())
    return found
