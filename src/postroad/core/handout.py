"""A reply whose messages still have to be filled in: which bodies, and what goes with each.

One rule: the core never holds bodies; whoever does turns a handout into `Received` or `Peeked`.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

from postroad.core.bits import bits_of, runs
from postroad.core.page import Page
from postroad.core.queue import Queue
from postroad.core.records import Published
from postroad.core.shelf import Shelf
from postroad.model.message import Delivery, Note
from postroad.model.topics import Fetched, FetchedPart


class Piece:
    """Messages of a queue whose bodies are in one block of a shelf: consecutive ones, or with
    `places` those so many after the first; bodies lie as their messages do.

    `block`, `id`, `size`: the block's first index, its number in the store (0: not placed) and its
    bytes there.
    `counts`, `firsts`: per message, or `None` where none of them ever came back. `down`: the last
    of them is handed out first.
    """

    __slots__ = (
        "block",
        "count",
        "counts",
        "down",
        "firsts",
        "id",
        "index",
        "lease",
        "offset",
        "places",
        "shelf",
        "size",
    )

    def __init__(self, lease: int, offset: int, shelf: int, index: int, count: int) -> None:
        self.lease = lease
        self.offset = offset
        self.shelf = shelf
        self.index = index
        self.count = count
        self.block = 0
        self.id = 0
        self.size = 0
        self.places: list[int] | None = None
        self.counts: Sequence[int] | None = None
        self.firsts: Sequence[int] | None = None
        self.down = False

    def offsets(self) -> Sequence[int]:
        """The offset of each message."""
        first = self.offset
        if self.places is None:
            return range(first, first + self.count)
        return [first + place for place in self.places]

    def end(self) -> int:
        """The offset after the last message."""
        if self.places is None:
            return self.offset + self.count
        return self.offset + self.places[-1] + 1


class Bodies:
    """Messages as they were published: one entry per message in each list; `notes` is `None` where
    none was moved."""

    __slots__ = ("bodies", "heads", "notes", "times")

    def __init__(
        self,
        bodies: list[bytes],
        heads: list[bytes] | None,
        times: list[int],
        notes: list[Note | None] | None,
    ) -> None:
        self.bodies = bodies
        self.heads = heads
        self.times = times
        self.notes = notes


class Library(Protocol):
    """Whoever holds the bodies."""

    def add(self, record: Published, first: int, group: int, /) -> None:
        """Messages were published just now, in the block that begins at `first`: the next command
        of the same step may ask for them."""

    def fetch(self, piece: Piece) -> Bodies | None:
        """The messages of a piece, or `None` when their block must be loaded first."""

    def times(self, piece: Piece) -> list[int] | None:
        """When each message of a piece was published, or `None` likewise."""

    def keys(self, piece: Piece) -> "array[int] | None":
        """The key's hash of each message of a piece (0: no key), or `None` likewise."""


class Part:
    """What a handout has of one partition of a topic: `count` of its messages, in order."""

    def __init__(self, topic: str, partition: int, start: int, end: int) -> None:
        self.topic = topic
        self.partition = partition
        self.start = start
        self.end = end
        self.next_offset = 0
        self.count = 0


class Handout:
    """The messages of one reply. `parts`: of a fetch from a topic; then `queue` is 0, and each
    message has its partition for a queue. `states` and `dues`: per message, of a peek;
    `next_offset`: where it goes on. `gone`: of a claim. `name`: of the list it is from. `bytes`:
    what its messages weigh, where that is bounded by `bytes_max` (0: they are not weighed)."""

    __slots__ = (
        "bytes",
        "bytes_max",
        "consumer",
        "dues",
        "gone",
        "name",
        "next_offset",
        "now_ms",
        "parts",
        "pieces",
        "queue",
        "states",
    )

    def __init__(self, queue: int, now_ms: int, consumer: int = 0) -> None:
        self.queue = queue
        self.now_ms = now_ms
        self.consumer = consumer
        self.pieces: list[Piece] = []
        self.states: list[str] | None = None
        self.parts: list[Part] | None = None
        self.dues: list[int] = []
        self.next_offset = 0
        self.gone: tuple[int, ...] = ()
        self.name = ""
        self.bytes = 0
        self.bytes_max = 0

    def count(self) -> int:
        """How many messages."""
        return sum(piece.count for piece in self.pieces)


def pieces_of(queue: Queue, base: int, mask: int, page: Page | None, lease: int = 0) -> list[Piece]:
    """The messages of the page that begins at `base` as pieces; counts are those before the
    delivery that is meant, none without the page itself."""
    found: list[Piece] = []
    if page is not None and page.anew:
        page.tidy()
    known = 0
    shift = shelf_id = block = id = size = 0
    for start, length in runs(mask):
        slot = start
        end = start + length
        while slot < end:
            if slot >= known:
                # Slots below `known` are of this run of bodies and this block.
                shelf_id, index, span = queue.extents.at(base + slot)
                block, held, id, size = queue.shelves[shelf_id].where(index)
                shift = index - slot
                known = slot + min(span, block + held - index)
            part = min(end, known) - slot
            piece = Piece(lease, base + slot, shelf_id, slot + shift, part)
            piece.block, piece.id, piece.size = block, id, size
            if page is not None and page.counts is not None and page.firsts is not None:
                piece.counts = page.counts[slot : slot + part]
                piece.firsts = page.firsts[slot : slot + part]
            found.append(piece)
            slot += part
    return found


