"""The disk of the operating system.

It stands below journal and store. The rule kept here: a sync returns only when the device itself
has the bytes, as far as the operating system can say so.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from postroad.disk.interface import File, Lock
from postroad.errors import PostroadError

_PARTS_MAX = 1024  # the kernel takes no more parts in one call
_NOTE_BYTES_MAX = 128
_ZEROS = bytes(1024 * 1024)

if sys.platform != "win32":
    import fcntl

    def _sync(fd: int) -> None:
        if sys.platform == "darwin":
            # fsync there only reaches the drive's cache.
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(fd)

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class RealFile:
    """One open file descriptor."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def pread(self, size: int, offset: int) -> bytes:
        """Read up to `size` bytes; fewer only at the end of the file."""
        data = os.pread(self._fd, size, offset)
        while 0 < len(data) < size:
            more = os.pread(self._fd, size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def pwrite(self, parts: Sequence[bytes], offset: int) -> int:
        """Write the parts one after another; return how many bytes were taken."""
        return os.pwritev(self._fd, parts[:_PARTS_MAX], offset)

    def sync(self) -> None:
        """Return once the content is durable."""
        _sync(self._fd)

    def allocate(self, size: int) -> None:
        """Make the file `size` bytes long with its space reserved."""
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._fd, 0, size)
            return
        offset = self.size()
        while offset < size:
            offset += os.pwrite(self._fd, _ZEROS[: size - offset], offset)

    def size(self) -> int:
        """Return the length in bytes."""
        return os.fstat(self._fd).st_size

    def close(self) -> None:
        """Close the descriptor; twice is once."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


class RealLock:
    """A lock held through an open descriptor."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        """Let another have it. The file stays: removing it would race with the next holder."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.ftruncate(fd, 0)
            os.close(fd)


class RealDisk:
    """Files of this machine."""

    def __init__(self) -> None:
        if sys.platform == "win32":
            raise PostroadError(
                "this system has no positioned writes or file locks that Postroad can rely on;"
                " use Linux, macOS or WSL, or a broker in memory"
            )

    def open(self, path: str, *, write: bool = True) -> File:
        """Open a file that exists."""
        return RealFile(os.open(path, os.O_RDWR if write else os.O_RDONLY))

    def create(self, path: str) -> File:
        """Create a file that does not exist."""
        return RealFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644))

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, atomically."""
        os.rename(old, new)  # noqa: PTH104  (paths are plain text in this seam)

    def unlink(self, path: str) -> None:
        """Remove a name."""
        os.unlink(path)  # noqa: PTH108

    def names(self, directory: str) -> list[str]:
        """Return the names in a directory, sorted."""
        return sorted(os.listdir(directory))  # noqa: PTH208

    def file_size(self, path: str) -> int:
        """Return the length of a file in bytes."""
        return os.stat(path).st_size  # noqa: PTH116

    def make_directory(self, path: str) -> None:
        """Make a directory and those above it, each durable in the one above."""
        wanted = Path(path)
        if wanted.is_dir():
            return
        self.make_directory(str(wanted.parent))
        wanted.mkdir(exist_ok=True)
        self.sync_directory(str(wanted.parent))

    def sync_directory(self, path: str) -> None:
        """Return once the names in a directory are durable."""
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def lock(self, path: str, note: bytes) -> Lock | bytes:
        """Hold a lock file and write `note` in it, or return the note of its holder."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _try_lock(fd):
                holder = os.pread(fd, _NOTE_BYTES_MAX, 0)
                os.close(fd)
                return holder
            os.ftruncate(fd, 0)
            os.pwrite(fd, note, 0)
        except OSError:
            os.close(fd)
            raise
        return RealLock(fd)
