"""Which bodies the messages of a queue have: runs of offsets that map to runs of indexes on a
shelf.

One rule: a run is as long as publishes to the same shelf follow each other, so a queue that is
published to directly has one run for its whole life. Compiled by mypyc where possible.
"""

from array import array
from bisect import bisect_right

from postroad.core.bits import PAGE, PAGE_BITS, span_mask
from postroad.core.pages import Pages
from postroad.core.past import Past
from postroad.limits import EXTENTS_LOOK, EXTENTS_MIN


class Extents:
    """Runs in order of their first offset, as three columns."""

    def __init__(self) -> None:
        self.first: array[int] = array("Q")
        self.shelf: array[int] = array("Q")
        self.index: array[int] = array("Q")

    def add(self, offset: int, shelf: int, index: int) -> bool:
        """Messages from `offset` on rest on a shelf from `index` on; true for a new run."""
        same = len(self.first) > 0 and self.shelf[-1] == shelf
        if same and self.index[-1] + (offset - self.first[-1]) == index:
            return False
        self.first.append(offset)
        self.shelf.append(shelf)
        self.index.append(index)
        return True

    def find(self, offset: int, count: int) -> list[tuple[int, int, int]]:
        """The bodies of consecutive messages, as (shelf, first index, count)."""
        at = bisect_right(self.first, offset) - 1
        assert at >= 0, "a message that is held has a body"
        found: list[tuple[int, int, int]] = []
        while count > 0:
            part = count
            if at + 1 < len(self.first) and self.first[at + 1] - offset < count:
                part = self.first[at + 1] - offset
            found.append((self.shelf[at], self.index[at] + offset - self.first[at], part))
            offset += part
            count -= part
            at += 1
        return found

    def at(self, offset: int) -> tuple[int, int, int]:
        """The body of one message as (shelf, index), and how many offsets from it on are of the
        same run."""
        at = bisect_right(self.first, offset) - 1
        assert at >= 0, "a message that is held has a body"
        span = self.first[at + 1] - offset if at + 1 < len(self.first) else PAGE
        return self.shelf[at], self.index[at] + offset - self.first[at], span

    def runs_on(self, shelf: int, index: int, count: int, end: int) -> list[tuple[int, int, int]]:
        """The offsets below `end` whose bodies are among `count` on a shelf from `index` on, as
        runs: (first offset, index of it, count)."""
        found: list[tuple[int, int, int]] = []
        for at in range(len(self.first)):
            if self.shelf[at] != shelf:
                continue
            stop = self.first[at + 1] if at + 1 < len(self.first) else end
            first = max(index, self.index[at])
            last = min(index + count, self.index[at] + stop - self.first[at])
            if first < last:
                found.append((first + self.first[at] - self.index[at], first, last - first))
        return found

    def drop_before(self, offset: int) -> None:
        """Forget runs that end at or below an offset."""
        at = bisect_right(self.first, offset) - 1
        if at > 0:
            del self.first[:at]
            del self.shelf[:at]
            del self.index[:at]

    def keep(self, at: int, wanted: "list[bool]") -> None:
        """Of the runs from the `at`th on keep those that are wanted. The one before a run that is
        not seems to reach over it: nobody asks for messages that are gone."""
        stop = at + len(wanted)
        for column in (self.first, self.shelf, self.index):
            kept = [one for one, stays in zip(column[at:stop], wanted, strict=True) if stays]
            column[at:stop] = array("Q", kept)

    def pack(self) -> list[bytes]:
        """The columns, for a row."""
        return [self.first.tobytes(), self.shelf.tobytes(), self.index.tobytes()]


def thin(extents: Extents, pages: Pages, past: Past | None, next_offset: int) -> None:
    """Forget runs in which nothing is live or kept, some at a time, when they are most of all: one
    stuck message of a queue must not keep those of all who came after it.

    Which runs are looked at depends on the state alone, so that a replay forgets the same.
    """
    count = len(extents.first) - 1
    length = pages.length + (0 if past is None else past.count)
    if count <= 2 * length + EXTENTS_MIN:
        return
    at = next_offset * EXTENTS_LOOK % count if count > EXTENTS_LOOK else 0
    stop = min(count, at + EXTENTS_LOOK)
    first = extents.first
    extents.keep(
        at, [_any_wanted(pages, past, first[one], first[one + 1]) for one in range(at, stop)]
    )


def _any_wanted(pages: Pages, past: Past | None, first: int, stop: int) -> bool:
    while first < stop:
        slot = first & (PAGE - 1)
        part = min(stop - first, PAGE - slot)
        page = pages.all.get(first >> PAGE_BITS)
        wanted = 0 if page is None else page.live
        if past is not None:
            wanted |= past.settled_in(first >> PAGE_BITS)
        if wanted & span_mask(slot, part):
            return True
        first += part
    return False


def unpack_extents(columns: list[bytes]) -> Extents:
    """The inverse of `Extents.pack`."""
    extents = Extents()
    extents.first.frombytes(columns[0])
    extents.shelf.frombytes(columns[1])
    extents.index.frombytes(columns[2])
    return extents
