"""Which messages a move is about: by offset, by state, by when they settled.

One rule: what is picked is in order of offset, a page at a time, live messages or kept ones and
never both. Compiled by mypyc where possible.
"""

from bisect import bisect_left
from collections.abc import Sequence

from postroad.core.bits import FULL, PAGE, PAGE_BITS, span_mask, take_lowest
from postroad.core.page import Page
from postroad.core.past import PastPage
from postroad.core.queue import Queue
from postroad.model.choices import Which

FAR_MS = 1 << 62
"""After every instant."""

Picked = list[tuple[Page | PastPage, int]]
"""Messages: page and mask, in order."""


def pick_ready(queue: Queue, count: int, start: int, before: int) -> Picked:
    """Up to `count` ready messages of offsets from `start` to below `before`, lowest first."""
    return _pick(queue, sorted(set(queue.pages.ready_list)), ("ready",), (count, start, before))


def pick_live(queue: Queue, states: Sequence[str], count: int, start: int, before: int) -> Picked:
    """The same of messages that are ready, delayed or either."""
    if "delayed" not in states:
        return pick_ready(queue, count, start, before)
    return _pick(queue, list(queue.pages.all), states, (count, start, before))


def _pick(
    queue: Queue, numbers: list[int], states: Sequence[str], part: tuple[int, int, int]
) -> Picked:
    count, start, before = part
    picked: Picked = []
    for number in numbers:
        page = queue.pages.all.get(number)
        if page is None or page.base + PAGE <= max(start, queue.purged_before):
            continue
        if page.base >= before or count <= 0:
            break
        mask = take_lowest(_in_states(page, states) & _inside(page.base, start, before), count)
        if mask:
            picked.append((page, mask))
            count -= mask.bit_count()
    return picked


def pick_settled(queue: Queue, which: Which | None, count: int, start: int, before: int) -> Picked:
    """Up to `count` kept messages of offsets from `start` to below `before`, those that settled in
    the time that is meant."""
    picked: Picked = []
    past = queue.past
    if past is None:
        return picked
    from_ms = 0 if which is None else which.settled_from_ms
    to_ms = FAR_MS if which is None or not which.settled_to_ms else which.settled_to_ms
    start = max(start, queue.purged_before)
    for at in range(bisect_left(past.order, start >> PAGE_BITS), len(past.order)):
        page = past.pages[past.order[at]]
        if page.base >= before or count <= 0:
            break
        mask = page.settled
        if from_ms or to_ms != FAR_MS:
            mask = page.between(from_ms, to_ms)
        mask = take_lowest(mask & _inside(page.base, start, before), count)
        if mask:
            picked.append((page, mask))
            count -= mask.bit_count()
    return picked


def pick_offsets(queue: Queue, offsets: Sequence[int], states: Sequence[str]) -> Picked:
    """Those of the offsets whose messages are in one of the states."""
    masks: dict[int, int] = {}
    for offset in offsets:
        page = queue.page_of(offset) if offset >= 0 else None
        if page is not None and (_in_states(page, states) >> (offset & (PAGE - 1))) & 1:
            masks[page.number] = masks.get(page.number, 0) | (1 << (offset & (PAGE - 1)))
    return [(queue.pages.all[number], masks[number]) for number in sorted(masks)]


def pick_kept_offsets(queue: Queue, offsets: Sequence[int]) -> Picked:
    """Those of the offsets whose messages are kept."""
    past = queue.past
    if past is None:
        return []
    masks: dict[int, int] = {}
    for offset in offsets:
        number, bit = offset >> PAGE_BITS, 1 << (offset & (PAGE - 1))
        if offset >= queue.purged_before and past.settled_in(number) & bit:
            masks[number] = masks.get(number, 0) | bit
    return [(past.pages[number], masks[number]) for number in sorted(masks)]


def _in_states(page: Page, states: Sequence[str]) -> int:
    mask = 0
    if "ready" in states:
        mask |= page.ready
    if "delayed" in states:
        mask |= page.delayed
    return mask


def _inside(base: int, start: int, before: int) -> int:
    """The slots of a page that are at or above one offset and below another."""
    mask: int = FULL
    if before < base + PAGE:
        mask = span_mask(0, max(0, before - base))
    if start > base:
        mask &= ~span_mask(0, min(PAGE, start - base))
    return mask
