"""A fault planted in the broker is found, so the checker is worth its name.

Each `planted/*.patch` names a seed whose story shows the fault. A patch that no longer applies is
a failure: the code it was made for has changed, so plant the fault anew.
"""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATCHES = sorted(Path(__file__).with_name("planted").glob("*.patch"))
SOAKS = bool(os.environ.get("POSTROAD_SOAK_MINUTES"))


def seed_of(patch: Path) -> str:
    first = patch.read_text(encoding="utf-8").splitlines()[0]
    name, _, seed = first.partition(": ")
    assert name == "seed"
    return seed


def plant(patch: Path, directory: Path) -> None:
    """Copy the package and break the copy."""
    shutil.copytree(ROOT / "src" / "postroad", directory / "postroad")
    subprocess.run(["git", "apply", str(patch)], cwd=directory, check=True, timeout=30)


def live(directory: Path, *given: str) -> subprocess.CompletedProcess[str]:
    """Live stories with the broken copy."""
    env = dict(os.environ, PYTHONPATH=os.pathsep.join((str(directory), str(ROOT))))
    return subprocess.run(
        [sys.executable, "-m", "tests.sim.run", *given],
        cwd=directory,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


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
