"""`python -m bench [NAME ...]`: run scenarios, each in a process of its own, and report.

The rule kept here: one scenario at a time, none longer than its limit, and one that fails does not
take the others' figures along.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from bench.figures import Figure, from_json
from bench.machine import commit, machine
from bench.plain import plain_drivers
from bench.report import save, table
from bench.scenarios import FULL_ONLY, LIMIT_S, PURE_TOO, SCENARIOS, TIMES_TURNS

RESULTS = Path(__file__).parent / "results"
SETTINGS = "default settings, sync=always"
QUICK_SCALE = 0.02


def main() -> int:
    """Run what was named, or everything; 1 when a scenario failed."""
    options = _options()
    if options.one:
        return _one(options.one, options.scale)
    names = options.names or [name for name in SCENARIOS if name not in FULL_ONLY]
    scale = QUICK_SCALE if options.quick else options.scale
    figures: list[Figure] = []
    failed = []
    for name in names:
        for variant in _variants(name, pure=options.pure or not options.quick):
            found = _apart(name, scale, variant, quick=options.quick)
            figures.extend(found)
            if not found:
                failed.append(f"{name} ({variant})")
            print(table(found) if found else f"{name}: failed", flush=True)
    if figures and not (options.no_save or options.quick):
        facts = {"commit": commit(), "settings": SETTINGS, "scale": scale, "machine": machine()}
        print(f"kept in {save(figures, facts, RESULTS)}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure what Postroad must reach.")
    parser.add_argument("names", nargs="*", choices=[[], *SCENARIOS], metavar="NAME")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, about two minutes, nothing kept"
    )
    parser.add_argument("--pure", action="store_true", help="the plain variant beside, always")
    parser.add_argument("--scale", type=float, default=1.0, help="share of each size")
    parser.add_argument("--no-save", action="store_true", help="print only")
    parser.add_argument("--one", choices=list(SCENARIOS), help=argparse.SUPPRESS)
    return parser.parse_args()


def _one(name: str, scale: float) -> int:
    """In the process of a scenario: figures as JSON on the last line."""
    if name in TIMES_TURNS:
        plain_drivers()
    found = import_module(SCENARIOS[name]).run(scale)
    print(json.dumps([asdict(one) for one in found]))
    return 0


def _variants(name: str, *, pure: bool) -> list[str]:
    from postroad import COMPILED

    first = "compiled" if COMPILED else "pure"
    return [first, "pure"] if COMPILED and pure and name in PURE_TOO else [first]


def _apart(name: str, scale: float, variant: str, *, quick: bool) -> list[Figure]:
    """Run one scenario in a process of its own."""
    print(f"... {name} ({variant})", file=sys.stderr, flush=True)
    environment = dict(os.environ)
    if variant == "pure":
        environment["PYTHONPATH"] = "src"
    command = [sys.executable, "-m", "bench", "--one", name, "--scale", str(scale)]
    limit_s = 120 if quick else LIMIT_S.get(name, 600)
    try:
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, timeout=limit_s, check=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return []
    figures = [from_json(row) for row in json.loads(done.stdout.splitlines()[-1])]
    for one in figures:
        one.variant = variant
        one.full = one.full and (scale >= 1 or one.at_most is None)
    return figures


if __name__ == "__main__":
    sys.exit(main())
