"""A fault planted in lists is found by cutting the power, so that the cuts are worth their name.

A patch that no longer applies is a failure: plant the fault anew.
"""

from pathlib import Path

import pytest

from tests.planting import plant, run_broken

PATCHES = sorted(Path(__file__).with_name("planted").glob("*.patch"))
PROGRAM = "from tests.crash.test_engine_lists import cut_everywhere; cut_everywhere()"


def test_there_are_faults_to_find() -> None:
    assert len(PATCHES) >= 3


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_planted_fault_of_lists_is_found(patch: Path, tmp_path: Path) -> None:
    plant(patch, tmp_path)
    told = run_broken(tmp_path, "-c", PROGRAM)
    assert told.returncode == 1, told.stderr
    assert "AssertionError" in told.stderr
