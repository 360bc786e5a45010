"""Real server processes for tests, each bounded in time and ended by its own id."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

START_MS_MAX = 20_000
STOP_MS_MAX = 20_000


def until(condition: Callable[[], bool], within_ms: int) -> bool:
    """Whether the condition came true in time; looks every few ms."""
    deadline = time.monotonic() + within_ms / 1_000
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@dataclass
class Served:
    """A server process; `endpoints` is what it wrote once every listener accepted."""

    process: subprocess.Popen[bytes]
    data: Path
    logs: Path
    endpoints: dict[str, str]

    @property
    def url(self) -> str:
        """Where Amazon SQS clients connect."""
        return f"http://{self.endpoints['sqs']}"

    @property
    def said(self) -> str:
        """All that came on the standard output so far."""
        return (self.logs / "out").read_text()

    @property
    def complained(self) -> str:
        """All that came on the standard error output so far."""
        return (self.logs / "err").read_text()

    @property
    def memory_bytes(self) -> int:
        """What the process takes of the machine's memory now."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        (kib,) = [one.split()[1] for one in lines if one.startswith("VmRSS:")]
        return int(kib) * 1024

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_MS_MAX / 1_000)


def start(folder: Path, *options: str, data: Path, wait: bool = True) -> Served:
    """Start `postroad serve` on a free port; its files but for the data go to `folder`.

    With `wait` it has to come up; without, the caller waits for its end.
    """
    folder.mkdir(parents=True)
    file = folder / "endpoints.json"
    command = [sys.executable, "-m", "postroad", "serve", str(data)]
    command += [
        "--sqs",
        "127.0.0.1:0",
        "--amqp",
        "127.0.0.1:0",
        "--native",
        "127.0.0.1:0",
        "--endpoints-file",
        str(file),
        *options,
    ]
    env = {name: one for name, one in os.environ.items() if not name.startswith("POSTROAD_")}
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=env)
    served = Served(process, data, folder, {})
    if wait:
        up = until(lambda: file.exists() or process.poll() is not None, START_MS_MAX)
        assert up, "the server did not come up"
        assert process.poll() is None, f"the server ended: {served.complained}"
        served.endpoints = json.loads(file.read_text())
    return served
