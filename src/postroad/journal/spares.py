"""Segments not in use and the reserve: what keeps settles going when the disk fills up.

It stands beside the journal files. The rule kept here: publishers are refused while there is still
room for two segments, and the reserve is given up only when a segment cannot be made otherwise;
beyond those two, spares are kept only in what the journal's bound leaves.
"""

import errno
from contextlib import suppress
from threading import Lock

from postroad.disk.interface import Disk
from postroad.journal.options import JournalOptions
from postroad.limits import SPARE_SEGMENTS, SPARE_SEGMENTS_MAX

RESERVE_NAME = "reserve"
_FRESH = "fresh-"  # allocated, never written
_SPARE = "spare-"  # recycled: its blocks are in place, so a sync costs half
_SUFFIX = ".segment"
_USED_MIN = 3


class Spares:
    """The pool of one journal directory. Any thread may call.

    `short`: whether publishers must be refused. `used` in a call: how many segments are in use.
    """

    def __init__(self, disk: Disk, directory: str, options: JournalOptions) -> None:
        self._disk = disk
        self._directory = directory
        self._segment_bytes = options.segment_bytes
        self._reserve_bytes = options.reserve_bytes
        # What the bound has for segments, in use and spare.
        self._segments = (options.bound_bytes - options.reserve_bytes) // options.segment_bytes
        self._names: list[str] = []
        self._numbered = 0
        # A reserve of nothing is always there, and gives nothing back.
        self._has_reserve = options.reserve_bytes == 0
        self._lock = Lock()
        # Judged only once the pool was refilled: between a take and that, another thread must not
        # see a pool that merely gave a segment away.
        self.short = True

    def find(self, names: list[str]) -> None:
        """Take in what an earlier run left; what has another size is removed."""
        for name in names:
            if name.startswith((_FRESH, _SPARE)):
                path = f"{self._directory}/{name}"
                self._numbered = max(self._numbered, _number(name))
                if self._disk.file_size(path) == self._segment_bytes:
                    self._names.append(name)
                else:
                    self._disk.unlink(path)
            elif name == RESERVE_NAME:
                self._find_reserve()
        # Recycled ones first: they are at the end, where `take` takes.
        self._names.sort()

    def take(self) -> tuple[str, bool]:
        """Take a segment out of the pool: its name and whether it is recycled.

        Makes one when there is none, giving up the reserve if it must. Raises `OSError`.
        """
        with self._lock:
            if not self._names:
                self._make_at_any_price()
            name = self._names.pop()
        return name, name.startswith(_SPARE)

    def near_bound(self, used: int) -> bool:
        """Tell whether one more segment in use would, with the spares for settles, be too many."""
        # Of fewer than three a checkpoint may not be able to let one go.
        return used >= max(_USED_MIN, self._segments - SPARE_SEGMENTS)

    def give(self, name: str, used: int) -> None:
        """Put a segment no longer needed into the pool, or remove it. Durable. Raises `OSError`."""
        path = f"{self._directory}/{name}"
        with self._lock:
            enough = len(self._names) >= self._most(used)
            if enough or self._disk.file_size(path) != self._segment_bytes:
                self._disk.unlink(path)
                self._disk.sync_directory(self._directory)
                return
            spare = self._next_name(_SPARE)
            self._disk.rename(path, f"{self._directory}/{spare}")
            self._disk.sync_directory(self._directory)
            self._names.append(spare)
            self._judge()

    def refresh(self, used: int) -> None:
        """Make spares and the reserve again, as far as the disk has room; remove what is too much
        for the bound."""
        with self._lock:
            with suppress(OSError):
                while len(self._names) > self._most(used):
                    self._disk.unlink(f"{self._directory}/{self._names[0]}")
                    del self._names[0]
                while len(self._names) < SPARE_SEGMENTS:
                    self._make()
                if not self._has_reserve:
                    self._make_reserve()
            self._judge()

    def release_reserve(self) -> bool:
        """Give the reserve's space back to the disk; False when it is given already."""
        with self._lock:
            return self._release_reserve()

    def _most(self, used: int) -> int:
        return max(SPARE_SEGMENTS, min(SPARE_SEGMENTS_MAX, self._segments - used))

    def _judge(self) -> None:
        """Publishers must be refused while two segments and the reserve are not there."""
        self.short = len(self._names) < SPARE_SEGMENTS or not self._has_reserve

    def _make_at_any_price(self) -> None:
        try:
            self._make()
        except OSError as error:
            if error.errno != errno.ENOSPC or not self._release_reserve():
                raise
            self._make()

    def _make(self) -> None:
        name = self._next_name(_FRESH)
        self._allocate(name, self._segment_bytes)
        self._names.insert(0, name)

    def _allocate(self, name: str, size: int) -> None:
        path = f"{self._directory}/{name}"
        file = self._disk.create(path)
        try:
            file.allocate(size)
        except OSError:
            self._disk.unlink(path)
            raise
        finally:
            file.close()

    def _release_reserve(self) -> bool:
        if not self._has_reserve or not self._reserve_bytes:
            return False
        self._has_reserve = False
        self.short = True
        self._disk.unlink(f"{self._directory}/{RESERVE_NAME}")
        self._disk.sync_directory(self._directory)
        return True

    def _make_reserve(self) -> None:
        # One that could not be removed when it was given up, or not made whole, is in the way.
        with suppress(FileNotFoundError):
            self._disk.unlink(f"{self._directory}/{RESERVE_NAME}")
        self._allocate(RESERVE_NAME, self._reserve_bytes)
        self._has_reserve = True

    def _find_reserve(self) -> None:
        path = f"{self._directory}/{RESERVE_NAME}"
        if self._reserve_bytes and self._disk.file_size(path) == self._reserve_bytes:
            self._has_reserve = True
        else:
            self._disk.unlink(path)

    def _next_name(self, prefix: str) -> str:
        self._numbered += 1
        return f"{prefix}{self._numbered:08d}{_SUFFIX}"


def _number(name: str) -> int:
    digits = name[len(_FRESH) :].removesuffix(_SUFFIX)
    return int(digits) if digits.isdigit() else 0
