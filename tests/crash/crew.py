"""A broker, and worker processes that are connected to it: any of them is killed and comes back."""

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.compat.processes import Served, start, until
from tests.crash.chance import Chance

START_MS_MAX = 30_000
STOP_S_MAX = 30


class Worker:
    """One process that runs a program with two arguments: the broker's address, and a file."""

    def __init__(self, program: str, url: str, ran: Path, log: Path) -> None:
        self._log = log
        command = [sys.executable, "-c", program, url, str(ran)]
        with log.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)

    def kill(self) -> None:
        """End it where it stands."""
        self._process.kill()
        self._process.wait(STOP_S_MAX)

    def end(self) -> None:
        """Have it end its work, as it does without a complaint, and be gone."""
        works = until(lambda: b"working on" in self._log.read_bytes(), START_MS_MAX)
        assert works, self._log.read_text()
        self._process.terminate()
        assert self._process.wait(STOP_S_MAX) == 0, self._log.read_text()


class Crew:
    """A broker and its workers, until the block is left."""

    def __init__(self, folder: Path, chance: Chance) -> None:
        self._folder = folder
        self._chance = chance
        self._starts = 0
        self._served = start(folder / "life", data=folder / "data")
        self._at = self._served.endpoints["native"]
        self.url = f"postroad://{self._at}"
        self.socket = f"postroad+unix://{folder / 'data'}/postroad.sock"
        self.ran = folder / "ran"
        self.ran.touch()
        self._program = ""
        self._workers: list[Worker] = []

    def hire(self, program: str, workers: int) -> None:
        """Have so many processes run a program."""
        self._program = program
        self._workers += [self._hired() for _ in range(workers)]

    def strike(self) -> None:
        """Kill a worker, the broker, or all of them, as chance has it; they come back at once."""
        match self._chance.choice(("worker", "worker", "broker", "all")):
            case "worker":
                self._replace(self._chance.randrange(len(self._workers)))
            case "broker":
                self.kill_broker()
            case _:
                for worker in self._workers:
                    worker.kill()
                self.kill_broker()
                self._workers = [self._hired() for _ in self._workers]

    def kill_broker(self) -> None:
        """Kill the broker, and have it back."""
        self._served.stop(signal.SIGKILL)
        if self._chance.is_one_in(3):  # once more, while it recovers
            self._served = self._started(wait=False)
            self._chance.let_pass(900)
            self._served.stop(signal.SIGKILL)
        self._served = self._started(wait=True)

    def end(self) -> None:
        """Have all workers end their work; what they complained of fails the test."""
        for worker in self._workers:
            worker.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.kill()
        self._served.stop()

    def _hired(self) -> Worker:
        self._starts += 1
        return Worker(self._program, self.url, self.ran, self._folder / f"worker-{self._starts}")

    def _replace(self, at: int) -> None:
        self._workers[at].kill()
        self._workers[at] = self._hired()
        if self._chance.is_one_in(4):  # once more, while it starts
            self._chance.let_pass(600)
            self._workers[at].kill()
            self._workers[at] = self._hired()

    def _started(self, *, wait: bool) -> Served:
        self._starts += 1
        life = self._folder / f"life-{self._starts}"
        return start(life, "--native", self._at, data=self._folder / "data", wait=wait)
