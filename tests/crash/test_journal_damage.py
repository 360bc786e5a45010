"""The files of a journal cut short or changed: found with file and offset, or without harm."""

import contextlib
import errno
import random
from collections.abc import Callable, Iterable

import pytest

from postroad.errors import Corrupt, JournalFailed
from postroad.journal.envelope import ENVELOPE_BYTES
from postroad.journal.files import FileJournal
from postroad.journal.frame import FRAME_BYTES, SEAL_FRAME_BYTES
from postroad.journal.options import JournalOptions, Sync
from postroad.journal.segment import HEADER_BYTES
from tests.journal.groups import appended, data
from tests.sim.disk import SimDisk

SMALL = JournalOptions(segment_bytes=5_000, reserve_bytes=1_000)
LOOSE = JournalOptions(segment_bytes=5_000, reserve_bytes=1_000, sync=Sync.NEVER)
HEADER_USED_BYTES = 60


def written(disk: SimDisk, *, clean_stop: bool, options: JournalOptions = SMALL) -> list[bytes]:
    """A journal of several segments; returns its groups."""
    journal = FileJournal(disk, "/j", options, nonce=nonces())
    journal.claim(1, 0)
    for n in range(1, 18):
        appended(journal, data(n, b"payload %d " % n * 8, now_ms=n))
    if clean_stop:
        journal.close()
    groups = [group for _, group in journal.read(*journal.bounds())]
    assert len(live(disk)) == 3
    return groups


def nonces() -> Callable[[], int]:
    rng = random.Random(5)
    return lambda: rng.getrandbits(64)


def live(disk: SimDisk) -> list[str]:
    return [path for path in disk.paths() if path.rpartition("/")[2][0].isdigit()]


def read_all(disk: SimDisk, options: JournalOptions = SMALL) -> tuple[FileJournal, list[bytes]]:
    journal = FileJournal(disk, "/j", options)
    first, stop = journal.bounds()
    assert first == 1
    return journal, [group for _, group in journal.read(first, stop)]


def frame_ends(disk: SimDisk, path: str) -> list[int]:
    """Where the frames of a segment end, found by their lengths alone."""
    content, ends, offset = disk.content(path), [], HEADER_BYTES
    while length := int.from_bytes(content[offset : offset + 4], "little"):
        offset += 12 + length
        ends.append(offset)
    return ends


@pytest.mark.parametrize("behind_the_cut", ["zeros", "noise", "nothing"])
@pytest.mark.parametrize("clean_stop", [False, True])
def test_a_last_segment_cut_at_any_byte_keeps_every_group_before_the_cut(
    behind_the_cut: str, *, clean_stop: bool
) -> None:
    disk = SimDisk(random.Random(1))
    groups = written(disk, clean_stop=clean_stop)
    path = live(disk)[-1]
    whole = disk.content(path)
    ends = frame_ends(disk, path)
    in_last = len(ends) - clean_stop
    noise = random.Random(2).randbytes(len(whole))
    for cut in range(HEADER_BYTES, ends[-1]):
        rest = {"zeros": bytes(len(whole) - cut), "noise": noise[cut:], "nothing": b""}
        disk.replace(path, whole[:cut] + rest[behind_the_cut])
        journal, found = read_all(disk)
        left = min(in_last, sum(end <= cut for end in ends))
        assert found == groups[: len(groups) - in_last + left]
        assert not journal.sealed
        # It goes on from there as if nothing had happened.
        assert journal.claim(2, 99) == len(found) + 1
        appended(journal, data(1, epoch=2))
        assert read_all(disk)[1][:-2] == found
        restore(disk, path, whole)


def restore(disk: SimDisk, path: str, whole: bytes) -> None:
    """Take back what going on wrote, new segments included."""
    disk.replace(path, whole)
    for later in [name for name in live(disk) if name > path]:
        disk.unlink(later)


def test_a_torn_group_is_measured() -> None:
    disk = SimDisk(random.Random(1))
    written(disk, clean_stop=False)
    path = live(disk)[-1]
    before, end = frame_ends(disk, path)[-2:]
    whole = disk.content(path)
    disk.replace(path, whole[: end - 1] + bytes(len(whole) - end + 1))
    assert read_all(disk)[0].torn_bytes == end - before


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
@pytest.mark.parametrize("clean_stop", [False, True])
def test_a_flipped_byte_is_found_or_does_no_harm(mask: int, *, clean_stop: bool) -> None:
    disk = SimDisk(random.Random(1))
    groups = written(disk, clean_stop=clean_stop)
    for path in live(disk):
        content = disk.content(path)
        used = frame_ends(disk, path)[-1]
        for at in flipped_offsets(used, len(content)):
            disk.flip(path, at, mask)
            told = told_of_damage(disk, groups, path, at)
            # A damaged seal costs nothing but the knowledge of a clean stop.
            matters = used - SEAL_FRAME_BYTES * (clean_stop and path == live(disk)[-1])
            in_use = at < HEADER_USED_BYTES or HEADER_BYTES <= at < matters
            assert told or not in_use, f"nobody noticed byte {at} of {path}"
            disk.flip(path, at, mask)
    assert read_all(disk)[1] == groups


def flipped_offsets(used: int, size: int) -> Iterable[int]:
    yield from range(HEADER_USED_BYTES + 8)
    yield from range(HEADER_USED_BYTES + 8, HEADER_BYTES, 211)
    yield from range(HEADER_BYTES, min(used + 30, size))
    yield from range(used + 30, size, 53)


