"""What every keeper of checkpoints keeps; then what SQLite's files add."""

import errno
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from postroad.errors import CorruptCheckpoint, PostroadError
from postroad.store.checkpoint import Checkpoints, Cut, MemoryCheckpoints
from postroad.store.sqlite import SqliteCheckpoints

Make = Callable[[], Checkpoints]
CUT = Cut(position=10, epoch=2, n=7, now_ms=1_700_000_000_000, floor=4)
LATER = Cut(position=20, epoch=2, n=17, now_ms=1_700_000_000_500, floor=15)


@pytest.fixture(params=["memory", "sqlite"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Opens the same checkpoints each time it is called."""
    if request.param == "memory":
        memory = MemoryCheckpoints()
        return lambda: memory
    return lambda: SqliteCheckpoints(str(tmp_path / "checkpoint.db"))


def loaded(checkpoints: Checkpoints) -> tuple[Cut | None, dict[bytes, bytes]]:
    cut, rows = checkpoints.load()
    return cut, dict(rows)


def test_at_first_there_is_nothing(opening: Make) -> None:
    checkpoints = opening()
    assert loaded(checkpoints) == (None, {})
    checkpoints.close()


def test_what_was_saved_is_loaded_after_opening_again(opening: Make) -> None:
    rows = {b"": b"the empty key", b"\0\xff": b"", b"page": bytes(300_000), b"a": b"1"}
    checkpoints = opening()
    checkpoints.save(CUT, rows)
    assert loaded(checkpoints) == (CUT, rows)
    checkpoints.close()
    checkpoints = opening()
    assert loaded(checkpoints) == (CUT, rows)
    checkpoints.close()


def test_rows_come_in_order_of_their_keys(opening: Make) -> None:
    checkpoints = opening()
    checkpoints.save(CUT, {b"b": b"", b"aa": b"", b"": b"", b"a\xff": b"", b"a": b""})
    _, rows = checkpoints.load()
    assert [key for key, _ in rows] == [b"", b"a", b"aa", b"a\xff", b"b"]
    checkpoints.close()


def test_a_save_changes_and_deletes_only_the_rows_it_names(opening: Make) -> None:
    checkpoints = opening()
    checkpoints.save(CUT, {b"stays": b"1", b"changes": b"2", b"goes": b"3"})
    checkpoints.save(LATER, {b"changes": b"two", b"goes": None, b"never was": None, b"new": b"4"})
    assert loaded(checkpoints) == (LATER, {b"stays": b"1", b"changes": b"two", b"new": b"4"})
    checkpoints.close()


def test_a_checkpoint_may_come_in_pieces_the_last_word_counts(opening: Make) -> None:
    checkpoints = opening()
    checkpoints.begin()
    checkpoints.feed({b"a": b"1", b"b": b"2"})
    checkpoints.feed({b"a": b"one", b"b": None})
    checkpoints.feed({})
    checkpoints.commit(CUT)
    assert loaded(checkpoints) == (CUT, {b"a": b"one"})
    checkpoints.close()


@pytest.mark.parametrize("end", ["abort", "close"])
def test_what_was_not_committed_never_was(opening: Make, end: str) -> None:
    checkpoints = opening()
    checkpoints.save(CUT, {b"a": b"1"})
    checkpoints.begin()
    checkpoints.feed({b"a": None, b"b": bytes(100_000)})
    if end == "abort":
        checkpoints.abort()
        checkpoints.abort()
    else:
        checkpoints.close()
        checkpoints = opening()
    assert loaded(checkpoints) == (CUT, {b"a": b"1"})
    checkpoints.save(LATER, {b"c": b"3"})
    assert loaded(checkpoints) == (LATER, {b"a": b"1", b"c": b"3"})
    checkpoints.close()


def test_one_checkpoint_is_written_at_a_time(opening: Make) -> None:
    checkpoints = opening()
    with pytest.raises(AssertionError):
        checkpoints.feed({})
    with pytest.raises(AssertionError):
        checkpoints.commit(CUT)
    checkpoints.begin()
    with pytest.raises(AssertionError):
        checkpoints.begin()
    checkpoints.close()


def test_a_crash_of_memory_loses_only_what_was_fed() -> None:
    checkpoints = MemoryCheckpoints()
    checkpoints.save(CUT, {b"a": b"1"})
    checkpoints.begin()
    checkpoints.feed({b"a": b"2"})
    checkpoints.crash()
    assert loaded(checkpoints) == (CUT, {b"a": b"1"})
    checkpoints.save(LATER, {})


def test_a_flipped_byte_is_found_or_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.db"
    rows = {b"key %d" % number: b"value %d " % number * 9 for number in range(25)}
    checkpoints = SqliteCheckpoints(str(path))
    checkpoints.save(CUT, rows)
    checkpoints.save(LATER, {b"key 3": None})
    del rows[b"key 3"]
    checkpoints.close()
    whole = path.read_bytes()
    found = 0
    for at in flipped_offsets(whole):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        for beside in tmp_path.glob("checkpoint.db-*"):
            beside.unlink()
        found += told_of_damage(path, rows)
    assert found > sum(map(len, rows.values())) / 4


def flipped_offsets(whole: bytes) -> list[int]:
    # Pages are mostly empty: each byte that is not, and a few of the others.
    return [at for at, byte in enumerate(whole) if at < 100 or (at % 2 if byte else at % 211 == 0)]


def told_of_damage(path: Path, rows: dict[bytes, bytes]) -> bool:
    try:
        checkpoints = SqliteCheckpoints(str(path))
    except (PostroadError, OSError):
        return True
    try:
        cut, found = loaded(checkpoints)
    except CorruptCheckpoint:
        return True
    finally:
        checkpoints.close()
    assert (cut, found) == (LATER, rows)
    return False


def saved(path: Path) -> sqlite3.Connection:
    checkpoints = SqliteCheckpoints(str(path))
    checkpoints.save(CUT, {b"a": b"1", b"b": b"2"})
    checkpoints.close()
    return sqlite3.connect(path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("DELETE FROM rows WHERE key = x'61'", "it has 1 rows, not the 2 it should"),
        ("INSERT INTO rows SELECT x'63', crc, value FROM rows WHERE key = x'61'", "row 63"),
        ("UPDATE rows SET value = x'00' WHERE key = x'61'", "row 61 of the checkpoint is damaged"),
        ("UPDATE rows SET value = 'text'", "not made of bytes"),
        ("UPDATE rows SET key = 'text' WHERE key = x'61'", "not made of bytes"),
        ("UPDATE cut SET floor = floor + 1", "its cut does not match"),
        ("UPDATE cut SET floor = NULL", "its cut does not match"),
        ("DELETE FROM cut", "it has 2 rows, not the 0"),
        ("DROP TABLE cut", "no such table"),
        ("DROP TABLE rows", "no such table"),
    ],
)
def test_what_was_changed_behind_its_back_is_named(tmp_path: Path, change: str, why: str) -> None:
    path = tmp_path / "checkpoint.db"
    db = saved(path)
    db.execute(change)
    db.commit()
    db.close()
    checkpoints = SqliteCheckpoints(str(path))
    with pytest.raises(CorruptCheckpoint, match=why):
        loaded(checkpoints)
    checkpoints.close()


def test_a_checkpoint_of_a_newer_postroad_is_refused(tmp_path: Path) -> None:
    db = saved(tmp_path / "checkpoint.db")
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(PostroadError, match="version 9, which a newer Postroad wrote; use"):
        SqliteCheckpoints(str(tmp_path / "checkpoint.db"))


def test_a_file_that_is_no_database_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.db"
    path.write_bytes(b"not a database at all " * 100)
    with pytest.raises(CorruptCheckpoint, match="not a database"):
        SqliteCheckpoints(str(path))


def test_a_directory_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="unable to open"):
        SqliteCheckpoints(str(tmp_path / "nowhere" / "checkpoint.db"))


def test_a_full_disk_is_told_as_such_and_changes_nothing(tmp_path: Path) -> None:
    checkpoints = SqliteCheckpoints(str(tmp_path / "checkpoint.db"))
    checkpoints.save(CUT, {b"a": b"1"})
    pages = checkpoints._db.execute("PRAGMA page_count").fetchone()[0]
    checkpoints._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(OSError, match="is full") as caught:
        checkpoints.save(LATER, {b"a": b"2", b"b": bytes(100_000)})
    assert caught.value.errno == errno.ENOSPC
    assert loaded(checkpoints) == (CUT, {b"a": b"1"})
    checkpoints._db.execute("PRAGMA max_page_count = 1000000")
    checkpoints.save(LATER, {b"b": bytes(100_000)})
    assert loaded(checkpoints) == (LATER, {b"a": b"1", b"b": bytes(100_000)})
    checkpoints.close()


def test_another_holder_of_the_file_is_an_os_error(tmp_path: Path) -> None:
    other = saved(tmp_path / "checkpoint.db")
    checkpoints = SqliteCheckpoints(str(tmp_path / "checkpoint.db"))
    checkpoints._db.execute("PRAGMA busy_timeout = 0")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OSError, match="locked") as caught:
        checkpoints.begin()
    assert caught.value.errno == errno.EIO
    other.close()
    checkpoints.save(LATER, {})
    checkpoints.close()


def test_damage_met_while_saving_is_named(tmp_path: Path) -> None:
    checkpoints = SqliteCheckpoints(str(tmp_path / "checkpoint.db"))
    checkpoints.save(CUT, {b"a": b"1"})
    checkpoints._db.execute(
        "CREATE TRIGGER no BEFORE INSERT ON rows BEGIN SELECT RAISE(ABORT, 'x'); END"
    )
    with pytest.raises(CorruptCheckpoint, match="x"):
        checkpoints.save(LATER, {b"b": b"2"})
    assert loaded(checkpoints) == (CUT, {b"a": b"1"})
    checkpoints.close()


def test_a_commit_survives_the_death_of_its_process(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from postroad.store.checkpoint import Cut\n"
        "from postroad.store.sqlite import SqliteCheckpoints\n"
        "checkpoints = SqliteCheckpoints(sys.argv[1])\n"
        "checkpoints.save(Cut(10, 2, 7, 1700000000000, 4), {b'a': b'1'})\n"
        "checkpoints.begin()\n"
        "checkpoints.feed({b'a': b'2', b'b': bytes(10_000_000)})\n"
        "os._exit(9)\n"
    )
    path = str(tmp_path / "checkpoint.db")
    assert subprocess.run([sys.executable, "-c", program, path], check=False).returncode == 9
    checkpoints = SqliteCheckpoints(path)
    assert loaded(checkpoints) == (CUT, {b"a": b"1"})
    checkpoints.close()
