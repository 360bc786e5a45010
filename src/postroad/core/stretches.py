"""Parts of a list that lie together: the ready messages of one page and one lane.

One rule: what is met first from one end is met last from the other. Compiled by mypyc where
possible.
"""

from postroad.core.bits import PAGE, take_lowest
from postroad.core.page import Page

CELL_BITS = 64
"""Between two offsets that follow each other there is room for so many bits of keys."""
CELL = 1 << CELL_BITS

Stretch = tuple[Page, int, bool]
"""Messages of one page that follow each other in a list: page, mask, and whether the highest offset
comes first."""


def outermost(mask: int, count: int, down: bool) -> int:
    """The first `count` messages of a stretch."""
    if not down:
        return take_lowest(mask, count)
    if count == 1:
        return 1 << (mask.bit_length() - 1)
    rest = mask.bit_count() - count
    return mask if rest <= 0 else mask & ~take_lowest(mask, rest)


def in_lane(page: Page, in_front: bool) -> int:
    """The ready messages of a page that are in the front lane, or in the main lane."""
    if in_front:
        return page.ready & page.front
    return page.ready & ~page.front & ~page.mids


def met_before(base: int, cell: int, in_front: bool, down: bool) -> int:
    """The slots of a page that are met before a message in the middle. `cell`: the place after
    which that one stands, seen from the front."""
    cut = (-cell if in_front else cell + 1) - base
    below = 0 if cut <= 0 else (1 << min(cut, PAGE)) - 1
    return ~below if down else below


def count_before(part: Stretch, key: int, in_front: bool) -> int:
    """How many messages of a stretch are met before one in the middle."""
    page, mask, down = part
    return (mask & met_before(page.base, key >> CELL_BITS, in_front, down)).bit_count()
