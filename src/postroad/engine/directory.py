"""A data directory: its lock, its journal, its store, its checkpoint.

One rule: one process holds a directory, from before the first read to after the last write.
"""

import os
from pathlib import Path

from postroad.disk.interface import Disk
from postroad.disk.real import RealDisk
from postroad.engine.engine import Parts
from postroad.engine.recover import RecoveryReport, recover
from postroad.engine.settings import EngineSettings
from postroad.errors import DirectoryUnusable
from postroad.journal.files import FileJournal
from postroad.journal.lock import lock_directory
from postroad.journal.memory import MemoryJournal
from postroad.journal.options import JournalOptions, Sync
from postroad.store.checkpoint import Checkpoints, MemoryCheckpoints
from postroad.store.files import FileStore
from postroad.store.interface import Store
from postroad.store.memory import MemoryStore
from postroad.store.sqlite import SqliteCheckpoints

SALT_BYTES = 32


class Directory:
    """An open data directory. `close` lets go of it; the engine must have been closed before."""

    def __init__(self, path: Path | None, settings: EngineSettings, now_ms: int) -> None:
        """Lock and recover; `path` is made when it is not there, `None` is memory alone.

        Raises `DirectoryLocked`, `DirectoryUnusable`, and what recovery finds wrong.
        """
        self.path = path
        self._open_files: list[Checkpoints | Store] = []
        self.parts: Parts
        self.report: RecoveryReport
        salt = os.urandom(SALT_BYTES)
        if path is None:
            self._lock = None
            memory = (MemoryJournal(), MemoryStore(), MemoryCheckpoints())
            self.parts, self.report = recover(*memory, settings, salt, now_ms)
            return
        disk = RealDisk()
        try:
            self._lock = lock_directory(disk, str(path), os.getpid())
            try:
                self.parts, self.report = self._recover(disk, path, settings, salt, now_ms)
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise DirectoryUnusable(str(path), error) from error

    def _recover(
        self, disk: Disk, path: Path, settings: EngineSettings, salt: bytes, now_ms: int
    ) -> tuple[Parts, RecoveryReport]:
        for name in ("journal", "store"):
            disk.make_directory(str(path / name))
        disk.sync_directory(str(path))
        options = JournalOptions(
            segment_bytes=settings.segment_bytes,
            reserve_bytes=settings.reserve_bytes,
            bound_bytes=settings.journal_bytes,
            sync=Sync(settings.sync),
            sync_interval_ms=settings.sync_interval_ms,
        )
        checkpoints = SqliteCheckpoints(str(path / "checkpoint.db"))
        self._open_files.append(checkpoints)
        store = FileStore(disk, str(path / "store"))
        self._open_files.append(store)
        journal = FileJournal(disk, str(path / "journal"), options)
        return recover(journal, store, checkpoints, settings, salt, now_ms)

    def close(self) -> None:
        """Close all files and let go of the lock."""
        for one in self._open_files:
            one.close()
        self._open_files = []
        if self._lock is not None:
            self._lock.release()
            self._lock = None
