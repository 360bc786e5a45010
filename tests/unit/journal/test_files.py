"""The file journal where it differs from the others: faults, syncs, what opening changes."""

import errno
import random
from collections.abc import Callable

import pytest
from google_crc32c import value as crc32c

from postroad.disk.real import RealDisk
from postroad.errors import JournalFailed, TooNew
from postroad.journal.envelope import stamp
from postroad.journal.files import FileJournal
from postroad.journal.interface import Fault, FaultKind
from postroad.journal.options import JournalOptions, Sync, random_nonce
from postroad.journal.segment import HEADER_BYTES
from tests.journal.groups import append, appended, data
from tests.sim.disk import SimDisk

SMALL = JournalOptions(segment_bytes=8_192, reserve_bytes=8_192)


@pytest.fixture
def disk() -> SimDisk:
    return SimDisk(random.Random(0))


def opened(disk: SimDisk, epoch: int = 1, options: JournalOptions = SMALL) -> FileJournal:
    journal = FileJournal(disk, "/j", options)
    journal.claim(epoch, 0)
    return journal


def fault(journal: FileJournal, n: int) -> Fault:
    answer = append(journal, data(n))
    assert isinstance(answer, Fault)
    return answer


def names(disk: SimDisk, start: str) -> list[str]:
    found = [path.rpartition("/")[2] for path in disk.paths()]
    return [name for name in found if name.startswith(start)]


def failing(name: str, number: int = errno.EIO) -> Callable[[str, str], int | None]:
    return lambda call, _path: number if call == name else None


def test_a_failed_sync_poisons_the_journal_for_good(disk: SimDisk) -> None:
    journal = opened(disk)
    disk.fail_when = failing("sync")
    assert fault(journal, 1).kind is FaultKind.SYNC
    disk.fail_when = None
    poisoned = fault(journal, 1)
    assert poisoned.kind is FaultKind.POISONED
    assert "start again once the disk is well" in poisoned.message
    with pytest.raises(JournalFailed, match="could not be written"):
        journal.sync()
    with pytest.raises(JournalFailed, match="could not be written"):
        journal.claim(2, 0)
    calls = disk.calls
    journal.close()
    assert disk.calls == calls, "nothing is written over a fault"


def test_a_failed_write_poisons_the_journal(disk: SimDisk) -> None:
    journal = opened(disk)
    disk.fail_when = failing("pwrite")
    assert fault(journal, 1).kind is FaultKind.WRITE
    assert fault(journal, 1).kind is FaultKind.POISONED


def test_a_claim_that_cannot_be_written_raises(disk: SimDisk) -> None:
    for call in ("create", "pwrite", "sync", "rename", "sync_directory"):
        journal = FileJournal(disk, f"/{call}", SMALL)
        disk.fail_when = failing(call)
        with pytest.raises(JournalFailed, match="could not be written"):
            journal.claim(1, 0)
        disk.fail_when = None


def test_a_close_that_cannot_seal_raises_and_leaves_no_handle(disk: SimDisk) -> None:
    journal = opened(disk)
    appended(journal, data(1))
    disk.fail_when = failing("pwrite")
    with pytest.raises(JournalFailed, match="could not be written"):
        journal.close()
    disk.fail_when = None
    again = FileJournal(disk, "/j", SMALL)
    assert not again.sealed
    assert again.bounds() == (1, 3)


def test_opening_writes_nothing(disk: SimDisk) -> None:
    journal = opened(disk)
    appended(journal, data(1))
    journal.close()
    disk.log.clear()
    again = FileJournal(disk, "/j", SMALL)
    list(again.read(*again.bounds()))
    again.seek_time(0)
    again.close()
    assert not {call for call, _ in disk.log} & {"pwrite", "create", "rename", "unlink", "allocate"}


def test_an_append_is_one_write_and_one_sync(disk: SimDisk) -> None:
    journal = opened(disk)
    disk.log.clear()
    appended(journal, data(1))
    appended(journal, data(2))
    assert [call for call, _ in disk.log] == ["pwrite", "sync"] * 2


def test_a_recycled_segment_keeps_nothing_of_its_old_content(disk: SimDisk) -> None:
    journal = opened(disk)
    n = 0
    for _ in range(20):
        for _ in range(9):
            n += 1
            appended(journal, data(n, b"x" * 350))
        journal.trim(journal.bounds()[1] - 1)
        again = FileJournal(disk, "/j", SMALL)
        first, stop = again.bounds()
        assert (first, stop) == journal.bounds()
        assert [p for p, _ in again.read(first, stop)] == list(range(first, stop))
        assert again.torn_bytes == 0
    assert any(path == "/j/spare-00000006.segment" for _, path in disk.log)


def test_strange_files_are_left_alone(disk: SimDisk) -> None:
    opened(disk).close()
    strange = ("/j/notes.txt", "/j/0001.segment", "/j/00000000000000000001.segment.old")
    for path in (*strange, "/j/spare-x.segment"):
        disk.replace(path, b"mine")
    opened(disk, 2)
    for path in strange:
        assert disk.content(path) == b"mine"


