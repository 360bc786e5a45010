"""A fault planted in lists is found by cutting the power, so that the cuts are worth their name.

A patch that no longer applies is a failure: plant the fault anew.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATCHES = sorted(Path(__file__).with_name("planted").glob("*.patch"))
PROGRAM = "from tests.crash.test_engine_lists import cut_everywhere; cut_everywhere()"
RUN_S_MAX = 120


def test_there_are_faults_to_find() -> None:
    assert len(PATCHES) >= 3


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_planted_fault_of_lists_is_found(patch: Path, tmp_path: Path) -> None:
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
