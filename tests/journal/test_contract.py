"""What every journal keeps, whatever holds its groups."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from postroad.disk.real import RealDisk
from postroad.errors import TooLarge, Trimmed
from postroad.journal.envelope import CLAIM, DATA, Filter, pack, unpack
from postroad.journal.files import FileJournal
from postroad.journal.interface import Fault, FaultKind, Journal
from postroad.journal.memory import MemoryJournal
from postroad.journal.options import JournalOptions, Sync
from tests.journal.groups import append, appended, data
from tests.sim.disk import SimDisk

Make = Callable[[], Journal]
SMALL = JournalOptions(segment_bytes=16_384, reserve_bytes=4_096, max_group=4_000)


@pytest.fixture(params=["memory", "files", "files on short writes", "real files", "never synced"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Opens the same journal each time it is called."""
    if request.param == "memory":
        memory = MemoryJournal(max_group=SMALL.max_group)
        return lambda: memory
    if request.param == "real files":
        return lambda: FileJournal(RealDisk(), str(tmp_path / "journal"), SMALL)
    disk = SimDisk(random.Random(1))
    disk.short_writes = 0.5 if "short" in request.param else 0
    options = SMALL
    if request.param == "never synced":
        options = JournalOptions(16_384, 4_096, 4_000, Sync.NEVER)
    return lambda: FileJournal(disk, "/journal", options)


def test_a_new_journal_begins_at_position_one_and_knows_no_epoch(opening: Make) -> None:
    journal = opening()
    assert journal.bounds() == (1, 1)
    assert journal.last_epoch == 0
    assert list(journal.read(1, 1)) == []


def test_a_claim_is_a_group_of_its_own(opening: Make) -> None:
    journal = opening()
    assert journal.claim(7, 1_000) == 1
    ((position, group),) = journal.read(1, 2)
    assert position == 1
    found = unpack(group)
    assert (found.kind, found.epoch, found.n, found.now_ms) == (CLAIM, 7, 0, 1_000)
    assert journal.last_epoch == 7


def test_an_append_answers_the_next_position_and_reads_back_as_it_was(opening: Make) -> None:
    journal = opening()
    journal.claim(1, 0)
    groups = [data(n, b"x" * (n * 37)) for n in range(1, 60)]
    assert [appended(journal, group) for group in groups] == list(range(2, 61))
    assert journal.bounds()[1] == 61
    assert [group for _, group in journal.read(2, 61)] == groups


def test_a_read_gives_exactly_the_positions_asked_for(opening: Make) -> None:
    journal = opening()
    journal.claim(1, 0)
    for n in range(1, 60):
        appended(journal, data(n, b"x" * 1_000))
    assert [position for position, _ in journal.read(20, 45)] == list(range(20, 45))
    assert [position for position, _ in journal.read(45, 20)] == []
    assert [position for position, _ in journal.read(59, 99)] == [59, 60]


def test_an_empty_payload_is_a_group_too(opening: Make) -> None:
    journal = opening()
    journal.claim(1, 0)
    group = pack(kind=DATA, flags=0, epoch=1, n=1, now_ms=5, payload=b"")
    assert appended(journal, group) == 2
    assert list(journal.read(2, 3)) == [(2, group)]


def test_a_group_above_the_bound_is_refused_before_anything_is_written(opening: Make) -> None:
    journal = opening()
    journal.claim(1, 0)
    fits = data(1, b"x" * (journal.max_group - len(data(1, b"x")) + 1))
    assert len(fits) == journal.max_group
    with pytest.raises(TooLarge, match="split the step"):
        append(journal, fits + b"x")
    assert journal.bounds() == (1, 2)
    assert appended(journal, fits) == 2


def test_what_was_appended_is_there_after_opening_again(opening: Make) -> None:
    journal = opening()
    journal.claim(1, 0)
    groups = [data(n, b"x" * 700) for n in range(1, 40)]
    for group in groups:
        appended(journal, group)
    journal.close()
    journal = opening()
    assert journal.bounds() == (1, 41)
    assert journal.last_epoch == 1
    assert journal.claim(2, 9) == 41
    assert appended(journal, data(1, epoch=2)) == 42
    assert [group for _, group in journal.read(2, 41)] == groups


