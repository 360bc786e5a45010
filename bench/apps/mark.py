"""What each task does: one write of eight bytes, the instant, to a file of the run.

The rule kept here: where the broker is, and where to write, comes from the environment, so that
producer and worker read the same module.
"""

import os
import struct
import time
from pathlib import Path

URL = os.environ.get("BENCH_URL", "")
FOLDER = Path(os.environ.get("BENCH_FOLDER", "."))
MARKS = FOLDER / "marks"
MARK_BYTES = 8

# Whoever only asks how long a mark is leaves no file behind.
_file = os.open(
    MARKS if "BENCH_FOLDER" in os.environ else os.devnull,
    os.O_WRONLY | os.O_APPEND | os.O_CREAT,
    0o600,
)
_pack = struct.Struct("d").pack


def mark(body: str) -> None:  # noqa: ARG001  (a task has an argument)
    """The work of a no-op task."""
    os.write(_file, _pack(time.monotonic()))