def told_of_damage(disk: SimDisk, groups: list[bytes], path: str, at: int) -> bool:
    """Whether the damage was named; if not, everything must be as it was."""
    damage = None
    try:
        journal, found = read_all(disk)
    except Corrupt as corrupt:
        damage = corrupt
    if damage is not None:
        assert damage.file == path
        assert damage.offset <= at
        return True
    if journal.torn_bytes:
        # Nothing tells a torn last group, or seal, from a damaged one; it is named either way.
        assert found in (groups[:-1], groups)
        return True
    assert found == groups, f"silently changed by byte {at} of {path}"
    return False


def test_damage_before_a_seal_is_never_taken_for_a_torn_end() -> None:
    for options in (SMALL, LOOSE):
        disk = SimDisk(random.Random(1))
        written(disk, clean_stop=True, options=options)
        path = live(disk)[-1]
        last_group_end = frame_ends(disk, path)[-2]
        disk.flip(path, last_group_end - 1)
        with pytest.raises(Corrupt, match="run `postroad check`"):
            read_all(disk, options)


def test_what_a_weaker_setting_lost_is_cut_and_never_comes_back() -> None:
    # Large, so that the zeros written ahead do not reach what must be forgotten.
    options = JournalOptions(segment_bytes=3_000_000, reserve_bytes=1_000, sync=Sync.NEVER)
    disk = SimDisk(random.Random(1))
    journal = FileJournal(disk, "/j", options)
    journal.claim(1, 0)
    for n in range(1, 15):
        appended(journal, data(n, b"x" * 200_000))
    (path,) = live(disk)
    ends = frame_ends(disk, path)
    disk.flip(path, ends[0] + 20)
    journal, found = read_all(disk, options)
    assert len(found) == 1
    assert journal.torn_bytes == ends[-1] - ends[0]
    # A claim, then a group that ends exactly where an old one begins.
    journal.claim(2, 0)
    room = ends[7] - ends[0] - 2 * FRAME_BYTES - 2 * ENVELOPE_BYTES
    appended(journal, data(1, b"x" * room, epoch=2))
    journal, again = read_all(disk, options)
    assert len(again) == 3
    assert journal.torn_bytes == 0


def test_a_seal_never_reaches_the_disk_before_what_it_seals() -> None:
    for seed in range(100):
        disk = SimDisk(random.Random(seed))
        journal = FileJournal(disk, "/j", LOOSE)
        journal.claim(1, 0)
        appended(journal, data(1, b"x" * 700))
        disk.fail_when = fail_sync_after(seed % 2)
        with contextlib.suppress(JournalFailed):
            journal.close()
        disk.fail_when = None
        disk.crash()
        read_all(disk, LOOSE)


def fail_sync_after(passing: int) -> Callable[[str, str], int | None]:
    syncs: list[str] = []

    def fail(name: str, path: str) -> int | None:
        syncs.extend([path] if name == "sync" else [])
        return errno.EIO if name == "sync" and len(syncs) > passing else None

    return fail


def test_a_setting_made_stricter_or_weaker_begins_a_segment_of_its_own() -> None:
    disk = SimDisk(random.Random(1))
    written(disk, clean_stop=False)
    for epoch, options in ((2, LOOSE), (3, SMALL), (4, SMALL)):
        journal, _ = read_all(disk, options)
        segments = len(live(disk))
        journal.claim(epoch, 0)
        assert len(live(disk)) == segments + (epoch < 4)
        journal.close()


def test_a_segment_left_empty_is_reused_under_another_setting() -> None:
    disk = SimDisk(random.Random(1))
    journal = FileJournal(disk, "/j", SMALL)
    # The power goes between the first segment and the first claim.
    disk.fail_when = lambda name, _: 5 if name == "pwrite" and live(disk) else None
    with pytest.raises(Exception, match="could not be written"):
        journal.claim(1, 0)
    disk.fail_when = None
    (path,) = live(disk)
    disk.replace(path, disk.content(path)[:HEADER_BYTES].ljust(5_000, b"\0"))
    journal = FileJournal(disk, "/j", LOOSE)
    assert journal.claim(1, 0) == 1
    assert len(live(disk)) == 1
    assert len(read_all(disk, LOOSE)[1]) == 1


def test_a_missing_segment_is_damage() -> None:
    disk = SimDisk(random.Random(1))
    written(disk, clean_stop=True)
    disk.unlink(live(disk)[1])
    with pytest.raises(Corrupt, match="is not whole or not there"):
        read_all(disk)


def test_a_segment_under_another_name_is_damage() -> None:
    disk = SimDisk(random.Random(1))
    written(disk, clean_stop=True)
    disk.rename(live(disk)[-1], "/j/00000000000000000999.segment")
    with pytest.raises(Corrupt, match="its name says otherwise"):
        FileJournal(disk, "/j", SMALL)


def test_an_empty_file_where_a_segment_should_be_is_damage() -> None:
    disk = SimDisk(random.Random(1))
    written(disk, clean_stop=True)
    disk.replace(live(disk)[0], b"")
    with pytest.raises(Corrupt, match="header does not match") as caught:
        FileJournal(disk, "/j", SMALL)
    assert (caught.value.file, caught.value.offset) == ("/j/00000000000000000001.segment", 0)
