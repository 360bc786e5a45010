"""Keeps build/compiled: the package as it is in src/, with the hot modules compiled.

Compiles again only when a hot module, or a module of ours that one imports, has changed; all other
files are copied every time. Without a C compiler the copy stays plain Python and a line says so.
"""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import version
from pathlib import Path

SOURCE = Path("src")
TARGET = Path("build/compiled")
SCRATCH = Path("build/scratch")
TYPES = Path("build/types")
STAMP = Path("build/compiled.stamp")


def main() -> int:
    """Bring build/compiled up to date; the exit code of the compiler if it failed."""
    hot = hot_modules()
    wanted, level = fingerprint(hot), os.environ.setdefault("POSTROAD_OPT_LEVEL", "3")
    stamped = STAMP.read_text(encoding="utf-8").split() if STAMP.exists() else []
    # What was compiled with more effort than is asked for serves as well.
    serves = stamped[:1] == [wanted] and stamped[1:] >= [level]
    if not serves:
        STAMP.unlink(missing_ok=True)
        shutil.rmtree(TARGET, ignore_errors=True)
        failed = compile_hot(hot)
        if failed:
            return failed
    mirror()
    if not serves:
        STAMP.write_text(f"{wanted} {level}\n", encoding="utf-8")
    return 0


def hot_modules() -> list[Path]:
    """Return the hot modules that exist, in the order of the list."""
    lines = Path("hot_modules.txt").read_text(encoding="utf-8").splitlines()
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [path for path in (SOURCE / name for name in names) if path.is_file()]


def fingerprint(hot: list[Path]) -> str:
    """Digest all that the compiled code depends on: constants of other modules are folded in."""
    pure = os.environ.get("POSTROAD_PURE")
    digest = hashlib.sha256(f"{sys.version} {version('mypy')} {compiler()} {pure}".encode())
    for path in [Path("setup.py"), Path("hot_modules.txt"), *sorted(reached(hot))]:
        digest.update(f"{path}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def reached(start: list[Path]) -> set[Path]:
    """Return the given modules and every module of ours that they import, however far away."""
    found: set[Path] = set()
    waiting = list(start)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(imports(path))
    return found


def imports(path: Path) -> list[Path]:
    """Return the files of the `postroad` modules one file imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    places = [SOURCE / name.replace(".", "/") for name in names if name.split(".")[0] == "postroad"]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return [file for file in files if file.is_file()]


def compiler() -> str | None:
    """Return the C compiler that would be used, if there is one."""
    name = os.environ.get("CC") or "cc"
    return shutil.which(name.split()[0]) or shutil.which("gcc") or shutil.which("clang")


def compile_hot(hot: list[Path]) -> int:
    """Compile into the target; with a compiler present a failure is an error, not a fallback."""
    if not hot or os.environ.get("POSTROAD_PURE") == "1":
        return 0
    if compiler() is None:
        print("postroad: no C compiler here, so this is the pure Python variant", file=sys.stderr)
        return 0
    print(
        f"postroad: compiling {len(hot)} modules, once; this takes a few minutes ...",
        file=sys.stderr,
        flush=True,
    )
    TARGET.mkdir(parents=True)
    log = Path("build/compiled.log")
    with log.open("wb") as output:
        done = subprocess.run(
            [
                *(sys.executable, "setup.py", "-q", "build_ext"),
                *("--build-lib", str(TARGET), "--build-temp", str(SCRATCH)),
            ],
            # A cache of its own: the linter's run beside this one has other options.
            env={**os.environ, "POSTROAD_COMPILE": "require", "MYPY_CACHE_DIR": str(TYPES)},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        sys.stderr.write(log.read_text(encoding="utf-8", errors="replace")[-8_000:])
        print("postroad: compiling failed; POSTROAD_PURE=1 goes on without", file=sys.stderr)
    return done.returncode


def mirror() -> None:
    """Make the target's Python files those of src/, and remove extensions of modules now gone."""
    wanted = {
        path.relative_to(SOURCE)
        for path in (SOURCE / "postroad").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for name in wanted:
        target = TARGET / name
        target.parent.mkdir(parents=True, exist_ok=True)
        content = (SOURCE / name).read_bytes()
        if not target.exists() or target.read_bytes() != content:
            target.write_bytes(content)
    for path in list((TARGET / "postroad").rglob("*")):
        generated = path.name.endswith(tuple(EXTENSION_SUFFIXES)) or "__pycache__" in path.parts
        if path.is_file() and not generated and path.relative_to(TARGET) not in wanted:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
