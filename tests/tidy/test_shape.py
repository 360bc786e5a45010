"""Each folder has the form a reader expects, so that knowing one is knowing all."""

import ast
from pathlib import Path

from tests.tidy.sources import PACKAGE, ROOT, identifiers, imported, name_of, python_files, tree

ANATOMY = ("spec", "wire", "session", "mapping", "errors")
SHARED_PARTS = {"http", "aws"}

# import-linter sees all modules but a package's own `__init__` where its folder is a wildcard.
OUTSIDE_WORLD = {
    *("asyncio", "socket", "ssl", "selectors", "threading", "concurrent", "multiprocessing"),
    *("subprocess", "os", "pathlib", "io", "time", "random", "secrets", "uuid", "logging"),
}
SANS_IO = ("model", "core", "protocols", "limits.py", "units.py", "errors")


def test_each_module_says_its_place_on_the_road() -> None:
    silent = [
        name_of(path)
        for path in python_files("src", "tools", "bench", "examples")
        if not ast.get_docstring(tree(path))
    ]
    assert not silent, "\n".join(silent)


def test_each_protocol_has_the_same_five_parts() -> None:
    missing = [
        f"{name_of(folder)}/{part}.py"
        for folder in packages(PACKAGE / "protocols")
        if folder.name not in SHARED_PARTS
        for part in ANATOMY
        if not (folder / f"{part}.py").is_file() and not (folder / part / "__init__.py").is_file()
    ]
    assert not missing, "\n".join(missing)


def test_no_bound_is_named_in_vain() -> None:
    limits = PACKAGE / "limits.py"
    used = {
        name
        for path in python_files("src")
        if path != limits
        for _, name in [*identifiers(tree(path)), *imported_names(path)]
    }
    derived = {name for _, name in identifiers_loaded(limits)}
    idle = [name for name in bounds(limits) if name not in used | derived]
    assert not idle, idle


def test_what_is_deterministic_imports_nothing_of_the_outside_world() -> None:
    folders = [f"src/postroad/{name}" for name in SANS_IO]
    worldly = [
        f"{name_of(path)}:{line}: {name}"
        for path in python_files(*folders)
        for line, name in imported(tree(path))
        if name.split(".")[0] in OUTSIDE_WORLD or name.startswith("postroad.disk")
    ]
    assert not worldly, "\n".join(worldly)


def test_each_hot_module_exists() -> None:
    lines = (ROOT / "hot_modules.txt").read_text(encoding="utf-8").splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    assert [name for name in names if not (ROOT / "src" / name).is_file()] == []
    assert len(names) == len(set(names))


def packages(folder: Path) -> list[Path]:
    return [path.parent for path in folder.glob("*/__init__.py")]


def bounds(path: Path) -> list[str]:
    """Return the constants a module defines at its top level."""
    targets: list[ast.expr] = []
    for node in tree(path).body:
        if isinstance(node, ast.AnnAssign):
            targets.append(node.target)
        elif isinstance(node, ast.Assign):
            targets.extend(node.targets)
    return [target.id for target in targets if isinstance(target, ast.Name) and target.id.isupper()]


def imported_names(path: Path) -> list[tuple[int, str]]:
    return [(line, name.rpartition(".")[2]) for line, name in imported(tree(path))]


def identifiers_loaded(path: Path) -> list[tuple[int, str]]:
    """Return the names a module reads: a bound that another bound is made of is used."""
    return [
        (node.lineno, node.id)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    ]
