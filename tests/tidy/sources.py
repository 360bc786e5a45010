"""The files of the repository as the tidy tests see them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "postroad"


@cache
def tracked() -> tuple[Path, ...]:
    """Return every text file that is, or is about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(path for path in paths if path.is_file() and b"\0" not in path.read_bytes())


def python_files(*folders: str) -> list[Path]:
    """Return the Python files under the named folders of the repository; all without a name."""
    roots = [ROOT / folder for folder in folders] or [ROOT]
    return [
        path
        for path in tracked()
        if path.suffix == ".py" and any(path.is_relative_to(root) for root in roots)
    ]


def name_of(path: Path) -> str:
    """Return the path as a reader types it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """Return the parsed file."""
    return ast.parse(path.read_bytes(), str(path))


def identifiers(module: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of every name that the code itself chose or used."""
    for node in ast.walk(module):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield line, name
            case ast.Attribute(attr=name):
                yield line, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield line, name
            case ast.ClassDef(name=name) | ast.alias(name=name):
                yield line, name
            case _:
                pass


def imported(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import, also those inside functions."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, f"{node.module or ''}.{alias.name}"
