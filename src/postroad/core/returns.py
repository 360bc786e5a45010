"""Messages come back: given back by who leased them, lapsed, or left by a session that is gone.

One rule: whatever comes back is first told to the biographies, then given its state. Compiled by
mypyc where possible.
"""

from postroad.core import history
from postroad.core.biography import (
    LAPSED,
    REJECTED,
    RELEASED,
    RESTARTED,
    RETRIED,
    SESSION_ENDED,
    Event,
)
from postroad.core.bits import PAGE, unpack_mask
from postroad.core.queue import Queue


def come_back(queue: Queue, record: history.CameBack) -> None:
    """Leased messages are given back."""
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    why = RETRIED if record.counted else RELEASED
    if record.death:
        why = REJECTED
    event = _event(queue, record.lease, why, record.now_ms)
    event.due_ms = record.due_ms
    _remember(queue, record.first, mask, event)
    queue.give_back(record.lease, record.first, mask, record.due_ms, record.counted, record.death)
    if record.failure:
        page = queue.page_of(record.first)
        if page is not None:
            page.note_failure(mask & page.dead, record.failure)


def lapse(queue: Queue, until_ms: int, limit: int) -> None:
    """The earliest leases lapse; what they held is ready again, or dead after too many
    deliveries."""
    for lease in queue.leases.lapsed(until_ms, limit):
        _return_all(queue, lease, True, _event(queue, lease, LAPSED, until_ms))


def end_holder(queue: Queue, holder: int, limit: int, counted: bool, now_ms: int) -> None:
    """A session's leases come back (holder 0: every session's)."""
    why = SESSION_ENDED if counted else RESTARTED
    for lease in queue.leases.held_by(holder, limit):
        _return_all(queue, lease, counted, _event(queue, lease, why, now_ms))
    if not queue.leases.held_by(holder, 1):
        queue.leases.forget_holder(holder)


def _return_all(queue: Queue, lease: int, counted: bool, event: Event) -> None:
    segment = queue.leases.find(lease)
    assert segment is not None, "only a living lease lapses"
    first = segment.first[(lease & (PAGE - 1)) - segment.start]
    mask = queue.leases.mask(segment, lease) << (first & (PAGE - 1))
    _remember(queue, first, mask, event)
    queue.give_back(lease, first, mask, 0, counted, 0)


def _event(queue: Queue, lease: int, why: int, now_ms: int) -> Event:
    segment = queue.leases.find(lease)
    assert segment is not None, "only what a living lease holds comes back"
    at = (lease & (PAGE - 1)) - segment.start
    event = Event(segment.granted[at], lease, segment.holder[at])
    event.why = why
    event.returned_ms = now_ms
    return event


def _remember(queue: Queue, first: int, mask: int, event: Event) -> None:
    page = queue.page_of(first)
    if page is None:
        return
    queue.lives.add(page.number, mask, queue.wanted_in(page.number), event)
