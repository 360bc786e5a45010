"""What journal and store ask of a disk, and the one loop that makes a write whole.

It stands below journal and store. The rule kept here: each method is one call of the operating
system as it really is, short writes included, so that a test can fail each of them by its number.
"""

import errno
from collections.abc import Sequence
from typing import Protocol


class File(Protocol):
    """An open file. All methods raise `OSError`; `pread` may be called from any thread."""

    def pread(self, size: int, offset: int) -> bytes:
        """Read up to `size` bytes; fewer only at the end of the file."""
        ...

    def pwrite(self, parts: Sequence[bytes], offset: int) -> int:
        """Write the parts one after another; return how many bytes were taken."""
        ...

    def sync(self) -> None:
        """Return once the content is durable. After a failure nothing may be assumed of it."""
        ...

    def allocate(self, size: int) -> None:
        """Make the file `size` bytes long, its space reserved, new bytes read as zeros."""
        ...

    def size(self) -> int:
        """Return the length in bytes."""
        ...

    def close(self) -> None:
        """Let go of the file; its content is not synced by this."""
        ...


class Lock(Protocol):
    """A lock held; it ends with the process at the latest."""

    def release(self) -> None:
        """Let another have it."""
        ...


class Disk(Protocol):
    """Files by path, parts joined by `/`. All methods raise `OSError`."""

    def open(self, path: str, *, write: bool = True) -> File:
        """Open a file that exists."""
        ...

    def create(self, path: str) -> File:
        """Create a file that does not exist; its name is durable after `sync_directory`."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, atomically; durable after `sync_directory`."""
        ...

    def unlink(self, path: str) -> None:
        """Remove a name; durable after `sync_directory`."""
        ...

    def names(self, directory: str) -> list[str]:
        """Return the names in a directory, sorted."""
        ...

    def file_size(self, path: str) -> int:
        """Return the length of a file in bytes."""
        ...

    def make_directory(self, path: str) -> None:
        """Make a directory and those above it, durable; nothing to do when it exists."""
        ...

    def sync_directory(self, path: str) -> None:
        """Return once the names in a directory are durable."""
        ...

    def lock(self, path: str, note: bytes) -> Lock | bytes:
        """Hold a lock file and write `note` in it, or return the note of its holder."""
        ...


def write_all(file: File, parts: Sequence[bytes], offset: int) -> None:
    """Write all parts, however often the disk takes only some of them. Raises `OSError`."""
    total = sum(map(len, parts))
    written = file.pwrite(parts, offset)
    if written == total:
        return
    rest = memoryview(b"".join(parts))
    while written < total:
        taken = file.pwrite((bytes(rest[written:]),), offset + written)
        if taken <= 0:
            raise OSError(errno.EIO, "the disk took no bytes of a write")
        written += taken
