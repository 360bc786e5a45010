"""A fault planted in publishes that leave out queues is found, so the count is worth its name.

A patch that no longer applies is a failure: plant the fault anew.
"""

from pathlib import Path

import pytest

from tests.model.test_refusing import live
from tests.planting import plant, run_broken

PATCHES = sorted(Path(__file__).with_name("planted").glob("*.patch"))
STORIES = 20
PROGRAM = f"from tests.model.test_refusing import live; live({STORIES})"


def test_without_a_fault_nothing_is_found() -> None:
    assert len(PATCHES) >= 4
    live(STORIES)


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_planted_fault_of_refusing_queues_is_found(patch: Path, tmp_path: Path) -> None:
    plant(patch, tmp_path)
    told = run_broken(tmp_path, "-c", PROGRAM)
    assert told.returncode == 1, told.stderr
    assert "AssertionError" in told.stderr
