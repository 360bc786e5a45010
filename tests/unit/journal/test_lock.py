"""One process holds the directory."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from postroad.disk.interface import Disk
from postroad.disk.real import RealDisk
from postroad.errors import DirectoryLocked
from postroad.journal.lock import lock_directory
from tests.sim.disk import SimDisk


@pytest.fixture(params=["real", "simulated"])
def disk(request: pytest.FixtureRequest) -> Disk:
    return RealDisk() if request.param == "real" else SimDisk(random.Random(0))


def test_a_second_opener_learns_who_has_the_directory(disk: Disk, tmp_path: Path) -> None:
    directory = str(tmp_path / "data")
    lock_directory(disk, directory, 4321)
    with pytest.raises(DirectoryLocked, match="in use by process 4321; connect to that") as caught:
        lock_directory(disk, directory, 99)
    assert (caught.value.pid, caught.value.directory) == (4321, directory)


def test_a_released_directory_is_free(disk: Disk, tmp_path: Path) -> None:
    held = lock_directory(disk, str(tmp_path), 1)
    held.release()
    held.release()
    lock_directory(disk, str(tmp_path), 2).release()


def test_a_lock_whose_note_says_nothing_is_still_a_lock(tmp_path: Path) -> None:
    disk = SimDisk(random.Random(0))
    disk.locks["/data/lock"] = b"scribble"
    with pytest.raises(DirectoryLocked, match="in use by another process") as caught:
        lock_directory(disk, "/data", 1)
    assert caught.value.pid == 0


def test_a_process_that_died_holds_nothing(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from postroad.disk.real import RealDisk\n"
        "from postroad.journal.lock import lock_directory\n"
        "held = lock_directory(RealDisk(), sys.argv[1], os.getpid())\n"
        "os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert done.returncode == 9
    lock_directory(RealDisk(), str(tmp_path), 1).release()
