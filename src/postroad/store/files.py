"""The store in files: blocks packed side by side, a file gone when nothing in it lives.

It stands behind the store's interface, on the disk. The rule kept here: an id is returned only
after the block and the name of its file are durable.
"""

from collections.abc import Iterable, Sequence
from struct import Struct
from threading import Lock

from google_crc32c import extend as crc32c_extend
from google_crc32c import value as crc32c

from postroad.disk.interface import Disk, File, write_all
from postroad.errors import CorruptBlock
from postroad.limits import STORE_FILE_BYTES, STORE_OPEN_FILES_MAX, STORE_SPARSE_BYTES
from postroad.store.handles import Handles
from postroad.store.interface import (
    COUNTER_BITS,
    OFFSET_BITS,
    Kept,
    block_id,
    file_of,
    offset_of,
)

# Magic, length, checksum. The checksum begins with the id, so a block can only be read as itself.
_FRAME = Struct("<4sII")
_SEED = Struct("<QI")
_MAGIC = b"PRBK"
FRAME_BYTES = _FRAME.size
_PREFIX = "blocks-"


class FileStore:
    """A directory of block files, named by epoch and counter.

    `put` and `delete` come from one thread at a time, `get` from any. After a failed `put` the
    next one begins a new file, since the old one's end is not known.
    """

    def __init__(
        self,
        disk: Disk,
        directory: str,
        *,
        file_bytes: int = STORE_FILE_BYTES,
        open_files_max: int = STORE_OPEN_FILES_MAX,
    ) -> None:
        """Open the directory, making it if need be. Raises `OSError`."""
        assert file_bytes <= 1 << OFFSET_BITS, "an id has no room for a larger offset"
        self._disk = disk
        self._directory = directory
        self._file_bytes = file_bytes
        self._sparse_bytes = min(STORE_SPARSE_BYTES, file_bytes // 2)
        self._handles = Handles(disk, open_files_max)
        self._lock = Lock()
        # Live blocks by file: offset -> bytes, the frame included.
        self._live: dict[int, dict[int, int]] = {}
        self._written: dict[int, int] = {}
        self._epoch: int | None = None
        self._counter = -1
        self._writing: int | None = None
        self._file: File | None = None
        self._names_dirty = False
        disk.make_directory(directory)
        for name in disk.names(directory):
            number = _number_of(name)
            if number is not None:
                self._written[number] = disk.file_size(self._path(number))
                self._live[number] = {}

    def begin(self, epoch: int) -> None:
        """Give the ids of this run their epoch."""
        assert self._epoch is None or epoch > self._epoch, "an epoch is used once"
        self._leave_file()
        self._epoch = epoch
        self._counter = -1

    def keep_only(self, ids_with_sizes: Iterable[tuple[int, int]]) -> Kept:
        """Say at start which blocks live; files with nothing live are deleted."""
        blocks, block_bytes = 0, 0
        live: dict[int, dict[int, int]] = {number: {} for number in self._written}
        for block, size in ids_with_sizes:
            number, offset = file_of(block), offset_of(block)
            if offset + FRAME_BYTES + size > self._written.get(number, 0):
                raise CorruptBlock(self._path(number), offset, "the block's file ends before it")
            live[number][offset] = FRAME_BYTES + size
            blocks += 1
            block_bytes += size
        with self._lock:
            self._live = live
        dead = [number for number in live if not live[number] and number != self._writing]
        for number in dead:
            self._forget_file(number)
        self._sync_names()
        return Kept(blocks, block_bytes, len(self._written), len(dead))

    def put(self, blocks: Sequence[bytes]) -> list[int]:
        """Store blocks with one sync for all; the ids are durable on return. Raises `OSError`."""
        ids: list[int] = []
        try:
            start = 0
            while start < len(blocks):
                start = self._put_run(blocks, start, ids)
            if self._file is not None:
                self._file.sync()
            self._sync_names()
        except OSError:
            self._leave_file()
            self.delete(ids)
            raise
        return ids

    def get(self, id: int, size: int) -> bytes:
        """Load a block of `size` bytes. Raises `CorruptBlock`, `OSError`."""
        number, offset = file_of(id), offset_of(id)
        try:
            handle = self._handles.borrow(self._path(number))
        except FileNotFoundError:
            raise CorruptBlock(self._path(number), offset, "the file is not there") from None
        try:
            # Two reads: taking a block out of its frame would copy it.
            head = handle.file.pread(FRAME_BYTES, offset)
            data = handle.file.pread(size, offset + FRAME_BYTES)
        finally:
            self._handles.give_back(handle)
        why = _damage(head, data, id, size)
        if why:
            raise CorruptBlock(self._path(number), offset, why)
        return data

    def delete(self, ids: Iterable[int]) -> None:
        """Forget blocks; a file with nothing live goes, its name durably so by the next `put`.

        The file being written is left once half of it is dead, so that it can go or be compacted.
        """
        emptied: set[int] = set()
        with self._lock:
            for block in ids:
                number = file_of(block)
                live = self._live.get(number)
                if live is None:
                    continue
                live.pop(offset_of(block), None)
                if not live and number != self._writing:
                    emptied.add(number)
            sparse = self._writing is not None and self._is_sparse(self._writing)
        for number in sorted(emptied):
            self._forget_file(number)
        if sparse:
            self._leave_file()

    def sparse_files(self, live_ratio: float) -> list[int]:
        """Return the files of which less than `live_ratio` lives, the one being written not."""
        with self._lock:
            return [
                number
                for number, written in self._written.items()
                if number != self._writing
                and sum(self._live[number].values()) < live_ratio * written
            ]

    def file_of(self, id: int) -> int:
        """Return the file a block lies in."""
        return file_of(id)

    def bytes_used(self) -> int:
        """Return the bytes all files take."""
        with self._lock:
            return sum(self._written.values())

    def close(self) -> None:
        """Let go of all files."""
        self._leave_file()
        self._handles.close()

    def _put_run(self, blocks: Sequence[bytes], start: int, ids: list[int]) -> int:
        """Write as many blocks as go into one file; return where to go on."""
        assert self._epoch is not None, "begin comes before put"
        number, offset = self._place(len(blocks[start]))
        parts: list[bytes] = []
        begin = offset
        stop = start
        for block in blocks[start:]:
            assert block, "a block has bytes"
            end = offset + FRAME_BYTES + len(block)
            if parts and end > self._file_bytes:
                break
            placed = block_id(self._epoch, self._counter, offset)
            parts += (_frame_head(placed, block), block)
            ids.append(placed)
            with self._lock:
                self._live[number][offset] = FRAME_BYTES + len(block)
            offset = end
            stop += 1
        assert self._file is not None
        # Counted before it is written: a write that failed may have taken the space.
        with self._lock:
            self._written[number] = offset
        write_all(self._file, parts, begin)
        return stop

    def _place(self, size: int) -> tuple[int, int]:
        """Return the file and offset for a block, in a new file when it does not fit."""
        if self._writing is not None:
            offset = self._written[self._writing]
            if offset + FRAME_BYTES + size <= self._file_bytes:
                return self._writing, offset
            assert self._file is not None
            # One sync for all but the files that fill up on the way.
            self._file.sync()
            self._leave_file()
        assert self._epoch is not None
        self._counter += 1
        number = self._epoch << COUNTER_BITS | self._counter
        self._file = self._disk.create(self._path(number))
        self._names_dirty = True
        with self._lock:
            self._writing = number
            self._written[number] = 0
            self._live[number] = {}
        return number, 0

    def _is_sparse(self, number: int) -> bool:
        written = self._written[number]
        if written < self._sparse_bytes:
            return False
        return 2 * sum(self._live[number].values()) < written

    def _leave_file(self) -> None:
        left, self._writing = self._writing, None
        file, self._file = self._file, None
        if file is not None:
            file.close()
        if left is not None and not self._live[left]:
            self._forget_file(left)

    def _forget_file(self, number: int) -> None:
        with self._lock:
            del self._written[number], self._live[number]
        path = self._path(number)
        self._handles.forget(path)
        self._disk.unlink(path)
        self._names_dirty = True

    def _sync_names(self) -> None:
        if self._names_dirty:
            self._disk.sync_directory(self._directory)
            self._names_dirty = False

    def _path(self, number: int) -> str:
        epoch, counter = number >> COUNTER_BITS, number & ((1 << COUNTER_BITS) - 1)
        return f"{self._directory}/{_PREFIX}{epoch:07d}-{counter:06d}"


def _number_of(name: str) -> int | None:
    epoch, dash, counter = name.removeprefix(_PREFIX).partition("-")
    if not (name.startswith(_PREFIX) and dash and epoch.isdigit() and counter.isdigit()):
        return None
    return int(epoch) << COUNTER_BITS | int(counter)


def _frame_head(block: int, data: bytes) -> bytes:
    return _FRAME.pack(_MAGIC, len(data), _checksum(block, data))


def _checksum(block: int, data: bytes) -> int:
    return int(crc32c_extend(crc32c(_SEED.pack(block, len(data))), data))


def _damage(head: bytes, data: bytes, block: int, size: int) -> str:
    """Say what is wrong with a block and its head, nothing when they are as written."""
    if len(head) != FRAME_BYTES or len(data) != size:
        return "the file ends within the block"
    magic, length, checksum = _FRAME.unpack(head)
    if magic != _MAGIC:
        return "no block begins here"
    if length != size:
        return f"the block has {length:,} bytes, not {size:,}"
    if checksum != _checksum(block, data):
        return "the block does not match its checksum"
    return ""
