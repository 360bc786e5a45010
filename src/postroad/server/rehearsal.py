"""A start that writes nothing: whether a data directory would come up, and what would be in it.

It stands over the engine's recovery, on a journal and a store that only read. The rule kept here:
the steps are those of a real start, so that a directory that passes here does start.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from postroad.disk.interface import Disk
from postroad.engine.recover import RecoveryReport, recover
from postroad.engine.settings import EngineSettings
from postroad.errors import CorruptBlock
from postroad.journal.check import What, check_journal
from postroad.journal.envelope import pack
from postroad.journal.interface import FIRST_POSITION, Position
from postroad.journal.memory import MemoryJournal
from postroad.model.value import value
from postroad.store.files import FileStore
from postroad.store.interface import Kept
from postroad.store.memory import MemoryStore
from postroad.store.sqlite import SqliteCheckpoints

CHECKPOINT_NAME = "checkpoint.db"
STORE_FOLDER = "store"


@value
class Rehearsed:
    """What a start would find; `damage`: one line per block that is not what was written."""

    report: RecoveryReport
    blocks: int
    block_bytes: int
    damage: list[str]

    def line(self) -> str:
        """Return it in one line."""
        report = self.report
        return (
            f"a start would find {report.messages:,} messages in {report.queues:,} queues,"
            f" {self.blocks:,} blocks with {self.block_bytes:,} bytes in the store"
        )


def rehearse(disk: Disk, data: Path, journal: str) -> Rehearsed:
    """Go through a start with every live block read once. Raises `PostroadError`, `OSError`."""
    with tempfile.TemporaryDirectory(prefix="postroad-check-") as copies:
        for file in data.glob(CHECKPOINT_NAME + "*"):
            # Opening the database itself would tidy it up.
            shutil.copy(file, copies)
        checkpoints = SqliteCheckpoints(str(Path(copies, CHECKPOINT_NAME)))
        store = _FrozenStore(disk, str(data / STORE_FOLDER))
        try:
            frozen = _FrozenJournal(disk, journal)
            _, report = recover(frozen, store, checkpoints, EngineSettings(), b"", 0)
        finally:
            checkpoints.close()
            store.close()
    return Rehearsed(report, store.kept.blocks, store.kept.block_bytes, store.damage)


class _FrozenJournal(MemoryJournal):
    """The groups of a directory, for reading; what is appended goes nowhere."""

    def __init__(self, disk: Disk, directory: str) -> None:
        super().__init__()
        self._disk = disk
        self._directory = directory
        self._bounds = self._find_bounds()

    def bounds(self) -> tuple[Position, Position]:
        return self._bounds

    def read(self, start: Position, stop: Position) -> Iterator[tuple[Position, bytes]]:
        for found in check_journal(self._disk, self._directory):
            group, position = found.group, found.position
            if group is not None and position is not None and start <= position < stop:
                yield (
                    position,
                    pack(
                        kind=group.kind,
                        flags=group.flags,
                        epoch=group.epoch,
                        n=group.n,
                        now_ms=group.now_ms,
                        payload=group.payload,
                    ),
                )

    def _find_bounds(self) -> tuple[Position, Position]:
        first, end = None, FIRST_POSITION
        for found in check_journal(self._disk, self._directory):
            if found.position is not None:
                first = found.position if first is None else first
                end = found.position + (found.what is What.GROUP)
        return first or FIRST_POSITION, end


class _FrozenStore(MemoryStore):
    """The blocks of a directory, for reading: those that are to live are read instead of kept."""

    def __init__(self, disk: Disk, directory: str) -> None:
        super().__init__()
        self.kept = Kept(0, 0, 0, 0)
        self.damage: list[str] = []
        self._files = FileStore(disk, directory)

    def keep_only(self, ids_with_sizes: Iterable[tuple[int, int]]) -> Kept:
        blocks = block_bytes = 0
        for block, size in ids_with_sizes:
            blocks += 1
            block_bytes += size
            try:
                self._files.get(block, size)
            except CorruptBlock as error:
                self.damage.append(f"the file `{error.file}` at byte {error.offset:,}: {error.why}")
        self.kept = Kept(blocks, block_bytes, 0, 0)
        return self.kept

    def close(self) -> None:
        self._files.close()
