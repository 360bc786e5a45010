"""Where crash tests kill: at points that a seed chooses.

The seed stands in the name of the test, as what repeats it: `POSTROAD_KILL_SEED=7`. `make test`
takes the same one each time; `make soak` draws new ones, has thousands done and kills more often.
"""

import os
import random
import time
from collections.abc import Callable

import pytest

from tests.compat.processes import until

SOAKS = "POSTROAD_SOAK_MINUTES" in os.environ
SEEDS_SOAK = 5
WITHIN_MS = 240_000 if SOAKS else 90_000


def _seeds() -> list[int]:
    given = os.environ.get("POSTROAD_KILL_SEED")
    if given is not None:
        return [int(given)]
    if not SOAKS:
        return [1]
    # Processes that share one run have to find the same tests.
    fresh = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID"))
    return [fresh.randrange(1_000_000) for _ in range(SEEDS_SOAK)]


by_seed = pytest.mark.parametrize("seed", _seeds(), ids="POSTROAD_KILL_SEED={}".format)
"""Runs a test once for each seed."""


def count(quick: int, soak: int) -> int:
    """So many in `make test`, and so many in `make soak`."""
    return soak if SOAKS else quick


class Chance(random.Random):
    """What a seed decides for one story."""

    def __init__(self, seed: int, story: str) -> None:
        super().__init__(f"{story} {seed}")

    def points(self, kills: int, total: int) -> list[int]:
        """How much is done of a total at each kill: anywhere, in order."""
        return sorted(self.randrange(total) for _ in range(kills))

    def is_one_in(self, many: int) -> bool:
        """Whether it is that one time."""
        return self.randrange(many) == 0

    def wait_past(self, done: Callable[[], int], point: int) -> None:
        """Wait until so much is done, or fail, and a little longer: a kill may fall anywhere."""
        assert until(lambda: done() >= point, WITHIN_MS), f"stuck at {done()} of {point}"
        self.let_pass(25)

    def let_pass(self, most_ms: int) -> None:
        """Some time of the life that is about to end; nothing is hoped for meanwhile."""
        time.sleep(self.uniform(0, most_ms) / 1_000)
