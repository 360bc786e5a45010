"""What the journal has on disk: spares, the reserve, its bound, a disk that fills up."""

import errno
import random
from collections.abc import Callable

import pytest

from postroad.journal.files import FileJournal
from postroad.journal.interface import Fault, FaultKind
from postroad.journal.options import JournalOptions
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


@pytest.mark.parametrize("call", ["unlink", "allocate"])
def test_a_reserve_that_could_not_be_removed_is_made_anew_when_there_is_room(
    disk: SimDisk, call: str
) -> None:
    journal = opened(disk)
    if call == "allocate":
        assert journal.release_reserve()
    disk.fail_when = lambda done, _: errno.EIO if done in (call, "unlink") else None
    if call == "unlink":
        with pytest.raises(OSError, match="unlink failed"):
            journal.release_reserve()
    journal.refresh_space()
    assert refused(journal)
    disk.fail_when = None
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
