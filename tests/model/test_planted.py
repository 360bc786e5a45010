"""A fault planted where only a model sees it is found, so that each model is worth its name.

A patch that no longer applies is a failure: plant the fault anew.
"""

from pathlib import Path

import pytest

from tests.model import test_refusing, test_turns
from tests.planting import plant, run_broken

HERE = Path(__file__).parent
REFUSING = sorted(HERE.glob("planted/*.patch"))
TURNS = sorted(HERE.glob("planted_turns/*.patch"))
STORIES = 20
STORIES_OF_TURNS = 2


def test_without_a_fault_nothing_is_found() -> None:
    assert len(REFUSING) >= 4
    test_refusing.live(STORIES)
    assert TURNS
    test_turns.live(STORIES_OF_TURNS)


@pytest.mark.parametrize("patch", REFUSING, ids=lambda patch: patch.stem)
def test_a_planted_fault_of_refusing_queues_is_found(patch: Path, tmp_path: Path) -> None:
    found_by(f"from tests.model.test_refusing import live; live({STORIES})", patch, tmp_path)


@pytest.mark.parametrize("patch", TURNS, ids=lambda patch: patch.stem)
def test_a_planted_fault_of_turns_is_found(patch: Path, tmp_path: Path) -> None:
    found_by(f"from tests.model.test_turns import live; live({STORIES_OF_TURNS})", patch, tmp_path)


def found_by(program: str, patch: Path, directory: Path) -> None:
    plant(patch, directory)
    told = run_broken(directory, "-c", program)
    assert told.returncode == 1, told.stderr
    assert "AssertionError" in told.stderr
