"""The leases of one queue: columns indexed by the lease's number, no object per lease.

One rule: a grant never spans two pages; what is left of it is a count and, once it is not simply
the whole of its span, a mask. Where others may take leases over they are found by offset too, which
is derived. Compiled by mypyc where possible.
"""

from array import array
from heapq import heapify, heappop, heappush

import msgspec

from postroad.core.bits import PAGE, PAGE_BITS, runs, span_mask
from postroad.core.ledger import Ledger, Row
from postroad.core.timeline import Timeline
from postroad.limits import STALE_MAX

CONSUMERS_FROM = 1 << 63
"""Holders from this number on are consumers with a name, who outlive their sessions."""

HOLDER_THIN_AT = 1_024
"""A holder's list is freed of what is over at this length, and at twice what was left then."""


class Segment(Row):
    """PAGE lease numbers from `number * PAGE` on, one column per fact."""

    def __init__(self, queue: int, number: int) -> None:
        super().__init__(segment_key(queue, number))
        self.number = number
        self.start = 0
        self.first: array[int] = array("Q")
        self.span: array[int] = array("H")
        self.left: array[int] = array("H")
        self.deadline: array[int] = array("Q")
        self.holder: array[int] = array("Q")
        self.granted: array[int] = array("Q")
        self.masks: dict[int, int] = {}
        self.ends = Timeline()
        self.alive = 0
        self.heaped = 0

    def renew_ends(self) -> None:
        """Enter the deadline of each living lease once; where leases are extended again and again
        there are many others."""
        ends = Timeline()
        for index in range(len(self.left)):
            if self.left[index] and self.deadline[index]:
                ends.add(self.deadline[index], self.start + index)
        self.ends = ends

    def encode(self) -> bytes:
        """The row of this segment."""
        return msgspec.msgpack.encode(
            [
                self.start,
                self.first.tobytes(),
                self.span.tobytes(),
                self.left.tobytes(),
                self.deadline.tobytes(),
                self.holder.tobytes(),
                self.granted.tobytes(),
                [
                    (slot, mask.to_bytes((mask.bit_length() + 7) >> 3, "little"))
                    for slot, mask in sorted(self.masks.items())
                ],
                self.alive,
            ]
        )


def segment_key(queue: int, number: int) -> bytes:
    """The row key of a segment."""
    return b"l" + queue.to_bytes(8, "big") + number.to_bytes(8, "big")


def decode_segment(queue: int, number: int, packed: bytes) -> Segment:
    """A segment from its row."""
    fields = msgspec.msgpack.decode(packed)
    segment = Segment(queue, number)
    segment.start = fields[0]
    segment.first.frombytes(fields[1])
    segment.span.frombytes(fields[2])
    segment.left.frombytes(fields[3])
    segment.deadline.frombytes(fields[4])
    segment.holder.frombytes(fields[5])
    segment.granted.frombytes(fields[6])
    segment.masks = {pair[0]: int.from_bytes(pair[1], "little") for pair in fields[7]}
    segment.alive = fields[8]
    segment.renew_ends()
    return segment


