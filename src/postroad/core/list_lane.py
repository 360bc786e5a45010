"""The order of a list: a front lane, the main lane, and messages put in between them.

One rule: a message stands at its offset in the main lane, at minus its offset in the front lane
(last in is first out), and one in the middle has a key of its own; from front to back the keys
rise. Compiled by mypyc where possible.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from postroad.core.bits import PAGE, PAGE_BITS, bits_of, mask_of
from postroad.core.lanes import Lanes, Picked
from postroad.core.page import Page
from postroad.core.stretches import (
    CELL,
    CELL_BITS,
    Stretch,
    count_before,
    in_lane,
    met_before,
    outermost,
)


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
            self._leave(page, bits_of(page.mids & mask))
            page.mids &= ~mask
        if not page.live & ~mask:
            # While messages leave by offset nobody else drops what is over.
            _remove(self.front, page.number)
            _remove(self.main, page.number)

    def _leave(self, page: Page, slots: list[int]) -> None:
        """Many may leave in one step: each costs little more than its place in two lists."""
        keys, opened, offsets, middle = self.keys, self.open, self.offsets, page.middle
        for slot in slots:
            key = middle.pop(slot)
            del offsets[key]
            del keys[bisect_left(keys, key)]
            at = bisect_left(opened, key)
            if at < len(opened) and opened[at] == key:
                del opened[at]

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

    def walk(self, back: bool, skip: int = 0) -> Iterator[Stretch]:
        """All ready messages but the first `skip`, from the front on, or from the back on; nothing
        may change meanwhile."""
        keys = self.open
        at = len(keys) - 1 if back else 0
        step = -1 if back else 1
        for page, whole, down in self._by_lane(back):
            in_front, mask = down != back, whole
            if skip:
                passed, singles = self._passed((page, whole, down), in_front, at, skip)
                mask &= ~passed
                at += step * singles
                skip -= passed.bit_count() + singles
            while mask:
                part = mask
                if 0 <= at < len(keys):
                    part &= met_before(page.base, keys[at] >> CELL_BITS, in_front, down)
                if part:
                    yield page, part, down
                    mask &= ~part
                if mask:
                    yield self._single(keys[at])
                    at += step
        at += step * skip
        while 0 <= at < len(keys):
            yield self._single(keys[at])
            at += step

    def outer(self, count: int, back: bool) -> dict[int, int]:
        """The first `count` ready messages from the front, or from the back, as masks by page
        number: what `walk` passes over, without their order. No mask is empty."""
        found: dict[int, int] = {}
        keys = self.open
        at = first = len(keys) - 1 if back else 0
        step = -1 if back else 1
        for page, mask, down in self._by_lane(back):
            if not count:
                break
            passed, singles = self._passed((page, mask, down), down != back, at, count)
            if passed:
                # Where only some in the middle come first, nothing of the page does.
                found[page.number] = found.get(page.number, 0) | passed
            at += step * singles
            count -= passed.bit_count() + singles
        at += step * min(count, at + 1 if back else len(keys) - at)
        low, high = (at + 1, first + 1) if back else (first, at)
        for number, mask in self._pages_of(keys[low:high]).items():
            found[number] = found.get(number, 0) | mask
        return found

    def _by_lane(self, back: bool) -> Iterator[Stretch]:
        """The ready messages of both lanes page by page, as they are met from the front, or from
        the back; those in the middle stand between them."""
        for lane in range(2):
            # From the front on the front lane comes first, its highest offsets before the others.
            in_front = (lane == 0) != back
            down = in_front != back
            numbers = self.front if in_front else self.main
            for number in reversed(numbers) if down else numbers:
                page = self.pages.get(number)
                mask = 0 if page is None else in_lane(page, in_front)
                if mask:
                    assert page is not None, "what has messages is a page"
                    yield page, mask, down

    def _pages_of(self, keys: list[int]) -> dict[int, int]:
        """Messages in the middle as masks by page number."""
        slots: dict[int, list[int]] = {}
        for key in keys:
            offset = self.offsets[key]
            slots.setdefault(offset >> PAGE_BITS, []).append(offset)
        return {number: mask_of(found) for number, found in slots.items()}

    def _passed(self, part: Stretch, in_front: bool, at: int, skip: int) -> tuple[int, int]:
        """Of a page's messages in one lane and of those in the middle among them (the next one is
        that at `at`), the first `skip`: a mask, and how many in the middle."""
        _, mask, down = part
        keys = self.open
        back = down != in_front
        size = mask.bit_count()
        left = at + 1 if back else len(keys) - at
        if left <= 0 or count_before(part, keys[at], in_front) == size:
            # None of the middle lies among them, as on most pages.
            return (mask if skip >= size else outermost(mask, skip, down)), 0
        low, high = 0, min(left, skip)
        while low < high:
            # How many in the middle have as many before them as are to be passed, or fewer.
            middle = (low + high) >> 1
            met = count_before(part, keys[at - middle if back else at + middle], in_front)
            if met == size or met + middle >= skip:
                high = middle
            else:
                low = middle + 1
        count = min(skip - low, size)
        return (mask if count == size else outermost(mask, count, down)), low

    def check(self, purged_before: int) -> None:
        """What is derived agrees with the pages."""
        places: dict[int, int] = {}
        ready: list[int] = []
        fronts = 0
        for page in self.pages.values():
            if page.base + PAGE <= purged_before:
                continue
            fronts += page.front.bit_count()
            assert not in_lane(page, True) or page.number in self.front
            assert not in_lane(page, False) or page.number in self.main
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
        return page is not None and in_lane(page, in_front) != 0

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