def test_many_openings_leave_all_groups_in_order(opening: Make) -> None:
    for epoch in range(1, 30):
        journal = opening()
        assert journal.claim(epoch, epoch) == 4 * epoch - 3
        for n in (1, 2, 3):
            appended(journal, data(n, b"x" * 500, epoch=epoch, now_ms=epoch))
        journal.close()
    replay = Filter()
    for _, group in opening().read(1, 29 * 4 + 1):
        replay.feed(unpack(group))
    assert (replay.epoch, replay.n, replay.dropped) == (29, 3, 0)


def test_trimming_never_forgets_at_or_above_the_position(opening: Make) -> None:
    journal = opening()
    journal.claim(1, 0)
    for n in range(1, 100):
        appended(journal, data(n, b"x" * 900))
    for before in (1, 30, 31, 77, 101):
        journal.trim(before)
        first, stop = journal.bounds()
        assert first <= before
        assert stop == 101
        assert [p for p, _ in journal.read(max(first, before), stop)] == list(range(before, 101))


def test_trimming_forgets_what_lies_far_below(opening: Make) -> None:
    journal = opening()
    journal.claim(1, 0)
    for n in range(1, 100):
        appended(journal, data(n, b"x" * 900))
    journal.trim(90)
    first, _ = journal.bounds()
    assert first > 60
    with pytest.raises(Trimmed, match=f"position {first - 1} is trimmed"):
        journal.read(first - 1, 100)


def test_bounds_and_groups_survive_a_trim_and_opening_again(opening: Make) -> None:
    journal = opening()
    journal.claim(1, 0)
    for n in range(1, 100):
        appended(journal, data(n, b"x" * 900))
    journal.trim(90)
    bounds = journal.bounds()
    groups = list(journal.read(*bounds))
    journal.close()
    journal = opening()
    assert journal.bounds() == bounds
    assert list(journal.read(*bounds)) == groups


def test_a_time_is_found_as_the_first_group_stored_then_or_later(opening: Make) -> None:
    journal = opening()
    journal.claim(1, 100)
    for n in range(1, 80):
        appended(journal, data(n, b"x" * 900, now_ms=100 + n // 2 * 10))
    for sought in range(0, 520, 7):
        times = [(unpack(group).now_ms, position) for position, group in journal.read(1, 81)]
        expected = min((position for now_ms, position in times if now_ms >= sought), default=81)
        assert journal.seek_time(sought) == expected


def test_a_time_before_what_is_kept_is_the_first_position_kept(opening: Make) -> None:
    journal = opening()
    journal.claim(1, 100)
    for n in range(1, 80):
        appended(journal, data(n, b"x" * 900, now_ms=100 + n))
    journal.trim(60)
    assert journal.seek_time(0) == journal.bounds()[0]


def test_a_closed_journal_answers_a_fault(opening: Make) -> None:
    journal = opening()
    journal.claim(1, 0)
    journal.close()
    answer = append(journal, data(1))
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.CLOSED
    journal.close()


def test_a_journal_that_was_only_read_may_be_closed(opening: Make) -> None:
    opening().close()
    assert opening().bounds() == (1, 1)


def test_a_journal_with_room_does_not_refuse_publishers(opening: Make) -> None:
    journal = opening()
    assert not journal.short_of_space
    journal.claim(1, 0)
    journal.trim(1)
    journal.refresh_space()
    assert not journal.short_of_space


def test_space_given_back_changes_no_group(opening: Make) -> None:
    journal = opening()
    journal.claim(1, 0)
    appended(journal, data(1))
    journal.sync()
    journal.release_reserve()
    assert journal.release_reserve() is False
    appended(journal, data(2))
    assert [group for _, group in journal.read(2, 4)] == [data(1), data(2)]
