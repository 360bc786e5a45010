"""One ordering key of a queue: its messages in order, and how many of them are held.

One rule: what has left is skipped when it is met, so nothing but the ends of its columns is ever
touched. Compiled by mypyc where possible.
"""

from array import array
from bisect import bisect_left

INDEX_BITS = 32
INDEX = (1 << INDEX_BITS) - 1


class Key:
    """One key that has messages here. `number`: its name in records and rows, a keyed hash;
    `index`: its name in memory.

    `offsets` from `at` on, relative to `base`: what has not left yet. `back` from `back_at` on, in
    order: what came back. `held`: messages leased, and in a strict queue those that wait for a
    retry. `live`: all that are here. `heaped`: the offset under which the key stands in the heap,
    or -1. `chosen`: how many in pick number `turn`.
    """

    def __init__(self, number: int, index: int, base: int) -> None:
        self.number = number
        self.index = index
        self.base = base
        self.offsets: array[int] = array("I")
        self.at = 0
        self.back: array[int] = array("Q")
        self.back_at = 0
        self.held = 0
        self.live = 0
        self.heaped = -1
        self.turn = 0
        self.chosen = 0

    def append(self, offset: int) -> None:
        """The key's newest message."""
        if self.at >= 1_024 and self.at * 2 >= len(self.offsets):
            del self.offsets[: self.at]
            self.at = 0
        far = offset - self.base
        if far > INDEX and self.offsets.typecode == "I":
            self.offsets = array("Q", self.offsets)
        self.offsets.append(far)

    def put_back(self, offset: int) -> None:
        """A message came back to its place."""
        if self.at < len(self.offsets) and offset >= self.base + self.offsets[self.at]:
            # It was held when a restart entered it in line, and stands there still.
            return
        back = self.back
        if len(back) == self.back_at or offset > back[-1]:
            if self.back_at == len(back):
                del back[:]
                self.back_at = 0
            back.append(offset)
            return
        at = bisect_left(back, offset, self.back_at)
        if back[at] == offset:
            return
        if at == self.back_at and at:
            self.back_at -= 1
            back[self.back_at] = offset
        else:
            back.insert(at, offset)
