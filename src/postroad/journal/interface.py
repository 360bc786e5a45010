"""The seam between the engine and whatever keeps its groups: memory, files or a stream.

It stands between engine and journal. The rule kept here: a position is the ordinal of a group,
contiguous from 1; claims count too, so positions alone tell how much lies between two cuts.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Protocol, TypeAlias

from postroad.model.value import value

Position: TypeAlias = int

FIRST_POSITION: Position = 1


class FaultKind(StrEnum):
    """Why an append failed; each of them ends the life of the journal object."""

    FULL = "full"
    WRITE = "write"
    SYNC = "sync"
    POISONED = "poisoned"
    CLOSED = "closed"


@value
class Fault:
    """A failed append: the journal is poisoned, the process must stop and recover."""

    kind: FaultKind
    message: str


Done: TypeAlias = Callable[[Position | Fault], None]


class Journal(Protocol):
    """A write-ahead log of groups; a group is what `envelope.pack` made, as it is."""

    @property
    def max_group(self) -> int:
        """Bytes of one append, the envelope included."""
        ...

    @property
    def last_epoch(self) -> int:
        """Highest epoch seen when opened, or claimed since; 0 when there is none."""
        ...

    @property
    def short_of_space(self) -> bool:
        """Publishers must be refused; settles go on."""
        ...

    @property
    def near_bound(self) -> bool:
        """What is kept takes all of the journal's bound but a little for settles: a checkpoint
        must let it be trimmed before there is more to publish."""
        ...

    def bounds(self) -> tuple[Position, Position]:
        """Return the first position kept and the next to be written."""
        ...

    def claim(self, epoch: int, now_ms: int) -> Position:
        """Become the writer: append CLAIM, durable; everything before it is final.

        `epoch` must be above `last_epoch`. Raises `JournalFailed`.
        """
        ...

    def append(self, group: bytes, done: Done) -> None:
        """Append a packed group; `done` gets its position once durable, or the fault.

        One append may be outstanding. Raises `TooLarge` before anything is written.
        """
        ...

    def read(self, start: Position, stop: Position) -> Iterator[tuple[Position, bytes]]:
        """Yield the groups of [start, stop), as they were appended.

        Raises `Trimmed` at the call, `Corrupt` while reading.
        """
        ...

    def seek_time(self, now_ms: int) -> Position:
        """Return the position of the first group stored at or after `now_ms`, or the next one."""
        ...

    def trim(self, before: Position) -> None:
        """Forget groups below `before`, as far as whole pieces allow. Never forgets at or above."""
        ...

    def sync(self) -> None:
        """Make all that was appended durable, whatever the setting; from the appending thread.

        For `sync = interval`, when nothing follows the last group. Raises `JournalFailed`.
        """
        ...

    def refresh_space(self) -> None:
        """Look whether there is room again; `short_of_space` tells. From any thread."""
        ...

    def release_reserve(self) -> bool:
        """Give space back to a full disk, for a checkpoint say; False when there is none to give.

        From any thread. Raises `OSError`.
        """
        ...

    def close(self) -> None:
        """Stop cleanly; later appends answer a fault."""
        ...
