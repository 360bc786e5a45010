"""Workers are killed while they work; what their tasks did is counted in a file.

None of the jobs may be lost, and one may run twice only where its lease was open at a kill.
"""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from postroad import Broker
from postroad.app.app import App
from postroad.model.replies import PeekedMessage
from tests.crash.chance import Chance, by_seed, count

JOBS = count(500, 4_000)
LIVES = count(3, 12)
# What a worker has in hand, and what it did while the sync of the last acks went on: on a slow disk
# that is some hundred jobs. One that acked nothing would have them all.
HELD_MAX = 500

PROGRAM = """
import os, sys
from postroad.app.app import App
from postroad.app.process import work_here

directory, ran = sys.argv[1:3]
app = App(directory)
out = os.open(ran, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@app.worker("jobs", concurrency=8, prefetch=20, lease_s=0.4)
KIND note(number: int) -> None:
    os.write(out, b"%d\\n" % number)
    SLOW

work_here(app, None, 5, lambda line: print(line, flush=True))
"""

FORMS = {
    "coroutine": ("async def", "await __import__('asyncio').sleep(0.001)"),
    "thread": ("def", "__import__('time').sleep(0.001)"),
}


def lines(ran: Path) -> list[int]:
    return [int(line) for line in ran.read_text().split()] if ran.exists() else []


@pytest.mark.parametrize("form", FORMS)
@by_seed
def test_a_killed_worker_loses_no_job_and_repeats_only_what_it_had_leased(
    tmp_path: Path, form: str, seed: int
) -> None:
    data, ran = tmp_path / "data", tmp_path / "ran"
    chance = Chance(seed, f"workers of form {form}")
    with Broker.open(data) as broker:
        broker.declare("jobs.dead")
        settings = App().worker("jobs", lease_s=0.4)(print).queue_options()
        broker.declare("jobs", **settings)
        broker.publish_many("jobs", [str(number).encode() for number in range(JOBS)])
    open_at_a_kill: set[int] = set()
    unacked: set[int] = set()
    for point in chance.points(LIVES, JOBS):
        worker = begin(form, data, ran)
        if chance.is_one_in(4):  # as it starts
            chance.let_pass(600)
        else:
            chance.wait_past(lambda: len(lines(ran)), point)
        worker.kill()
        worker.communicate(timeout=20)
        begun = set(lines(ran))
        with Broker.open(data) as broker:
            bodies = [one.message.body for one in everything(broker)]
        unacked = begun & {int(body) for body in bodies}
        assert len(unacked) <= HELD_MAX
        open_at_a_kill |= unacked
    before = Counter(lines(ran))
    worker = begin(form, data, ran)
    try:
        # What the last one left unacked is run once more, when its lease is over.
        chance.wait_past(lambda: len(set(lines(ran))), JOBS)
        chance.wait_past(lambda: len(unacked & set(Counter(lines(ran)) - before)), len(unacked))
        assert worker.poll() is None
    finally:
        worker.terminate()
        worker.communicate(timeout=20)
    counts = Counter(lines(ran))
    assert set(counts) == set(range(JOBS))
    assert {number for number, times in counts.items() if times > 1} <= open_at_a_kill
    with Broker.open(data) as broker:
        found = broker.describe("jobs")
        assert (found.ready, found.leased, found.delayed) == (0, 0, 0)
        assert broker.describe("jobs.dead").ready == 0


def begin(form: str, data: Path, ran: Path) -> "subprocess.Popen[bytes]":
    """A worker with a broker of its own."""
    kind, slow = FORMS[form]
    program = PROGRAM.replace("KIND", kind).replace("SLOW", slow)
    return subprocess.Popen(
        [sys.executable, "-c", program, str(data), str(ran)], stdout=subprocess.PIPE
    )


def everything(broker: Broker) -> list[PeekedMessage]:
    found: list[PeekedMessage] = []
    while True:
        start = found[-1].message.offset + 1 if found else 0
        page = broker.peek("jobs", start, 1_000)
        if not page:
            return found
        found.extend(page)
