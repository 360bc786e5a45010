"""Store files held open for reading, never many more than a bound.

It stands below the file store. The rule kept here: a file is never closed while a thread reads
from it, however soon it is forgotten.
"""

from dataclasses import dataclass
from threading import Lock

from postroad.disk.interface import Disk, File


@dataclass(slots=True)
class Handle:
    """An open file and how many threads read from it now."""

    file: File
    users: int = 0
    forgotten: bool = False


class Handles:
    """Open files by path, the longest unused closed first. Any thread may call."""

    def __init__(self, disk: Disk, open_max: int) -> None:
        self._disk = disk
        self._open_max = open_max
        self._handles: dict[str, Handle] = {}
        self._lock = Lock()

    def borrow(self, path: str) -> Handle:
        """Return a file open for reading; `give_back` must follow. Raises `OSError`."""
        with self._lock:
            handle = self._handles.pop(path, None)
            if handle is None:
                handle = Handle(self._disk.open(path, write=False))
            # The end of the dict is what was used last.
            self._handles[path] = handle
            handle.users += 1
            self._close_unused()
            return handle

    def give_back(self, handle: Handle) -> None:
        """Say that a file borrowed is not read any more."""
        with self._lock:
            handle.users -= 1
            if handle.forgotten and not handle.users:
                handle.file.close()

    def forget(self, path: str) -> None:
        """Close a file that is being deleted, once nobody reads from it."""
        with self._lock:
            self._forget(path)

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            for path in list(self._handles):
                self._forget(path)

    def _forget(self, path: str) -> None:
        handle = self._handles.pop(path, None)
        if handle is None:
            return
        handle.forgotten = True
        if not handle.users:
            handle.file.close()

    def _close_unused(self) -> None:
        above = len(self._handles) - self._open_max
        if above > 0:
            unused = [path for path, handle in self._handles.items() if not handle.users]
            for path in unused[:above]:
                self._forget(path)
