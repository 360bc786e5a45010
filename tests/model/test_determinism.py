"""The same asks at the same times give the same journal, in any process."""

import os
import subprocess
import sys
from pathlib import Path

from tests.model.scenario import digest, live

SEED, STEPS = 7, 600


def test_the_same_life_twice_is_the_same_journal() -> None:
    road = live(SEED, STEPS)
    assert digest(live(SEED, STEPS)) == digest(road)
    assert digest(live(SEED + 1, STEPS)) != digest(road)
    assert len(road.steps) > STEPS / 2
    road.check()


def test_hash_seeds_make_no_difference() -> None:
    command = [sys.executable, "-m", "tests.model.scenario", str(SEED), str(STEPS)]
    told = [
        subprocess.run(
            command,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout.decode()
        for hash_seed in ("1", "2")
    ]
    assert told == [digest(live(SEED, STEPS)) + "\n"] * 2
