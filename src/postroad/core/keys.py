"""Ordering keys: which messages of which key may leave now.

One rule: a key's messages leave in order of their offsets. In a strict queue (FIFO) a key is
locked while any of its messages is leased or waits for a retry; in any other a key that holds more
than its share of the leases stands back behind the others. Compiled by mypyc where possible.
"""

from array import array
from heapq import heapify, heappop, heappush

from postroad.core.bits import PAGE, PAGE_BITS, bits_of, runs
from postroad.core.key import INDEX, INDEX_BITS, Key
from postroad.core.keybook import KeyBook
from postroad.core.lanes import Choice, Picked
from postroad.core.page import Page
from postroad.limits import NOISY_LEASES_MIN, NOISY_SHARE, STALE_MAX

FAR = 1 << 62  # above every offset


class Keys(KeyBook):
    """Which messages of which key leave next."""

    def limit(self, held_max: int) -> None:
        """How many leases each key may have from now on, 0 for any number."""
        if held_max != self.held_max:
            self.held_max = held_max
            for key in self.by_index.values():
                self._offer(key)

    def arrived(self, first: int, count: int, column: "array[int]") -> None:
        """New messages with these keys' hashes, one each; an empty column: without keys."""
        if not column and not self.strict:
            self.loose.list_from(first, count)
            return
        at = 0
        while at < count:
            page = self.pages[(first + at) >> PAGE_BITS]
            slot = (first + at) & (PAGE - 1)
            part = min(count - at, PAGE - slot)
            if page.keys is None:
                page.keys = array("I", bytes(4 * PAGE))
                page.keyed = 0
                page.numbers = self.numbers
            self._enter_part(page, slot, part, column[at : at + part])
            at += part
        if not self.strict:
            self.loose.list_from(first, count)

    def _enter_part(self, page: Page, slot: int, part: int, column: "array[int]") -> None:
        """New messages of one page."""
        indexes = page.keys
        assert indexes is not None, "a page with keys has their column"
        by_number = self.by_number
        strict = self.strict
        offset = page.base + slot
        unkeyed = 0
        entered: list[int] = []
        for number in column.tolist() if column else [0] * part:
            if number or strict:
                key = by_number.get(number)
                if key is None:
                    key = self._new_key(number, offset)
                entered.append(key.index)
                key.append(offset)
                key.live += 1
                if key.heaped < 0:
                    self._offer(key)
            else:
                unkeyed |= 1 << len(entered)
                entered.append(0)
            offset += 1
        indexes[slot : slot + part] = array("I", entered)
        page.keyed |= (((1 << part) - 1) & ~unkeyed) << slot

    def taken(self, page: Page, mask: int) -> None:
        """Their keys hold more."""
        if page.keys is None:
            return
        by_index = self.by_index
        for start, length in runs(mask):
            for index in page.keys[start : start + length].tolist():
                if index:
                    self._hold(by_index[index])

    def came_back(self, page: Page, alive: int, spent: int) -> None:
        """They are the first of their keys again."""
        touched: dict[int, Key] = {}
        if page.keys is not None:
            column = page.keys
            for start, length in runs(alive | spent):
                for slot in range(start, start + length):
                    if column[slot]:
                        key = self.by_index[column[slot]]
                        self._release(key)
                        touched[key.index] = key
                        if (alive >> slot) & 1:
                            key.put_back(page.base + slot)
        for key in touched.values():
            self._offer(key)
        if not self.strict:
            self.loose.list_page(page, alive)

    def unchosen(self, page: Page, mask: int) -> None:
        """They are the first of their keys again."""
        touched: dict[int, Key] = {}
        if page.keys is not None:
            for slot in bits_of(mask & page.keyed):
                key = self.by_index[page.keys[slot]]
                self._undo(key, page.base + slot)
                touched[key.index] = key
        for key in touched.values():
            self._offer(key)

    def _undo(self, key: Key, offset: int) -> None:
        """A message that was chosen stands in line again."""
        key.put_back(offset)

    def delayed(self, page: Page, mask: int) -> None:
        """In a strict queue what came back and waits goes on locking its key."""
        if self.strict:
            self._hold_waiting(page, mask, True)

    def ripened(self, page: Page, mask: int) -> None:
        """Where a strict queue's messages waited for a retry, their keys are free of them."""
        touched: dict[int, Key] = {}
        if self.strict:
            self._hold_waiting(page, mask, False)
        if page.keys is not None:
            column = page.keys
            for start, length in runs(mask):
                for slot in range(start, start + length):
                    if column[slot]:
                        key = self.by_index[column[slot]]
                        touched[key.index] = key
                        if not self.strict or page.first_of(slot):
                            key.put_back(page.base + slot)
        for key in touched.values():
            self._offer(key)
        if not self.strict:
            self.loose.list_page(page, mask)

    def _hold_waiting(self, page: Page, mask: int, more: bool) -> None:
        if page.firsts is None or page.keys is None:
            return
        for slot in bits_of(mask):
            if page.firsts[slot]:
                key = self.by_index[page.keys[slot]]
                self._hold(key) if more else self._release(key)

    def dying(self, page: Page, mask: int) -> None:
        """What is dead locks no key."""
        self._let_go(page, mask, 0)

    def removing(self, page: Page, mask: int) -> None:
        """A key that has no message left is forgotten."""
        self._let_go(page, mask, 1)

    def _let_go(self, page: Page, mask: int, gone: int) -> None:
        if page.keys is None:
            return
        held = self._held_of(page, mask)
        # Mostly all of them are held, or none.
        whole = held == mask
        touched = self._keys_of(page, mask, gone, whole)
        if held and not whole:
            for slot in bits_of(held):
                if page.keys[slot]:
                    self._release(self.by_index[page.keys[slot]])
        for key in touched.values():
            if not key.live:
                self._forget(key)
            elif self.strict and key.heaped < 0 and not self._is_locked(key):
                # What leaves is still where it was and may hide the head: `_first` finds it.
                self._push(key, 0)
            else:
                self._offer(key)

    def _keys_of(self, page: Page, mask: int, gone: int, held: bool) -> dict[int, Key]:
        """The keys of some messages, each told of what leaves and of what it no longer holds."""
        assert page.keys is not None, "a page with keys has their column"
        by_index = self.by_index
        touched: dict[int, Key] = {}
        for start, length in runs(mask):
            for index in page.keys[start : start + length].tolist():
                if index:
                    key = by_index[index]
                    touched[index] = key
                    key.live -= gone
                    if held:
                        self._release(key)
        return touched

    def load(self, page: Page) -> None:
        """Enter what is in a page."""
        hashes = page.loaded_hashes
        if hashes is not None:
            page.loaded_hashes = None
            page.keys = array("I", bytes(4 * PAGE))
            page.keyed = 0
            page.numbers = self.numbers
            leased = page.leased
            for start, length in runs(page.live):
                for slot in range(start, start + length):
                    self._load_one(page, slot, hashes[slot], (leased >> slot) & 1 == 1)
        if not self.strict:
            self.loose.list_page(page, page.ready)

    def _load_one(self, page: Page, slot: int, number: int, leased: bool) -> None:
        if not number and not self.strict:
            return
        assert page.keys is not None, "the page's column was made just now"
        key = self.by_number.get(number) or self._new_key(number, page.base + slot)
        page.keys[slot] = key.index
        page.keyed |= 1 << slot
        key.append(page.base + slot)
        key.live += 1
        self._offer(key)
        waits = self.strict and (page.delayed >> slot) & 1 and page.first_of(slot)
        if leased or waits:
            self._hold(key)

    def mend(self, purged_before: int) -> None:
        """Enter all pages again, but those that were purged and are not swept yet."""
        pages = [page for page in self.pages.values() if page.base + PAGE > purged_before]
        for page in pages:
            page.loaded_hashes = page.hash_column()
            page.listed_loose = False
        self.clear()
        for page in pages:
            self.load(page)

    def is_open(self) -> bool:
        """Whether some key may give a message."""
        return self._first() is not None or self.loose.head(0) >= 0

    def is_plain(self, delayed: int) -> bool:
        """Whether messages leave simply by offset now: no key is locked or noisy."""
        if self.held_max or not self.strict:
            return not self.held_max and not self.loud
        return not self.held and not delayed

    def pick(self, count: int, leased: int) -> Picked:
        """The lowest offsets of all keys that may give any, those of noisy keys last."""
        self.turn += 1
        aside: list[Key] = []
        choice = Choice(self.pages, count)
        self._take(choice, leased, aside)
        picked = choice.picked()
        for key in aside:
            self._offer(key)
        if aside and choice.left:
            choice = Choice(self.pages, choice.left)
            self._take(choice, leased, None)
            picked.extend(choice.picked())
        return picked

    def _take(self, choice: Choice, leased: int, aside: list[Key] | None) -> None:
        # Where noisy keys have their turn all loose messages were chosen before.
        loose = -1 if self.strict or aside is None else self.loose.head(0)
        while choice.left > 0:
            key = self._first()
            if key is None and loose < 0:
                return
            if key is None or 0 <= loose < key.heaped:
                choice.add(loose)
                loose = self.loose.head(loose + 1)
                continue
            heappop(self.heap)
            if aside is not None and self._is_noisy(key, leased):
                key.heaped = -1
                aside.append(key)
                continue
            self._take_run(key, choice, loose)

    def _take_run(self, key: Key, choice: Choice, loose: int) -> None:
        """A key's messages as long as no other's are older."""
        limit = self.heap[0] >> INDEX_BITS if self.heap else FAR
        if 0 <= loose < limit:
            limit = loose
        if key.turn != self.turn:
            key.turn = self.turn
            key.chosen = 0
        room = self._room(key)
        offset = key.heaped
        while choice.left > 0 and room > 0 and 0 <= offset <= limit:
            if choice.add(offset):
                room -= 1
                key.chosen += 1
            offset = self._next(key, offset)
        key.heaped = -1
        if offset >= 0 and room > 0:
            self._push(key, offset)

    def _room(self, key: Key) -> int:
        return self.held_max - key.held - key.chosen if self.held_max else FAR

    def _is_noisy(self, key: Key, leased: int) -> bool:
        return not self.strict and key.held >= NOISY_LEASES_MIN and key.held * NOISY_SHARE > leased

    def _first(self) -> Key | None:
        """The key that may give the lowest offset, on top of the heap."""
        heap = self.heap
        while heap:
            offset = heap[0] >> INDEX_BITS
            key = self.by_index.get(heap[0] & INDEX)
            if key is not None and key.heaped == offset:
                head = -1 if self._is_locked(key) else self._head(key)
                if head == offset:
                    return key
                key.heaped = -1
                heappop(heap)
                if head >= 0:
                    self._push(key, head)
            else:
                heappop(heap)
        return None

    def _is_locked(self, key: Key) -> bool:
        if self.strict and key.held:
            return True
        return self.held_max > 0 and key.held >= self.held_max

    def _offer(self, key: Key) -> None:
        """A key may have a message to give, or an older one than before."""
        if key.heaped >= 0 and key.back_at == len(key.back):
            # It stands there already, at its head or before it; `_first` puts that right.
            return
        if self._is_locked(key):
            return
        head = self._head(key)
        if head >= 0 and (key.heaped < 0 or head < key.heaped):
            self._push(key, head)

    def _push(self, key: Key, head: int) -> None:
        key.heaped = head
        heappush(self.heap, (head << INDEX_BITS) | key.index)
        if len(self.heap) > 2 * len(self.by_index) + STALE_MAX:
            self.heap = [
                (one.heaped << INDEX_BITS) | one.index
                for one in self.by_index.values()
                if one.heaped >= 0
            ]
            heapify(self.heap)

    def _next(self, key: Key, offset: int) -> int:
        """The head of a key behind one that was just chosen."""
        if key.back_at < len(key.back) and key.back[key.back_at] == offset:
            key.back_at += 1
        if key.at < len(key.offsets) and key.base + key.offsets[key.at] == offset:
            key.at += 1
        return self._head(key)

    def _head(self, key: Key) -> int:
        """The lowest offset of a key that may leave, -1 for none."""
        back = -1
        while back < 0 and key.back_at < len(key.back):
            offset = key.back[key.back_at]
            page = self.pages.get(offset >> PAGE_BITS)
            if page is not None and (page.ready >> (offset & (PAGE - 1))) & 1:
                back = offset
            else:
                key.back_at += 1
        while key.at < len(key.offsets):
            offset = key.base + key.offsets[key.at]
            if 0 <= back < offset:
                return back
            page = self.pages.get(offset >> PAGE_BITS)
            if page is not None:
                slot = offset & (PAGE - 1)
                if (page.ready >> slot) & 1:
                    return offset
                if self.strict and (page.delayed >> slot) & 1:
                    return back
            key.at += 1
        return back
