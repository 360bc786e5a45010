"""The bytes on disk, as each release wrote them: what was written once is read for good.

Rewritten by `make golden`; the difference is the review, and a change needs a new version.
"""

import os
import random
from pathlib import Path

import pytest

from postroad.disk.real import RealDisk
from postroad.journal.envelope import CLAIM, CONTINUES, DATA, Stamp, pack
from postroad.journal.files import FileJournal
from postroad.journal.frame import frame_head, seal
from postroad.journal.options import JournalOptions
from postroad.journal.segment import HEADER_BYTES, SegmentHeader, pack_header
from postroad.store.checkpoint import Cut
from postroad.store.files import FRAME_BYTES, FileStore
from postroad.store.sqlite import SqliteCheckpoints
from tests.journal.groups import appended, data
from tests.sim.disk import SimDisk

GOLDEN = Path(__file__).parents[2] / "golden" / "journal" / "v1"
SMALL = JournalOptions(segment_bytes=5_000, reserve_bytes=1_000)
GROUPS = [data(n, b"group number %d " % n * n * 2, now_ms=1_000 + n) for n in range(1, 7)]
BIG = 0xFEDCBA9876543210


def block() -> bytes:
    disk = SimDisk(random.Random(0))
    store = FileStore(disk, "/b")
    store.begin(5)
    store.put([b"first", b"a block"])
    return disk.content(disk.paths()[0])[FRAME_BYTES + 5 :]


BYTES = {
    "claim envelope": pack(
        kind=CLAIM, flags=0, epoch=BIG, n=0, now_ms=1_700_000_000_123, payload=b""
    ),
    "data envelope": pack(kind=DATA, flags=0, epoch=3, n=BIG, now_ms=BIG, payload=b"hello"),
    "data envelope that continues": pack(
        kind=DATA, flags=CONTINUES, epoch=3, n=4, now_ms=5, payload=b"hello"
    ),
    "frame head": frame_head(0x01234567, BIG),
    "seal": seal(BIG),
    "segment header": pack_header(SegmentHeader(0, 67_108_864, BIG, 77, Stamp(3, 4, 5)))[:64],
    "segment header of a weaker setting": pack_header(
        SegmentHeader(1, 5_000, 1, 1, Stamp(0, 0, 0))
    )[:64],
    "block": block(),
}


def spelled(name: str, content: bytes) -> str:
    lines = [content[at : at + 16].hex(" ") for at in range(0, len(content), 16)]
    return "\n".join([f"# {name}", *lines, ""])


@pytest.mark.parametrize("name", BYTES)
def test_the_bytes_are_those_of_version_one(name: str) -> None:
    path = GOLDEN / f"{name.replace(' ', '_')}.txt"
    text = spelled(name, BYTES[name])
    if os.environ.get("POSTROAD_WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.read_text() == text


def test_a_journal_of_version_one_is_read_and_written_on(tmp_path: Path) -> None:
    if os.environ.get("POSTROAD_WRITE_GOLDEN"):
        write_directory()
    for path in GOLDEN.glob("*.segment"):
        (tmp_path / path.name).write_bytes(path.read_bytes().ljust(5_000, b"\0"))
    journal = FileJournal(RealDisk(), str(tmp_path), SMALL)
    assert journal.bounds() == (1, 8)
    assert journal.sealed
    assert journal.last_epoch == 1
    assert [group for _, group in journal.read(2, 8)] == GROUPS
    assert journal.seek_time(1_005) == 6
    assert journal.claim(2, 2_000) == 8
    journal.close()


def write_directory() -> None:
    disk = SimDisk(random.Random(0))
    journal = FileJournal(disk, "/j", SMALL, nonce=iter((BIG, BIG + 1, BIG + 2)).__next__)
    journal.claim(1, 1_000)
    for group in GROUPS:
        appended(journal, group)
    journal.close()
    for path in disk.paths():
        name = path.rpartition("/")[2]
        if name[0].isdigit():
            (GOLDEN / name).write_bytes(disk.content(path).rstrip(b"\0"))


def test_a_checkpoint_of_version_one_is_loaded(tmp_path: Path) -> None:
    cut = Cut(position=8, epoch=1, n=6, now_ms=1_006, floor=2)
    rows = {b"page 1": b"one", b"page 2": bytes(range(256))}
    golden = GOLDEN / "checkpoint.db"
    if os.environ.get("POSTROAD_WRITE_GOLDEN"):
        golden.unlink(missing_ok=True)
        checkpoints = SqliteCheckpoints(str(golden))
        checkpoints.save(cut, rows)
        checkpoints.close()
    (tmp_path / golden.name).write_bytes(golden.read_bytes())
    checkpoints = SqliteCheckpoints(str(tmp_path / golden.name))
    found, loaded = checkpoints.load()
    assert (found, dict(loaded)) == (cut, rows)
    checkpoints.close()


def test_the_header_has_a_page_of_its_own() -> None:
    page = pack_header(SegmentHeader(0, 5_000, 1, 1, Stamp(0, 0, 0)))
    assert len(page) == HEADER_BYTES
    assert set(page[60:]) == {0}
