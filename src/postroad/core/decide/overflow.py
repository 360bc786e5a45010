"""What gives way when a queue holds more than it may: the oldest, dropped or dead.

One rule: only what is not leased gives way, so a queue may stay over its limit by what is being
worked on.
"""

from postroad.core import records as facts
from postroad.core.bits import PAGE, pack_mask, runs, take_lowest
from postroad.core.page import Page
from postroad.core.queue import Queue
from postroad.model.policy import OVERFLOW_DEAD_LETTER_OLDEST


def overflow_records(queue: Queue, moved: bool = False) -> list[facts.Record]:
    """The facts that bring a queue back under its limits.

    What gives way to `moved` messages is dropped: two queues that are each other's dead-letter
    queues would never come to rest.
    """
    settings = queue.settings
    over = 0
    if settings.length_max is not None:
        over = max(0, queue.pages.length - queue.pages.dead - settings.length_max)
    over_bytes = 0
    if settings.bytes_max is not None:
        over_bytes = max(0, queue.pages.bytes - settings.bytes_max)
        if over_bytes and queue.pages.dead:
            over_bytes = max(0, over_bytes - _dead_bytes(queue))
    if not over and not over_bytes:
        return []
    dies = settings.overflow == OVERFLOW_DEAD_LETTER_OLDEST
    dies = dies and settings.dead_letter_queue is not None and not moved
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


def _dead_bytes(queue: Queue) -> int:
    """What is dead already is on its way out and does not make others go."""
    total = 0
    for number in set(queue.pages.dead_list):
        page = queue.pages.all.get(number)
        if page is not None and page.sizes is not None:
            for start, length in runs(page.dead):
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
