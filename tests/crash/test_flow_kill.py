"""Workers and broker are killed under workflows; what their steps did is counted in a file.

Each flow comes to its end, and each of its steps is made exactly once: a step may run twice only as
the same job, whose lease was open at a kill.
"""

import random
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from postroad import Broker
from tests.compat.processes import Served, start, until

FLOWS = 500
UNSAFE = 10  # one in so many
STEPS = {"thumbnails", "metadata", "scan", "moderate", "transcode", "publish"}
BEFORE = {"thumbnails", "metadata", "scan", "moderate"}
WITHIN_MS = 90_000

PROGRAM = """
import os, sys
from postroad import App, Message, Rejected, Rejection, Retry
from postroad.app.process import work_here

where, ran = sys.argv[1:3]
app = App(where)
out = os.open(ran, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
video = app.workflow("video")
OPTIONS = dict(lease_s=1.0, prefetch=5, retry=Retry(attempts=30, backoff="none"))

def note(step: str, id: int, message: Message) -> None:
    os.write(out, f"{step} {id} {message.identity}\\n".encode())

@video.step(**OPTIONS)
async def thumbnails(message: Message, id: int) -> int:
    note("thumbnails", id, message)
    return id

@video.step(**OPTIONS)
async def metadata(message: Message, id: int) -> int:
    note("metadata", id, message)
    return id

@video.step(**OPTIONS)
async def scan(message: Message, id: int) -> bool:
    note("scan", id, message)
    return id % UNSAFE > 0

@video.step(after=[thumbnails, metadata, scan], **OPTIONS)
async def moderate(message: Message, one: int, two: int, safe: bool) -> int | Rejection:
    note("moderate", one, message)
    return one if safe else Rejection("unsafe")

@video.step(after=moderate, **OPTIONS)
async def transcode(message: Message, id: int) -> int:
    note("transcode", id, message)
    return id

@video.step(after=[transcode, thumbnails], **OPTIONS)
async def publish(message: Message, id: int, thumbs: int) -> None:
    note("publish", id, message)

@video.rejected(**OPTIONS)
async def rejected(message: Message, found: Rejected) -> None:
    note("rejected", found.input, message)

if __name__ == "__main__" and len(sys.argv) == 3:
    work_here(app, None, 5, lambda line: print(line, flush=True))
elif __name__ == "__main__":
    for id in range(FLOWS):
        video.start(str(id), id)
    app.close()
"""


class Crew:
    """Two worker processes, of which one may be killed and started again."""

    def __init__(self, program: str, where: str, ran: Path) -> None:
        self._command = [sys.executable, "-c", program, where, str(ran)]
        self.workers = [self._start(), self._start()]

    def _start(self) -> "subprocess.Popen[bytes]":
        worker = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        assert worker.stdout is not None
        assert worker.stdout.readline().startswith(b"working on ")
        return worker

    def kill(self, at: int) -> None:
        _ended(self.workers[at], signal.SIGKILL)
        self.workers[at] = self._start()

    def end(self) -> list[int]:
        return [_ended(worker, signal.SIGTERM) for worker in self.workers]

    def kill_all(self) -> None:
        for worker in self.workers:
            _ended(worker, signal.SIGKILL)


def _ended(worker: "subprocess.Popen[bytes]", number: int) -> int:
    worker.send_signal(number)
    code = worker.wait(30)
    if worker.stdout is not None:
        worker.stdout.close()
    return code


def count(ran: Path) -> int:
    return ran.read_bytes().count(b"\n") if ran.exists() else 0


def jobs(ran: Path) -> dict[tuple[str, int], set[str]]:
    """Which jobs ran for each step of each flow."""
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for line in ran.read_text().splitlines():
        step, id, identity = line.split(" ", 2)
        found[step, int(id)].add(identity)
    return found


def open_flows(at: str) -> float:
    with Broker.connect(f"postroad://{at}") as broker:
        return broker.kv("flows").score_count("video")


def test_flows_come_to_their_end_and_make_each_step_once_whoever_is_killed(
    tmp_path: Path,
) -> None:
    chance = random.Random(5)
    data, ran = tmp_path / "data", tmp_path / "ran"
    program = PROGRAM.replace("UNSAFE", str(UNSAFE)).replace("FLOWS", str(FLOWS))
    served = start(tmp_path / "life", data=data)
    at = served.endpoints["native"]
    crew = Crew(program, f"postroad://{at}", ran)
    try:
        starter = [sys.executable, "-c", program, f"postroad://{at}", str(ran), "start"]
        subprocess.run(starter, check=True, timeout=60)
        whom = ["worker", "broker"] * 2 + ["worker"] * 2
        chance.shuffle(whom)
        for number, one in enumerate(whom):
            goal = count(ran) + chance.randrange(50, 300)
            assert until(lambda goal=goal: _is_past(ran, goal), WITHIN_MS)  # type: ignore[misc]
            if one == "worker":
                crew.kill(chance.randrange(2))
            else:
                served = _killed(served, tmp_path / f"life-{number}", at, data)
        assert until(lambda: open_flows(at) == 0, WITHIN_MS), "flows are stuck"
        # What was made in the last step of the flows runs to its end.
        assert until(lambda: set(jobs(ran)) == _wanted(), WITHIN_MS)
        assert crew.end() == [0, 0]
    finally:
        crew.kill_all()
        served.stop()
    twice = {step for step, found in jobs(ran).items() if len(found) > 1}
    assert not twice, "made more than once"


def _is_past(ran: Path, goal: int) -> bool:
    return count(ran) >= goal or set(jobs(ran)) == _wanted()


def _killed(served: Served, folder: Path, at: str, data: Path) -> Served:
    served.stop(signal.SIGKILL)
    return start(folder, "--native", at, data=data)


def _wanted() -> set[tuple[str, int]]:
    """Each step of each flow, as far as that goes on."""
    wanted: set[tuple[str, int]] = set()
    for id in range(FLOWS):
        safe = id % UNSAFE > 0
        wanted |= {(step, id) for step in (STEPS if safe else {*BEFORE, "rejected"})}
    return wanted
