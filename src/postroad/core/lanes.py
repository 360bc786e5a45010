"""In which order the ready messages of a queue leave, where that is not simply by offset.

One rule: lanes are derived from the bits and columns of the pages, and told of every change of
them; `pick` chooses, and what it chose is leased or dropped at once, or `unchosen` or `mend` is
called. Compiled by mypyc where possible.
"""

from postroad.core.bits import PAGE, PAGE_BITS
from postroad.core.page import Page

Picked = list[tuple[Page, int]]
"""Messages: page and mask, in the order they leave."""


class Lanes:
    """What pages tell of their messages; nothing by default."""

    def __init__(self, pages: dict[int, Page]) -> None:
        self.pages = pages

    def taken(self, page: Page, mask: int) -> None:
        """Ready messages were leased."""

    def came_back(self, page: Page, alive: int, spent: int) -> None:
        """Leased messages came back: ready, or dead."""

    def delayed(self, page: Page, mask: int) -> None:
        """Ready messages are ready only later."""

    def ripened(self, page: Page, mask: int) -> None:
        """Delayed messages are ready."""

    def dying(self, page: Page, mask: int) -> None:
        """Ready or delayed messages are about to be dead."""

    def removing(self, page: Page, mask: int) -> None:
        """Messages are about to leave for good."""

    def load(self, page: Page) -> None:
        """A page came from a checkpoint; they come in order."""

    def clear(self) -> None:
        """All messages are gone."""

    def unchosen(self, page: Page, mask: int) -> None:
        """Some of what was chosen last, behind all the rest, is not taken after all."""

    def mend(self, purged_before: int) -> None:  # noqa: ARG002
        """What was chosen last was not taken after all: derive everything again."""
        raise AssertionError("each kind of lanes knows how")

    def is_plain(self, delayed: int) -> bool:  # noqa: ARG002
        """Whether messages leave simply by offset now; `delayed`: how many wait for their time."""
        return False

    def wake(self, now: int, begun_ms: int) -> None:
        """It is `now`; the broker was opened at `begun_ms`."""

    def next_due(self) -> int:
        """When time alone lets something leave, in ms; 0 for never."""
        return 0

    def is_open(self) -> bool:
        """Whether any ready message may leave now."""
        raise AssertionError("each kind of lanes knows")

    def pick(self, count: int, leased: int) -> Picked:  # noqa: ARG002
        """Up to `count` messages that may leave now; `leased`: how many the queue has leased."""
        raise AssertionError("each kind of lanes chooses")


class Choice:
    """What is chosen in one pick. `left`: how many more; `bits`: slots by page number."""

    def __init__(self, pages: dict[int, Page], count: int) -> None:
        self.pages = pages
        self.left = count
        self.bits: dict[int, bytearray] = {}

    def add(self, offset: int) -> bool:
        """Choose a message; false where it is chosen already."""
        bits = self.bits.get(offset >> PAGE_BITS)
        if bits is None:
            bits = bytearray(PAGE >> 3)
            self.bits[offset >> PAGE_BITS] = bits
        slot = offset & (PAGE - 1)
        bit = 1 << (slot & 7)
        if bits[slot >> 3] & bit:
            return False
        bits[slot >> 3] |= bit
        self.left -= 1
        return True

    def picked(self) -> Picked:
        """All of it, by offset."""
        numbers = sorted(self.bits)
        return [(self.pages[one], int.from_bytes(self.bits[one], "little")) for one in numbers]
