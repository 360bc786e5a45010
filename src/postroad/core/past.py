"""What settled messages leave behind: which of a queue's they were, and when they settled.

One rule: a settled message is a bit here and nowhere else, its body wanted as long as the bit is
set; when it settled is known of samples, as coarsely as a 4,096th part of the time they are kept.
Compiled by mypyc where possible.
"""

from array import array
from bisect import insort
from collections.abc import Iterable
from heapq import heapify, heappop, heappush, heapreplace

import msgspec

from postroad.core.bits import PAGE_BITS, runs
from postroad.core.ledger import Ledger, Row
from postroad.core.page import Page
from postroad.core.times import PARTS
from postroad.limits import SETTLED_SAMPLES_MAX, STALE_MAX

PAGE_OFFSETS = 1 << PAGE_BITS


class PastPage(Row):
    """The settled messages of PAGE offsets of one queue.

    Samples: when the first and the last message of each settled, in ms, and which they are.
    `numbers`, `priorities`: those of the messages, `None` where none had any.
    """

    def __init__(self, queue: int, number: int) -> None:
        super().__init__(past_key(queue, number))
        self.number = number
        self.base = number << PAGE_BITS
        self.settled = 0
        self.starts: array[int] = array("Q")
        self.ends: array[int] = array("Q")
        self.masks: list[int] = []
        self.numbers: array[int] | None = None
        self.priorities: bytearray | None = None

    def add(self, mask: int, now_ms: int, grain_ms: int) -> None:
        """Messages settled now."""
        self.settled |= mask
        if len(self.starts) and now_ms <= self.starts[-1] + grain_ms:
            self.ends[-1] = now_ms
            self.masks[-1] |= mask
            return
        if len(self.starts) >= SETTLED_SAMPLES_MAX:
            self._merge()
        self.starts.append(now_ms)
        self.ends.append(now_ms)
        self.masks.append(mask)

    def _merge(self) -> None:
        """Make one sample of the two that are closest to each other."""
        best = 0
        best_ms = self.ends[1] - self.starts[0]
        for at in range(1, len(self.starts) - 1):
            long_ms = self.ends[at + 1] - self.starts[at]
            if long_ms < best_ms:
                best, best_ms = at, long_ms
        self.ends[best] = self.ends[best + 1]
        self.masks[best] |= self.masks[best + 1]
        self._delete(best + 1)

    def between(self, from_ms: int, to_ms: int) -> int:
        """The messages of the samples that begin before `to_ms` and end at or after `from_ms`."""
        mask = 0
        for at in range(len(self.starts)):
            if self.starts[at] < to_ms and self.ends[at] >= from_ms:
                mask |= self.masks[at]
        return mask

    def until(self, until_ms: int) -> int:
        """The messages of the samples that ended by an instant."""
        mask = 0
        for at in range(len(self.ends)):
            if self.ends[at] > until_ms:
                break
            mask |= self.masks[at]
        return mask

    def settled_ms(self, slot: int) -> int:
        """When a message settled, or a little later; 0 where it did not."""
        for at in range(len(self.masks)):
            if (self.masks[at] >> slot) & 1:
                return self.ends[at]
        return 0

    def remove(self, mask: int) -> None:
        """Messages are kept no more."""
        self.settled &= ~mask
        for at in range(len(self.masks) - 1, -1, -1):
            self.masks[at] &= ~mask
            if not self.masks[at]:
                self._delete(at)

    def _delete(self, at: int) -> None:
        del self.starts[at]
        del self.ends[at]
        del self.masks[at]

    def remember_place(self, page: Page, mask: int) -> None:
        """Keep the keys and priorities of messages about to leave their page."""
        if page.keys is not None or page.loaded_hashes is not None:
            numbers = self.numbers
            if numbers is None:
                numbers = array("Q", bytes(8 * PAGE_OFFSETS))
                self.numbers = numbers
            for start, length in runs(mask):
                for slot in range(start, start + length):
                    numbers[slot] = page.key_number(slot)
        if page.priorities is not None:
            if self.priorities is None:
                self.priorities = bytearray(PAGE_OFFSETS)
            for start, length in runs(mask):
                self.priorities[start : start + length] = page.priorities[start : start + length]

    def key_number(self, slot: int) -> int:
        """The number of a message's key, 0 for none."""
        return 0 if self.numbers is None else self.numbers[slot]

    def priority_of(self, slot: int) -> int:
        """The priority of a message."""
        return 0 if self.priorities is None else self.priorities[slot]

    def encode(self) -> bytes:
        """The row of this page."""
        return msgspec.msgpack.encode(
            [
                self.starts.tobytes(),
                self.ends.tobytes(),
                [_packed(mask) for mask in self.masks],
                b"" if self.numbers is None else self.numbers.tobytes(),
                b"" if self.priorities is None else bytes(self.priorities),
            ]
        )

    def check(self) -> None:
        """Each settled message is in one sample."""
        together = 0
        for mask in self.masks:
            assert mask, "a sample has messages"
            assert not together & mask, "a message settled once"
            together |= mask
        assert together == self.settled
        assert list(self.ends) == sorted(self.ends)


