"""What a journal promised, kept apart from it, and held against it after each restart."""

from postroad.disk.interface import Disk
from postroad.errors import JournalFailed
from postroad.journal.envelope import CLAIM, pack
from postroad.journal.files import FileJournal
from postroad.journal.interface import Fault
from postroad.journal.options import JournalOptions
from tests.journal.groups import append, data

SMALL = JournalOptions(segment_bytes=8_192, reserve_bytes=1_024, max_group=2_000)


class Stopped(Exception):  # noqa: N818  (it is no error that a process stops itself)
    """The process stopped itself after a fault, as it must."""


class Ledger:
    """One life of a journal after another; each group is told from all others by its payload."""

    def __init__(self, options: JournalOptions = SMALL) -> None:
        self.options = options
        self.epoch = 0
        self.n = 0
        self.now_ms = 0
        self.next = 1
        # Tried: what may be at a position. Kept: what must be.
        self.tried: dict[int, set[bytes]] = {}
        self.kept: dict[int, bytes] = {}
        self.trimmed = 1
        self.journal: FileJournal | None = None

    def start(self, disk: Disk, *, strict: bool = True) -> FileJournal:
        """Open and claim as a restart does; what is found is held against what was promised."""
        self.journal = None
        journal = FileJournal(disk, "/journal", self.options, nonce=self._nonce)
        found = self.compare(journal, strict=strict)
        self.n = 0
        self.epoch = max(self.epoch, journal.last_epoch) + 1
        group = pack(kind=CLAIM, flags=0, epoch=self.epoch, n=0, now_ms=self.now_ms, payload=b"")
        self._try(journal.bounds()[1], group)
        try:
            position = journal.claim(self.epoch, self.now_ms)
        except JournalFailed as failed:
            raise Stopped(str(failed)) from failed
        # A claim makes all before it final.
        self.kept = dict(found)
        self.next = position + 1
        self.kept[position] = group
        self.journal = journal
        return journal

    def compare(self, journal: FileJournal, *, strict: bool = True) -> dict[int, bytes]:
        """Check that what must be there is there, and nothing else but what was tried."""
        first, stop = journal.bounds()
        found = dict(journal.read(first, stop))
        assert sorted(found) == list(range(first, stop))
        assert first <= self.trimmed, "trimmed more than was asked"
        for position, group in found.items():
            if position in self.kept:
                assert group == self.kept[position], f"another group at {position}"
            else:
                assert group in self.tried[position], f"a group never tried at {position}"
        if strict:
            missing = [p for p in self.kept if p >= self.trimmed and p not in found]
            assert not missing, f"acknowledged and lost: {missing}"
        return found

    def append(self, size: int) -> None:
        """Append a group of about `size` bytes; a fault stops the process."""
        assert self.journal is not None
        self.n += 1
        self.now_ms += 3
        payload = b"%d/%d " % (self.epoch, self.n) + bytes(range(251)) * (size // 251 + 1)
        group = data(self.n, payload[: max(size, 12)], epoch=self.epoch, now_ms=self.now_ms)
        self._try(self.next, group)
        answer = append(self.journal, group)
        if isinstance(answer, Fault):
            assert isinstance(append(self.journal, group), Fault), "poisoned for good"
            raise Stopped(answer.message)
        assert answer == self.next
        self.kept[answer] = group
        self.next += 1

    def trim(self, before: int) -> None:
        """Trim; an error stops the process."""
        assert self.journal is not None
        self.trimmed = max(self.trimmed, before)
        try:
            self.journal.trim(before)
        except OSError as error:
            raise Stopped(str(error)) from error

    def close(self) -> None:
        """Stop cleanly; an error is a stop too."""
        assert self.journal is not None
        try:
            self.journal.close()
        except JournalFailed as failed:
            raise Stopped(str(failed)) from failed

    def _try(self, position: int, group: bytes) -> None:
        self.tried.setdefault(position, set()).add(group)

    def _nonce(self) -> int:
        # Any numbers that do not repeat; bytes like those of small lengths would prove less.
        self._nonces = getattr(self, "_nonces", 0) + 1
        return self._nonces * 0x9E3779B97F4A7C15 & (1 << 64) - 1
