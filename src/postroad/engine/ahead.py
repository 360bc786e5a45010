"""Blocks read back before anybody asks: of a shelf that is read in order, those that come next.

One rule: nobody depends on what is read ahead. It takes its share of the read cache and no more, it
gives way like all that was read back, and what fails here is tried again by whoever needs it.
Compiled by mypyc where possible.
"""

from postroad.core.shelf import Shelf
from postroad.core.state import State
from postroad.engine.block import Block
from postroad.engine.cache import Cache
from postroad.limits import (
    AHEAD_BLOCKS,
    AHEAD_BYTES,
    AHEAD_LOOK,
    AHEAD_PATIENCE,
    AHEAD_SHARE,
    AHEAD_SHELVES,
    LOAD_BLOCKS,
)

Wanted = tuple[int, int, int, int]
"""(shelf, first index, id in the store, bytes there) of a block."""


class Course:
    """How a shelf is read. `end`: the index where the next block is expected that nobody has read
    yet; `unread`: first indexes of blocks read ahead and not used; `window`: how many those may be,
    0 until the shelf was seen to be read in order; `used`: when it was last read."""

    __slots__ = ("end", "shelf", "unread", "used", "window")

    def __init__(self, shelf: int) -> None:
        self.shelf = shelf
        self.end = 0
        self.unread: list[int] = []
        self.window = 0
        self.used = 0


class Ahead:
    """`loading`: what is on its way, pinned until it comes; `blocks`: how many came so far."""

    def __init__(self, state: State, cache: Cache) -> None:
        self.state = state
        self.cache = cache
        self.loading: list[Wanted] = []
        self.blocks = 0
        self._courses: dict[int, Course] = {}
        self._stirred: dict[int, None] = {}
        self._reads = 0

    def missed(self, wanted: list[Wanted]) -> None:
        """Blocks must be waited for, in this order."""
        for shelf, first, _, _ in wanted:
            found = self.state.shelves.get(shelf)
            if found is not None:
                self._missed(found, first)

    def take(self) -> list[Wanted]:
        """The blocks to read now, none while others are on their way; `finished` must follow."""
        if self.loading:
            return []
        for shelf in self.cache.stirred:
            course = self._courses.get(shelf)
            if course is not None:
                course.window = min(max(1, 2 * course.window), AHEAD_BLOCKS)
                self._stirred[shelf] = None
        self.cache.stirred.clear()
        if not self._stirred:
            return []
        found: list[Wanted] = []
        left: dict[int, None] = {}
        for shelf in self._stirred:
            if len(found) < LOAD_BLOCKS:
                self._extend(shelf, found)
            else:
                left[shelf] = None
        self._stirred = left
        for one in found:
            key = (one[0], one[1])
            self.cache.pin(key)
            self.cache.coming.add(key)
        self.loading = found
        return found

    def finished(self, result: object) -> None:
        """What was on its way is here, or could not be read."""
        if not isinstance(result, list):
            for shelf, _, _, _ in self.loading:
                course = self._courses.get(shelf)
                if course is not None:
                    self._give_up(course)
        self._landed()
        if isinstance(result, list):
            self._keep(result)

    def _keep(self, blocks: list[Block]) -> None:
        """Keep what somebody still wants."""
        for block in blocks:
            shelf = self.state.shelves.get(block.shelf)
            key = (block.shelf, block.first)
            wanted = key in self.cache.pins or (shelf is not None and shelf.has(block.first))
            if wanted and not self.cache.has(key):
                self.blocks += 1
                self.cache.keep_ahead(block)
                # What came may be less than the window.
                self._stirred[block.shelf] = None

    def _landed(self) -> None:
        for shelf, first, _, _ in self.loading:
            self.cache.coming.discard((shelf, first))
            self.cache.unpin((shelf, first))
        self.loading = []

    def _missed(self, shelf: Shelf, first: int) -> None:
        course = self._courses.get(shelf.id)
        if course is None:
            course = self._begin(shelf.id)
        self._touch(course)
        if course.end == first or self._comes_next(shelf, course, first):
            course.window = min(max(1, 2 * course.window), AHEAD_BLOCKS)
            self._stirred[shelf.id] = None
        elif course.window:
            # It is read elsewhere too, or what was read ahead had to go before it was used.
            course.window >>= 1
            return
        course.end = first + shelf.where(first)[1] if shelf.has(first) else first + 1

    def _comes_next(self, shelf: Shelf, course: Course, first: int) -> bool:
        """Whether a block is the first one from the course's end on that is not in memory."""
        for found, _, _, _ in shelf.following(course.end, AHEAD_LOOK):
            if not self.cache.has((shelf.id, found)):
                return found == first
        return False

    def _begin(self, shelf: int) -> Course:
        if len(self._courses) >= AHEAD_SHELVES:
            self._give_up(next(iter(self._courses.values())))
        course = Course(shelf)
        self._courses[shelf] = course
        return course

    def _extend(self, id: int, into: list[Wanted]) -> None:
        """Want more of a shelf when half of what may be read ahead of it is used."""
        course, shelf = self._courses.get(id), self.state.shelves.get(id)
        if course is None:
            return
        if shelf is None:
            del self._courses[id]
            return
        self._touch(course)
        ahead = self.cache.ahead
        course.unread = [first for first in course.unread if (id, first) in ahead]
        held = sum([ahead[id, first] for first in course.unread])
        room = min(self._room(into), AHEAD_BYTES - held)
        if 2 * len(course.unread) > course.window or held > room:
            return
        most = min(course.window - len(course.unread), LOAD_BLOCKS - len(into))
        for first, count, block, size in shelf.following(course.end, AHEAD_LOOK):
            # One that is still being placed is in memory, and so is what comes after it.
            if most <= 0 or not block or size > room or (id, first) in self.cache.written:
                break
            course.end = first + count
            if self.cache.has((id, first)):
                continue
            into.append((id, first, block, size))
            course.unread.append(first)
            most -= 1
            room -= size

    def _room(self, taken: list[Wanted]) -> int:
        """Bytes that may be read ahead besides."""
        most = self.cache.read_bytes_max // AHEAD_SHARE
        return most - self.cache.ahead_bytes - sum([one[3] for one in taken])

    def _touch(self, course: Course) -> None:
        """A shelf is read now; the one that was not for longest goes when that is long ago."""
        self._reads += 1
        course.used = self._reads
        self._courses[course.shelf] = self._courses.pop(course.shelf)
        oldest = next(iter(self._courses.values()))
        if self._reads - oldest.used >= AHEAD_PATIENCE:
            self._give_up(oldest)

    def _give_up(self, course: Course) -> None:
        for first in course.unread:
            self.cache.drop_read(course.shelf, first)
        del self._courses[course.shelf]
