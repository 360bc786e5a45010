"""Which bodies the messages of a queue have: runs of offsets that map to runs of indexes on a
shelf.

One rule: a run is as long as publishes to the same shelf follow each other, so a queue that is
published to directly has one run for its whole life. Compiled by mypyc where possible.
"""

from array import array
from bisect import bisect_right


class Extents:
    """Runs in order of their first offset, as three columns."""

    def __init__(self) -> None:
        self.first: array[int] = array("Q")
        self.shelf: array[int] = array("Q")
        self.index: array[int] = array("Q")

    def add(self, offset: int, shelf: int, index: int) -> None:
        """Messages from `offset` on rest on a shelf from `index` on."""
        if len(self.first):
            same = self.shelf[-1] == shelf
            if same and self.index[-1] + (offset - self.first[-1]) == index:
                return
        self.first.append(offset)
        self.shelf.append(shelf)
        self.index.append(index)

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

    def pack(self) -> list[bytes]:
        """The columns, for a row."""
        return [self.first.tobytes(), self.shelf.tobytes(), self.index.tobytes()]


def unpack_extents(columns: list[bytes]) -> Extents:
    """The inverse of `Extents.pack`."""
    extents = Extents()
    extents.first.frombytes(columns[0])
    extents.shelf.frombytes(columns[1])
    extents.index.frombytes(columns[2])
    return extents
