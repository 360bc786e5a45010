"""The pages of one queue, how many messages they hold in each state, and which page comes next for
what.

One rule: whatever changes a page goes through here, so counts and lists always agree with the bits;
the lists are heaps with stale entries that are skipped when met. Compiled by mypyc where possible.
"""

from array import array
from heapq import heapify, heappop, heappush

from postroad.core.bits import FULL, PAGE, PAGE_BITS, runs, span_mask, take_lowest
from postroad.core.lanes import Lanes
from postroad.core.ledger import Ledger
from postroad.core.page import Page
from postroad.core.timeline import Timeline
from postroad.limits import STALE_MAX

MAX_DELIVERIES = 1
"""The death of what came back too often (records.MAX_DELIVERIES)."""


class Pages:
    """Pages by number, in order of their numbers. `lanes`: where messages do not leave simply by
    offset."""

    def __init__(self, queue: int, ledger: Ledger) -> None:
        self.queue = queue
        self.ledger = ledger
        self.all: dict[int, Page] = {}
        self.lanes: Lanes | None = None
        self.purged_before = 0
        self.length = 0
        self.ready = 0
        self.delayed = 0
        self.dead = 0
        self.bytes = 0
        self.ready_list: list[int] = []
        self.dead_list: list[int] = []
        self.due_list: list[tuple[int, int]] = []
        self.expiry_list: list[tuple[int, int]] = []

    def add(self, first: int, count: int) -> None:
        """New messages, all ready."""
        self.length += count
        self.ready += count
        while count > 0:
            slot = first & (PAGE - 1)
            part = min(PAGE - slot, count)
            page = self.all.get(first >> PAGE_BITS)
            if page is None:
                page = Page(self.queue, first >> PAGE_BITS)
                self.all[page.number] = page
            self.ledger.touch(page)
            mask = ((1 << part) - 1) << slot
            page.live |= mask
            page.ready |= mask
            if not page.listed_ready:
                self.list_ready(page)
            first += part
            count -= part

    def put_back(self, number: int, mask: int) -> None:
        """Messages of one page are ready that were not there, with whatever holes between."""
        self.length += mask.bit_count()
        self.ready += mask.bit_count()
        page = self.all.get(number)
        if page is None:
            page = Page(self.queue, number)
            self.all[number] = page
        self.ledger.touch(page)
        page.live |= mask
        page.ready |= mask
        page.begin_anew(mask)
        self.list_ready(page)

    def weigh(self, first: int, sizes: "array[int]") -> None:
        """Sizes of new messages, in bytes."""
        for index in range(len(sizes)):
            page = self.all[(first + index) >> PAGE_BITS]
            if page.sizes is None:
                page.sizes = array("I", bytes(4 * PAGE))
            page.sizes[(first + index) & (PAGE - 1)] = sizes[index]
            self.bytes += sizes[index]

    def delay(self, page: Page, mask: int, due_ms: int) -> None:
        """Ready messages are ready only at an instant."""
        page.ready &= ~mask
        page.delayed |= mask
        count = mask.bit_count()
        self.ready -= count
        self.delayed += count
        dues = page.dues
        if dues is None:
            dues = Timeline()
            page.dues = dues
        for start, length in runs(mask):
            for slot in range(start, start + length):
                dues.add(due_ms, slot)
        self._heap_due(page)
        if self.lanes is not None:
            self.lanes.delayed(page, mask)

    def expire_at(self, page: Page, slot: int, at_ms: int) -> None:
        """A message's own life ends at an instant."""
        if page.expiries is None:
            page.expiries = Timeline()
        page.expiries.add(at_ms, slot)
        self._heap_expiry(page)

    def lease(self, page: Page, mask: int) -> None:
        """Ready messages are leased."""
        assert not mask & ~page.ready, "only what is ready is leased"
        self.ledger.touch(page)
        page.ready &= ~mask
        self.ready -= mask.bit_count()
        if self.lanes is not None:
            self.lanes.taken(page, mask)

    def come_back(self, page: Page, mask: int, granted_ms: int, counted: bool, most: int) -> int:
        """Leased messages come back ready, or dead after `most` counted deliveries (0: no limit).
        Returns those ready."""
        self.ledger.touch(page)
        spent = 0
        for start, length in runs(mask):
            for slot in range(start, start + length):
                count = page.remember(slot, granted_ms, counted)
                if counted and most and count >= most:
                    spent |= 1 << slot
        alive = mask & ~spent
        page.ready |= alive
        self.ready += alive.bit_count()
        if spent:
            self.die(page, spent, MAX_DELIVERIES)
        self.list_ready(page)
        if self.lanes is not None:
            self.lanes.came_back(page, alive, spent)
        return alive

    def die(self, page: Page, mask: int, death: int) -> None:
        """Messages in no state become dead."""
        page.dead |= mask
        self.dead += mask.bit_count()
        for start, length in runs(mask):
            for slot in range(start, start + length):
                page.deaths[slot] = death
        if not page.listed_dead:
            page.listed_dead = True
            heappush(self.dead_list, page.number)

    def condemn(self, page: Page, mask: int, death: int) -> None:
        """Ready or delayed messages are dead."""
        self.ledger.touch(page)
        if self.lanes is not None:
            self.lanes.dying(page, mask)
        self.ready -= (page.ready & mask).bit_count()
        page.ready &= ~mask
        delayed = page.delayed & mask
        if delayed:
            self.delayed -= delayed.bit_count()
            page.delayed &= ~mask
            assert page.dues is not None
            page.dues.keep(page.delayed)
        self.die(page, mask, death)

    def ripen(self, page: Page, until_ms: int) -> None:
        """A page's delayed messages whose instant has come are ready."""
        self.ledger.touch(page)
        assert page.dues is not None
        mask = page.dues.take_until(until_ms)
        page.delayed &= ~mask
        page.ready |= mask
        count = mask.bit_count()
        self.delayed -= count
        self.ready += count
        self.list_ready(page)
        self._heap_due(page)
        if self.lanes is not None:
            self.lanes.ripened(page, mask)

    def reschedule(self, page: Page, mask: int, due_ms: int) -> None:
        """Ready or delayed messages are ready at an instant, 0: now."""
        self.ledger.touch(page)
        waited = page.delayed & mask
        if waited:
            assert page.dues is not None, "what is delayed has its instant"
            page.delayed &= ~waited
            page.dues.keep(page.delayed)
            page.ready |= waited
            self.delayed -= waited.bit_count()
            self.ready += waited.bit_count()
            self._heap_due(page)
            if self.lanes is not None:
                self.lanes.ripened(page, waited)
        if due_ms:
            self.delay(page, mask, due_ms)
        self.list_ready(page)

    def take_expired(self, page: Page, until_ms: int) -> int:
        """The live messages of a page whose own life ended by an instant; the leased ones are
        marked instead."""
        self.ledger.touch(page)
        assert page.expiries is not None
        mask = page.expiries.take_until(until_ms) & page.live & ~page.dead
        leased = mask & page.leased
        page.overdue |= leased
        page.heaped_expiry = 0
        self._heap_expiry(page)
        return mask & ~leased

    def remove(self, page: Page, mask: int) -> bool:
        """Messages leave for good; true when the page is empty and so forgotten."""
        self.ledger.touch(page)
        if self.lanes is not None:
            self.lanes.removing(page, mask)
        self.length -= mask.bit_count()
        self.ready -= (mask & page.ready).bit_count()
        self.delayed -= (mask & page.delayed).bit_count()
        self.dead -= (mask & page.dead).bit_count()
        if page.deaths:
            for slot in [slot for slot in page.deaths if (mask >> slot) & 1]:
                del page.deaths[slot]
        if page.sizes is not None:
            for start, length in runs(mask):
                self.bytes -= sum(page.sizes[start : start + length])
        page.remove(mask)
        if page.live:
            return False
        self.forget(page)
        return True

    def forget(self, page: Page) -> None:
        """A page is gone."""
        self.ledger.drop(page)
        del self.all[page.number]

    def clear_counts(self) -> None:
        """All messages are gone; their pages wait to be swept, and time has nothing to do there."""
        self.length = 0
        self.ready = 0
        self.delayed = 0
        self.dead = 0
        self.bytes = 0
        self.ready_list.clear()
        self.dead_list.clear()
        self.due_list.clear()
        self.expiry_list.clear()
        if self.lanes is not None:
            self.lanes.clear()

    def list_ready(self, page: Page) -> None:
        """A page may have become ready."""
        if page.ready and not page.listed_ready:
            page.listed_ready = True
            heappush(self.ready_list, page.number)

    def first_ready(self, purged_before: int) -> Page | None:
        """The lowest page with ready messages, or `None`."""
        while self.ready_list:
            page = self.all.get(self.ready_list[0])
            if page is not None and page.ready and page.base + PAGE > purged_before:
                return page
            heappop(self.ready_list)
            if page is not None:
                page.listed_ready = False
        return None

    def lowest_ready(self, count: int, purged_before: int) -> list[tuple[Page, int]]:
        """Up to `count` ready messages of the lowest offsets, as pages and masks."""
        found: list[tuple[Page, int]] = []
        page = self.first_ready(purged_before)
        if page is None:
            return found
        mask = take_lowest(page.ready, count)
        found.append((page, mask))
        count -= mask.bit_count()
        if count <= 0:
            return found
        # A page that was emptied and begun anew is listed twice.
        for number in sorted({*self.ready_list} - {page.number}):
            page = self.all.get(number)
            if page is None or not page.ready or page.base + PAGE <= purged_before:
                continue
            mask = take_lowest(page.ready, count)
            found.append((page, mask))
            count -= mask.bit_count()
            if count <= 0:
                break
        return found

    def first_dead(self, purged_before: int) -> Page | None:
        """The lowest page with dead messages, or `None`."""
        while self.dead_list:
            page = self.all.get(self.dead_list[0])
            if page is not None and page.dead and page.base + PAGE > purged_before:
                return page
            heappop(self.dead_list)
            if page is not None:
                page.listed_dead = False
        return None

    def next_due(self) -> int:
        """When the next delayed message is ready, in ms; 0 for never."""
        while self.due_list:
            due, number = self.due_list[0]
            page = self.all.get(number)
            if page is not None and page.due_ms() == due:
                return due
            heappop(self.due_list)
            if page is not None:
                page.heaped_due = 0
                self._heap_due(page)
        return 0

    def next_expiry(self) -> int:
        """When the next own life ends, in ms; 0 for never."""
        while self.expiry_list:
            due, number = self.expiry_list[0]
            page = self.all.get(number)
            if page is not None and page.expiry_ms() == due:
                return due
            heappop(self.expiry_list)
            if page is not None:
                page.heaped_expiry = 0
                self._heap_expiry(page)
        return 0

    def first_due_page(self) -> Page:
        """The page that `next_due` spoke of."""
        return self.all[self.due_list[0][1]]

    def first_expiry_page(self) -> Page:
        """The page that `next_expiry` spoke of."""
        return self.all[self.expiry_list[0][1]]

    def load(self, page: Page, purged_before: int) -> None:
        """Take a page read from a checkpoint; pages come in order."""
        self.all[page.number] = page
        if page.base + PAGE <= purged_before:
            return
        self.length += page.live.bit_count()
        self.ready += page.ready.bit_count()
        self.delayed += page.delayed.bit_count()
        self.dead += page.dead.bit_count()
        if page.sizes is not None:
            for start, length in runs(page.live):
                self.bytes += sum(page.sizes[start : start + length])
        self.list_ready(page)
        if page.dead:
            page.listed_dead = True
            heappush(self.dead_list, page.number)
        self._heap_due(page)
        self._heap_expiry(page)
        if self.lanes is not None:
            self.lanes.load(page)

    def check(self, purged_before: int) -> None:
        """The counts agree with the bits."""
        pages = [page for page in self.all.values() if page.base + PAGE > purged_before]
        for page in pages:
            page.check()
        assert self.length == sum(page.live.bit_count() for page in pages)
        assert self.ready == sum(page.ready.bit_count() for page in pages)
        assert self.delayed == sum(page.delayed.bit_count() for page in pages)
        assert self.dead == sum(page.dead.bit_count() for page in pages)

    def _heap_due(self, page: Page) -> None:
        due = page.due_ms()
        if due and (not page.heaped_due or due < page.heaped_due):
            page.heaped_due = due
            heappush(self.due_list, (due, page.number))
            if len(self.due_list) > 2 * len(self.all) + STALE_MAX:
                self.due_list = self._without_stale(self.due_list, True)

    def _heap_expiry(self, page: Page) -> None:
        due = page.expiry_ms()
        if due and (not page.heaped_expiry or due < page.heaped_expiry):
            page.heaped_expiry = due
            heappush(self.expiry_list, (due, page.number))
            if len(self.expiry_list) > 2 * len(self.all) + STALE_MAX:
                self.expiry_list = self._without_stale(self.expiry_list, False)

    def _without_stale(self, heap: list[tuple[int, int]], dues: bool) -> list[tuple[int, int]]:
        """The entries of a heap that are still some page's next, once each."""
        kept: set[tuple[int, int]] = set()
        for entry in heap:
            page = self.all.get(entry[1])
            if page is not None and entry[0] == (page.heaped_due if dues else page.heaped_expiry):
                kept.add(entry)
        fresh = list(kept)
        heapify(fresh)
        return fresh


def below_mask(page: Page, offset: int) -> int:
    """The slots of a page that are below an offset."""
    if offset <= page.base:
        return 0
    if offset - page.base >= PAGE:
        return FULL
    return span_mask(0, offset - page.base)
