"""Celery over `sqs://`: retries, tasks longer than their lease, and a worker killed half-way."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.compat.clients import KEY_ID, SECRET, figure
from tests.compat.conftest import Serve
from tests.compat.processes import until
from tests.compat.workshop import Workshop

LONG = "POSTROAD_SOAK_MINUTES" in os.environ
TASKS = 10_000 if LONG else 1_200
"""Celery takes about 10 ms of two cores for each; the long run is that of `make soak`."""
SLOW = 2
RUN_MS_MAX = 600_000 if LONG else 120_000
WORKER = ("-m", "celery", "-A", "celery_app", "worker", "--pool", "threads", "--concurrency", "6")
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR")

Effect = tuple[str, int, int]
"""What was done to which task at which attempt."""


class Celery(Workshop):
    """The Celery application of these tests."""

    def worker(self) -> subprocess.Popen[bytes]:
        return self.begin(*WORKER, *QUIET, "-n", f"worker-{len(self.processes)}")

    def effects(self) -> list[tuple[Effect, int]]:
        """Each effect with the process that had it."""
        return [((kind, int(n), int(attempt)), int(pid)) for kind, n, attempt, pid in self.lines()]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def failures_of(number: int) -> int:
    """As the tasks have it: how often one fails before it is done."""
    return 2 if number % 20 == 0 else 1 if number % 5 == 0 else 0


def expected() -> set[Effect]:
    """What has to be done, no more and no less."""
    failed = {("failed", n, at) for n in range(TASKS) for at in range(failures_of(n))}
    done = {("done", n, failures_of(n)) for n in range(TASKS)}
    slow = {(kind, n, 0) for n in range(SLOW) for kind in ("begun", "slow")}
    return failed | done | slow


def test_every_task_has_its_effects_whatever_happens_to_workers(
    serve: Serve, tmp_path: Path, stack: ExitStack
) -> None:
    served = serve()
    broker = f"sqs://{KEY_ID}:{SECRET}@{served.endpoints['sqs']}//"
    shop = Celery(tmp_path, broker)
    stack.callback(shop.end)
    sender = shop.begin("celery_app.py", str(TASKS), str(SLOW))
    doomed = shop.worker()
    shop.worker()
    assert until(lambda: done_by(shop, doomed.pid) >= TASKS // 10, RUN_MS_MAX)
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
    shop.worker()
    assert sender.wait(RUN_MS_MAX / 1_000) == 0
    emptied = until(lambda: figure(served.url, "messages") == 0, RUN_MS_MAX)
    assert emptied, figure(served.url, "messages")
    shop.end()
    assert served.complained == ""

    effects = shop.effects()
    counts = Counter(effect for effect, _ in effects)
    assert counts.keys() == expected()
    # The lease of a slow task ends before it is done: it is handed out again, and done once.
    assert all(counts["begun", n, 0] >= 2 and counts["slow", n, 0] == 1 for n in range(SLOW))
    # Only what the killed worker was at comes twice.
    worked = [(number, pid) for (kind, number, _), pid in effects if kind in ("failed", "done")]
    its_own = {number for number, pid in worked if pid == doomed.pid}
    twice = {number for (kind, number, _), n in counts.items() if n > 1 and kind != "begun"}
    assert twice <= its_own


def done_by(shop: Celery, pid: int) -> int:
    return sum(kind == "done" and by == pid for (kind, _, _), by in shop.effects())
