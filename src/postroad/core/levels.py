"""Priorities: of the ready messages those of the highest level leave first, by offset within it.

One rule: a page's level masks are computed when it is its turn and forgotten when messages are
added, so a message costs one byte however many levels there are. Compiled by mypyc where possible.
"""

from heapq import heappop, heappush

from postroad.core.bits import PAGE, PAGE_BITS, runs, take_lowest
from postroad.core.lanes import Lanes, Picked
from postroad.core.page import Page

LEVELS = 256
MASKS_KEPT = 4
"""Level masks a page keeps: those served lately."""


class Levels(Lanes):
    """Per level the pages that may have ready messages of it. `present`: levels with any page;
    `top`: the highest level, where those of a higher priority are as well."""

    def __init__(self, pages: dict[int, Page], top: int) -> None:
        super().__init__(pages)
        self.top = top
        self.topmost = _digits(top, LEVELS - 1)
        self.present = 0
        self.lists: dict[int, list[int]] = {}
        self.listed: set[int] = set()

    def arrived(self, first: int, count: int) -> None:
        """New messages, their priorities in their pages."""
        while count > 0:
            page = self.pages[first >> PAGE_BITS]
            slot = first & (PAGE - 1)
            part = min(count, PAGE - slot)
            page.level_masks = {}
            self._list(page, ((1 << part) - 1) << slot)
            first += part
            count -= part

    def came_back(self, page: Page, alive: int, spent: int) -> None:  # noqa: ARG002
        """They are where they were."""
        self._list(page, alive)

    def ripened(self, page: Page, mask: int) -> None:
        """They are ready for the first time, or again."""
        self._list(page, mask)

    def load(self, page: Page) -> None:
        """Enter what is ready in a page."""
        self._list(page, page.ready)

    def clear(self) -> None:
        """Nothing is ready."""
        self.present = 0
        self.lists.clear()
        self.listed.clear()

    def unchosen(self, page: Page, mask: int) -> None:
        """They are where they were."""
        self._list(page, mask)

    def mend(self, purged_before: int) -> None:
        """Enter all pages again, but those that were purged and are not swept yet."""
        self.clear()
        for page in self.pages.values():
            if page.base + PAGE > purged_before:
                self.load(page)

    def is_open(self) -> bool:
        """Every ready message may leave."""
        return self._highest() is not None

    def pick(self, count: int, leased: int) -> Picked:  # noqa: ARG002
        """The highest level's lowest offsets, then the next level's."""
        found: Picked = []
        chosen: dict[int, int] = {}
        while count > 0:
            top = self._highest(chosen)
            if top is None:
                break
            page, mask = top
            mask = take_lowest(mask, count)
            count -= mask.bit_count()
            chosen[page.number] = chosen.get(page.number, 0) | mask
            found.append((page, mask))
        return found

    def _highest(self, chosen: dict[int, int] | None = None) -> tuple[Page, int] | None:
        """The lowest page with ready messages of the highest level there is, and which they are,
        without those chosen already."""
        while self.present:
            level = self.present.bit_length() - 1
            pages = self.lists[level]
            while pages:
                page = self.pages.get(pages[0])
                if page is not None:
                    mask = page.ready & self._mask_of(page, level)
                    if chosen is not None:
                        mask &= ~chosen.get(page.number, 0)
                    if mask:
                        return page, mask
                self.listed.discard((heappop(pages) << 8) | level)
            self.present &= ~(1 << level)
        return None

    def _list(self, page: Page, mask: int) -> None:
        if not mask:
            return
        if page.priorities is None:
            self._enter(page.number, 0)
            return
        levels: set[int] = set()
        for start, length in runs(mask):
            levels.update(page.priorities[start : start + length])
        for level in levels:
            self._enter(page.number, min(level, self.top))

    def _enter(self, number: int, level: int) -> None:
        entry = (number << 8) | level
        if entry in self.listed:
            return
        self.listed.add(entry)
        if level not in self.lists:
            self.lists[level] = []
        heappush(self.lists[level], number)
        self.present |= 1 << level

    def _mask_of(self, page: Page, level: int) -> int:
        """The slots of a page that have a level."""
        if page.priorities is None:
            return 0 if level else -1
        mask = page.level_masks.get(level)
        if mask is None:
            table = self.topmost if level == self.top else _ONLY[level]
            mask = int(page.priorities.translate(table)[::-1], 2)
            if len(page.level_masks) >= MASKS_KEPT:
                page.level_masks = {}
            page.level_masks[level] = mask
        return mask


def _digits(level: int, last: int) -> bytes:
    """The table that makes a `1` of each level from one to another, and a `0` of every other."""
    table = bytearray(b"0" * LEVELS)
    table[level : last + 1] = b"1" * (last + 1 - level)
    return bytes(table)


_ONLY = [_digits(level, level) for level in range(LEVELS)]
"""Per level the table that makes a `1` of it, and a `0` of every other."""
