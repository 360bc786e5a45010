"""One partition: a log of messages by offset, on a shelf of its own whose indexes are the offsets.

One rule: these methods are what apply calls; they assert and never refuse. What is known of single
messages is whether they are superseded, a bit each on pages that have such messages; all else is a
sample per block. Compiled by mypyc where possible.
"""

from array import array
from bisect import bisect_right

import msgspec

from postroad.core.bits import FULL, PAGE, PAGE_BITS, runs, span_mask
from postroad.core.ledger import Ledger, Row
from postroad.core.shelf import Shelf

SAMPLES = 4_096
"""Samples in one row."""
GRAINS = 4_096
"""A sample is at most so small a part of the retention time."""


def partition_key(id: int) -> bytes:
    """The row key of a partition."""
    return b"P" + id.to_bytes(8, "big")


class SamplePage(Row):
    """Samples of a partition in order: the first offset of each, when its first message and (of
    all but the partition's last sample) its last one were published, and how many bytes came before
    it."""

    def __init__(self, partition: int, number: int) -> None:
        super().__init__(b"gi" + partition.to_bytes(8, "big") + number.to_bytes(8, "big"))
        self.number = number
        self.offset: array[int] = array("Q")
        self.time: array[int] = array("Q")
        self.last: array[int] = array("Q")
        self.before: array[int] = array("Q")

    def encode(self) -> bytes:
        """The row: the columns."""
        return msgspec.msgpack.encode(
            [
                self.offset.tobytes(),
                self.time.tobytes(),
                self.last.tobytes(),
                self.before.tobytes(),
            ]
        )


def decode_samples(partition: int, number: int, packed: bytes) -> SamplePage:
    """A page of samples from its row."""
    page = SamplePage(partition, number)
    columns = msgspec.msgpack.decode(packed)
    page.offset.frombytes(columns[0])
    page.time.frombytes(columns[1])
    page.last.frombytes(columns[2])
    page.before.frombytes(columns[3])
    return page


class GonePage(Row):
    """Which offsets of one page of a partition are superseded."""

    def __init__(self, partition: int, number: int) -> None:
        super().__init__(b"gm" + partition.to_bytes(8, "big") + number.to_bytes(8, "big"))
        self.number = number
        self.gone = 0

    def encode(self) -> bytes:
        """The row: the bits; none at all when every bit is set."""
        if self.gone == FULL:
            return b""
        return self.gone.to_bytes((self.gone.bit_length() + 7) >> 3, "little")


def decode_gone(partition: int, number: int, packed: bytes) -> GonePage:
    """A page of superseded offsets from its row."""
    page = GonePage(partition, number)
    page.gone = int.from_bytes(packed, "little") if packed else FULL
    return page


