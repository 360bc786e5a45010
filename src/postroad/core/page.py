"""Four thousand messages of a queue: the state of each, as bits.

One rule: a live message is in exactly one of the states ready, delayed, dead or leased; leased is
what is in none of the other three. Compiled by mypyc where possible.
"""

from array import array

import msgspec

from postroad.core.bits import FULL, PAGE, PAGE_BITS, runs
from postroad.core.ledger import Row
from postroad.core.timeline import Timeline, unpack_timeline
from postroad.limits import DELIVERIES_MAX, FAILURES_PAGE_CHARS_MAX

PLACE = (1 << 64) - 1
"""The part of a place in the middle that says where between two offsets."""


class Page(Row):
    """Offsets `number * PAGE` to `number * PAGE + PAGE - 1` of one queue.

    `keys`: of each message the index of its ordering key, which `numbers` turns into the key's
    number in rows; `keyed`: which have one; `loaded_hashes`: those numbers, until the lanes have
    taken them, or for good where keys do not count. `priorities`: of each message; `level_masks`:
    derived, see `Levels`. `front`: messages in the front lane of a list; `middle`: places of those
    in its middle, by slot; `mids`: derived, which those are. `failures`: what dead ones
    died of, of `failure_chars` together. `anew`: messages that are as new, though `counts` and
    `firsts` do not say so yet, see `tidy`.
    """

    def __init__(self, queue: int, number: int) -> None:
        super().__init__(page_key(queue, number))
        self.number = number
        self.base = number << PAGE_BITS
        self.live = 0
        self.ready = 0
        self.delayed = 0
        self.dead = 0
        self.overdue = 0
        self.dues: Timeline | None = None
        self.expiries: Timeline | None = None
        self.counts: array[int] | None = None
        self.firsts: array[int] | None = None
        self.takers: array[int] | None = None
        self.anew = 0
        self.deaths: dict[int, int] = {}
        self.failures: dict[int, str] = {}
        self.failure_chars = 0
        self.sizes: array[int] | None = None
        self.keys: array[int] | None = None
        self.keyed = 0
        self.numbers: dict[int, int] | None = None
        self.loaded_hashes: array[int] | None = None
        self.priorities: bytearray | None = None
        self.level_masks: dict[int, int] = {}
        self.front = 0
        self.middle: dict[int, int] = {}
        self.mids = 0
        self.listed_loose = False
        self.listed_ready = False
        self.listed_dead = False
        self.heaped_due = 0
        self.heaped_expiry = 0

    @property
    def leased(self) -> int:
        """The messages that are leased."""
        return self.live & ~(self.ready | self.delayed | self.dead)

    def count_of(self, slot: int) -> int:
        """Failed deliveries of a message so far."""
        return 0 if self.counts is None or (self.anew >> slot) & 1 else self.counts[slot]

    def first_of(self, slot: int) -> int:
        """When a message that came back was first received, in ms; 0 if it never came back."""
        return 0 if self.firsts is None or (self.anew >> slot) & 1 else self.firsts[slot]

    def remember(self, slot: int, first_ms: int, counted: bool) -> int:
        """A message came back: keep when it was first received and count the delivery. Returns the
        count."""
        if self.anew:
            self.tidy()
        if self.counts is None or self.firsts is None:
            self.counts = array("H", bytes(2 * PAGE))
            self.firsts = array("Q", bytes(8 * PAGE))
        if not self.firsts[slot]:
            self.firsts[slot] = first_ms
        if counted and self.counts[slot] < DELIVERIES_MAX:
            self.counts[slot] += 1
        return self.counts[slot]

    def taken_last_by(self, slot: int) -> int:
        """The last lease of a message that was once put back uncounted; 0 for any other, whose
        deliveries tell who had it last."""
        return 0 if self.takers is None else self.takers[slot]

    def note_taker(self, slot: int, lease: int) -> None:
        """A lease on this message ends uncounted: from here on its leases are remembered."""
        if self.takers is None:
            self.takers = array("Q", bytes(8 * PAGE))
        self.takers[slot] = lease

    def note_next_taker(self, mask: int, lease: int) -> None:
        """Messages are leased, some of which may once have been put back uncounted."""
        if self.takers is None:
            return
        for start, length in runs(mask):
            for slot in range(start, start + length):
                if self.takers[slot]:
                    self.takers[slot] = lease

    def remove(self, mask: int) -> None:
        """Messages leave for good."""
        if self.failures:
            self._forget_failures(mask & self.dead)
        self.live &= ~mask
        self.ready &= ~mask
        self.dead &= ~mask
        self.overdue &= ~mask
        self.front &= ~mask
        if self.delayed & mask:
            self.delayed &= ~mask
            assert self.dues is not None, "what is delayed has its instant"
            self.dues.keep(self.delayed)
        if not self.live:
            self.dues = None
            self.expiries = None
            self.anew = 0
            self.counts = None
            self.firsts = None
            self.takers = None
            self.sizes = None
            self.keys = None
            self.loaded_hashes = None
            self.priorities = None
            self.deaths = {}

    def due_ms(self) -> int:
        """When the next delayed message is due, in ms; 0 for never."""
        return 0 if self.dues is None else self.dues.first_ms()

    def expiry_ms(self) -> int:
        """When the next own life of a live message ends, in ms; 0 for never."""
        if self.expiries is None:
            return 0
        first = self.expiries.first_ms()
        while first and not (self.live >> self.expiries.first_slot()) & 1:
            self.expiries.skip()
            first = self.expiries.first_ms()
        return first

    def encode(self) -> bytes:
        """The row of this page."""
        if self.anew:
            self.tidy()
        columns: list[object] = [
            _bits(self.live),
            _bits(self.ready),
            _bits(self.delayed),
            _bits(self.dead),
            b"" if self.dues is None else self.dues.pack(),
            b"" if self.expiries is None else self._pack_expiries(),
            b"" if self.counts is None else self.counts.tobytes(),
            b"" if self.firsts is None else self.firsts.tobytes(),
            sorted(self.deaths.items()),
            b"" if self.sizes is None else self.sizes.tobytes(),
            _bits(self.overdue),
            b"" if self.takers is None else self.takers.tobytes(),
            self._pack_hashes(),
            b"" if self.priorities is None else bytes(self.priorities),
        ]
        if self.front or self.middle or self.failures:
            places = [(slot, key >> 64, key & PLACE) for slot, key in sorted(self.middle.items())]
            columns.extend((_bits(self.front), places))
        if self.failures:
            columns.append(sorted(self.failures.items()))
        return msgspec.msgpack.encode(columns)

    def key_number(self, slot: int) -> int:
        """The number of a message's key, 0 for none."""
        if self.keys is None or self.numbers is None:
            return 0 if self.loaded_hashes is None else self.loaded_hashes[slot]
        return self.numbers.get(self.keys[slot], 0)

    def priority_of(self, slot: int) -> int:
        """The priority of a message."""
        return 0 if self.priorities is None else self.priorities[slot]

    def set_count(self, slot: int, count: int) -> None:
        """So many failed deliveries of a message that came back, whatever there were."""
        assert self.counts is not None, "what came back has a count"
        self.counts[slot] = min(count, DELIVERIES_MAX)

    def note_failure(self, mask: int, failure: str) -> None:
        """What dead messages died of, in words; where too many of a page have to wait for their
        dead-letter queue, there is room for the end of it, or for none."""
        for start, length in runs(mask):
            for slot in range(start, start + length):
                room = FAILURES_PAGE_CHARS_MAX - self.failure_chars
                if room <= 0:
                    return
                text = failure if len(failure) <= room else failure[-room:]
                self.failures[slot] = text
                self.failure_chars += len(text)

    def _forget_failures(self, dead: int) -> None:
        for start, length in runs(dead):
            for slot in range(start, start + length):
                self.failure_chars -= len(self.failures.pop(slot, ""))

    def failure_of(self, slot: int) -> str:
        """What a dead message died of; empty where nobody said."""
        return self.failures.get(slot, "")

    def begin_anew(self, mask: int) -> None:
        """Messages that were done are as new. A million of them may be in one step, so it is only
        noted."""
        if self.counts is not None:
            self.anew |= mask

    def tidy(self) -> None:
        """Call before reading `counts` or `firsts` as columns: what is as new counts from 0."""
        if self.counts is not None and self.firsts is not None:
            for start, length in runs(self.anew):
                self.counts[start : start + length] = array("H", bytes(2 * length))
                self.firsts[start : start + length] = array("Q", bytes(8 * length))
        self.anew = 0

    def hash_column(self) -> "array[int] | None":
        """The number of each live message's key, 0 for none; `None` where none has a key."""
        if self.keys is None or self.numbers is None:
            return self._live_hashes()
        numbers = self.numbers
        column = array("Q", bytes(8 * PAGE))
        for start, length in runs(self.live):
            for slot in range(start, start + length):
                column[slot] = numbers.get(self.keys[slot], 0)
        return column

    def _live_hashes(self) -> "array[int] | None":
        if self.loaded_hashes is None:
            return None
        column = array("Q", bytes(8 * PAGE))
        for start, length in runs(self.live):
            column[start : start + length] = self.loaded_hashes[start : start + length]
        return column

    def _pack_hashes(self) -> bytes:
        column = self.hash_column()
        return b"" if column is None else column.tobytes()

    def _pack_expiries(self) -> bytes:
        assert self.expiries is not None
        self.expiries.keep(self.live)
        return self.expiries.pack()

    def check(self) -> None:
        """Each message in one state, and every delayed one with an instant."""
        assert not self.ready & self.delayed
        assert not self.ready & self.dead
        assert not self.delayed & self.dead
        assert not (self.ready | self.delayed | self.dead) & ~self.live
        assert 0 <= self.live <= FULL
        assert not (self.front | self.mids) & ~self.live
        assert not self.front & self.mids
        assert self.mids == sum([1 << slot for slot in self.middle])
        assert not sum([1 << slot for slot in self.failures]) & ~self.dead
        assert self.failure_chars == sum(map(len, self.failures.values()))
        timed = 0
        if self.dues is not None:
            for packed in self.dues.entries[self.dues.at :]:
                timed |= 1 << (packed & (PAGE - 1))
        assert timed == self.delayed, "a delayed message has one due instant, no other has any"


