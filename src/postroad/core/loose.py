"""Messages without a key, in a standard queue where others have one: each is on its own.

One rule: a page is listed while it may have any that is ready; stale entries are skipped when they
are met. Compiled by mypyc where possible.
"""

from heapq import heappop, heappush

from postroad.core.bits import PAGE, PAGE_BITS, lowest
from postroad.core.page import Page


class Loose:
    """The pages that may have ready messages without a key."""

    def __init__(self, pages: dict[int, Page]) -> None:
        self.pages = pages
        self.listed: list[int] = []

    def clear(self) -> None:
        """Nothing is there."""
        self.listed.clear()

    def list_from(self, first: int, count: int) -> None:
        """New messages, some of which may have no key."""
        for number in range(first >> PAGE_BITS, ((first + count - 1) >> PAGE_BITS) + 1):
            page = self.pages[number]
            self.list_page(page, page.ready)

    def list_page(self, page: Page, mask: int) -> None:
        """A page may have ready messages without a key."""
        if page.listed_loose or not mask & ~page.keyed:
            return
        page.listed_loose = True
        heappush(self.listed, page.number)

    def head(self, after: int) -> int:
        """The lowest ready message without a key from `after` on, -1 for none."""
        kept: list[int] = []
        found = -1
        while self.listed:
            page = self.pages.get(self.listed[0])
            loose = 0 if page is None else page.ready & ~page.keyed
            if page is None or not loose:
                heappop(self.listed)
                if page is not None:
                    page.listed_loose = False
                continue
            if after > page.base:
                loose = 0 if after - page.base >= PAGE else loose >> (after - page.base)
                if not loose:
                    kept.append(heappop(self.listed))
                    continue
                found = after + lowest(loose)
            else:
                found = page.base + lowest(loose)
            break
        for number in kept:
            heappush(self.listed, number)
        return found
