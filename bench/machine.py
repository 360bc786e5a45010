"""What the figures were measured on.

The rule kept here: whoever compares two results can see whether they may be compared.
"""

import importlib.metadata
import os
import platform
import sqlite3
import subprocess
import tempfile
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Processor, cores, kernel, disk, versions, and how busy it is (5 minutes' load average)."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "kernel": ".".join(platform.release().split(".")[:2]),
        "disk": _disk(Path(tempfile.gettempdir())),
        "load": round(os.getloadavg()[1], 1),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "versions": {name: _version(name) for name in PACKAGES},
    }


PACKAGES = ("uvloop", "msgspec", "boto3", "moto", "litequeue", "persist-queue", "huey")


def commit() -> str:
    """The commit measured; `+` where files differ from it."""
    head = _said("git", "rev-parse", "--short=12", "HEAD")
    dirty = _said("git", "status", "--porcelain", "--untracked-files=no", "--", "src")
    return head + ("+" if dirty else "")


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _disk(path: Path) -> str:
    said = _said("findmnt", "-n", "-o", "SOURCE,FSTYPE", "--target", str(path))
    return " ".join(said.split()) or "unknown"
