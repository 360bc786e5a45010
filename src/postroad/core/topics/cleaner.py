"""Time at the logs: retention, topics that are gone, groups that catch up, and the cleaner of
superseded messages.

One rule: a slice is a few blocks. The cleaner remembers the keys of one window of a log at a time,
newest first, so its memory is bounded however long the log is: what comes before a key that was
seen is superseded.
"""

from array import array

from postroad.core.bits import PAGE, PAGE_BITS, pack_mask
from postroad.core.decision import Missing, World
from postroad.core.handout import Piece, pieces_in_blocks
from postroad.core.records import Record
from postroad.core.topics import records as facts
from postroad.core.topics.log import Partition
from postroad.limits import (
    CLEANER_KEYS_MAX,
    CLEANER_PAUSE_MS,
    CLEANER_SLICE_BLOCKS,
    CLEANER_SLICE_PAGES,
    CUT_BLOCKS,
    FEED_PAGES,
)


def next_cut_ms(world: World) -> int:
    """When a block of some log may go, in ms; 0 for never."""
    return world.state.topics.next_cut()[0]


def cut_slice(world: World, now: int) -> list[Record]:
    """Cut the first blocks of one log."""
    topics = world.state.topics
    due, id = topics.next_cut()
    if not due or due > now:
        return []
    log = topics.partitions[id]
    before = log.start
    for _ in range(CUT_BLOCKS):
        if before == log.end or not _may_go(world, log, before, now):
            break
        before = log.next_sample(before)[0]
    return [facts.LogCut(id, before)] if before > log.start else []


def _may_go(world: World, log: Partition, offset: int, now: int) -> bool:
    """Whether the sample an offset is in is too old, or too much."""
    if log.buried:
        return True
    settings = world.state.topics.all[log.topic].settings
    _, last_ms, bytes_before = log.next_sample(offset)
    keeps = settings.retention_bytes
    if keeps is not None and log.bytes_end - bytes_before >= keeps:
        return True
    return settings.retention_ms is not None and last_ms + settings.retention_ms <= now


def next_feed_ms(world: World) -> int:
    """When a group's queue that is behind can be fed: at once, or 0 for never."""
    return 1 if world.state.topics.hungry else 0


def feed_slice(world: World, now: int) -> list[Record]:
    """Some pages for one queue that is behind its log."""
    topics = world.state.topics
    for id in list(topics.hungry):
        queue = world.state.queues[id]
        log = topics.log_of_queue(id)
        count = min(log.end - queue.next_offset, FEED_PAGES * PAGE)
        if count > 0:
            return [facts.ShareFed(id, count, now)]
        del topics.hungry[id]
    return []


class Window:
    """A pass over one log, from the end of a window of what was not compared yet back to the start.
    `seen`: keys met so far, newest first. `at`: what lies before it is still to be looked at.
    `tombstones_ms`: when the oldest tombstone that stays was published."""

    def __init__(self, log: Partition, stop: int) -> None:
        self.log = log
        self.first = max(log.cleaned_before, log.start)
        self.stop = stop
        self.at = stop
        self.seen: set[int] = set()
        self.tombstones_ms = 0


class Cleaner:
    """The pass that is going on, if any; volatile: after a restart it begins anew. `rest_ms`: not
    again before, so that looking at much that stays makes no long turn."""

    def __init__(self) -> None:
        self.window: Window | None = None
        self.rest_ms = 0

    def next_ms(self, world: World) -> int:
        """When the cleaner has something to do, in ms: 0 for never."""
        if self.window is not None:
            return max(1, self.rest_ms)
        topics = world.state.topics
        best = 0
        for id in list(topics.dirty):
            due = _due(world, topics.partitions[id])
            if not due:
                del topics.dirty[id]
            elif not best or due < best:
                best = due
        return best

    def slice(self, world: World, now: int) -> list[Record] | Missing:
        """Look at some messages; what is superseded among them is gone."""
        window = self._window_of(world, now)
        if window is None:
            return []
        looked = _look(world, window, now)
        if isinstance(looked, Missing):
            return looked
        records, window.at = looked
        if window.at <= window.log.start:
            tombstones_ms = window.tombstones_ms
            records.append(facts.Cleaned(window.log.id, window.stop, now, tombstones_ms))
            self.window = None
        self.rest_ms = 0 if records else now + 1
        return records

    def _window_of(self, world: World, now: int) -> Window | None:
        """The running pass, or the next one; none for a log that is gone meanwhile."""
        topics = world.state.topics
        window = self.window
        if window is not None:
            log = topics.partitions.get(window.log.id)
            if log is window.log and not log.buried:
                return window
            self.window = None
        for id in list(topics.dirty):
            log = topics.partitions[id]
            due = _due(world, log)
            if 0 < due <= now:
                first = max(log.cleaned_before, log.start)
                self.window = Window(log, min(log.end, first + CLEANER_KEYS_MAX))
                return self.window
        return None