class Leases:
    """All grants of a queue that are not over. `by_page`: where they are `found` by offset, the
    last lease of each offset of the pages that have any; `leased_in`: how many are leased there;
    `held`: how many messages each consumer with a name holds. These are derived."""

    def __init__(self, queue: int, ledger: Ledger, found: bool = False) -> None:
        self.queue = queue
        self.ledger = ledger
        self.found = found
        self.by_page: dict[int, array[int]] = {}
        self.leased_in: dict[int, int] = {}
        self.held: dict[int, int] = {}
        self.next = 1
        self.segments: dict[int, Segment] = {}
        self.deadlines: list[tuple[int, int]] = []
        self.by_holder: dict[int, array[int]] = {}
        self.thin_at: dict[int, int] = {}

    def grant(
        self, lease: int, first: int, mask: int, deadline_ms: int, holder: int, now_ms: int
    ) -> None:
        """Enter a grant; `mask` is relative to offset `first`, lowest bit set."""
        number = lease >> PAGE_BITS
        segment = self.segments.get(number)
        if segment is None:
            segment = Segment(self.queue, number)
            segment.start = lease & (PAGE - 1)
            self.segments[number] = segment
        self.ledger.touch(segment)
        slot = lease & (PAGE - 1)
        assert slot == segment.start + len(segment.first), "lease numbers are given in order"
        span = mask.bit_length()
        left = mask.bit_count()
        segment.first.append(first)
        segment.span.append(span)
        segment.left.append(left)
        segment.deadline.append(deadline_ms)
        segment.holder.append(holder)
        segment.granted.append(now_ms)
        segment.alive += 1
        if left != span:
            segment.masks[slot] = mask
        if deadline_ms:
            self._set_end(segment, deadline_ms, slot)
        if holder:
            self._note_holder(holder, lease)
        if self.found:
            self._enter(lease, first, mask, holder)
        self.next = lease + 1

    def find(self, lease: int) -> Segment | None:
        """The segment of a lease that is not over, or `None`."""
        segment = self.segments.get(lease >> PAGE_BITS)
        if segment is None:
            return None
        index = (lease & (PAGE - 1)) - segment.start
        if index < 0 or index >= len(segment.left) or not segment.left[index]:
            return None
        return segment

    def left_of(self, lease: int) -> int:
        """How many messages a lease still holds."""
        segment = self.find(lease)
        return 0 if segment is None else segment.left[(lease & (PAGE - 1)) - segment.start]

    def mask(self, segment: Segment, lease: int) -> int:
        """What is left of a lease, relative to its first offset."""
        slot = lease & (PAGE - 1)
        mask = segment.masks.get(slot)
        if mask is not None:
            return mask
        return span_mask(0, segment.span[slot - segment.start])

    def at(self, offset: int) -> int:
        """The living lease on an offset, 0 for none; only where they are found by offset."""
        column = self.by_page.get(offset >> PAGE_BITS)
        lease = 0 if column is None else column[offset & (PAGE - 1)]
        segment = self.find(lease) if lease else None
        if segment is None:
            return 0
        low = offset - segment.first[(lease & (PAGE - 1)) - segment.start]
        return lease if (self.mask(segment, lease) >> low) & 1 else 0

    def take(self, lease: int, mask: int) -> None:
        """Part of a lease is over; `mask` relative to its first offset, all of it left until
        now."""
        segment = self.find(lease)
        assert segment is not None, "only a living lease can be taken from"
        self.ledger.touch(segment)
        slot = lease & (PAGE - 1)
        index = slot - segment.start
        rest = self.mask(segment, lease) & ~mask
        left = rest.bit_count()
        assert left + mask.bit_count() == segment.left[index], "an offset is leased once"
        segment.left[index] = left
        if self.found:
            self._leave(segment.first[index] >> PAGE_BITS, segment.holder[index], mask.bit_count())
        if left:
            segment.masks[slot] = rest
            return
        segment.masks.pop(slot, None)
        segment.alive -= 1
        if not segment.alive:
            self._free(segment)

    def extend(self, lease: int, deadline_ms: int) -> None:
        """Another deadline for all that is left of a lease."""
        segment = self.find(lease)
        assert segment is not None, "only a living lease can be extended"
        self.ledger.touch(segment)
        slot = lease & (PAGE - 1)
        segment.deadline[slot - segment.start] = deadline_ms
        if deadline_ms:
            self._set_end(segment, deadline_ms, slot)

    def next_deadline(self) -> int:
        """The earliest deadline of a living lease, in ms; 0 when there is none."""
        while self.deadlines:
            deadline, number = self.deadlines[0]
            segment = self.segments.get(number)
            if segment is not None:
                _skip_stale(segment)
                if segment.ends.first_ms() == deadline:
                    return deadline
                segment.heaped = 0
            heappop(self.deadlines)
            if segment is not None:
                self._heap(segment)
        return 0

    def lapsed(self, until_ms: int, limit: int) -> list[int]:
        """Leases whose deadline is at or before an instant, by (deadline, number), until they hold
        `limit` messages or more; taken off the calendar."""
        found: list[int] = []
        messages = 0
        while messages < limit:
            deadline = self.next_deadline()
            if not deadline or deadline > until_ms:
                break
            segment = self.segments[self.deadlines[0][1]]
            self.ledger.touch(segment)
            slot = segment.ends.first_slot()
            # A lease that was extended back to an earlier deadline is entered there twice.
            while segment.ends.first_ms() == deadline and segment.ends.first_slot() == slot:
                segment.ends.skip()
            found.append((segment.number << PAGE_BITS) | slot)
            messages += segment.left[slot - segment.start]
        return found

    def held_by(self, holder: int, limit: int) -> list[int]:
        """Living leases of a holder, lowest first, until they hold `limit` messages or more
        (holder 0: of any holder)."""
        found: list[int] = []
        messages = 0
        for one in [holder] if holder else sorted(self.by_holder):
            leases = self.by_holder.get(one)
            if leases is None or messages >= limit:
                break
            over = 0
            met = False
            for lease in leases:
                if messages >= limit:
                    break
                left = self.left_of(lease)
                if left:
                    met = True
                    found.append(lease)
                    messages += left
                elif not met:
                    over += 1
            # They end from the front: what is over is not passed again by the next slice.
            del leases[:over]
        return found

    def sessions(self) -> list[int]:
        """The holders that are sessions."""
        return [holder for holder in self.by_holder if holder < CONSUMERS_FROM]

    def forget_holder(self, holder: int) -> None:
        """Drop the list of a holder without living leases (0: of all such)."""
        if holder:
            self.by_holder.pop(holder, None)
            self.thin_at.pop(holder, None)
        else:
            self.by_holder = {}
            self.thin_at = {}

    def load(self, segment: Segment) -> None:
        """Take a segment read from a checkpoint."""
        self.segments[segment.number] = segment
        self._heap(segment)
        for index in range(len(segment.left)):
            if not segment.left[index]:
                continue
            lease = (segment.number << PAGE_BITS) | (segment.start + index)
            holder = segment.holder[index]
            if holder:
                self._note_holder(holder, lease)
            if self.found:
                self._enter(lease, segment.first[index], self.mask(segment, lease), holder)

    def _enter(self, lease: int, first: int, mask: int, holder: int) -> None:
        number = first >> PAGE_BITS
        column = self.by_page.get(number)
        if column is None:
            column = array("Q", bytes(8 * PAGE))
            self.by_page[number] = column
            self.leased_in[number] = 0
        slot = first & (PAGE - 1)
        for start, length in runs(mask):
            column[slot + start : slot + start + length] = array("Q", [lease]) * length
        count = mask.bit_count()
        self.leased_in[number] += count
        if holder >= CONSUMERS_FROM:
            self.held[holder] = self.held.get(holder, 0) + count

    def _leave(self, number: int, holder: int, count: int) -> None:
        left = self.leased_in[number] - count
        self.leased_in[number] = left
        if not left:
            del self.by_page[number]
            del self.leased_in[number]
        if holder >= CONSUMERS_FROM:
            self.held[holder] -= count
            if not self.held[holder]:
                del self.held[holder]

    def _note_holder(self, holder: int, lease: int) -> None:
        leases = self.by_holder.get(holder)
        if leases is None:
            leases = array("Q")
            self.by_holder[holder] = leases
        leases.append(lease)
        if len(leases) >= self.thin_at.get(holder, HOLDER_THIN_AT):
            kept: array[int] = array("Q")
            for one in leases:
                if self.find(one) is not None:
                    kept.append(one)
            self.by_holder[holder] = kept
            self.thin_at[holder] = max(HOLDER_THIN_AT, 2 * len(kept))

    def _set_end(self, segment: Segment, deadline_ms: int, slot: int) -> None:
        segment.ends.add(deadline_ms, slot)
        if len(segment.ends.entries) - segment.ends.at > 2 * PAGE:
            segment.renew_ends()
        self._heap(segment)

    def _heap(self, segment: Segment) -> None:
        first = segment.ends.first_ms()
        if first and (not segment.heaped or first < segment.heaped):
            segment.heaped = first
            heappush(self.deadlines, (first, segment.number))
            if len(self.deadlines) > 2 * len(self.segments) + STALE_MAX:
                self._drop_stale()

    def _drop_stale(self) -> None:
        """Keep of the heap what is still some segment's next deadline, once each."""
        kept: set[tuple[int, int]] = set()
        for entry in self.deadlines:
            segment = self.segments.get(entry[1])
            if segment is not None and segment.heaped == entry[0]:
                kept.add(entry)
        self.deadlines = list(kept)
        heapify(self.deadlines)

    def _free(self, segment: Segment) -> None:
        self.ledger.drop(segment)
        del self.segments[segment.number]


def _skip_stale(segment: Segment) -> None:
    """Take entries of leases that are over, or were extended, off the front."""
    ends = segment.ends
    deadline = ends.first_ms()
    while deadline:
        index = ends.first_slot() - segment.start
        if segment.left[index] and segment.deadline[index] == deadline:
            return
        ends.skip()
        deadline = ends.first_ms()
