"""A store that lives as long as its object: for brokers without a directory and for tests.

It stands behind the same interface as the files. The rule kept here: blocks are grouped in files
like the real ones, so that what compaction sees is the same.
"""

from collections.abc import Iterable, Sequence

from postroad.errors import CorruptBlock
from postroad.limits import STORE_FILE_BYTES
from postroad.store.interface import OFFSET_BITS, Kept, block_id, file_of, offset_of


class MemoryStore:
    """Blocks in a dict; `file_bytes` is where the next imagined file begins."""

    def __init__(self, file_bytes: int = STORE_FILE_BYTES) -> None:
        assert file_bytes <= 1 << OFFSET_BITS, "an id has no room for a larger offset"
        self._file_bytes = file_bytes
        self._epoch: int | None = None
        self._counter = -1
        self._offset = file_bytes
        self._blocks: dict[int, bytes] = {}
        self._written: dict[int, int] = {}
        self._live: dict[int, int] = {}

    def begin(self, epoch: int) -> None:
        """Give the ids of this run their epoch."""
        assert self._epoch is None or epoch > self._epoch, "an epoch is used once"
        left = self._writing()
        self._epoch = epoch
        self._counter = -1
        self._offset = self._file_bytes
        self._forget_if_empty(left)

    def keep_only(self, ids_with_sizes: Iterable[tuple[int, int]]) -> Kept:
        """Say which blocks live; the others are forgotten."""
        kept = dict(ids_with_sizes)
        for block, size in kept.items():
            if len(self._blocks.get(block, b"")) != size:
                raise CorruptBlock(_name(block), offset_of(block), "no such block is stored")
        files = len(self._written)
        self.delete([block for block in self._blocks if block not in kept])
        left = len(self._written)
        return Kept(len(kept), sum(kept.values()), left, files - left)

    def put(self, blocks: Sequence[bytes]) -> list[int]:
        """Store blocks and return their ids."""
        return [self._put(block) for block in blocks]

    def get(self, id: int, size: int) -> bytes:
        """Load a block. Raises `CorruptBlock`."""
        block = self._blocks.get(id)
        if block is None or len(block) != size:
            raise CorruptBlock(_name(id), offset_of(id), "no such block is stored")
        return block

    def delete(self, ids: Iterable[int]) -> None:
        """Forget blocks, and files in which nothing lives."""
        for block in ids:
            gone = self._blocks.pop(block, None)
            if gone is None:
                continue
            file = file_of(block)
            self._live[file] -= len(gone)
            if not self._live[file] and file != self._writing():
                del self._live[file], self._written[file]

    def sparse_files(self, live_ratio: float) -> list[int]:
        """Return the files of which less than `live_ratio` lives."""
        writing = self._writing()
        return [
            file
            for file, written in self._written.items()
            if file != writing and self._live[file] < live_ratio * written
        ]

    def file_of(self, id: int) -> int:
        """Return the file a block lies in."""
        return file_of(id)

    def bytes_used(self) -> int:
        """Return the bytes all files take."""
        return sum(self._written.values())

    def close(self) -> None:
        """Do nothing: the blocks stay, as files would."""

    def _put(self, block: bytes) -> int:
        assert self._epoch is not None, "begin comes before put"
        assert block, "a block has bytes"
        if self._offset and self._offset + len(block) > self._file_bytes:
            self._leave_file()
        placed = block_id(self._epoch, self._counter, self._offset)
        file = file_of(placed)
        self._blocks[placed] = block
        self._offset += len(block)
        self._written[file] = self._offset
        self._live[file] = self._live.get(file, 0) + len(block)
        return placed

    def _leave_file(self) -> None:
        left = self._writing()
        self._counter += 1
        self._offset = 0
        self._forget_if_empty(left)

    def _forget_if_empty(self, left: int | None) -> None:
        if left is not None and not self._live[left]:
            del self._live[left], self._written[left]

    def _writing(self) -> int | None:
        if self._epoch is None or self._counter < 0:
            return None
        return file_of(block_id(self._epoch, self._counter, 0))


def _name(block: int) -> str:
    return f"memory-{file_of(block):x}"
