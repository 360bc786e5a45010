"""When the messages of a queue were published, coarsely: enough to cut off what is too old.

One rule: a sample is taken at most every 4,096th part of the messages' life, so age is exact to
that part and a queue keeps a few thousand samples whatever it holds. Compiled by mypyc where
possible.
"""

from array import array
from bisect import bisect_right

PARTS = 4_096
UNLIMITED_GRAIN_MS = 1_000


class Times:
    """Samples (ms, first offset published then), and the time of the last publish."""

    def __init__(self) -> None:
        self.ms: array[int] = array("Q")
        self.offset: array[int] = array("Q")
        self.last_ms = 0

    def add(self, now_ms: int, offset: int, life_ms: int | None) -> None:
        """Messages from `offset` on were published now."""
        grain = UNLIMITED_GRAIN_MS if life_ms is None else life_ms // PARTS
        if not len(self.ms) or now_ms > self.ms[-1] + grain:
            self.ms.append(now_ms)
            self.offset.append(offset)
        self.last_ms = now_ms

    def too_old(self, until_ms: int, next_offset: int) -> int:
        """The offset below which every message was published at or before an instant."""
        if not len(self.ms):
            return 0
        if self.last_ms <= until_ms:
            return next_offset
        at = bisect_right(self.ms, until_ms) - 1
        return self.offset[at] if at > 0 else 0

    def next_after(self, offset: int) -> int:
        """When the sample after an offset was taken, in ms: all before it is at least that old. 0:
        nothing."""
        at = max(1, bisect_right(self.offset, offset))
        return self.ms[at] if at < len(self.ms) else self.last_ms

    def published_ms(self, offset: int) -> int:
        """About when a message was published, in ms."""
        at = bisect_right(self.offset, offset) - 1
        return self.ms[at] if at >= 0 else 0

    def drop_before(self, offset: int) -> None:
        """Forget samples of which nothing is at or above an offset."""
        at = bisect_right(self.offset, offset) - 1
        if at > 0:
            del self.ms[:at]
            del self.offset[:at]

    def clear(self) -> None:
        """Nothing is left to be too old."""
        del self.ms[:]
        del self.offset[:]

    def pack(self) -> list[object]:
        """The samples, for a row."""
        return [self.ms.tobytes(), self.offset.tobytes(), self.last_ms]


def unpack_times(ms: bytes, offset: bytes, last_ms: int) -> Times:
    """The inverse of `Times.pack`."""
    times = Times()
    times.ms.frombytes(ms)
    times.offset.frombytes(offset)
    times.last_ms = last_ms
    return times
