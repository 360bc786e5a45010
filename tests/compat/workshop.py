"""Processes of one application of tasks; what its tasks did is in a file, a line for each thing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.compat.processes import STOP_MS_MAX

PROGRAMS = Path(__file__).parent / "programs"


class Workshop:
    """Workers and senders, each bounded in time by the test and ended with it."""

    def __init__(self, folder: Path, broker: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "results"
        self.folder = folder
        self.env = {**os.environ, "BROKER_URL": broker, "RESULTS": str(self.file)}
        self.processes: list[subprocess.Popen[bytes]] = []

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a process whose lines go to a file."""
        log = self.folder / f"log-{len(self.processes)}"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=PROGRAMS,
                env=self.env,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def lines(self) -> list[list[str]]:
        """The words of each line that a task wrote."""
        if not self.file.exists():
            return []
        return [line.split() for line in self.file.read_text().splitlines()]

    def said(self) -> str:
        """What each process wrote last, for the message of a test that fails."""
        return "\n".join(one.read_text()[-2_000:] for one in sorted(self.folder.glob("log-*")))

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process and those that it started at once, as a machine would that fails."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        """Ask all processes to stop, then insist."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(STOP_MS_MAX / 1_000)
            except subprocess.TimeoutExpired:
                self.kill(process)
