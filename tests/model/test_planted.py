"""A fault planted in publishes that leave out queues is found, so the count is worth its name.

A patch that no longer applies is a failure: plant the fault anew.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.model.test_refusing import live

ROOT = Path(__file__).parents[2]
PATCHES = sorted(Path(__file__).with_name("planted").glob("*.patch"))
STORIES = 20
PROGRAM = f"from tests.model.test_refusing import live; live({STORIES})"
RUN_S_MAX = 120


def test_without_a_fault_nothing_is_found() -> None:
    assert len(PATCHES) >= 4
    live(STORIES)


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_planted_fault_of_refusing_queues_is_found(patch: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src" / "postroad", tmp_path / "postroad")
    subprocess.run(["git", "apply", str(patch)], cwd=tmp_path, check=True, timeout=30)
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join((str(tmp_path), str(ROOT)))),
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert told.returncode == 1, told.stderr
    assert "AssertionError" in told.stderr
