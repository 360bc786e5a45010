"""A walk through a journal's files, damaged or not."""

import random

import pytest
from google_crc32c import value as crc32c

from postroad.journal.check import Finding, What, check_journal
from postroad.journal.envelope import CLAIM, CONTINUES, DATA, Stamp
from postroad.journal.files import FileJournal
from postroad.journal.options import JournalOptions, Sync
from postroad.journal.segment import HEADER_BYTES, SegmentHeader, pack_header
from tests.journal.groups import appended, data
from tests.sim.disk import SimDisk

SMALL = JournalOptions(segment_bytes=5_000, reserve_bytes=1_000)
FIRST = "/j/00000000000000000001.segment"


def written(*, clean_stop: bool = True, options: JournalOptions = SMALL) -> SimDisk:
    disk = SimDisk(random.Random(0))
    journal = FileJournal(disk, "/j", options)
    journal.claim(1, 5)
    for n in range(1, 6):
        appended(journal, data(n, b"x" * 200, flags=CONTINUES * (n == 1)))
    if clean_stop:
        journal.close()
    return disk


def found(disk: SimDisk) -> list[Finding]:
    return list(check_journal(disk, "/j"))


def told(disk: SimDisk) -> list[tuple[str, int | None]]:
    return [(finding.what.value, finding.position) for finding in found(disk)]


def second(disk: SimDisk) -> str:
    return [path for path in disk.paths() if path[3].isdigit()][1]


def test_a_whole_journal_is_told_group_by_group() -> None:
    disk = written()
    assert told(disk) == [
        ("segment", 1),
        ("group", 1),
        ("group", 2),
        ("group", 3),
        ("group", 4),
        ("segment", 5),
        ("group", 5),
        ("group", 6),
        ("seal", 7),
    ]
    groups = [finding.group for finding in found(disk) if finding.group]
    assert [(group.kind, group.n) for group in groups] == [(CLAIM, 0)] + [
        (DATA, n) for n in range(1, 6)
    ]
    assert groups[1].flags == CONTINUES


def test_files_and_offsets_lead_to_the_bytes() -> None:
    disk = written()
    for finding in found(disk):
        if finding.group:
            at = finding.offset + finding.size_bytes - len(finding.group.payload)
            content = disk.content(finding.file)
            assert content[at:].startswith(finding.group.payload)


def test_an_empty_directory_has_no_findings() -> None:
    disk = SimDisk(random.Random(0))
    disk.make_directory("/j")
    assert found(disk) == []


def test_nothing_is_written() -> None:
    disk = written()
    before = {path: disk.content(path) for path in disk.paths()}
    found(disk)
    assert {path: disk.content(path) for path in disk.paths()} == before


def test_damage_in_the_middle_is_named_and_the_rest_still_told() -> None:
    disk = written()
    disk.flip(FIRST, HEADER_BYTES + 100)
    assert told(disk) == [
        ("segment", 1),
        ("group", 1),
        ("damage", 2),
        ("group", None),
        ("group", None),
        ("segment", 5),
        ("group", 5),
        ("group", 6),
        ("seal", 7),
    ]
    (damage,) = [finding for finding in found(disk) if finding.what is What.DAMAGE]
    assert (damage.file, damage.offset) == (FIRST, HEADER_BYTES + 48)
    assert damage.why == "its groups end before position 2, the next segment begins at 5"


def test_damage_in_the_last_segment_is_named_and_the_rest_still_told() -> None:
    disk = written()
    disk.flip(second(disk), HEADER_BYTES + 100)
    assert told(disk)[5:] == [
        ("segment", 5),
        ("damage", 5),
        ("group", None),
        ("seal", None),
    ]


def test_a_damaged_header_is_named() -> None:
    disk = written()
    disk.flip(FIRST, 20)
    findings = found(disk)
    assert (findings[0].what, findings[0].offset) == (What.DAMAGE, 0)
    assert "header" in findings[0].why
    assert findings[1].position == 5


def test_a_segment_of_a_newer_postroad_is_told_from_a_damaged_one() -> None:
    disk = written()
    content = bytearray(disk.content(FIRST))
    content[8] = 2
    content[56:60] = int(crc32c(bytes(content[:56]))).to_bytes(4, "little")
    disk.replace(FIRST, bytes(content))
    (newer, *others) = found(disk)
    assert (newer.what, newer.why) == (What.NEWER, "segment version 2 is not known here")
    assert {one.what for one in others} == {What.SEGMENT, What.GROUP, What.SEAL}


@pytest.mark.parametrize(
    ("sync", "why"),
    [(Sync.ALWAYS, "never acknowledged"), (Sync.NEVER, "not synced when the power went")],
)
def test_a_torn_end_is_no_damage(sync: Sync, why: str) -> None:
    options = JournalOptions(segment_bytes=5_000, reserve_bytes=1_000, sync=sync)
    disk = written(clean_stop=False, options=options)
    disk.flip(second(disk), HEADER_BYTES + 12 + 36 + 200 + 60)
    findings = found(disk)
    assert (findings[-1].what, findings[-1].position) == (What.TORN, 6)
    assert findings[-1].size_bytes == 12 + 36 + 200
    assert findings[-1].why == why


def test_segments_that_overlap_are_damage() -> None:
    disk = written()
    header = SegmentHeader(0, 5_000, 7, 3, Stamp(1, 1, 0))
    disk.replace("/j/00000000000000000003.segment", pack_header(header))
    disk.unlink(second(disk).replace("3.", "5."))
    (damage,) = [finding for finding in found(disk) if finding.what is What.DAMAGE]
    assert damage.why == "its groups end before position 5, the next segment begins at 3"


def test_a_segment_begun_for_another_setting_is_no_damage() -> None:
    disk = written(clean_stop=False)
    journal = FileJournal(
        disk, "/j", JournalOptions(segment_bytes=5_000, reserve_bytes=1_000, sync=Sync.NEVER)
    )
    journal.claim(2, 0)
    journal.close()
    assert [finding.what for finding in found(disk)].count(What.DAMAGE) == 0
    assert told(disk)[-3:] == [("segment", 7), ("group", 7), ("seal", 8)]
