"""A fault planted in a copy of the package, and a program that runs with the copy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def plant(patch: Path, directory: Path) -> None:
    """Copy the package and break the copy; fails where the patch no longer applies."""
    shutil.copytree(ROOT / "src" / "postroad", directory / "postroad")
    subprocess.run(["git", "apply", str(patch)], cwd=directory, check=True, timeout=30)


def run_broken(
    directory: Path, *arguments: str, run_s: int = 120
) -> subprocess.CompletedProcess[str]:
    """Run Python with the broken copy."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join((str(directory), str(ROOT)))),
        capture_output=True,
        text=True,
        timeout=run_s,
        check=False,
    )
