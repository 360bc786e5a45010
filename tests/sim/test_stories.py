"""Whatever fails, whenever, nothing that was promised is broken: stories by seed, each checked."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from postroad.core.apply import APPLY
from tests.sim.themes import SEEDS_EVERY, THEMES
from tests.sim.world import World

ROOT = Path(__file__).parents[2]
OPERATIONS = 120  # short enough that two hundred stories take a minute
SEEDS = sorted(int(path.stem) for path in Path(__file__).with_name("seeds").glob("*.txt"))
UNTOLD = {
    "Returned": "only in journals of before: what came back is told with its time now",
    "HolderEnded": "only in journals of before: the ends of sessions are told with their time now",
}
"""Kinds of records that no story has, and why."""
SOAK_MINUTES = float(os.environ.get("POSTROAD_SOAK_MINUTES", "0"))


def test_no_seed_has_two_large_themes() -> None:
    taken = [seed for theme in THEMES.values() for seed in theme.seeds]
    assert len(taken) == len(set(taken))
    assert set(taken) < set(range(SEEDS_EVERY))


@pytest.mark.parametrize("seed", range(200))
def test_a_story_with_faults_ends_well(seed: int) -> None:
    World(seed).play(OPERATIONS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_that_was_red_stays_green(seed: int) -> None:
    World(seed).play()


def test_stories_between_them_write_every_kind_of_record_and_die_often() -> None:
    kinds: set[str] = set()
    lives = checkpoints = read_ahead = used_ahead = 0
    for seed in (*range(1_000, 1_040), 1_087, 1_102):
        world = World(seed)
        world.play()
        kinds |= world.tap.kinds
        lives += world.lives - 3  # the first, and those after a clean stop
        checkpoints += world.checkpoints.commits
        read_ahead += sum(engine.loads.ahead.blocks for engine in world.engines)
        used_ahead += sum(engine.cache.ahead_used for engine in world.engines)
    assert kinds == {kind.__name__ for kind in APPLY} - UNTOLD.keys()
    assert lives > 40
    assert checkpoints > 50
    assert read_ahead > used_ahead > 50


def test_a_seed_tells_the_same_story_twice() -> None:
    assert World(7).play(60) == World(7).play(60)


def test_a_story_does_not_depend_on_the_order_of_hashes() -> None:
    told = set()
    for hash_seed in ("1", "2"):
        env = dict(os.environ, PYTHONHASHSEED=hash_seed)
        ran = subprocess.run(
            [sys.executable, "-m", "tests.sim.run", "--seed", "11", "--quiet"],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        told.add(ran.stdout)
    assert len(told) == 1
    assert "ends well" in told.pop()


@pytest.mark.skipif(not SOAK_MINUTES, reason="only `make soak` lives new stories for long")
def test_new_stories_end_well_for_as_long_as_one_likes() -> None:
    end = time.monotonic() + 30 * SOAK_MINUTES
    dice = random.SystemRandom()
    while time.monotonic() < end:
        seed = dice.getrandbits(40)
        try:
            World(seed).play()
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