def page_key(queue: int, number: int) -> bytes:
    """The row key of a page."""
    return b"p" + queue.to_bytes(8, "big") + number.to_bytes(8, "big")


def decode_page(queue: int, number: int, packed: bytes) -> Page:
    """A page from its row."""
    page = Page(queue, number)
    fields = msgspec.msgpack.decode(packed)
    page.live = _unbits(fields[0])
    page.ready = _unbits(fields[1])
    page.delayed = _unbits(fields[2])
    page.dead = _unbits(fields[3])
    page.dues = unpack_timeline(fields[4]) if fields[4] else None
    page.expiries = unpack_timeline(fields[5]) if fields[5] else None
    if fields[6]:
        page.counts = array("H", fields[6])
        page.firsts = array("Q", fields[7])
    page.deaths = {pair[0]: pair[1] for pair in fields[8]}
    if fields[9]:
        page.sizes = array("I", fields[9])
    page.overdue = _unbits(fields[10])
    # Rows of version one end here.
    if len(fields) > 11 and fields[11]:
        page.takers = array("Q", fields[11])
    if len(fields) > 12:
        if fields[12]:
            page.loaded_hashes = array("Q", fields[12])
        if fields[13]:
            page.priorities = bytearray(fields[13])
    if len(fields) > 14:
        page.front = _unbits(fields[14])
        page.middle = {one[0]: (one[1] << 64) | one[2] for one in fields[15]}
        page.mids = sum([1 << slot for slot in page.middle])
    if len(fields) > 16:
        page.failures = {pair[0]: pair[1] for pair in fields[16]}
        page.failure_chars = sum(map(len, page.failures.values()))
    return page


def _bits(mask: int) -> bytes:
    return mask.to_bytes((mask.bit_length() + 7) >> 3, "little")


def _unbits(packed: bytes) -> int:
    return int.from_bytes(packed, "little")
