"""Instants in order, each with a slot of its page: delays, message lives and lease deadlines.

One rule: an entry packs ms and slot in one u64, so a page of four thousand takes 32 KiB and sorts
by time. Compiled by mypyc where possible.
"""

from array import array
from bisect import insort_right

from postroad.core.bits import PAGE, PAGE_BITS


class Timeline:
    """Sorted (ms, slot) entries; what was taken from the front is freed now and then."""

    def __init__(self) -> None:
        self.entries: array[int] = array("Q")
        self.at = 0

    def add(self, ms: int, slot: int) -> None:
        """Add an entry; entries usually come in order, which costs an append."""
        packed = (ms << PAGE_BITS) | slot
        entries = self.entries
        if len(entries) == self.at or packed >= entries[-1]:
            entries.append(packed)
        else:
            insort_right(entries, packed, self.at)

    def first_ms(self) -> int:
        """The earliest instant, or 0 when there is none."""
        if self.at == len(self.entries):
            return 0
        return self.entries[self.at] >> PAGE_BITS

    def first_slot(self) -> int:
        """The slot of the earliest entry; there is one."""
        return self.entries[self.at] & (PAGE - 1)

    def skip(self) -> None:
        """Take the earliest entry away."""
        self.at += 1
        if self.at >= 512 and self.at * 2 >= len(self.entries):
            del self.entries[: self.at]
            self.at = 0

    def take_until(self, until_ms: int) -> int:
        """Take all entries at or before an instant; their slots as a mask."""
        mask = 0
        end = len(self.entries)
        limit = (until_ms + 1) << PAGE_BITS
        low = -1
        count = 0
        while self.at < end:
            packed = self.entries[self.at]
            if packed >= limit:
                break
            slot = packed & (PAGE - 1)
            if slot == low + count:
                count += 1
            else:
                if count:
                    mask |= ((1 << count) - 1) << low
                low = slot
                count = 1
            self.at += 1
        if count:
            mask |= ((1 << count) - 1) << low
        del self.entries[: self.at]
        self.at = 0
        return mask

    def keep(self, mask: int) -> None:
        """Forget the entries whose slot is not in the mask."""
        kept: array[int] = array("Q")
        for index in range(self.at, len(self.entries)):
            packed = self.entries[index]
            if (mask >> (packed & (PAGE - 1))) & 1:
                kept.append(packed)
        self.entries = kept
        self.at = 0

    def by_slot(self) -> dict[int, int]:
        """The instant of each slot that has one, in ms."""
        return {packed & (PAGE - 1): packed >> PAGE_BITS for packed in self.entries[self.at :]}

    def pack(self) -> bytes:
        """The entries as bytes, for a row."""
        return self.entries[self.at :].tobytes() if self.at < len(self.entries) else b""


def unpack_timeline(packed: bytes) -> Timeline:
    """The inverse of `Timeline.pack`."""
    timeline = Timeline()
    timeline.entries.frombytes(packed)
    return timeline
