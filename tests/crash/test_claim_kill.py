"""Workers are killed while they forget the bodies of what they acked: a body goes after its message
and never before it, and what is left between is found by a sweep.
"""

import signal
import subprocess
import sys
from pathlib import Path

from postroad import Broker
from postroad.app.app import App
from postroad.app.large import all_kept_aside
from postroad.claimcheck import ClaimCheck
from postroad.testing.clock import ManualClock
from tests.compat.processes import until

JOBS = 80
LIVES = 2
WITHIN_MS = 15_000
ABOVE_BYTES = 100

PROGRAM = """
import os, sys
from postroad.app.app import App
from postroad.app.process import work_here
from postroad.claimcheck import ClaimCheck

data, claims, ran = sys.argv[1:]
app = App(data, claim_check=ClaimCheck(claims, above_bytes=100))
out = os.open(ran, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@app.worker("jobs", concurrency=4, prefetch=8, lease_s=0.4)
async def note(body: str) -> None:
    os.write(out, body.split()[0].encode() + b"\\n")
    await __import__("asyncio").sleep(0.002)

work_here(app, None, 5, lambda line: print(line, flush=True))
"""


def body_of(number: int) -> bytes:
    return f"{number} {'x' * 400}".encode()


def test_a_body_goes_after_its_message_and_never_before_it(tmp_path: Path) -> None:
    data, claims, ran = tmp_path / "data", tmp_path / "claims", tmp_path / "ran"
    check = ClaimCheck(claims, above_bytes=ABOVE_BYTES, clock=ManualClock(1 << 44))
    with Broker.open(data) as broker:
        broker.declare("jobs.dead")
        broker.declare("jobs", **App().worker("jobs", lease_s=0.4)(print).queue_options())
        bodies = [body_of(number) for number in range(JOBS)]
        broker.publish_many("jobs", all_kept_aside(check, bodies, {}))
    assert len(files(claims)) == JOBS
    for life in range(1, LIVES):
        goal = life * JOBS // LIVES
        work(data, claims, ran, goal, signal.SIGKILL)
        with Broker.open(data) as broker:
            waiting = [one.message for one in broker.peek("jobs", count=1_000)]
            assert {check.body(one) for one in waiting} <= set(bodies)
            assert len(files(claims)) >= len(waiting)
            assert len(waiting) < JOBS
    work(data, claims, ran, JOBS, signal.SIGTERM)
    with Broker.open(data) as broker:
        assert broker.describe("jobs").ready == 0
        assert broker.describe("jobs.dead").ready == 0
    left = files(claims)
    assert len(left) < JOBS // 2, "hardly any body was forgotten"
    assert check.sweep(60) == len(left)
    assert files(claims) == []


def work(data: Path, claims: Path, ran: Path, goal: int, number: signal.Signals) -> None:
    """A worker, until so many jobs were run; then this signal."""
    worker = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(data), str(claims), str(ran)], stdout=subprocess.PIPE
    )
    try:
        assert until(lambda: len(jobs_of(ran)) >= goal or worker.poll() is not None, WITHIN_MS)
        assert worker.poll() is None
    finally:
        worker.send_signal(number)
        worker.communicate(timeout=20)


def jobs_of(ran: Path) -> set[str]:
    return set(ran.read_text().split()) if ran.exists() else set()


def files(claims: Path) -> list[Path]:
    return [one for one in claims.rglob("*") if one.is_file()]