class Partition(Row):
    """A log. `start`: the first offset kept; `bytes_end`: bytes ever published; `cleaned_before`,
    `cleaned_ms`, `tombstones_ms`: how far and when the cleaner was here, and the oldest tombstone
    it left.

    `shares`: numbers of the queues that groups of mode lease have here, derived. `touched`: group
    of the last change; `heaped_due`: when time is known to come back to it; these are volatile.
    """

    def __init__(
        self, id: int, topic: int, number: int, ledger: Ledger, shelves: dict[int, Shelf]
    ) -> None:
        super().__init__(partition_key(id))
        self.id = id
        self.topic = topic
        self.number = number
        self.ledger = ledger
        self.shelf = shelves[id]
        self.start = 0
        self.bytes_end = 0
        self.last_ms = 0
        self.cleaned_before = 0
        self.cleaned_ms = 0
        self.tombstones_ms = 0
        self.buried = False
        self.samples: list[SamplePage] = []
        self.next_page = 0
        self.gone: dict[int, GonePage] = {}
        self.gone_count = 0
        self.shares: list[int] = []
        self.touched = 0
        self.heaped_due = 0

    @property
    def end(self) -> int:
        """The offset the next message gets."""
        return self.shelf.next

    @property
    def size(self) -> int:
        """Bytes between start and end, as far as the samples tell."""
        if self.start == self.end:
            return 0
        page, at = self.sample_of(self.start)
        assert page is not None, "what is kept is in a sample"
        return self.bytes_end - page.before[at]

    @property
    def kept(self) -> int:
        """Messages that are there."""
        return self.shelf.next - self.start - self.gone_count

    def append(self, first: int, size: int, now_ms: int, begins_block: bool, grain: int) -> None:
        """Messages were put on the shelf from index `first` on. `grain`: a new sample is due after
        so many ms (0: only with a new block)."""
        self.ledger.touch(self)
        page = self.samples[-1] if self.samples else None
        due = begins_block or page is None or (grain > 0 and now_ms - page.time[-1] >= grain)
        if due:
            if page is not None:
                self.ledger.touch(page)
                page.last[-1] = self.last_ms
            if page is None or len(page.offset) >= SAMPLES:
                page = SamplePage(self.id, self.next_page)
                self.next_page += 1
                self.samples.append(page)
            self.ledger.touch(page)
            page.offset.append(first)
            page.time.append(now_ms)
            page.last.append(0)
            page.before.append(self.bytes_end)
        self.bytes_end += size
        self.last_ms = now_ms

    def sample_of(self, offset: int) -> "tuple[SamplePage | None, int]":
        """The sample that an offset is in; `None` when there is none."""
        low, high = 0, len(self.samples)
        while low < high:
            middle = (low + high) >> 1
            if self.samples[middle].offset[0] <= offset:
                low = middle + 1
            else:
                high = middle
        if not low:
            return None, 0
        page = self.samples[low - 1]
        return page, bisect_right(page.offset, offset) - 1

    def sample_at(self, at_ms: int) -> tuple[int, int]:
        """The offsets from and below which the first message of or after an instant lies, if there
        is one."""
        low, high = 0, len(self.samples)
        while low < high:
            middle = (low + high) >> 1
            if self.samples[middle].time[0] < at_ms:
                low = middle + 1
            else:
                high = middle
        if not low:
            return self.start, self.start + 1
        page = self.samples[low - 1]
        at = 0
        last = len(page.time)
        while at < last:
            middle = (at + last) >> 1
            if page.time[middle] < at_ms:
                at = middle + 1
            else:
                last = middle
        first = page.offset[at - 1]
        stop = self._offset_after(low - 1, at - 1)
        return max(first, self.start), max(min(stop + 1, self.end), self.start)

    def _offset_after(self, which: int, at: int) -> int:
        """Where the sample after this one begins."""
        page = self.samples[which]
        if at + 1 < len(page.offset):
            return page.offset[at + 1]
        if which + 1 < len(self.samples):
            return self.samples[which + 1].offset[0]
        return self.end

    def next_sample(self, offset: int) -> tuple[int, int, int]:
        """Of the sample that an offset is in: where the next one begins, its last time and the
        bytes before the next one."""
        page, at = self.sample_of(offset)
        assert page is not None, "what is kept is in a sample"
        which = page.number - self.samples[0].number
        if at + 1 < len(page.offset):
            return page.offset[at + 1], page.last[at], page.before[at + 1]
        if which + 1 < len(self.samples):
            later = self.samples[which + 1]
            return later.offset[0], page.last[at], later.before[0]
        return self.end, self.last_ms, self.bytes_end

    def cut(self, before: int) -> None:
        """All below an offset is gone."""
        assert self.start < before <= self.end, "a cut is within what is there"
        self.ledger.touch(self)
        for first, count in self.present(self.start, before - self.start):
            self.shelf.release(first, count)
        number = self.start >> PAGE_BITS
        while number << PAGE_BITS < before and self.gone:
            page = self.gone.get(number)
            if page is not None:
                self._cut_page(page, before)
            number += 1
        self.start = before
        self.cleaned_before = max(self.cleaned_before, before)
        if before == self.end:
            for one in self.samples:
                self.ledger.drop(one)
            self.samples.clear()
            return
        while len(self.samples) > 1 and self.samples[1].offset[0] <= before:
            self.ledger.drop(self.samples[0])
            del self.samples[0]

    def _cut_page(self, page: GonePage, before: int) -> None:
        base = page.number << PAGE_BITS
        if before - base >= PAGE:
            self.gone_count -= page.gone.bit_count()
            self.ledger.drop(page)
            del self.gone[page.number]
            return
        self.ledger.touch(page)
        left = page.gone & ~span_mask(0, before - base)
        self.gone_count -= (page.gone ^ left).bit_count()
        page.gone = left
        if not left:
            self.ledger.drop(page)
            del self.gone[page.number]

    def supersede(self, number: int, mask: int) -> None:
        """Messages of one page are gone."""
        page = self.gone.get(number)
        if page is None:
            page = GonePage(self.id, number)
            self.gone[number] = page
        assert not page.gone & mask, "a message goes once"
        self.ledger.touch(page)
        page.gone |= mask
        self.gone_count += mask.bit_count()
        base = number << PAGE_BITS
        for start, length in runs(mask):
            self.shelf.release(base + start, length)

    def gone_at(self, number: int) -> int:
        """Which messages of a page are superseded."""
        page = self.gone.get(number)
        return 0 if page is None else page.gone

    def present(self, first: int, count: int) -> list[tuple[int, int]]:
        """The messages among `count` from an offset on that are there, as runs (first, count)."""
        if not self.gone:
            return [(first, count)] if count > 0 else []
        found: list[tuple[int, int]] = []
        while count > 0:
            slot = first & (PAGE - 1)
            part = min(count, PAGE - slot)
            gone = self.gone_at(first >> PAGE_BITS)
            base = first - slot
            if not gone:
                _add_run(found, first, part)
            elif gone != FULL:
                for start, length in runs(~gone & span_mask(slot, part)):
                    _add_run(found, base + start, length)
            first += part
            count -= part
        return found

    def next_present(self, offset: int) -> int:
        """The first message that is there at or after an offset; the end when there is none."""
        while offset < self.end:
            found = self.present(offset, min(self.end, (offset | (PAGE - 1)) + 1) - offset)
            if found:
                return found[0][0]
            offset = (offset | (PAGE - 1)) + 1
        return self.end

    def live_bits(self, first: int, count: int) -> int:
        """Which of `count` messages from an offset on are there; bit 0 is `first`."""
        mask = 0
        low = max(first, self.start)
        for start, length in self.present(low, first + count - low):
            mask |= span_mask(start - first, length)
        return mask

    def count_live(self) -> None:
        """After a load: what the shelf must know is wanted, and how many are superseded."""
        self.gone_count = sum(page.gone.bit_count() for page in self.gone.values())
        for first, count in self.present(self.start, self.end - self.start):
            self.shelf.count_live(first, count)

    def encode(self) -> bytes:
        """The row of the partition itself; samples and superseded offsets have rows of their
        own."""
        return msgspec.msgpack.encode(
            [
                [self.topic, self.number, self.start, self.bytes_end, self.last_ms],
                [self.cleaned_before, self.cleaned_ms, self.tombstones_ms],
                [self.next_page, self.buried],
            ]
        )

    def check(self) -> None:
        """What is counted agrees with what is there."""
        assert self.start <= self.end, "a log begins before it ends"
        assert self.gone_count == sum(page.gone.bit_count() for page in self.gone.values())
        kept = sum(count for _, count in self.present(self.start, self.end - self.start))
        assert kept == self.kept, "what is not superseded is there"
        assert kept == sum(one[2] for one in self.shelf.blocks()), "the shelf holds what is kept"
        if self.start < self.end:
            assert self.sample_of(self.start)[0] is not None, "what is kept is in a sample"


def decode_partition(
    id: int, packed: bytes, ledger: Ledger, shelves: dict[int, Shelf]
) -> Partition:
    """A partition from its row, without its pages."""
    place, cleaned, rest = msgspec.msgpack.decode(packed)
    partition = Partition(id, place[0], place[1], ledger, shelves)
    partition.start, partition.bytes_end, partition.last_ms = place[2], place[3], place[4]
    partition.cleaned_before, partition.cleaned_ms, partition.tombstones_ms = cleaned
    partition.next_page, partition.buried = rest
    return partition


def _add_run(found: list[tuple[int, int]], first: int, count: int) -> None:
    """A run that continues the last one is part of it."""
    if found and found[-1][0] + found[-1][1] == first:
        found[-1] = (found[-1][0], found[-1][1] + count)
    else:
        found.append((first, count))
