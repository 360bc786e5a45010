"""Gives each planted fault a seed that shows it in today's code: `python -m tests.sim.replant`.

A change of the engine changes the story of every seed; the faults stay, their seeds move. Only
seeds are rewritten here: a patch that no longer applies is mended by hand.
"""

import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.planting import plant
from tests.sim.test_planted import PATCHES, live, seed_of

FIRST = 1_000
COUNT = 400
PLACES = 2
_BAD = re.compile(r"^seed (\d+): ", re.MULTILINE)


def replant(patch: Path) -> str:
    """Find a seed for one fault; one line about it."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        plant(patch, directory)
        if live(directory, "--quiet", "--seed", seed_of(patch)).returncode == 1:
            return f"{patch.stem}: {seed_of(patch)} still shows it"
        told = live(directory, "--first", str(FIRST), "--count", str(COUNT), "--first-bad")
    found = _BAD.search(told.stdout)
    if found is None:
        return f"{patch.stem}: NOT found in {COUNT} seeds"
    lines = patch.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[0] = f"seed: {found.group(1)}\n"
    patch.write_text("".join(lines), encoding="utf-8")
    return f"{patch.stem}: {found.group(1)}"


def main() -> int:
    """All faults; 1 when one was not found."""
    with ThreadPoolExecutor(PLACES) as pool:
        lines = list(pool.map(replant, PATCHES))
    print("\n".join(lines))
    return int(any("NOT" in line for line in lines))


if __name__ == "__main__":
    sys.exit(main())
