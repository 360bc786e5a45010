"""One process holds a data directory at a time.

It stands beside the journal and is taken before anything in the directory is opened. The rule kept
here: the lock is the operating system's, so it ends with its process, however that ends.
"""

from postroad.disk.interface import Disk, Lock
from postroad.errors import DirectoryLocked

LOCK_NAME = "lock"


def lock_directory(disk: Disk, directory: str, pid: int) -> Lock:
    """Make the directory if need be and hold it for process `pid`. Raises `DirectoryLocked`."""
    disk.make_directory(directory)
    held = disk.lock(f"{directory}/{LOCK_NAME}", b"%d\n" % pid)
    if isinstance(held, bytes):
        raise DirectoryLocked(_pid_of(held), directory)
    return held


def _pid_of(note: bytes) -> int:
    text = note.strip()
    return int(text) if text.isdigit() else 0