def _due(world: World, log: Partition) -> int:
    """When a log is worth a pass, in ms: 1 when enough is new, later for tombstones that stood long
    enough, 0 for never."""
    settings = world.state.topics.all[log.topic].settings
    if not settings.compact or log.start == log.end:
        return 0
    fresh = log.end - max(log.cleaned_before, log.start)
    if fresh >= max(settings.compact_messages, (log.kept - fresh) >> 1):
        return 1
    if log.tombstones_ms:
        return max(log.tombstones_ms + settings.tombstone_ms, log.cleaned_ms + CLEANER_PAUSE_MS)
    return 0


def _look(world: World, window: Window, now: int) -> tuple[list[Record], int] | Missing:
    """The records of a slice, and where it ended."""
    log = window.log
    low, pieces = _pieces_before(window)
    settings = world.state.topics.all[log.topic].settings
    columns: list[tuple[Piece, array[int], list[int]]] = []
    for piece in pieces:
        keys, times = world.library.keys(piece), world.library.times(piece)
        if keys is None or times is None:
            return Missing(pieces)
        columns.append((piece, keys, times))
    gone: dict[int, int] = {}
    for piece, keys, times in columns:
        dead = _superseded(window, piece, keys)
        dead |= _expired(window, (piece, keys, times), dead, now - settings.tombstone_ms)
        if dead:
            number = piece.index >> PAGE_BITS
            gone[number] = gone.get(number, 0) | (dead << (piece.index & (PAGE - 1)))
    records: list[Record] = []
    for number in sorted(gone):
        mask = gone[number] & ~_leased(world, log, number)
        if mask:
            first, span, packed = pack_mask(mask)
            base = number << PAGE_BITS
            records.append(facts.Superseded(log.id, base + first, span, packed))
    return records, low


def _pieces_before(window: Window) -> tuple[int, list[Piece]]:
    """What a slice looks at, newest first and each within one page, and where it ends."""
    log = window.log
    low = min(window.at, log.end)
    pieces: list[Piece] = []
    blocks: set[int] = set()
    count = 0
    for _ in range(CLEANER_SLICE_PAGES):
        if low <= log.start:
            break
        first = max(log.start, (low - 1) & ~(PAGE - 1))
        found: list[Piece] = []
        for start, length in log.present(first, low - first):
            found.extend(pieces_in_blocks(log.shelf, start, length))
        for piece in reversed(found):
            full = piece.block not in blocks and len(blocks) >= CLEANER_SLICE_BLOCKS
            if pieces and (full or count + piece.count > PAGE):
                return pieces[-1].index, pieces
            pieces.append(piece)
            blocks.add(piece.block)
            count += piece.count
        low = first
    return low, pieces


def _superseded(window: Window, piece: Piece, keys: "array[int]") -> int:
    """Which messages of a piece have a later one with their key, as bits."""
    seen = window.seen
    first = piece.index
    dead = 0
    for at in range(piece.count - 1, -1, -1):
        key = keys[at] >> 1
        if key in seen:
            dead |= 1 << at
        elif key and first + at >= window.first:
            seen.add(key)
    return dead


def _expired(
    window: Window, row: "tuple[Piece, array[int], list[int]]", dead: int, until_ms: int
) -> int:
    """Which of the tombstones that are left stood long enough. One inside the window stays: what
    came before it may be there yet."""
    piece, keys, times = row
    expired = 0
    for at in range(piece.count):
        if not keys[at] & 1 or (dead >> at) & 1:
            continue
        if piece.index + at < window.first and times[at] <= until_ms:
            expired |= 1 << at
        elif not window.tombstones_ms or times[at] < window.tombstones_ms:
            window.tombstones_ms = times[at]
    return expired


def _leased(world: World, log: Partition, number: int) -> int:
    """The messages of a page that some group has leased: they stay until a later pass."""
    mask = 0
    for id in log.shares:
        page = world.state.queues[id].pages.all.get(number)
        if page is not None:
            mask |= page.leased
    return mask
