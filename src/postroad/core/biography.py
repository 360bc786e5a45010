"""What became of the deliveries of messages that came back: the last of them, by message.

One rule: one return is one event, however many messages came back with it; who asks about one
message looks through the events of its page. Compiled by mypyc where possible.
"""

from array import array

import msgspec

from postroad.core.bits import PAGE, PAGE_BITS, pack_mask, unpack_mask
from postroad.core.ledger import Ledger, Row
from postroad.limits import EVENTS_KEPT, EVENTS_PAGE_MAX

LAPSED = 1
"""The lease's time was over."""
RELEASED = 2
"""Given back, not counted."""
RETRIED = 3
"""Failed, to be tried again."""
REJECTED = 4
"""Given up."""
SESSION_ENDED = 5
"""Whoever held it went away."""
RESTARTED = 6
"""The broker was started anew and the session is gone; not counted."""

WIDTH = 6


class Event:
    """One return: `lease` was granted to `holder` (0: bound to no session) at `granted_ms`, and
    over at `returned_ms`, for the reason `why`; the message was ready again at `due_ms` (0: at
    once)."""

    __slots__ = ("due_ms", "granted_ms", "holder", "lease", "returned_ms", "why")

    def __init__(self, granted_ms: int, lease: int, holder: int) -> None:
        self.granted_ms = granted_ms
        self.lease = lease
        self.holder = holder
        self.returned_ms = 0
        self.due_ms = 0
        self.why = 0


class EventPage(Row):
    """The returns of PAGE offsets of one queue, oldest first: WIDTH words each, the last of which
    packs why, first slot and span; `masks`: which slots of the span, empty for all."""

    def __init__(self, queue: int, number: int) -> None:
        super().__init__(events_key(queue, number))
        self.number = number
        self.words: array[int] = array("Q")
        self.masks: list[bytes] = []

    def add(self, mask: int, event: Event) -> None:
        """Messages came back."""
        first, span, packed = pack_mask(mask)
        words = self.words
        words.append(event.granted_ms)
        words.append(event.returned_ms)
        words.append(event.due_ms)
        words.append(event.lease)
        words.append(event.holder)
        words.append((event.why << 32) | (first << 16) | span)
        self.masks.append(packed)

    def thin(self, wanted: int) -> None:
        """Forget the events of messages that are gone, and where they are still too many the
        oldest half."""
        count = len(self.masks)
        start = 0
        kept = [at for at in range(count) if self.mask_of(at) & wanted]
        if len(kept) > EVENTS_PAGE_MAX >> 1:
            start = len(kept) - (EVENTS_PAGE_MAX >> 1)
        words: array[int] = array("Q")
        masks: list[bytes] = []
        for at in kept[start:]:
            words.extend(self.words[WIDTH * at : WIDTH * at + WIDTH])
            masks.append(self.masks[at])
        self.words = words
        self.masks = masks

    def mask_of(self, at: int) -> int:
        """The slots the event at an index is about."""
        place = self.words[WIDTH * at + WIDTH - 1] & 0xFFFFFFFF
        return unpack_mask(place >> 16, place & 0xFFFF, self.masks[at])

    def of(self, slot: int) -> list[Event]:
        """The last events of one message, oldest first."""
        found: list[Event] = []
        for at in range(len(self.masks) - 1, -1, -1):
            if not (self.mask_of(at) >> slot) & 1:
                continue
            words = self.words[WIDTH * at : WIDTH * at + WIDTH]
            event = Event(words[0], words[3], words[4])
            event.returned_ms, event.due_ms, event.why = words[1], words[2], words[5] >> 32
            found.append(event)
            if len(found) == EVENTS_KEPT:
                break
        found.reverse()
        return found

    def encode(self) -> bytes:
        """The row of this page."""
        return msgspec.msgpack.encode([self.words.tobytes(), self.masks])


def events_key(queue: int, number: int) -> bytes:
    """The row key of a page of events."""
    return b"e" + queue.to_bytes(8, "big") + number.to_bytes(8, "big")


def decode_events(queue: int, number: int, packed: bytes) -> EventPage:
    """A page of events from its row."""
    words, masks = msgspec.msgpack.decode(packed)
    page = EventPage(queue, number)
    page.words = array("Q", words)
    page.masks = masks
    return page


class Biographies:
    """The events of one queue, by page."""

    def __init__(self, queue: int, ledger: Ledger) -> None:
        self.queue = queue
        self.ledger = ledger
        self.pages: dict[int, EventPage] = {}

    def add(self, number: int, mask: int, wanted: int, event: Event) -> None:
        """Messages of a page came back; `wanted`: those of it that are live or kept."""
        page = self.pages.get(number)
        if page is None:
            page = EventPage(self.queue, number)
            self.pages[number] = page
        self.ledger.touch(page)
        if len(page.masks) >= EVENTS_PAGE_MAX:
            page.thin(wanted)
        page.add(mask, event)

    def of(self, offset: int) -> list[Event]:
        """The last events of a message, oldest first."""
        page = self.pages.get(offset >> PAGE_BITS)
        return [] if page is None else page.of(offset & (PAGE - 1))

    def drop(self, number: int) -> None:
        """Nothing of a page is left."""
        page = self.pages.pop(number, None)
        if page is not None:
            self.ledger.drop(page)
