"""The real disk, and the loop that makes a write whole."""

import errno
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from postroad.disk.interface import write_all
from postroad.disk.real import RealDisk
from postroad.errors import PostroadError
from tests.sim.disk import SimDisk, SimFile


def test_what_is_written_in_parts_is_read_as_one(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    file = RealDisk().create(path)
    write_all(file, (b"abc", b"", b"def"), 2)
    file.sync()
    assert file.pread(100, 0) == b"\0\0abcdef"
    assert file.pread(2, 3) == b"bc"
    assert file.pread(5, 100) == b""
    assert file.size() == 8
    file.close()
    file.close()


def test_more_parts_than_the_kernel_takes_are_all_written(tmp_path: Path) -> None:
    file = RealDisk().create(str(tmp_path / "file"))
    parts = [b"%05d" % number for number in range(3_000)]
    write_all(file, parts, 0)
    assert file.pread(20_000, 0) == b"".join(parts)
    file.close()


@pytest.mark.parametrize("by_the_system", [True, False])
def test_allocated_space_reads_as_zeros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_the_system: bool
) -> None:
    if not by_the_system:
        monkeypatch.delattr("os.posix_fallocate", raising=False)
    file = RealDisk().create(str(tmp_path / "file"))
    write_all(file, (b"head",), 0)
    file.allocate(1_500_000)
    assert file.size() == 1_500_000
    assert file.pread(1_500_000, 0) == b"head" + bytes(1_499_996)
    file.close()


def test_names_change_as_asked(tmp_path: Path) -> None:
    disk = RealDisk()
    directory = str(tmp_path / "a" / "b")
    disk.make_directory(directory)
    disk.make_directory(directory)
    disk.create(f"{directory}/two").close()
    disk.create(f"{directory}/one").close()
    assert disk.names(directory) == ["one", "two"]
    disk.rename(f"{directory}/one", f"{directory}/three")
    disk.unlink(f"{directory}/two")
    disk.sync_directory(directory)
    assert disk.names(directory) == ["three"]
    assert disk.file_size(f"{directory}/three") == 0
    with pytest.raises(FileExistsError):
        disk.create(f"{directory}/three")
    with pytest.raises(FileNotFoundError):
        disk.open(f"{directory}/one")


def test_a_file_opened_for_reading_cannot_be_written(tmp_path: Path) -> None:
    disk = RealDisk()
    disk.create(str(tmp_path / "file")).close()
    file = disk.open(str(tmp_path / "file"), write=False)
    with pytest.raises(OSError, match="Bad file descriptor"):
        file.pwrite((b"x",), 0)
    file.close()


def test_a_lock_file_that_cannot_be_written_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int, _size: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    disk = RealDisk()
    monkeypatch.setattr("os.ftruncate", full)
    with pytest.raises(OSError, match="no space left"):
        disk.lock(str(tmp_path / "lock"), b"1")
    monkeypatch.undo()
    held = disk.lock(str(tmp_path / "lock"), b"2")
    assert not isinstance(held, bytes)
    held.release()


def test_a_system_without_the_calls_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(PostroadError, match="use Linux, macOS or WSL"):
        RealDisk()


def test_short_writes_are_taken_up_where_they_ended() -> None:
    disk = SimDisk(random.Random(3))
    disk.short_writes = 0.9
    disk.make_directory("/d")
    file = disk.create("/d/file")
    write_all(file, [b"%d," % number for number in range(300)], 5)
    assert disk.content("/d/file")[5:] == b"".join(b"%d," % number for number in range(300))
    assert disk.calls > 5


def test_a_disk_that_takes_nothing_is_an_error_not_a_loop() -> None:
    class Stuck(SimFile):
        def pwrite(self, parts: Sequence[bytes], offset: int) -> int:
            assert parts, offset
            return 0

    disk = SimDisk(random.Random(0))
    disk.make_directory("/d")
    disk.create("/d/file")
    stuck = Stuck(disk, disk._names["/d/file"], "/d/file", write=True)
    with pytest.raises(OSError, match="took no bytes"):
        write_all(stuck, (b"abc",), 0)
