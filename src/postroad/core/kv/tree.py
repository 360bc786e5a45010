"""Sorted entries (key -> value, both bytes) in pages; a page is a row of the checkpoint.

One rule: where an entry lies depends on the entries and their history alone, and a page's first key
is its place, so that pages read back from rows route as the living ones do. Keys and values are
tuples: the collector leaves tuples of bytes alone.
"""

from bisect import bisect_left, bisect_right

import msgspec

from postroad.core.ledger import Ledger, Row
from postroad.limits import KV_PAGE_BYTES, KV_PAGE_ENTRIES

ENTRY_BYTES = 80
"""What an entry takes in memory beside its bytes: two objects and their places in two tuples."""

_encode = msgspec.msgpack.Encoder().encode


class Numbers(Row):
    """The next numbers of the realm, and the count of all changes ever."""

    def __init__(self) -> None:
        super().__init__(b"kh")
        self.versions = 0
        self.next_space = 1
        self.next_root = 1
        self.next_collection = 1
        self.next_page = 1

    def encode(self) -> bytes:
        """The row of the numbers."""
        numbers = [self.next_space, self.next_root, self.next_collection, self.next_page]
        return _encode([self.versions, *numbers])


class Page(Row):
    """Entries next to each other. `size`: their bytes with what objects take. `touched` (volatile):
    the group of the last change."""

    def __init__(
        self, tag: bytes, number: int, keys: tuple[bytes, ...], values: tuple[bytes, ...]
    ) -> None:
        super().__init__(b"k" + tag + number.to_bytes(8, "big"))
        self.keys = keys
        self.values = values
        self.size = entries_bytes(keys, values)
        self.touched = 0

    def encode(self) -> bytes:
        """The row of a page."""
        return _encode([self.keys, self.values])


def entries_bytes(keys: tuple[bytes, ...], values: tuple[bytes, ...]) -> int:
    """What entries take in memory, about."""
    return sum(map(len, keys)) + sum(map(len, values)) + ENTRY_BYTES * len(keys)


