"""The broker is killed under workers that are connected to it; what their tasks did is counted.

None of the jobs may be lost, and the worker goes on by itself when the broker is there again.
"""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from postroad import Broker
from tests.compat.processes import start, until
from tests.crash.test_worker_kill import PROGRAM, lines

JOBS = 1_500
KILLS = 3
WITHIN_MS = 60_000


def test_a_worker_outlives_its_broker_and_loses_no_job(tmp_path: Path) -> None:
    data, ran = tmp_path / "data", tmp_path / "ran"
    program = PROGRAM.replace("KIND", "async def")
    program = program.replace("SLOW", "await __import__('asyncio').sleep(0.002)")
    served = start(tmp_path / "life", data=data)
    at = served.endpoints["native"]
    worker = subprocess.Popen(
        [sys.executable, "-c", program, f"postroad://{at}", str(ran)], stdout=subprocess.PIPE
    )
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"working on jobs\n"
        with Broker.connect(f"postroad://{at}") as broker:
            broker.publish_many("jobs", [str(number).encode() for number in range(JOBS)])
        for kill in range(KILLS):
            goal = len(lines(ran)) + 100
            assert until(lambda goal=goal: len(lines(ran)) >= goal, WITHIN_MS)  # type: ignore[misc]
            served.stop(signal.SIGKILL)
            served = start(tmp_path / f"life-{kill}", "--native", at, data=data)
        assert until(lambda: set(lines(ran)) == set(range(JOBS)), WITHIN_MS)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        worker.stdout.close()
        with Broker.connect(f"postroad://{at}") as broker:
            found = broker.describe("jobs")
            assert (found.ready, found.leased, found.delayed) == (0, 0, 0)
            assert broker.describe("jobs.dead").ready == 0
    finally:
        worker.kill()
        worker.wait(20)
        served.stop()
    again = [number for number, times in Counter(lines(ran)).items() if times > 1]
    # Twice only what was in hand when the broker was killed.
    assert len(again) <= KILLS * 300, "more than it had in hand, and did in one sync"
