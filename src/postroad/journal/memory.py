"""A journal that lives as long as its object: for brokers without a directory and for tests.

It stands behind the same interface as the files. The rule kept here: it keeps the same contract,
positions and refusals included, so that nothing above can tell them apart but by a crash.
"""

from bisect import bisect_left
from collections.abc import Iterator

from postroad.errors import TooLarge, Trimmed
from postroad.journal.envelope import CLAIM, pack, stamp
from postroad.journal.interface import FIRST_POSITION, Done, Fault, FaultKind, Position
from postroad.limits import GROUP_BYTES_MAX


class MemoryJournal:
    """Groups in a list. Opening it again is calling `claim` again with a higher epoch."""

    def __init__(self, max_group: int = GROUP_BYTES_MAX) -> None:
        self.max_group = max_group
        self.last_epoch = 0
        self.short_of_space = False
        self.near_bound = False
        self._first: Position = FIRST_POSITION
        self._groups: list[bytes] = []
        self._closed = False

    def bounds(self) -> tuple[Position, Position]:
        """Return the first position kept and the next to be written."""
        return self._first, self._first + len(self._groups)

    def claim(self, epoch: int, now_ms: int) -> Position:
        """Become the writer and append CLAIM."""
        assert epoch > self.last_epoch, "an epoch is claimed once"
        self._closed = False
        self.last_epoch = epoch
        self._groups.append(pack(kind=CLAIM, flags=0, epoch=epoch, n=0, now_ms=now_ms, payload=b""))
        return self._first + len(self._groups) - 1

    def append(self, group: bytes, done: Done) -> None:
        """Append a packed group; `done` is called before this returns."""
        if len(group) > self.max_group:
            raise TooLarge(len(group), self.max_group)
        if self._closed:
            done(Fault(FaultKind.CLOSED, "the journal is closed"))
            return
        assert self.last_epoch, "claim comes before append"
        self._groups.append(group)
        done(self._first + len(self._groups) - 1)

    def read(self, start: Position, stop: Position) -> Iterator[tuple[Position, bytes]]:
        """Yield the groups of [start, stop). Raises `Trimmed` at the call."""
        if start < self._first:
            raise Trimmed(start, self._first)
        low = start - self._first
        return iter(list(enumerate(self._groups[low : max(low, stop - self._first)], start)))

    def seek_time(self, now_ms: int) -> Position:
        """Return the position of the first group stored at or after `now_ms`, or the next one."""
        return self._first + bisect_left(self._groups, now_ms, key=_stored_ms)

    def trim(self, before: Position) -> None:
        """Forget groups below `before`."""
        count = min(before - self._first, len(self._groups))
        if count > 0:
            del self._groups[:count]
            self._first += count

    def sync(self) -> None:
        """Do nothing: memory has nothing more durable than itself."""

    def refresh_space(self) -> None:
        """Do nothing: memory keeps no spare segments."""

    def release_reserve(self) -> bool:
        """Return False: memory keeps no reserve."""
        return False

    def close(self) -> None:
        """Stop; the groups stay readable."""
        self._closed = True


def _stored_ms(group: bytes) -> int:
    return stamp(group).now_ms
