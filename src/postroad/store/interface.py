"""The seam between the engine and whatever keeps its blocks: memory, files or a remote store.

It stands between engine and store. The rule kept here: a block's id is its place (epoch, file
counter, offset), so finding a block needs no map, and an id lost in a crash is never given again.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from postroad.model.value import value

EPOCH_BITS = 20
COUNTER_BITS = 18
OFFSET_BITS = 26


def block_id(epoch: int, counter: int, offset: int) -> int:
    """Pack a place into an id that fits an unsigned 64-bit number."""
    assert 0 <= epoch < 1 << EPOCH_BITS, "a store is opened a million times at most"
    assert 0 <= counter < 1 << COUNTER_BITS, "one run writes at most a quarter million files"
    assert 0 <= offset < 1 << OFFSET_BITS, "a block begins within its file"
    return (epoch << COUNTER_BITS | counter) << OFFSET_BITS | offset


def file_of(block: int) -> int:
    """Return the file an id lies in, as `sparse_files` names it."""
    return block >> OFFSET_BITS


def offset_of(block: int) -> int:
    """Return the byte offset of an id in its file."""
    return block & ((1 << OFFSET_BITS) - 1)


@value
class Kept:
    """What `keep_only` found: blocks and bytes that live, files kept and files deleted."""

    blocks: int
    block_bytes: int
    files: int
    files_deleted: int


class Store(Protocol):
    """Blocks by id. `put` and `delete` come from one thread at a time, `get` from any."""

    def begin(self, epoch: int) -> None:
        """Give the ids of this run their epoch; comes before the first `put`."""
        ...

    def keep_only(self, ids_with_sizes: Iterable[tuple[int, int]]) -> Kept:
        """Say at start which blocks live; whatever else is stored is deleted.

        Sizes are in bytes, as given to `put`. Raises `CorruptBlock` when a block's file is gone.
        """
        ...

    def put(self, blocks: Sequence[bytes]) -> list[int]:
        """Store blocks with one sync for all; the ids are durable on return. Raises `OSError`."""
        ...

    def get(self, id: int, size: int) -> bytes:
        """Load a block of `size` bytes. Raises `CorruptBlock`, `OSError`."""
        ...

    def delete(self, ids: Iterable[int]) -> None:
        """Forget blocks; unknown ids are forgotten already. Space returns by whole files."""
        ...

    def sparse_files(self, live_ratio: float) -> list[int]:
        """Return the files of which less than `live_ratio` lives, the one being written not."""
        ...

    def file_of(self, id: int) -> int:
        """Return the file a block lies in."""
        ...

    def bytes_used(self) -> int:
        """Return the bytes all files take."""
        ...

    def close(self) -> None:
        """Let go of all files."""
        ...
