"""The order of a list: a front lane, the main lane, and messages put in between them.

One rule: a message stands at its offset in the main lane, at minus its offset in the front lane
(last in is first out), and one in the middle has a key of its own; from front to back the keys
rise. Compiled by mypyc where possible.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from postroad.core.bits import PAGE, PAGE_BITS, bits_of, take_lowest
from postroad.core.lanes import Lanes, Picked
from postroad.core.page import Page

CELL_BITS = 64
"""Between two offsets that follow each other there is room for so many bits of keys."""
CELL = 1 << CELL_BITS

Stretch = tuple[Page, int, bool]
"""Messages of one page that follow each other in a list: page, mask, and whether the highest offset
comes first."""


class ListLane(Lanes):
    """Which messages of a list leave next, from either end.

    `front`, `main`: numbers of pages that may have ready messages of that lane, rising. `keys`: of
    all messages in the middle, rising, and `open` those of the ready ones; `offsets`: by key.
    `fronts`: messages in the front lane.
    """

    def __init__(self, pages: dict[int, Page]) -> None:
        super().__init__(pages)
        self.front: list[int] = []
        self.main: list[int] = []
        self.keys: list[int] = []
        self.open: list[int] = []
        self.offsets: dict[int, int] = {}
        self.fronts = 0

    def arrived(self, first: int, count: int) -> None:
        """New messages, all in the main lane."""
        for number in range(first >> PAGE_BITS, ((first + count - 1) >> PAGE_BITS) + 1):
            _enter(self.main, number)

    def to_front(self, page: Page, mask: int) -> None:
        """Messages that came last stand in the front lane."""
        page.front |= mask
        self.fronts += mask.bit_count()
        _enter(self.front, page.number)

    def put(self, page: Page, slot: int, key: int) -> None:
        """A message of the main lane has a place of its own."""
        page.middle[slot] = key
        page.mids |= 1 << slot
        insort(self.keys, key)
        self.offsets[key] = page.base + slot
        if (page.ready >> slot) & 1:
            insort(self.open, key)

    def take_out(self, page: Page, slot: int) -> None:
        """A message has no place of its own any more, because it leaves or another has it."""
        key = page.middle.pop(slot)
        page.mids &= ~(1 << slot)
        _remove(self.keys, key)
        _remove(self.open, key)
        del self.offsets[key]

    def key_of(self, page: Page, slot: int) -> int:
        """Where a message stands."""
        key = page.middle.get(slot)
        if key is not None:
            return key
        offset = page.base + slot
        return (-offset if (page.front >> slot) & 1 else offset) << CELL_BITS

    def key_beside(self, key: int, forward: bool) -> int:
        """A new key next to another, towards the front or away from it; 0 where the two neighbours
        leave no room, see `spread`. It is never 0 otherwise, nor that of an offset."""
        if forward:
            at = bisect_left(self.keys, key)
            low = ((key - 1) >> CELL_BITS) << CELL_BITS
            if at and self.keys[at - 1] > low:
                low = self.keys[at - 1]
            high = key
        else:
            at = bisect_right(self.keys, key)
            low = key
            high = ((key >> CELL_BITS) + 1) << CELL_BITS
            if at < len(self.keys) and self.keys[at] < high:
                high = self.keys[at]
        return (low + high) >> 1 if high - low > 1 else 0

    def cell_of(self, key: int, forward: bool) -> int:
        """Between which offset and the next a new key beside another would lie."""
        return (key - 1 if forward else key) >> CELL_BITS

    def in_cell(self, cell: int) -> list[int]:
        """The numbers of the pages whose messages `spread` gives other keys."""
        low, high = self._cell(cell)
        return sorted({self.offsets[key] >> PAGE_BITS for key in self.keys[low:high]})

    def spread(self, cell: int) -> None:
        """Give the messages of a cell keys that lie equally far apart."""
        low, high = self._cell(cell)
        old = self.keys[low:high]
        step = CELL // (len(old) + 1)
        fresh = [(cell << CELL_BITS) + (at + 1) * step for at in range(len(old))]
        was_open = set(self.open)
        self.open = [key for key in self.open if not old[0] <= key <= old[-1]]
        offsets = [self.offsets.pop(key) for key in old]
        self.keys[low:high] = fresh
        opened: list[int] = []
        for at in range(len(old)):
            offset, key = offsets[at], fresh[at]
            self.offsets[key] = offset
            self.pages[offset >> PAGE_BITS].middle[offset & (PAGE - 1)] = key
            if old[at] in was_open:
                opened.append(key)
        self.open.extend(opened)
        self.open.sort()

    def _cell(self, cell: int) -> tuple[int, int]:
        low = bisect_right(self.keys, cell << CELL_BITS)
        return low, bisect_left(self.keys, (cell + 1) << CELL_BITS)

    def came_back(self, page: Page, alive: int, spent: int) -> None:  # noqa: ARG002
        """They are where they were."""
        self._list(page, alive)

    def ripened(self, page: Page, mask: int) -> None:
        """They are ready for the first time, or again."""
        self._list(page, mask)

    def taken(self, page: Page, mask: int) -> None:
        """They keep their places."""
        self._close(page, mask)

    def delayed(self, page: Page, mask: int) -> None:
        """Likewise."""
        self._close(page, mask)

    def dying(self, page: Page, mask: int) -> None:
        """Likewise."""
        self._close(page, mask)

    def removing(self, page: Page, mask: int) -> None:
        """Their places are free."""
        self.fronts -= (page.front & mask).bit_count()
        if page.mids & mask:
            for slot in bits_of(page.mids & mask):
                self.take_out(page, slot)
        if not page.live & ~mask:
            # While messages leave by offset nobody else drops what is over.
            _remove(self.front, page.number)
            _remove(self.main, page.number)

    def load(self, page: Page) -> None:
        """Enter what is in a page."""
        self.fronts += page.front.bit_count()
        for slot in bits_of(page.mids):
            key = page.middle[slot]
            insort(self.keys, key)
            self.offsets[key] = page.base + slot
        self._list(page, page.ready)

    def clear(self) -> None:
        """Nothing is there."""
        self.front.clear()
        self.main.clear()
        self.keys.clear()
        self.open.clear()
        self.offsets.clear()
        self.fronts = 0

    def mend(self, purged_before: int) -> None:
        """Enter all pages again, but those that were purged and are not swept yet."""
        self.clear()
        for page in self.pages.values():
            if page.base + PAGE > purged_before:
                self.load(page)

    def is_plain(self, delayed: int) -> bool:  # noqa: ARG002
        """Without a front and a middle they leave by offset."""
        return not self.fronts and not self.keys

    def is_open(self) -> bool:
        """Every ready message may leave."""
        return True

    def pick(self, count: int, leased: int) -> Picked:  # noqa: ARG002
        """Up to `count` messages from the front."""
        return [(page, mask) for page, mask, _ in self.take(count, False)]

    def take(self, count: int, back: bool) -> list[Stretch]:
        """Up to `count` ready messages from the front, or from the back, outermost first."""
        self._tidy()
        found: list[Stretch] = []
        for page, mask, down in self.walk(back):
            part = outermost(mask, count, down)
            found.append((page, part, down))
            count -= part.bit_count()
            if count <= 0:
                break
        return found

    def walk(self, back: bool) -> Iterator[Stretch]:
        """All ready messages from the front on, or from the back on; nothing may change
        meanwhile."""
        keys = self.open
        at = len(keys) - 1 if back else 0
        step = -1 if back else 1
        for lane in range(2):
            # From the front on the front lane comes first, its highest offsets before the others.
            in_front = (lane == 0) != back
            down = in_front != back
            numbers = self.front if in_front else self.main
            for number in reversed(numbers) if down else numbers:
                page = self.pages.get(number)
                mask = 0 if page is None else _in_lane(page, in_front)
                while mask:
                    assert page is not None, "what has messages is a page"
                    part = mask
                    if 0 <= at < len(keys):
                        part &= _before(page.base, keys[at] >> CELL_BITS, in_front, down)
                    if part:
                        yield page, part, down
                        mask &= ~part
                    if mask:
                        yield self._single(keys[at])
                        at += step
        while 0 <= at < len(keys):
            yield self._single(keys[at])
            at += step

    def check(self, purged_before: int) -> None:
        """What is derived agrees with the pages."""
        places: dict[int, int] = {}
        ready: list[int] = []
        fronts = 0
        for page in self.pages.values():
            if page.base + PAGE <= purged_before:
                continue
            fronts += page.front.bit_count()
            assert not _in_lane(page, True) or page.number in self.front
            assert not _in_lane(page, False) or page.number in self.main
            for slot, key in page.middle.items():
                places[key] = page.base + slot
                if (page.ready >> slot) & 1:
                    ready.append(key)
        assert fronts == self.fronts
        assert places == self.offsets
        assert sorted(places) == self.keys
        assert sorted(ready) == self.open

    def _single(self, key: int) -> Stretch:
        offset = self.offsets[key]
        return self.pages[offset >> PAGE_BITS], 1 << (offset & (PAGE - 1)), False

    def _tidy(self) -> None:
        """Drop pages from the ends that have nothing ready in their lane."""
        for numbers, in_front in ((self.front, True), (self.main, False)):
            while numbers and not self._has(numbers[-1], in_front):
                numbers.pop()
            gone = 0
            while gone < len(numbers) and not self._has(numbers[gone], in_front):
                gone += 1
            if gone:
                del numbers[:gone]

    def _has(self, number: int, in_front: bool) -> bool:
        page = self.pages.get(number)
        return page is not None and _in_lane(page, in_front) != 0

    def _list(self, page: Page, mask: int) -> None:
        """Messages are ready."""
        if not mask:
            return
        if mask & page.front:
            _enter(self.front, page.number)
        if mask & ~page.front & ~page.mids:
            _enter(self.main, page.number)
        if mask & page.mids:
            for slot in bits_of(mask & page.mids):
                key = page.middle[slot]
                at = bisect_left(self.open, key)
                if at == len(self.open) or self.open[at] != key:
                    self.open.insert(at, key)

    def _close(self, page: Page, mask: int) -> None:
        """Messages are not ready any more."""
        if mask & page.mids:
            for slot in bits_of(mask & page.mids):
                _remove(self.open, page.middle[slot])


def outermost(mask: int, count: int, down: bool) -> int:
    """The first `count` messages of a stretch."""
    if not down:
        return take_lowest(mask, count)
    if count == 1:
        return 1 << (mask.bit_length() - 1)
    rest = mask.bit_count() - count
    return mask if rest <= 0 else mask & ~take_lowest(mask, rest)


def _in_lane(page: Page, in_front: bool) -> int:
    """The ready messages of a page that are in the front lane, or in the main lane."""
    if in_front:
        return page.ready & page.front
    return page.ready & ~page.front & ~page.mids


def _before(base: int, cell: int, in_front: bool, down: bool) -> int:
    """The slots of a page that are met before a message in the middle. `cell`: the place after
    which that one stands, seen from the front."""
    cut = (-cell if in_front else cell + 1) - base
    below = 0 if cut <= 0 else (1 << min(cut, PAGE)) - 1
    return ~below if down else below


def _enter(numbers: list[int], number: int) -> None:
    if numbers and numbers[-1] == number:
        return
    at = bisect_left(numbers, number)
    if at == len(numbers) or numbers[at] != number:
        numbers.insert(at, number)


def _remove(keys: list[int], key: int) -> None:
    at = bisect_left(keys, key)
    if at < len(keys) and keys[at] == key:
        del keys[at]
