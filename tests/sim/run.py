"""Tell the story of a seed, or live stories until the time is over.

`python -m tests.sim.run --seed N` tells one; without a seed, new ones are lived for `--minutes`.
"""

import argparse
import random
import sys
import time
import traceback

from tests.sim.copies import Violation
from tests.sim.world import World


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.sim.run", description=__doc__)
    parser.add_argument("--seed", type=int, help="tell the story of this seed")
    parser.add_argument("--quiet", action="store_true", help="only how it ends")
    parser.add_argument("--first", type=int, help="live the seeds from this one on")
    parser.add_argument("--count", type=int, default=1 << 62, help="how many stories to live")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to live stories")
    parser.add_argument("--first-bad", action="store_true", help="stop at the first bad end")
    given = parser.parse_args()
    if given.seed is not None:
        return tell(given.seed, quiet=given.quiet)
    return soak(given.first, given.count, given.minutes, stop=given.first_bad)


def tell(seed: int, *, quiet: bool) -> int:
    """One story, in lines."""
    world = World(seed, None if quiet else print)
    try:
        print(f"seed {seed} ends well: {world.play()}")
    except Violation as violation:
        print(f"seed {seed} violates: {violation}")
        return 1
    except Exception:  # noqa: BLE001  (whatever breaks is the end of the story)
        traceback.print_exc(file=sys.stdout)
        print(f"seed {seed} breaks")
        return 1
    return 0


def soak(first: int | None, count: int, minutes: float, *, stop: bool) -> int:
    """Stories until the time is over; the number of those that ended badly."""
    dice = random.SystemRandom()
    end = time.monotonic() + 60 * minutes
    lived = bad = 0
    while lived < count and time.monotonic() < end and not (stop and bad):
        seed = dice.getrandbits(40) if first is None else first + lived
        lived += 1
        try:
            World(seed).play()
        except Exception as error:  # noqa: BLE001  (counted, and told by its seed)
            bad += 1
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:300]}", flush=True)
    print(f"{lived} stories, {bad} ended badly")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
