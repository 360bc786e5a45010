"""What messages weigh, so that no handout takes more memory than it may.

One rule: a message that is large has a block of its own and is weighed exactly; small ones weigh
the mean of their block, which is a megabyte at most. Compiled by mypyc where possible.
"""

from postroad.core.bits import bits_of, runs
from postroad.core.handout import Handout
from postroad.core.lanes import Picked
from postroad.core.page import Page
from postroad.core.queue import Queue
from postroad.core.stretches import outermost


def fitting(queue: Queue, picked: Picked, handout: Handout) -> Picked:
    """The first of the messages just picked that a handout has room for, one at least where it has
    none yet, and weighs from now on; the others are as if they had not been picked."""
    kept: Picked = []
    whole = True
    for page, mask in picked:
        count = _count_fitting(queue, page, mask, handout) if whole else 0
        part = mask
        if count < mask.bit_count():
            whole = False
            part = outermost(mask, count, bool(mask & page.front)) if count else 0
            if queue.pages.lanes is not None:
                queue.pages.lanes.unchosen(page, mask & ~part)
        if part:
            kept.append((page, part))
    return kept


def weight_of(queue: Queue, picked: Picked) -> int:
    """What messages weigh together, in bytes."""
    size = 0
    for page, mask in picked:
        for start, length in runs(mask):
            slot = start
            end = start + length
            while slot < end:
                mean, rest = _weight(queue, page.base + slot)
                part = min(rest, end - slot)
                size += mean * part
                slot += part
    return size


def _count_fitting(queue: Queue, page: Page, mask: int, handout: Handout) -> int:
    """How many messages of a page fit, in the order they leave."""
    if mask & page.front:
        return _count_down(queue, page, mask, handout)
    count = known = mean = 0
    for start, length in runs(mask):
        slot = start
        end = start + length
        while slot < end:
            if slot >= known:
                # Slots below `known` are of this block.
                mean, rest = _weight(queue, page.base + slot)
                known = slot + rest
            part = min(end, known) - slot
            fits = _room(handout, mean, part)
            handout.bytes += mean * fits
            count += fits
            if fits < part:
                return count
            slot += part
    return count


def _count_down(queue: Queue, page: Page, mask: int, handout: Handout) -> int:
    """The same of the front lane of a list, of which the last leaves first."""
    count = 0
    for slot in reversed(bits_of(mask)):
        mean, _ = _weight(queue, page.base + slot)
        if not _room(handout, mean, 1):
            break
        handout.bytes += mean
        count += 1
    return count


def _weight(queue: Queue, offset: int) -> tuple[int, int]:
    """What a message weighs, and how many from it on weigh the same."""
    shelf, index, span = queue.extents.at(offset)
    mean, rest = queue.shelves[shelf].weight(index)
    return mean, min(span, rest)


def _room(handout: Handout, mean: int, count: int) -> int:
    """How many of so many messages fit; the first one always does."""
    left = handout.bytes_max - handout.bytes
    if not mean or mean * count <= left:
        return count
    fits = max(0, left) // mean
    return 1 if not fits and not handout.bytes else fits
