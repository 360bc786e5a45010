"""Workers and their broker are killed while jobs with idempotency keys come two and three times.

None of the keys may be lost, each is done exactly once, and beyond that only a run may have begun
that was under way at a kill.
"""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from postroad import Broker
from postroad.app.app import App
from tests.compat.processes import start, until

KEYS = 2_000
KILLS = 3
WITHIN_MS = 60_000
# What two workers have under way at a time: places, and what was not yet acked on a slow disk.
OPEN_MAX = 500

PROGRAM = """
import asyncio, os, sys
from postroad import Context
from postroad.app.app import App
from postroad.app.process import work_here

url, ran = sys.argv[1:3]
app = App(url)
out = os.open(ran, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@app.worker("jobs", concurrency=8, prefetch=20, lease_s=1.5, idempotency_key="number")
async def note(context: Context, number: int) -> None:
    os.write(out, b"%d\\n" % number)
    await asyncio.sleep(0.02)
    context.also(context.later.publish("done", str(number)))

work_here(app, None, 5, lambda line: print(line, flush=True))
"""


def lines(ran: Path) -> list[int]:
    return [int(line) for line in ran.read_text().split()] if ran.exists() else []


def begin(url: str, ran: Path) -> "subprocess.Popen[bytes]":
    worker = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(ran)], stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"working on jobs\n"
    return worker


def end(worker: "subprocess.Popen[bytes]", how: int) -> None:
    worker.send_signal(how)
    worker.wait(30)
    assert worker.stdout is not None
    worker.stdout.close()


def bodies(broker: Broker, queue: str) -> list[int]:
    found: list[int] = []
    while messages := broker.pop(queue, 1_000, wait_ms=0):
        found.extend(int(one.body) for one in messages)
    return found


def test_each_key_is_done_once_though_workers_and_broker_are_killed(tmp_path: Path) -> None:
    data, ran = tmp_path / "data", tmp_path / "ran"
    chance = random.Random(os.environ.get("POSTROAD_SEED", "1"))
    jobs = [key for key in range(KEYS) for _ in range(chance.choice((2, 3)))]
    chance.shuffle(jobs)
    served = start(tmp_path / "life", data=data)
    at = served.endpoints["native"]
    url = f"postroad://{at}"
    workers: list[subprocess.Popen[bytes]] = []
    try:
        with Broker.connect(url) as broker:
            for queue in ("done", "jobs.dead"):
                broker.declare(queue)
            broker.declare("jobs", **App().worker("jobs", lease_s=1.5)(print).queue_options())
            broker.publish_many("jobs", [str(number).encode() for number in jobs])
        workers = [begin(url, ran) for _ in range(2)]
        for kill in range(KILLS):
            goal = min(len(lines(ran)) + 100 + chance.randrange(200), KEYS)
            assert until(lambda goal=goal: len(lines(ran)) >= goal, WITHIN_MS)  # type: ignore[misc]
            if kill % 2:
                served.stop(signal.SIGKILL)
                served = start(tmp_path / f"life-{kill}", "--native", at, data=data)
            else:
                end(workers.pop(0), signal.SIGKILL)
                workers.append(begin(url, ran))
        with Broker.connect(url) as broker:

            def is_over() -> bool:
                found = broker.describe("jobs")
                return (found.ready, found.leased, found.delayed) == (0, 0, 0)

            assert until(is_over, WITHIN_MS)
            for worker in workers:
                end(worker, signal.SIGTERM)
                assert worker.returncode == 0
            workers = []
            assert bodies(broker, "jobs.dead") == []
            done = bodies(broker, "done")
    finally:
        for worker in workers:
            worker.kill()
            worker.wait(20)
        served.stop()
    assert sorted(done) == list(range(KEYS)), "each key is done exactly once"
    begun = Counter(lines(ran))
    assert set(begun) == set(range(KEYS))
    again = [key for key, times in begun.items() if times > 1]
    assert len(again) <= KILLS * OPEN_MAX // 2
    assert max(begun.values()) <= 1 + KILLS
