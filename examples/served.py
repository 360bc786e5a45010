"""A server for the examples that need one: a real process on a free port."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S_MAX = 20


@contextmanager
def served(directory: str) -> Iterator[dict[str, str]]:
    """Run `postroad serve DIRECTORY`; it writes where each protocol listens once all accept."""
    endpoints = Path(f"{directory}-endpoints.json")
    command = [sys.executable, "-m", "postroad", "serve", directory]
    command += [
        "--sqs",
        "127.0.0.1:0",
        "--amqp",
        "127.0.0.1:0",
        "--native",
        "127.0.0.1:0",
        "--endpoints-file",
        str(endpoints),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + START_S_MAX
            while not endpoints.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the server did not come up")
                time.sleep(0.02)
            yield json.loads(endpoints.read_text(encoding="utf-8"))
        finally:
            process.terminate()
