"""The ids of messages a queue took within its deduplication window.

One rule: an id is known from the publish that brought it until the window is over, whatever became
of the message; ids stay in pages in order of arrival, so that old ones leave a page at a time.
Compiled by mypyc where possible.
"""

from array import array
from bisect import bisect_right

import msgspec

from postroad.core.bits import PAGE, PAGE_BITS
from postroad.core.ledger import Ledger, Row
from postroad.limits import DEDUP_IDS_MAX

ID_BYTES = 16
NO_ID = bytes(ID_BYTES)


class DedupPage(Row):
    """Up to PAGE ids: 16 bytes each, the offset of the message that came with it, and when, in
    ms."""

    def __init__(self, queue: int, number: int) -> None:
        super().__init__(dedup_key(queue, number))
        self.number = number
        self.ids: list[bytes] = []
        self.offsets: array[int] = array("Q")
        self.times: array[int] = array("Q")

    def encode(self) -> bytes:
        """The row of this page."""
        return msgspec.msgpack.encode(
            [b"".join(self.ids), self.offsets.tobytes(), self.times.tobytes()]
        )


def dedup_key(queue: int, number: int) -> bytes:
    """The row key of a page of ids."""
    return b"d" + queue.to_bytes(8, "big") + number.to_bytes(8, "big")


def decode_dedup(queue: int, number: int, packed: bytes) -> DedupPage:
    """A page of ids from its row."""
    ids, offsets, times = msgspec.msgpack.decode(packed)
    page = DedupPage(queue, number)
    page.ids = [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]
    page.offsets.frombytes(offsets)
    page.times.frombytes(times)
    return page


class Dedup:
    """The ids of one queue. `by_id`: page number and slot of each, the latest where it came
    again."""

    def __init__(self, queue: int, ledger: Ledger) -> None:
        self.queue = queue
        self.ledger = ledger
        self.pages: dict[int, DedupPage] = {}
        self.by_id: dict[bytes, int] = {}
        self.next_page = 0

    def find(self, id: bytes, now_ms: int, window_ms: int) -> int:
        """The offset of the message that came with an id within the window; -1 for none."""
        place = self.by_id.get(id)
        if place is None:
            return -1
        page = self.pages[place >> PAGE_BITS]
        slot = place & (PAGE - 1)
        return page.offsets[slot] if page.times[slot] + window_ms > now_ms else -1

    def room(self, now_ms: int, window_ms: int, wanted: int = DEDUP_IDS_MAX) -> int:
        """How many more ids can be taken now; where `wanted` can for certain, perhaps fewer than
        that many more are told."""
        held = len(self.by_id)
        for page in self.pages.values():
            if held + wanted <= DEDUP_IDS_MAX or page.times[0] + window_ms > now_ms:
                break
            held -= self._known_until(page, now_ms - window_ms)
        return DEDUP_IDS_MAX - held

    def _known_until(self, page: DedupPage, until_ms: int) -> int:
        """How many ids of a page came by an instant, and not again."""
        count = 0
        for slot in range(bisect_right(page.times, until_ms)):
            count += self.by_id.get(page.ids[slot]) == (page.number << PAGE_BITS) | slot
        return count

    def forget(self, now_ms: int, window_ms: int) -> None:
        """What came before the window is over for good, however long the window gets."""
        for page in list(self.pages.values()):
            old = bisect_right(page.times, now_ms - window_ms)
            if not old:
                return
            self.ledger.touch(page)
            for slot in range(old):
                if self.by_id.get(page.ids[slot]) == (page.number << PAGE_BITS) | slot:
                    del self.by_id[page.ids[slot]]
                page.ids[slot] = NO_ID

    def add(self, id: bytes, offset: int, now_ms: int, window_ms: int) -> None:
        """A message came with an id."""
        self._drop_old(now_ms, window_ms)
        page = self.pages.get(self.next_page - 1)
        if page is None or len(page.ids) == PAGE:
            page = DedupPage(self.queue, self.next_page)
            self.pages[page.number] = page
            self.next_page += 1
        self.ledger.touch(page)
        self.by_id[id] = (page.number << PAGE_BITS) | len(page.ids)
        page.ids.append(id)
        page.offsets.append(offset)
        page.times.append(now_ms)

    def load(self, page: DedupPage) -> None:
        """Take a page read from a checkpoint; pages come in order."""
        self.pages[page.number] = page
        self.next_page = page.number + 1
        for slot, id in enumerate(page.ids):
            if id != NO_ID:
                self.by_id[id] = (page.number << PAGE_BITS) | slot

    def clear(self) -> None:
        """The queue is gone, or keeps no ids any more."""
        for page in self.pages.values():
            self.ledger.drop(page)
        self.pages.clear()
        self.by_id.clear()
        self.next_page = 0

    def _drop_old(self, now_ms: int, window_ms: int) -> None:
        """Forget the oldest page once all its ids are too old: one at a time, a turn's worth."""
        for page in self.pages.values():
            if page.number == self.next_page - 1 or page.times[-1] + window_ms > now_ms:
                return
            for slot, id in enumerate(page.ids):
                if self.by_id.get(id) == (page.number << PAGE_BITS) | slot:
                    del self.by_id[id]
            self.ledger.drop(page)
            del self.pages[page.number]
            return
