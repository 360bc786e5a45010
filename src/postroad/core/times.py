"""When the messages of a queue were published, coarsely: enough to cut off what is too old.

One rule: messages that came within a 4,096th part of their life are one sample, cut off together
when the last of them is too old; so a queue keeps a few thousand samples whatever it holds. Where
messages never grow too old, samples are merged when there are more.
Compiled by mypyc where possible.
"""

from array import array
from bisect import bisect_right

PARTS = 4_096
SAMPLES_MAX = 2 * PARTS
UNLIMITED_GRAIN_MS = 1_000


class Times:
    """Samples: first offset, and when the first and the last message of the sample came, in ms."""

    def __init__(self) -> None:
        self.offset: array[int] = array("Q")
        self.start: array[int] = array("Q")
        self.end: array[int] = array("Q")

    def add(self, now_ms: int, offset: int, life_ms: int | None) -> None:
        """Messages from `offset` on were published now."""
        grain = UNLIMITED_GRAIN_MS if life_ms is None else life_ms // PARTS
        if len(self.start) and now_ms <= self.start[-1] + grain:
            self.end[-1] = now_ms
            return
        if len(self.offset) >= SAMPLES_MAX:
            self._merge()
        self.offset.append(offset)
        self.start.append(now_ms)
        self.end.append(now_ms)

    def _merge(self) -> None:
        """Make one sample of two: a queue without a limit of age may live for years."""
        ends = self.end[1::2]
        if len(self.end) & 1:
            ends.append(self.end[-1])
        self.end = ends
        self.offset = self.offset[::2]
        self.start = self.start[::2]

    def too_old(self, until_ms: int, next_offset: int) -> int:
        """The offset below which every message was published at or before an instant."""
        old = bisect_right(self.end, until_ms)
        if not old:
            return 0
        return self.offset[old] if old < len(self.offset) else next_offset

    def next_after(self, offset: int) -> int:
        """When the last message of the sample came that an offset, or the first that is left, is
        in: once it is too old, more can be cut off. In ms."""
        assert len(self.end), "a queue that holds messages knows when they came"
        return self.end[max(0, bisect_right(self.offset, offset) - 1)]

    def drop_before(self, offset: int) -> None:
        """Forget samples of which nothing is at or above an offset."""
        at = bisect_right(self.offset, offset) - 1
        if at > 0:
            del self.offset[:at]
            del self.start[:at]
            del self.end[:at]

    def clear(self) -> None:
        """Nothing is left to be too old."""
        del self.offset[:]
        del self.start[:]
        del self.end[:]

    def pack(self) -> list[bytes]:
        """The columns, for a row."""
        return [self.offset.tobytes(), self.start.tobytes(), self.end.tobytes()]


def unpack_times(offset: bytes, start: bytes, end: bytes) -> Times:
    """The inverse of `Times.pack`."""
    times = Times()
    times.offset.frombytes(offset)
    times.start.frombytes(start)
    times.end.frombytes(end)
    return times


def sooner(one_ms: int, other_ms: int) -> int:
    """The earlier of two instants, of which 0 is never."""
    if not one_ms:
        return other_ms
    if not other_ms or one_ms < other_ms:
        return one_ms
    return other_ms