def scattered_pieces(queue: Queue, base: int, mask: int, page: Page, lease: int = 0) -> list[Piece]:
    """The same where messages lie far between: a piece for all of a block."""
    found: list[Piece] = []
    if page.anew:
        page.tidy()
    slots = bits_of(mask)
    at = 0
    while at < len(slots):
        slot = slots[at]
        shelf_id, index, span = queue.extents.at(base + slot)
        block, held, id, size = queue.shelves[shelf_id].where(index)
        stop = bisect_left(slots, slot + min(span, block + held - index), at)
        part = slots[at:stop]
        piece = Piece(lease, base + slot, shelf_id, index, len(part))
        piece.block, piece.id, piece.size = block, id, size
        if part[-1] - slot >= len(part):
            piece.places = [one - slot for one in part]
        if page.counts is not None and page.firsts is not None:
            counts, firsts = page.counts, page.firsts
            piece.counts = [counts[one] for one in part]
            piece.firsts = [firsts[one] for one in part]
        found.append(piece)
        at = stop
    return found


def downward(pieces: list[Piece]) -> list[Piece]:
    """The same messages, the last of them first."""
    pieces.reverse()
    for piece in pieces:
        piece.down = True
    return pieces


def split(handout: Handout, counts: Sequence[int]) -> list[Handout]:
    """A handout's messages in order, `counts[i]` of them for the i-th part."""
    parts: list[Handout] = []
    pieces = iter(handout.pieces)
    piece: Piece | None = None
    used = 0
    for count in counts:
        part = Handout(handout.queue, handout.now_ms)
        left = count
        while left > 0:
            if piece is None or used == piece.count:
                piece = next(pieces)
                used = 0
            taken = min(left, piece.count - used)
            part.pieces.append(_cut(piece, used, taken))
            used += taken
            left -= taken
        parts.append(part)
    return parts


def _cut(piece: Piece, start: int, count: int) -> Piece:
    """`count` messages of a piece, from the one that leaves as number `start` on."""
    if piece.down:
        start = piece.count - start - count
    first = start if piece.places is None else piece.places[start]
    part = Piece(piece.lease, piece.offset + first, piece.shelf, piece.index + first, count)
    if piece.places is not None:
        part.places = [place - first for place in piece.places[start : start + count]]
    part.block, part.id, part.size = piece.block, piece.id, piece.size
    part.down = piece.down
    if piece.counts is not None and piece.firsts is not None:
        part.counts = piece.counts[start : start + count]
        part.firsts = piece.firsts[start : start + count]
    return part


def pieces_in_blocks(shelf: Shelf, index: int, count: int) -> list[Piece]:
    """Consecutive bodies of a shelf, a piece per block."""
    found: list[Piece] = []
    end = index + count
    while index < end:
        block, held, id, size = shelf.where(index)
        piece = Piece(0, 0, shelf.id, index, min(end, block + held) - index)
        piece.block, piece.id, piece.size = block, id, size
        found.append(piece)
        index += piece.count
    return found


def fill_piece(handout: Handout, piece: Piece, bodies: Bodies, into: list[Delivery]) -> None:
    """Deliveries of one piece, appended to a list."""
    start = len(into)
    _fill_up(handout, piece, bodies, into)
    if piece.down:
        into[start:] = into[start:][::-1]


def _fill_up(handout: Handout, piece: Piece, bodies: Bodies, into: list[Delivery]) -> None:
    queue, lease = handout.queue or piece.shelf, piece.lease
    now_ms = handout.now_ms
    heads, notes, counts, firsts = bodies.heads, bodies.notes, piece.counts, piece.firsts
    times = bodies.times
    if heads is None and notes is None and counts is None and piece.places is None:
        offset = piece.offset
        for at, body in enumerate(bodies.bodies):
            into.append(Delivery(queue, offset + at, lease, 1, now_ms, times[at], body))
        return
    offsets = piece.offsets()
    if heads is None and notes is None and counts is None:
        for offset, published_ms, body in zip(offsets, times, bodies.bodies, strict=True):
            into.append(Delivery(queue, offset, lease, 1, now_ms, published_ms, body))
        return
    for at in range(piece.count):
        note = None if notes is None else notes[at]
        count, first_ms, again = 1, now_ms, False
        if counts is not None and firsts is not None:
            count = counts[at] + 1
            first_ms = firsts[at] or now_ms
            again = count > 1 or firsts[at] != 0
        into.append(
            Delivery(
                queue,
                offsets[at],
                lease,
                count,
                first_ms,
                times[at] if note is None else note.published_ms,
                bodies.bodies[at],
                b"" if heads is None else heads[at],
                note,
                again,
            )
        )


def fetched(parts: list[Part], messages: list[Delivery]) -> Fetched:
    """The reply of a fetch, from all its messages in order."""
    found: list[FetchedPart] = []
    at = 0
    for part in parts:
        mine = messages[at : at + part.count]
        at += part.count
        found.append(
            FetchedPart(part.topic, part.partition, part.start, part.end, part.next_offset, mine)
        )
    return Fetched(found)