class Tree:
    """All entries of one kind. `firsts`: the first key of each page; `dropped` (volatile): the
    group in which a page last went."""

    def __init__(self, tag: bytes, ledger: Ledger, numbers: Numbers) -> None:
        self.tag = tag
        self.ledger = ledger
        self.numbers = numbers
        self.firsts: list[bytes] = []
        self.pages: list[Page] = []
        self.size = 0
        self.dropped = 0

    def load(self, number: bytes, value: bytes) -> None:
        """Take a page of a checkpoint; `derive` follows the last."""
        keys, values = msgspec.msgpack.decode(value)
        page = Page(self.tag, int.from_bytes(number, "big"), tuple(keys), tuple(values))
        self.pages.append(page)
        self.size += page.size

    def derive(self) -> None:
        """All pages are there: put them in order."""
        self.pages.sort(key=_first_key)
        self.firsts = [page.keys[0] for page in self.pages]

    def find(self, key: bytes) -> bytes | None:
        """The value under a key."""
        at = bisect_right(self.firsts, key) - 1
        if at < 0:
            return None
        page = self.pages[at]
        slot = bisect_left(page.keys, key)
        if slot < len(page.keys) and page.keys[slot] == key:
            return page.values[slot]
        return None

    def touched(self, key: bytes) -> int:
        """The group what `find` says rests on, or a later one."""
        at = bisect_right(self.firsts, key) - 1
        if not self.pages:
            return self.dropped
        return max(self.dropped, self.pages[max(0, at)].touched)

    def put(self, key: bytes, value: bytes, group: int = 0) -> bytes | None:
        """Set a value; what was there before."""
        at = bisect_right(self.firsts, key) - 1
        if at < 0:
            if not self.pages:
                self._add_page(0, (key,), (value,), group)
                return None
            at = 0
        page = self.pages[at]
        slot = bisect_left(page.keys, key)
        if slot < len(page.keys) and page.keys[slot] == key:
            return self._replace(at, slot, value, group)
        added = len(key) + len(value) + ENTRY_BYTES
        if len(page.keys) >= KV_PAGE_ENTRIES or page.size + added > KV_PAGE_BYTES:
            self._make_room(at, slot, key, value, group)
            return None
        self._insert(at, slot, key, value, group)
        return None

    def remove(self, key: bytes, group: int = 0) -> bytes | None:
        """Take an entry away; the value it had."""
        at = bisect_right(self.firsts, key) - 1
        if at < 0:
            return None
        page = self.pages[at]
        slot = bisect_left(page.keys, key)
        if slot >= len(page.keys) or page.keys[slot] != key:
            return None
        old = page.values[slot]
        self._cut_page(at, slot, slot + 1, group)
        self._merge(at, group)
        return old

    def cut(self, start: bytes, stop: bytes, limit: int, group: int = 0) -> list[bytes]:
        """Take the first `limit` entries from `start` to before `stop` away: keys and values, in
        turn."""
        taken: list[bytes] = []
        at = max(0, bisect_right(self.firsts, start) - 1)
        while limit > 0 and at < len(self.pages) and self.firsts[at] < stop:
            page = self.pages[at]
            low = bisect_left(page.keys, start)
            high = min(bisect_left(page.keys, stop), low + limit)
            for slot in range(low, high):
                taken.append(page.keys[slot])
                taken.append(page.values[slot])
            limit -= high - low
            count = len(self.pages)
            if high > low:
                self._cut_page(at, low, high, group)
            if len(self.pages) == count:
                at += 1
        return taken

    def walk(self, start: bytes, stop: bytes, skip: int, limit: int) -> list[tuple[bytes, bytes]]:
        """The first `limit` entries from `start` to before `stop`, but for the first `skip`."""
        found: list[tuple[bytes, bytes]] = []
        at = max(0, bisect_right(self.firsts, start) - 1)
        while limit > 0 and at < len(self.pages) and self.firsts[at] < stop:
            page = self.pages[at]
            low = bisect_left(page.keys, start)
            high = bisect_left(page.keys, stop)
            passed = min(skip, high - low)
            skip -= passed
            low += passed
            high = min(high, low + limit)
            found.extend([(page.keys[slot], page.values[slot]) for slot in range(low, high)])
            limit -= max(0, high - low)
            at += 1
        return found

    def walk_back(
        self, start: bytes, stop: bytes, skip: int, limit: int
    ) -> list[tuple[bytes, bytes]]:
        """The same from the other end: the last ones first."""
        found: list[tuple[bytes, bytes]] = []
        at = bisect_left(self.firsts, stop) - 1
        while limit > 0 and at >= 0:
            page = self.pages[at]
            low = bisect_left(page.keys, start)
            high = bisect_left(page.keys, stop)
            passed = min(skip, high - low)
            skip -= passed
            high -= passed
            low = max(low, high - limit)
            slots = range(high - 1, low - 1, -1)
            found.extend([(page.keys[slot], page.values[slot]) for slot in slots])
            limit -= max(0, high - low)
            if page.keys[0] < start:
                break
            at -= 1
        return found

    def count(self, start: bytes, stop: bytes) -> int:
        """How many entries there are from `start` to before `stop`; a look at each page."""
        low_at = max(0, bisect_right(self.firsts, start) - 1)
        high_at = bisect_left(self.firsts, stop) - 1
        if high_at < low_at:
            return 0
        low = bisect_left(self.pages[low_at].keys, start)
        high = bisect_left(self.pages[high_at].keys, stop)
        between = 0
        for at in range(low_at, high_at):
            between += len(self.pages[at].keys)
        return max(0, between + high - low)

    def any_in(self, start: bytes, stop: bytes) -> bool:
        """Whether there is an entry from `start` to before `stop`."""
        return len(self.walk(start, stop, 0, 1)) > 0

    def check(self) -> None:
        """Pages are in order, none is empty, and the sums are right."""
        assert self.firsts == [page.keys[0] for page in self.pages], "places are first keys"
        every = [key for page in self.pages for key in page.keys]
        assert all(map(bytes.__lt__, every, every[1:])), "keys are in order, each there once"
        for page in self.pages:
            assert len(page.keys) == len(page.values) <= KV_PAGE_ENTRIES, "a page is bounded"
            assert page.size == entries_bytes(page.keys, page.values), "a page knows its size"
        assert self.size == sum(page.size for page in self.pages), "the tree knows its size"

    def _replace(self, at: int, slot: int, value: bytes, group: int) -> bytes:
        page = self.pages[at]
        self.ledger.touch(page)
        page.touched = group
        old = page.values[slot]
        page.values = page.values[:slot] + (value,) + page.values[slot + 1 :]  # noqa: RUF005
        grown = len(value) - len(old)
        page.size += grown
        self.size += grown
        if page.size > KV_PAGE_BYTES and grown > 0 and len(page.keys) > 1:
            self._split(at, group)
        return old

    def _insert(self, at: int, slot: int, key: bytes, value: bytes, group: int) -> None:
        page = self.pages[at]
        self.ledger.touch(page)
        page.touched = group
        # Sums of tuples are half as dear as tuples of their parts.
        page.keys = page.keys[:slot] + (key,) + page.keys[slot:]  # noqa: RUF005
        page.values = page.values[:slot] + (value,) + page.values[slot:]  # noqa: RUF005
        added = len(key) + len(value) + ENTRY_BYTES
        page.size += added
        self.size += added
        if not slot:
            self.firsts[at] = key

    def _make_room(self, at: int, slot: int, key: bytes, value: bytes, group: int) -> None:
        """Put an entry into a page that is full. What comes at the very end begins a new page, so
        that what grows in order fills its pages."""
        page = self.pages[at]
        count = len(page.keys)
        if slot == count and (count == 1 or at == len(self.pages) - 1):
            self._add_page(at + 1, (key,), (value,), group)
        elif count == 1:
            self._add_page(at, (key,), (value,), group)
        else:
            self._split(at, group)
            if key >= self.firsts[at + 1]:
                at += 1
            self._insert(at, bisect_left(self.pages[at].keys, key), key, value, group)

    def _split(self, at: int, group: int) -> None:
        page = self.pages[at]
        self.ledger.touch(page)
        half = len(page.keys) >> 1
        keys, values = page.keys[half:], page.values[half:]
        moved = entries_bytes(keys, values)
        page.keys, page.values = page.keys[:half], page.values[:half]
        page.size -= moved
        self.size -= moved
        self._add_page(at + 1, keys, values, max(group, page.touched))

    def _add_page(
        self, at: int, keys: tuple[bytes, ...], values: tuple[bytes, ...], group: int
    ) -> None:
        numbers = self.numbers
        self.ledger.touch(numbers)
        page = Page(self.tag, numbers.next_page, keys, values)
        numbers.next_page += 1
        page.touched = group
        self.ledger.touch(page)
        self.pages.insert(at, page)
        self.firsts.insert(at, keys[0])
        self.size += page.size

    def _cut_page(self, at: int, low: int, high: int, group: int) -> None:
        page = self.pages[at]
        if high - low == len(page.keys):
            self._drop_page(at, group)
            return
        self.ledger.touch(page)
        page.touched = group
        freed = entries_bytes(page.keys[low:high], page.values[low:high])
        page.keys = page.keys[:low] + page.keys[high:]
        page.values = page.values[:low] + page.values[high:]
        page.size -= freed
        self.size -= freed
        if not low:
            self.firsts[at] = page.keys[0]

    def _drop_page(self, at: int, group: int) -> None:
        page = self.pages[at]
        self.ledger.drop(page)
        self.size -= page.size
        self.dropped = max(self.dropped, group)
        del self.pages[at]
        del self.firsts[at]

    def _merge(self, at: int, group: int) -> None:
        """A page that is nearly empty joins a neighbour that has room."""
        if at >= len(self.pages) or len(self.pages[at].keys) > KV_PAGE_ENTRIES >> 2:
            return
        for left in (at, at - 1):
            if left < 0 or left + 1 >= len(self.pages):
                continue
            page, right = self.pages[left], self.pages[left + 1]
            if len(page.keys) + len(right.keys) > KV_PAGE_ENTRIES >> 1:
                continue
            if page.size + right.size > KV_PAGE_BYTES >> 1:
                continue
            self.ledger.touch(page)
            page.touched = max(group, page.touched, right.touched)
            page.keys += right.keys
            page.values += right.values
            page.size += right.size
            self.size += right.size
            self._drop_page(left + 1, group)
            return


def _first_key(page: Page) -> bytes:
    return page.keys[0]
