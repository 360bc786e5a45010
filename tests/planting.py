"""A fault planted in a copy of the package, and a program that runs with the copy.

What the fault does not touch is linked, with its bytecode: copies that each process compiled anew
took longer than most of the stories.
"""

import compileall
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"


def plant(patch: Path, directory: Path) -> None:
    """Make a copy of the package and break it; fails where the patch no longer applies."""
    _keep_bytecode()
    lines = patch.read_text(encoding="utf-8").splitlines()
    touched = {Path(line.removeprefix("--- a/")) for line in lines if line.startswith("--- a/")}
    folders = {folder for path in touched for folder in path.parents if folder.name}
    for folder in sorted(folders):
        (directory / folder).mkdir()
        for entry in (SOURCE / folder).iterdir():
            inner = folder / entry.name
            if inner in touched:
                shutil.copy(entry, directory / inner)
            elif inner not in folders:
                (directory / inner).symlink_to(entry)
    subprocess.run(["git", "apply", str(patch)], cwd=directory, check=True, timeout=30)


def run_broken(
    directory: Path, *arguments: str, run_s: int = 120
) -> subprocess.CompletedProcess[str]:
    """Run Python with the broken copy."""
    there = os.pathsep.join((str(directory), str(ROOT)))
    # The bytecode of a broken module would be written beside that of the whole one.
    env = dict(os.environ, PYTHONPATH=there, PYTHONDONTWRITEBYTECODE="1")
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=env,
        capture_output=True,
        text=True,
        timeout=run_s,
        check=False,
    )


@cache
def _keep_bytecode() -> None:
    """Compile what has changed, once for all faults."""
    for folder in (SOURCE / "postroad", ROOT / "tests" / "sim", ROOT / "tests" / "model"):
        compileall.compile_dir(folder, quiet=1)