def past_key(queue: int, number: int) -> bytes:
    """The row key of a page of settled messages."""
    return b"h" + queue.to_bytes(8, "big") + number.to_bytes(8, "big")


def decode_past(queue: int, number: int, packed: bytes) -> PastPage:
    """A page of settled messages from its row."""
    fields = msgspec.msgpack.decode(packed)
    page = PastPage(queue, number)
    page.starts = array("Q", fields[0])
    page.ends = array("Q", fields[1])
    for one in fields[2]:
        mask = int.from_bytes(one, "little")
        page.masks.append(mask)
        page.settled |= mask
    if fields[3]:
        page.numbers = array("Q", fields[3])
    if fields[4]:
        page.priorities = bytearray(fields[4])
    return page


class Past:
    """All settled messages of one queue that are kept: their pages by number, `order` being those
    numbers in order; `count` of them. `heap`: which page's oldest sample ended when; entries may
    be stale and then are early."""

    def __init__(self, queue: int, ledger: Ledger) -> None:
        self.queue = queue
        self.ledger = ledger
        self.pages: dict[int, PastPage] = {}
        self.order: list[int] = []
        self.count = 0
        self.heap: list[tuple[int, int]] = []

    def keep(self, page: Page, mask: int, now_ms: int, keep_ms: int) -> None:
        """Messages of a page settle now, and are about to leave it."""
        kept = self.pages.get(page.number)
        if kept is None:
            kept = PastPage(self.queue, page.number)
            self.pages[page.number] = kept
            insort(self.order, page.number)
            self.ledger.touch(kept)
            kept.remember_place(page, mask)
            kept.add(mask, now_ms, 0)
            self._enter(kept)
        else:
            self.ledger.touch(kept)
            kept.remember_place(page, mask)
            kept.add(mask, now_ms, keep_ms // PARTS)
        self.count += mask.bit_count()

    def settled_in(self, number: int) -> int:
        """The settled messages of a page."""
        page = self.pages.get(number)
        return 0 if page is None else page.settled

    def remove(self, page: PastPage, mask: int) -> bool:
        """Messages are kept no more; true where the page is empty and so forgotten."""
        self.ledger.touch(page)
        self.count -= mask.bit_count()
        page.remove(mask)
        if page.settled:
            return False
        self.drop(page)
        return True

    def drop(self, page: PastPage) -> None:
        """A page is gone; who calls has counted its messages."""
        self.ledger.drop(page)
        del self.pages[page.number]
        self.order.remove(page.number)

    def clear_counts(self) -> None:
        """All are purged; the pages wait to be swept."""
        self.count = 0
        self.heap.clear()

    def first_end(self) -> int:
        """When the oldest sample ended, in ms; 0 where nothing is kept."""
        while self.heap:
            end, number = self.heap[0]
            page = self.pages.get(number)
            if page is None:
                heappop(self.heap)
            elif page.ends[0] != end:
                heapreplace(self.heap, (page.ends[0], number))
            else:
                return end
        return 0

    def next_ms(self, keep_ms: int | None) -> int:
        """When the oldest sample has been kept for long enough, in ms; 0 for never."""
        end = self.first_end()
        if not end:
            return 0
        return 1 if keep_ms is None else end + keep_ms

    def oldest(self) -> PastPage:
        """The page `first_end` spoke of."""
        return self.pages[self.heap[0][1]]

    def load(self, page: PastPage, purged_before: int) -> None:
        """Take a page read from a checkpoint; pages come in order."""
        self.pages[page.number] = page
        self.order.append(page.number)
        if page.base + PAGE_OFFSETS > purged_before:
            self.count += page.settled.bit_count()
            self._enter(page)

    def _enter(self, page: PastPage) -> None:
        heappush(self.heap, (page.ends[0], page.number))
        if len(self.heap) > 2 * len(self.pages) + STALE_MAX:
            self.heap = [(one.ends[0], one.number) for one in self.pages.values()]
            heapify(self.heap)

    def check(self, purged_before: int) -> None:
        """The count agrees with the bits, and every page is known to the clock."""
        pages = [one for one in self.pages.values() if one.base + PAGE_OFFSETS > purged_before]
        for page in pages:
            page.check()
        assert self.count == sum(page.settled.bit_count() for page in pages)
        assert self.order == sorted(self.pages)
        assert {page.number for page in pages} <= {number for _, number in self.heap}


def first_below(border: int, numbers: Iterable[int], count: int) -> list[int]:
    """The first `count` of ordered page numbers that are below another."""
    found: list[int] = []
    for number in numbers:
        if number >= border or len(found) == count:
            break
        found.append(number)
    return found


def _packed(mask: int) -> bytes:
    return mask.to_bytes((mask.bit_length() + 7) >> 3, "little")
