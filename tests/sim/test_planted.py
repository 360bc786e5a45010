"""A fault planted in the broker is found, so the checker is worth its name.

Each `planted/*.patch` names a seed whose story shows the fault. A patch that no longer applies is
a failure: the code it was made for has changed, so plant the fault anew.
"""

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.planting import plant, run_broken

PATCHES = sorted(Path(__file__).with_name("planted").glob("*.patch"))
SOAKS = bool(os.environ.get("POSTROAD_SOAK_MINUTES"))


def seed_of(patch: Path) -> str:
    first = patch.read_text(encoding="utf-8").splitlines()[0]
    name, _, seed = first.partition(": ")
    assert name == "seed"
    return seed


def live(directory: Path, *given: str) -> subprocess.CompletedProcess[str]:
    """Live stories with the broken copy."""
    return run_broken(directory, "-m", "tests.sim.run", *given, run_s=600)


def test_there_are_faults_to_find() -> None:
    assert len(PATCHES) >= 20


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_planted_fault_is_found_by_its_seed(patch: Path, tmp_path: Path) -> None:
    plant(patch, tmp_path)
    told = live(tmp_path, "--quiet", "--seed", seed_of(patch))
    assert told.returncode == 1, told.stderr
    assert "violates: " in told.stdout or "breaks" in told.stdout


@pytest.mark.skipif(not SOAKS, reason="only `make soak` tries each fault on fresh seeds")
@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_planted_fault_is_found_within_two_hundred_fresh_seeds(
    patch: Path, tmp_path: Path
) -> None:
    plant(patch, tmp_path)
    first = str(random.SystemRandom().getrandbits(40))
    told = live(tmp_path, "--first", first, "--count", "200", "--first-bad")
    assert told.returncode == 1, f"from seed {first} on: {told.stdout}{told.stderr}"
    assert "1 ended badly" in told.stdout
