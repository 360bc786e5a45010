"""Build step: compiles the modules of hot_modules.txt with mypyc where that is possible.

POSTROAD_PURE=1 leaves everything in Python. POSTROAD_COMPILE=require turns a failed compilation
into a failed build; without it the build goes on with the plain modules.
"""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext

REQUIRED = os.environ.get("POSTROAD_COMPILE") == "require"
# Metadata, sdist and editable installs run this file too and need no type check of everything.
BUILDING = bool({"build", "build_ext", "bdist_wheel"} & set(sys.argv))


def hot_paths() -> list[str]:
    """Return the paths of the hot modules that exist."""
    lines = Path("hot_modules.txt").read_text(encoding="utf-8").splitlines()
    paths = [f"src/{line.strip()}" for line in lines if line.strip() and not line.startswith("#")]
    return [path for path in paths if Path(path).is_file()]


def hot_extensions() -> list[Any]:
    """Return what mypyc makes of the hot modules; nothing where it cannot."""
    paths = hot_paths()
    if not BUILDING or not paths or os.environ.get("POSTROAD_PURE") == "1":
        return []
    try:
        from mypyc.build import mypycify

        extensions = mypycify(
            paths,
            opt_level=os.environ.get("POSTROAD_OPT_LEVEL", "3"),
            group_name="postroad",  # names the shared library, which postroad.COMPILED looks for
            debug_level="0",
            multi_file=True,  # so that they are compiled side by side, one per processor
        )
    except (ImportError, SystemExit) as error:  # mypyc leaves by sys.exit on a type error
        if REQUIRED:
            raise
        print(f"postroad: building without compiled modules: {error}", file=sys.stderr)
        return []
    for extension in extensions:
        extension.optional = not REQUIRED
    return extensions


def each_on_its_own(compile_all: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Return `compile_all` with a compiler process per source file, one per processor at a time."""

    def compiled(sources: list[str], *options: Any, **more: Any) -> list[str]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = pool.map(lambda source: compile_all([source], *options, **more), sources)
            return [name for names in objects for name in names]

    return compiled


class BuildAllOrNothing(build_ext):
    """Half of the extensions would not import: keep them all or none."""

    def build_extensions(self) -> None:
        self.compiler.compile = each_on_its_own(self.compiler.compile)
        super().build_extensions()

    def run(self) -> None:
        super().run()
        outputs = [Path(name) for name in self.get_outputs()]
        if all(path.exists() for path in outputs):
            return
        print("postroad: no C compiler found or it failed; using plain Python", file=sys.stderr)
        for path in outputs:
            path.unlink(missing_ok=True)


setup(ext_modules=hot_extensions(), cmdclass={"build_ext": BuildAllOrNothing})