def test_a_trim_that_fails_leaves_no_hole(disk: SimDisk) -> None:
    journal = opened(disk)
    for n in range(1, 20):
        appended(journal, data(n, b"x" * 1_500))
    disk.fail_when = failing("rename")
    with pytest.raises(OSError, match="rename failed"):
        journal.trim(15)
    disk.fail_when = None
    assert journal.bounds() == (1, 21)
    assert len(list(journal.read(1, 21))) == 20
    journal.trim(15)
    assert journal.bounds()[0] > 1


def test_the_interval_is_by_the_clock_of_the_groups(disk: SimDisk) -> None:
    options = JournalOptions(
        segment_bytes=8_192, reserve_bytes=1_024, sync=Sync.INTERVAL, sync_interval_ms=50
    )
    journal = opened(disk, options=options)
    disk.log.clear()
    for n, now_ms in enumerate((10, 49, 50, 60, 99, 100, 200), 1):
        appended(journal, data(n, now_ms=now_ms))
    calls = "".join("S" if call == "sync" else "w" for call, _ in disk.log)
    assert calls == "wwwSwwwSwS"
    appended(journal, data(8, now_ms=201))
    journal.sync()
    journal.sync()
    assert [call for call, _ in disk.log][-2:] == ["pwrite", "sync"]


def test_a_sync_asked_for_that_fails_poisons_the_journal(disk: SimDisk) -> None:
    journal = opened(disk, options=JournalOptions(8_192, 1_024, sync=Sync.NEVER))
    appended(journal, data(1))
    disk.fail_when = failing("sync")
    with pytest.raises(JournalFailed, match="sync failed"):
        journal.sync()
    disk.fail_when = None
    assert fault(journal, 2).kind is FaultKind.POISONED


def test_a_journal_that_never_syncs_still_syncs_a_segment_it_leaves(disk: SimDisk) -> None:
    options = JournalOptions(segment_bytes=8_192, reserve_bytes=1_024, sync=Sync.NEVER)
    journal = opened(disk, options=options)
    disk.log.clear()
    for n in range(1, 4):
        appended(journal, data(n, b"x" * 1_500))
    synced = disk.log.index(("sync", "/j/fresh-00000001.segment"))
    assert synced < disk.log.index(("open", "/j/fresh-00000002.segment"))


def test_a_group_of_a_newer_postroad_stops_the_start(disk: SimDisk) -> None:
    journal = opened(disk)
    appended(journal, newer_group())
    with pytest.raises(TooNew, match="was written by a newer Postroad"):
        FileJournal(disk, "/j", SMALL)


def test_what_a_newer_postroad_left_torn_is_cut_like_any_other(disk: SimDisk) -> None:
    appended(opened(disk), newer_group())
    disk.flip("/j/00000000000000000001.segment", HEADER_BYTES + 48 + 5)
    assert FileJournal(disk, "/j", SMALL).bounds() == (1, 2)


def newer_group() -> bytes:
    group = bytearray(data(1))
    group[4] = 2
    head, payload = bytes(group[:32]), bytes(group[36:])
    return head + checksum(head + payload) + payload


def test_a_segment_of_a_newer_postroad_stops_the_start(disk: SimDisk) -> None:
    opened(disk).close()
    path = "/j/00000000000000000001.segment"
    content = bytearray(disk.content(path))
    content[8] = 2
    content[56:60] = checksum(bytes(content[:56]))
    disk.replace(path, bytes(content))
    with pytest.raises(TooNew, match="a newer Postroad: at byte 0 segment version 2 is"):
        FileJournal(disk, "/j", SMALL)


def checksum(content: bytes) -> bytes:
    return int(crc32c(content)).to_bytes(4, "little")


def test_a_body_that_looks_like_a_frame_is_no_frame(disk: SimDisk) -> None:
    journal = opened(disk)
    path = "/j/00000000000000000001.segment"
    claim = bytearray(disk.content(path)[HEADER_BYTES : HEADER_BYTES + 48])
    # A frame of another segment, carried as a payload, while the group itself is torn.
    claim[4:12] = b"notnonce"
    appended(journal, data(1, bytes(claim) * 6))
    appended(journal, data(2, bytes(claim) * 6))
    disk.flip(path, disk.content(path).rindex(b"notnonce"))
    again = FileJournal(disk, "/j", SMALL)
    assert again.bounds() == (1, 3)
    assert again.torn_bytes > 300


def test_times_are_kept_over_a_roll(disk: SimDisk) -> None:
    journal = opened(disk)
    for n in range(1, 10):
        appended(journal, data(n, b"x" * 1_500, now_ms=n * 100))
    again = FileJournal(disk, "/j", SMALL)
    position = again.seek_time(700)
    assert [stamp(group).now_ms for _, group in again.read(position, position + 1)] == [700]


def test_nonces_are_random() -> None:
    assert len({random_nonce() for _ in range(100)}) == 100
    assert all(0 <= random_nonce() < 1 << 64 for _ in range(100))


def test_default_sizes_open_on_a_real_directory(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = str(tmp_path_factory.mktemp("journal"))
    journal = FileJournal(RealDisk(), directory)
    assert journal.max_group == 16 * 1024 * 1024
    journal.claim(1, 0)
    assert appended(journal, data(1, b"x" * 2_000_000)) == 2
    journal.close()
