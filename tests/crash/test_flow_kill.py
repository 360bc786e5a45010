"""Workers and broker are killed under workflows; what their steps did is counted in a file.

Each flow comes to its end, and each of its steps is made exactly once: a step may run twice only as
the same job, whose lease was open at a kill.
"""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from postroad import Broker
from tests.compat.processes import until
from tests.crash.chance import WITHIN_MS, Chance, by_seed, count
from tests.crash.crew import Crew

FLOWS = count(120, 500)
KILLS = count(4, 12)
UNSAFE = 10  # one in so many
STEPS = {"thumbnails", "metadata", "scan", "moderate", "transcode", "publish"}
BEFORE = {"thumbnails", "metadata", "scan", "moderate"}

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


def lines(ran: Path) -> int:
    return ran.read_bytes().count(b"\n")


def jobs(ran: Path) -> dict[tuple[str, int], set[str]]:
    """Which jobs ran for each step of each flow."""
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for line in ran.read_text().splitlines():
        step, id, identity = line.split(" ", 2)
        found[step, int(id)].add(identity)
    return found


def open_flows(url: str) -> float:
    with Broker.connect(url) as broker:
        return broker.kv("flows").score_count("video")


@by_seed
def test_flows_come_to_their_end_and_make_each_step_once_whoever_is_killed(
    tmp_path: Path, seed: int
) -> None:
    chance, wanted = Chance(seed, "flows"), _wanted()
    program = PROGRAM.replace("UNSAFE", str(UNSAFE)).replace("FLOWS", str(FLOWS))
    with Crew(tmp_path, chance) as crew:
        crew.hire(program, 2)
        starter = [sys.executable, "-c", program, crew.url, str(crew.ran), "start"]
        subprocess.run(starter, check=True, timeout=WITHIN_MS / 1_000)
        for point in chance.points(KILLS, len(wanted)):
            chance.wait_past(lambda: lines(crew.ran), point)
            crew.strike()
        assert until(lambda: open_flows(crew.url) == 0, WITHIN_MS), "flows are stuck"
        # What was made in the last step of the flows runs to its end.
        chance.wait_past(lambda: len(jobs(crew.ran)), len(wanted))
        crew.end()
        made = jobs(crew.ran)
    assert set(made) == wanted
    twice = {step for step, found in made.items() if len(found) > 1}
    assert not twice, "made more than once"


def _wanted() -> set[tuple[str, int]]:
    """Each step of each flow, as far as that goes on."""
    wanted: set[tuple[str, int]] = set()
    for id in range(FLOWS):
        safe = id % UNSAFE > 0
        wanted |= {(step, id) for step in (STEPS if safe else {*BEFORE, "rejected"})}
    return wanted
