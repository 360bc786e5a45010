"""One queue: a log of messages, each to one consumer, gone when settled.

One rule: these methods are what apply calls; they assert and never refuse. They read nothing but
this queue and the shelves its bodies rest on. Compiled by mypyc where possible.
"""

from array import array

import msgspec

from postroad.core.biography import Biographies
from postroad.core.bits import PAGE, PAGE_BITS, lowest, runs, span_mask
from postroad.core.dedup import Dedup
from postroad.core.extents import Extents, thin
from postroad.core.leases import Leases, Segment
from postroad.core.ledger import Ledger, Row
from postroad.core.order import arrive, set_lanes
from postroad.core.page import Page
from postroad.core.pages import Pages, below_mask
from postroad.core.past import Past, first_below
from postroad.core.shelf import Shelf
from postroad.core.times import Times, sooner
from postroad.model.policy import QueueSettings

OVERDUE_MS = 1
"""Instant given to a life that ended while the message was leased: at once, when it comes back."""


class Queue(Row):
    """Settings, pages, leases and extents of one queue.

    `borrowed`: a group on a topic has this queue; its bodies and offsets are the log's. Volatile:
    `undurable`: (first offset, group) of publishes not yet durable; `touched`: group of the last
    change that is no lease; `came_back`: group in which leased messages last came back; `ended`:
    (holder, count) of leases that ended unseen; `changes`: facts since the start; `aside`: at which
    of them dead and leased bytes were counted last, and these. `list_end`: where the main lane
    ends (LEFT or RIGHT of `core.lists`), 0: no list; `passing`: it goes when it is empty.
    """

    def __init__(
        self,
        id: int,
        name: str,
        settings: QueueSettings,
        ledger: Ledger,
        shelves: dict[int, Shelf],
    ) -> None:
        super().__init__(queue_key(id))
        self.id = id
        self.name = name
        self.settings = settings
        self.ledger = ledger
        self.shelves = shelves
        self.borrowed = name[:1] == "\0"
        self.extras: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.created_ms = 0
        self.changed_ms = 0
        self.next_offset = 0
        self.purged_before = self.aged_before = 0
        self.deleted = self.passing = False
        self.list_end = 0
        self.pages = Pages(id, ledger)
        self.leases = Leases(id, ledger, self.borrowed)
        self.extents = Extents()
        self.times = Times()
        self.dedup = Dedup(id, ledger)
        self.past: Past | None = None
        self.lives = Biographies(id, ledger)
        self.moved: dict[int, tuple[int, int]] = {}
        self.touched = self.came_back = 0
        self.undurable: list[tuple[int, int]] = []
        self.ended: list[tuple[int, int]] = []
        self.heaped_due = self.changes = 0
        self.aside = (-1, 0, 0)
        set_lanes(self.pages, settings)

    def page_of(self, offset: int) -> Page | None:
        """The page of an offset, or `None` when nothing in it is live."""
        if offset < self.purged_before:
            return None
        return self.pages.all.get(offset >> PAGE_BITS)

    def first_offset(self) -> int:
        """Where the lowest page begins."""
        for page in self.pages.all.values():
            return page.base
        return self.next_offset

    @property
    def title(self) -> str:
        """What people call it: the name, or topic and group."""
        return "/".join(self.name.split("\0")[1:3]) if self.borrowed else self.name

    @property
    def leased(self) -> int:
        """How many messages are leased."""
        pages = self.pages
        return pages.length - pages.ready - pages.delayed - pages.dead

    def next_due(self) -> int:
        """When time alone changes something here, in ms: 0 for never. What is overdue may be long
        ago."""
        best = self.leases.next_deadline()
        best = sooner(best, self.pages.next_due())
        best = sooner(best, self.pages.next_expiry())
        if self.past is not None:
            best = sooner(best, self.past.next_ms(self.settings.keep_settled_ms))
        life = self.settings.life_ms
        if life is not None and self.pages.length and self.aged_before < self.next_offset:
            best = sooner(best, self.times.next_after(self.aged_before) + life)
        return best

    def publish(
        self, count: int, shelf: Shelf, index: int, now_ms: int, keys: bytes, priorities: bytes
    ) -> int:
        """Messages arrive, all ready; returns the first offset. Delays and lives follow."""
        self.ledger.touch(self)
        first = self.next_offset
        self.next_offset = first + count
        grown = self.extents.add(first, shelf.id, index)
        self.times.add(now_ms, first, self.settings.life_ms)
        self.pages.add(first, count)
        if keys or priorities or self.pages.lanes is not None:
            arrive(self.pages, self.settings, first, count, keys, priorities)
        if grown and not self.swept_next(1):
            thin(self.extents, self.pages, self.past, self.next_offset)
        return first

    def delay(self, first: int, count: int, due_ms: int) -> None:
        """Messages just published are ready only at an instant."""
        while count > 0:
            slot = first & (PAGE - 1)
            part = min(PAGE - slot, count)
            self.pages.delay(self.pages.all[first >> PAGE_BITS], span_mask(slot, part), due_ms)
            first += part
            count -= part

    def delay_each(self, first: int, dues: "array[int]") -> None:
        """Messages just published are ready only at instants of their own; 0: ready."""
        for index in range(len(dues)):
            if dues[index]:
                self.delay(first + index, 1, dues[index])

    def live_until(self, first: int, expires: "array[int]") -> None:
        """Messages have ends of life of their own; 0: none."""
        for index in range(len(expires)):
            if expires[index]:
                offset = first + index
                page = self.pages.all[offset >> PAGE_BITS]
                self.pages.expire_at(page, offset & (PAGE - 1), expires[index])

    def lease(
        self, lease: int, first: int, mask: int, deadline_ms: int, holder: int, now_ms: int
    ) -> None:
        """Ready messages of one page are leased; `mask` relative to the page of `first`."""
        page = self.pages.all[first >> PAGE_BITS]
        self.ledger.touch(self)
        self.pages.lease(page, mask)
        page.note_next_taker(mask, lease)
        low = lowest(mask)
        self.leases.grant(lease, page.base + low, mask >> low, deadline_ms, holder, now_ms)

    def ack(self, lease: int, first: int, mask: int) -> None:
        """Leased messages are done; of what was purged only the lease is left to end."""
        self.end_lease(lease, first, mask)
        page = self.page_of(first)
        if page is not None:
            self._remove(page, mask)

    def give_back(
        self, lease: int, first: int, mask: int, due_ms: int, counted: bool, death: int
    ) -> None:
        """Leased messages come back: ready, delayed until `due_ms`, or dead for `death`."""
        page = self.page_of(first)
        if page is not None and not counted:
            self._note_takers(page, lease, mask)
        granted_ms = self.end_lease(lease, first, mask)
        if page is not None and self.borrowed:
            gone = mask & below_mask(page, self.aged_before)
            if gone:
                self._remove(page, gone)
                mask &= ~gone
        if page is None or not mask:
            return
        most = self.settings.deliveries_max
        alive = self.pages.come_back(page, mask, granted_ms, counted, most or 0)
        if death:
            self.pages.condemn(page, alive, death)
            return
        if due_ms and alive:
            self.pages.delay(page, alive, due_ms)
        self._look_for_overdue(page, alive)

    def extend(self, lease: int, first: int, mask: int, renewed: int, deadline_ms: int) -> None:
        """A lease ends at another time; a part of a grant becomes the grant `renewed`."""
        if renewed == lease:
            self.leases.extend(lease, deadline_ms)
            return
        segment = self.leases.find(lease)
        assert segment is not None, "only a living lease is extended"
        index = (lease & (PAGE - 1)) - segment.start
        holder = segment.holder[index]
        granted_ms = segment.granted[index]
        self.ledger.touch(self)
        base = first & ~(PAGE - 1)
        self._take(lease, segment, mask)
        low = lowest(mask)
        self.leases.grant(renewed, base + low, mask >> low, deadline_ms, holder, granted_ms)
        for start, length in runs(mask):
            for offset in range(base + start, base + start + length):
                known = self.moved.get(offset)
                self.moved[offset] = (lease if known is None else known[0], renewed)

    def ripen(self, until_ms: int, pages: int) -> None:
        """Delayed messages whose instant has come are ready, those of the first pages."""
        while pages > 0:
            due = self.pages.next_due()
            if not due or due > until_ms:
                return
            self.pages.ripen(self.pages.first_due_page(), until_ms)
            pages -= 1

    def age(self, before: int, death: int) -> None:
        """Messages below an offset are too old; a leased one goes when it comes back."""
        self.ledger.touch(self)
        number = max(self.aged_before, self.first_offset()) >> PAGE_BITS
        self.aged_before = before
        self.times.drop_before(before)
        while number << PAGE_BITS < before:
            page = self.pages.all.get(number)
            if page is not None:
                self._end_lives(page, page.live & below_mask(page, before) & ~page.leased, death)
            number += 1

    def expire(self, until_ms: int, pages: int, death: int) -> None:
        """Messages whose own life ended by an instant leave, those of the first pages."""
        while pages > 0:
            due = self.pages.next_expiry()
            if not due or due > until_ms:
                return
            page = self.pages.first_expiry_page()
            self._end_lives(page, self.pages.take_expired(page, until_ms), death)
            pages -= 1

    def drop(self, first: int, mask: int) -> None:
        """Messages that are not leased are gone."""
        page = self.pages.all[first >> PAGE_BITS]
        assert not mask & page.leased, "a leased message is settled, not dropped"
        self._remove(page, mask)

    def purge(self, before: int) -> None:
        """All messages below an offset are gone; their pages are swept later."""
        assert before == self.next_offset, "a purge takes all there is"
        self.ledger.touch(self)
        self.pages.clear_counts()
        self.pages.purged_before = before
        self.purged_before = before
        self.aged_before = max(self.aged_before, before)
        self.times.clear()
        if self.past is not None:
            self.past.clear_counts()
        self._sweep_page(before >> PAGE_BITS)

    def sweep(self, pages: int) -> None:
        """Free the lowest pages below what was purged."""
        for number in self.swept_next(pages):
            self._sweep_page(number)

    def wanted_in(self, number: int) -> int:
        """The messages of a page that are live or kept."""
        page = self.pages.all.get(number)
        live = 0 if page is None else page.live
        return live if self.past is None else live | self.past.settled_in(number)

    def swept_next(self, pages: int) -> list[int]:
        """The lowest pages that wait to be swept: those wholly below what was purged. The page on
        the border was swept by the purge itself; what is there now came later."""
        border = self.purged_before >> PAGE_BITS
        found = first_below(border, self.pages.all, pages)
        if self.past is not None and self.past.order:
            found = sorted({*found, *first_below(border, self.past.order, pages)})[:pages]
        return found

    def is_swept(self) -> bool:
        """Whether no page is left that waits for anything."""
        return not self.pages.all and (self.past is None or not self.past.pages)

    def _sweep_page(self, number: int) -> None:
        page = self.pages.all.get(number)
        if page is not None:
            self.release(page.base, page.live)
            self.pages.forget(page)
        kept = None if self.past is None else self.past.pages.get(number)
        if kept is not None and self.past is not None:
            self.release(kept.base, kept.settled)
            self.past.drop(kept)
        if page is not None or kept is not None:
            self.page_gone(number)

    def _end_lives(self, page: Page, mask: int, death: int) -> None:
        mask &= ~page.dead
        if not mask:
            return
        if death:
            self.pages.condemn(page, mask, death)
        else:
            self._remove(page, mask)

    def _look_for_overdue(self, page: Page, mask: int) -> None:
        overdue = mask & (page.overdue | below_mask(page, self.aged_before))
        if not overdue:
            return
        page.overdue &= ~overdue
        for start, length in runs(overdue):
            for slot in range(start, start + length):
                self.pages.expire_at(page, slot, OVERDUE_MS)

    def end_lease(self, lease: int, first: int, mask: int) -> int:
        """Part of a lease is over; returns when it was granted."""
        segment = self.leases.find(lease)
        assert segment is not None, "only a living lease can end"
        index = (lease & (PAGE - 1)) - segment.start
        granted_ms = segment.granted[index]
        if segment.holder[index]:
            self.ended.append((segment.holder[index], mask.bit_count()))
        self._take(lease, segment, mask)
        if self.moved:
            base = first & ~(PAGE - 1)
            self.ledger.touch(self)
            for start, length in runs(mask):
                for offset in range(base + start, base + start + length):
                    self.moved.pop(offset, None)
        return granted_ms

    def _note_takers(self, page: Page, lease: int, mask: int) -> None:
        """The deliveries of these messages will not tell that this lease was on them."""
        self.ledger.touch(page)
        for start, length in runs(mask):
            for slot in range(start, start + length):
                known = self.moved.get(page.base + slot)
                page.note_taker(slot, lease if known is None else known[0])

    def _take(self, lease: int, segment: Segment, mask: int) -> None:
        low = segment.first[(lease & (PAGE - 1)) - segment.start] & (PAGE - 1)
        self.leases.take(lease, mask >> low)

    def _remove(self, page: Page, mask: int) -> None:
        self.release(page.base, mask)
        if self.pages.remove(page, mask):
            self.page_gone(page.number)

    def release(self, base: int, mask: int) -> None:
        """The bodies of some messages of a page are not wanted here any more."""
        if self.borrowed:
            return
        while mask:
            # A block at a time, however the messages lie in it.
            low = lowest(mask)
            id, index, span = self.extents.at(base + low)
            shelf = self.shelves[id]
            part = mask & span_mask(low, min(PAGE - low, span, shelf.rest_of_block(index)))
            shelf.release_some(index, part.bit_count())
            mask &= ~part

    def page_gone(self, number: int) -> None:
        """No message of a page is live any more, or none is kept."""
        self.ledger.touch(self)
        first = self.first_offset()
        past = self.past
        if past is not None and past.order:
            first = min(first, past.order[0] << PAGE_BITS)
        if number not in self.pages.all and (past is None or number not in past.pages):
            self.lives.drop(number)
        self.extents.drop_before(first)
        if not self.pages.all:
            self.times.clear()

    def encode(self) -> bytes:
        """The row of the queue itself; pages and leases have rows of their own."""
        row: list[object] = [
            self.name,
            self.settings,
            dict(sorted(self.extras.items())),
            dict(sorted(self.labels.items())),
            [self.created_ms, self.changed_ms, self.next_offset, self.purged_before],
            [self.aged_before, self.leases.next, self.deleted],
            self.extents.pack(),
            self.times.pack(),
            [(offset, pair[0], pair[1]) for offset, pair in sorted(self.moved.items())],
        ]
        if self.list_end:
            row.append([self.list_end, self.passing])
        return msgspec.msgpack.encode(row)


def queue_key(queue: int) -> bytes:
    """The row key of a queue."""
    return b"q" + queue.to_bytes(8, "big")
