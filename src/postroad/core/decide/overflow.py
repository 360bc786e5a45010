"""What gives way when a queue holds more than it may: the oldest, dropped or dead; or what comes,
where it dies of it.

One rule: only what is not leased gives way, so a queue may stay over its limit by what is being
worked on. Where that is not to count at all, as in RabbitMQ, the limits are of what waits.
"""

from postroad.core import records as facts
from postroad.core.bits import PAGE, pack_mask, runs, take_lowest
from postroad.core.decide.load import Load, chunk_records
from postroad.core.page import Page
from postroad.core.queue import Queue
from postroad.limits import REFUSED_KEPT_MAX
from postroad.model.policy import (
    OVERFLOW_DEAD_LETTER_OLDEST,
    OVERFLOW_REJECT_DEAD_LETTER,
    OVERFLOWS_REFUSING,
)


def overflow_records(queue: Queue, moved: bool = False) -> list[facts.Record]:
    """The facts that bring a queue back under its limits.

    What gives way to `moved` messages is dropped: two queues that are each other's dead-letter
    queues would never come to rest. Behind exchanges circles end by themselves.
    """
    settings = queue.settings
    if settings.overflow in OVERFLOWS_REFUSING:
        return []
    over, over_bytes = _over(queue)
    if not over and not over_bytes:
        return []
    by_exchange = settings.dead_letter_exchange is not None
    dies = by_exchange or (settings.dead_letter_queue is not None and not moved)
    dies = dies and settings.overflow == OVERFLOW_DEAD_LETTER_OLDEST
    records: list[facts.Record] = []
    for number in sorted(queue.pages.all):
        if not over and over_bytes <= 0:
            break
        page = queue.pages.all[number]
        if page.base + PAGE <= queue.purged_before:
            continue
        mask = take_lowest(page.ready | page.delayed, over) if over else 0
        over -= mask.bit_count()
        mask, over_bytes = _add_bytes(page, mask, over_bytes)
        if mask:
            first, span, packed = pack_mask(mask)
            first += page.base
            if dies:
                records.append(facts.Condemned(queue.id, first, span, packed, facts.OVERFLOW))
            else:
                records.append(facts.Dropped(queue.id, first, span, packed, facts.OVERFLOWED))
    return records


def _over(queue: Queue) -> tuple[int, int]:
    """How many messages, and bytes, a queue holds beyond its limits."""
    settings = queue.settings
    over = over_bytes = 0
    if settings.length_max is not None:
        beside = queue.leased if settings.limits_waiting else 0
        over = max(0, queue.pages.length - queue.pages.dead - beside - settings.length_max)
    if settings.bytes_max is not None:
        over_bytes = max(0, queue.pages.bytes - settings.bytes_max)
        if over_bytes and (queue.pages.dead or settings.limits_waiting):
            over_bytes = max(0, over_bytes - sum(_aside(queue)))
    return over, over_bytes


def has_room(queue: Queue, count: int, size: int) -> bool:
    """Whether `count` more messages of `size` bytes together fit into a queue. What is dead in a
    queue that refuses to the dead letters is on its way out, and takes no room."""
    settings = queue.settings
    held, held_bytes = queue.pages.length, queue.pages.bytes
    if queue.pages.dead and settings.overflow == OVERFLOW_REJECT_DEAD_LETTER:
        held -= queue.pages.dead
        if settings.bytes_max is not None:
            held_bytes -= _aside(queue)[0]
    if settings.limits_waiting:
        held -= queue.leased
        if settings.bytes_max is not None:
            held_bytes -= _aside(queue)[1]
    if settings.length_max is not None and held + count > settings.length_max:
        return False
    return settings.bytes_max is None or held_bytes + size <= settings.bytes_max


def weight_in(queue: Queue, bodies: int, heads: int) -> int:
    """What so many bytes of bodies, and of what comes with them, weigh in a queue."""
    return bodies if queue.settings.limits_bodies else bodies + heads


def keeps_refused(queue: Queue) -> bool:
    """Whether what a full queue refuses goes to its dead letters. Where these cannot leave and are
    many already, it is refused and no more, or a bounded queue would grow by what it refuses."""
    refusing = queue.settings.overflow == OVERFLOW_REJECT_DEAD_LETTER
    return refusing and queue.pages.dead < REFUSED_KEPT_MAX


def refused_records(
    queue: Queue, load: Load, first: int, offset: int, now: int
) -> list[facts.Record]:
    """The facts of messages that come to a full queue and die of it at once: `first` is their
    place on its shelf, `offset` in the queue."""
    records = chunk_records(queue.id, first, load, now)
    end = offset + len(load.bodies)
    while offset < end:
        count = min(end - offset, PAGE - (offset & (PAGE - 1)))
        records.append(facts.Condemned(queue.id, offset, count, b"", facts.OVERFLOW))
        offset += count
    return records


def _aside(queue: Queue) -> tuple[int, int]:
    """The bytes of what is dead, and of what is leased where that is beside the limits. Counted
    once between two changes: each of a thousand publishes may ask."""
    counted, dead, leased = queue.aside
    if counted != queue.changes:
        dead = _dead_bytes(queue) if queue.pages.dead else 0
        leased = _leased_bytes(queue) if queue.settings.limits_waiting else 0
        queue.aside = (queue.changes, dead, leased)
    return dead, leased


def _dead_bytes(queue: Queue) -> int:
    """What is dead already is on its way out and does not make others go."""
    total = 0
    for number in set(queue.pages.dead_list):
        page = queue.pages.all.get(number)
        if page is not None and page.sizes is not None:
            for start, length in runs(page.dead):
                total += sum(page.sizes[start : start + length])
    return total


def _leased_bytes(queue: Queue) -> int:
    """What is being worked on, where that is beside the limits."""
    if not queue.leased:
        return 0
    total = 0
    for page in queue.pages.all.values():
        if page.leased and page.sizes is not None:
            for start, length in runs(page.leased):
                total += sum(page.sizes[start : start + length])
    return total


def _add_bytes(page: Page, mask: int, over_bytes: int) -> tuple[int, int]:
    """Take more of a page's oldest until the bytes are under the limit; what weighs nothing stays,
    for it would make no room."""
    if page.sizes is None:
        return mask, over_bytes
    rest = page.ready | page.delayed
    slot = 0
    while rest >> slot:
        bit = 1 << slot
        if mask & bit or (rest & bit and over_bytes > 0 and page.sizes[slot]):
            mask |= bit
            over_bytes -= page.sizes[slot]
        slot += 1
    return mask, over_bytes
