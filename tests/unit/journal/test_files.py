"""The file journal where it differs from the others: faults, space, what opening changes."""

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
SEGMENT = SMALL.segment_bytes


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


def test_spares_and_reserve_are_kept(disk: SimDisk) -> None:
    journal = opened(disk)
    assert len(names(disk, "fresh-")) == 2
    assert names(disk, "reserve") == ["reserve"]
    for n in range(1, 60):
        appended(journal, data(n, b"x" * 1_500))
    assert len(names(disk, "fresh-")) == 2
    journal.trim(60)
    assert len(names(disk, "fresh-") + names(disk, "spare-")) == 8
    assert len(names(disk, "0")) <= 2


def crowded(journal: FileJournal) -> bool:
    return journal.near_bound


def on_disk(disk: SimDisk) -> int:
    return sum(len(disk.content(path)) for path in disk.paths())


def bounded(segments: int) -> JournalOptions:
    """Room for so many segments besides the reserve."""
    return JournalOptions(
        segment_bytes=SEGMENT, reserve_bytes=SEGMENT, bound_bytes=(segments + 1) * SEGMENT
    )


def test_all_the_journal_has_on_disk_stays_within_its_bound_and_is_used_again(
    disk: SimDisk,
) -> None:
    options = bounded(8)
    journal = opened(disk, options=options)
    kept = [journal.bounds()[1]]
    for n in range(1, 400):
        if n == 100:
            disk.log.clear()
        appended(journal, data(n, b"x" * 1_500))
        if journal.near_bound:
            # A checkpoint keeps what came since the one before.
            kept.append(journal.bounds()[1])
            journal.trim(kept[-2])
        assert on_disk(disk) <= options.bound_bytes
    assert len(kept) > 20
    assert not {call for call, _ in disk.log} & {"create", "unlink", "allocate"}


def test_spares_beyond_the_bound_are_removed_but_never_those_for_settles(disk: SimDisk) -> None:
    for segments, left in ((6, 4), (1, 2)):
        disk = SimDisk(random.Random(0))
        journal = opened(disk, options=bounded(segments))
        n = 0
        while len(names(disk, "0")) < 8:
            n += 1
            appended(journal, data(n, b"x" * 1_500))
        assert crowded(journal)
        journal.trim(journal.bounds()[1] - 2)
        assert not crowded(journal)
        assert len(names(disk, "0")) == 2
        assert len(names(disk, "fresh-") + names(disk, "spare-")) == left


def test_a_smaller_bound_at_the_next_start_takes_spares_away(disk: SimDisk) -> None:
    journal = opened(disk, options=bounded(20))
    for n in range(1, 60):
        appended(journal, data(n, b"x" * 1_500))
    journal.trim(60)
    assert len(names(disk, "fresh-") + names(disk, "spare-")) == 8
    journal.close()
    options = bounded(6)
    journal = opened(disk, 2, options)
    for n in range(1, 5):
        appended(journal, data(n, b"x" * 1_500, epoch=2))
    assert on_disk(disk) <= options.bound_bytes


def test_spares_of_another_size_are_replaced(disk: SimDisk) -> None:
    opened(disk).close()
    larger = JournalOptions(segment_bytes=16_384, reserve_bytes=4_096)
    journal = opened(disk, 2, larger)
    sizes = {path: len(disk.content(path)) for path in disk.paths()}
    assert sorted(sizes.values()) == [4_096, 8_192, 16_384, 16_384]
    for n in range(1, 12):
        appended(journal, data(n, b"x" * 3_000, epoch=2))
    journal.trim(8)
    # The old small segment is gone rather than recycled.
    assert SEGMENT not in {len(disk.content(path)) for path in disk.paths()}
    assert [p for p, _ in journal.read(8, 14)] == list(range(8, 14))


def test_strange_files_are_left_alone(disk: SimDisk) -> None:
    opened(disk).close()
    strange = ("/j/notes.txt", "/j/0001.segment", "/j/00000000000000000001.segment.old")
    for path in (*strange, "/j/spare-x.segment"):
        disk.replace(path, b"mine")
    opened(disk, 2)
    for path in strange:
        assert disk.content(path) == b"mine"


def refused(journal: FileJournal) -> bool:
    return journal.short_of_space


def fill_until_refused(journal: FileJournal) -> int:
    n = 0
    while not refused(journal):
        n += 1
        appended(journal, data(n, b"x" * 3_000))
        assert n < 200
    return n


def test_publishers_are_refused_while_settles_still_have_room(disk: SimDisk) -> None:
    disk.capacity = 10 * SEGMENT
    journal = opened(disk)
    n = fill_until_refused(journal)
    # One spare and the reserve are left: two segments for settles, to the last of them.
    settled = 0
    while isinstance(append(journal, data(n + settled + 1, b"s" * 100)), int):
        settled += 1
    assert settled * 164 > 2 * (SEGMENT - HEADER_BYTES) - 200
    assert names(disk, "reserve") == []
    disk.capacity = None
    again = FileJournal(disk, "/j", SMALL)
    assert again.bounds()[1] == n + settled + 2


def test_a_full_disk_is_told_as_such(disk: SimDisk) -> None:
    disk.capacity = 6 * SEGMENT
    journal = opened(disk)
    answer: int | Fault = 0
    n = 0
    while isinstance(answer, int):
        n += 1
        answer = append(journal, data(n, b"x" * 3_000))
    assert answer.kind is FaultKind.FULL


def test_publishers_are_welcome_again_when_space_returns(disk: SimDisk) -> None:
    disk.capacity = 10 * SEGMENT
    journal = opened(disk)
    fill_until_refused(journal)
    journal.refresh_space()
    assert refused(journal)
    disk.capacity = 12 * SEGMENT
    journal.refresh_space()
    assert not refused(journal)


def test_publishers_are_welcome_again_after_a_trim(disk: SimDisk) -> None:
    disk.capacity = 10 * SEGMENT
    journal = opened(disk)
    fill_until_refused(journal)
    journal.trim(journal.bounds()[1])
    assert not refused(journal)


def test_the_reserve_given_to_a_checkpoint_is_taken_back_when_there_is_room(disk: SimDisk) -> None:
    journal = opened(disk)
    assert journal.release_reserve()
    assert not journal.release_reserve()
    assert refused(journal)
    journal.refresh_space()
    assert not refused(journal)
    assert names(disk, "reserve") == ["reserve"]


def test_a_journal_without_a_reserve_takes_publishes(disk: SimDisk) -> None:
    opened(disk).close()
    journal = opened(disk, 2, JournalOptions(segment_bytes=8_192, reserve_bytes=0))
    assert not refused(journal)
    assert names(disk, "reserve") == []
    assert not journal.release_reserve()


def test_a_write_that_finds_the_disk_full_takes_the_reserve_once(disk: SimDisk) -> None:
    journal = opened(disk)
    disk.fail_when = lambda call, _: (
        errno.ENOSPC if call == "pwrite" and names(disk, "reserve") else None
    )
    assert appended(journal, data(1)) == 2
    disk.fail_when = failing("pwrite", errno.ENOSPC)
    assert fault(journal, 2).kind is FaultKind.FULL


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
