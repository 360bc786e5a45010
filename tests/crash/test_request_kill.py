"""Workers and the broker are killed while requests are under way.

Each request ends within its time, with its own reply, once, or with an error that says what is not
known.
"""

import asyncio
import itertools
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from postroad import App
from postroad.errors import ConnectionLost, NotConnected, RequestTimeout, TimedOut
from tests.compat.processes import Served, start, until

REPLIES = 80
AT_ONCE = 20
KILLS = 3
TIMEOUT_S = 2.0
SLACK_S = 3.0
WITHIN_MS = 60_000
HONEST = (RequestTimeout, ConnectionLost, NotConnected, TimedOut)

PROGRAM = """
import asyncio, sys
from postroad import App
from postroad.app.process import work_here

app = App(sys.argv[1])

@app.worker("squares", concurrency=20, lease_s=0.5)
async def square(number: int) -> int:
    await asyncio.sleep(0.005)
    return number * number

work_here(app, None, 5, lambda line: print(line, flush=True))
"""


class Life:
    """A broker and a worker, which are killed in turns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.served: Served = start(folder / "life", data=folder / "data")
        self.at = self.served.endpoints["native"]
        self.worker = self._work()
        self.kills = 0

    def _work(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", PROGRAM, f"postroad://{self.at}"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill_one(self) -> None:
        self.kills += 1
        if self.kills % 2:
            self.worker.kill()
            self.worker.wait(20)
            self.worker = self._work()
        else:
            self.served.stop(signal.SIGKILL)
            folder = self._folder / f"life-{self.kills}"
            self.served = start(folder, "--native", self.at, data=self._folder / "data")

    def end(self) -> None:
        self.worker.kill()
        self.worker.wait(20)
        self.served.stop()


class Asking:
    """Those who ask, one request after another, and what came of it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._numbers = itertools.count()
        self.over = False
        self.ends: Counter[str] = Counter()

    async def ask_on(self) -> None:
        while not self.over:
            await self._ask(next(self._numbers))

    async def _ask(self, number: int) -> None:
        began_s = time.monotonic()
        try:
            answer: Any = await self._app.request("squares", number, timeout_s=TIMEOUT_S)
        except HONEST as error:
            self.ends[type(error).__name__] += 1
            await asyncio.to_thread(time.sleep, 0.1)
        else:
            assert answer == number * number, "another's reply"
            self.ends["replied"] += 1
        assert time.monotonic() - began_s < TIMEOUT_S + SLACK_S, "it hung"

    def wait_for_replies(self) -> None:
        goal = self.ends["replied"] + REPLIES
        assert until(lambda: self.ends["replied"] >= goal, WITHIN_MS), self.ends


def kill_on(life: Life, asking: Asking) -> None:
    """Kill, whenever a hundred replies have come."""
    try:
        for _ in range(KILLS):
            asking.wait_for_replies()
            life.kill_one()
        asking.wait_for_replies()
    finally:
        asking.over = True


async def story(life: Life) -> Counter[str]:
    app = App(f"postroad://{life.at}")
    broker = await app.link.serve()
    await broker.declare("squares.dead")
    worker: Any = App().worker("squares", lease_s=0.5)(print)
    await broker.declare("squares", **worker.queue_options())
    asking = Asking(app)
    killing = asyncio.to_thread(kill_on, life, asking)
    await asyncio.gather(killing, *(asking.ask_on() for _ in range(AT_ONCE)))
    assert not app.waits._replies
    assert not app.waits._sleepers
    await app.aclose()
    return asking.ends


def test_each_request_ends_in_time_with_its_reply_or_an_honest_error(tmp_path: Path) -> None:
    life = Life(tmp_path)
    try:
        ends = asyncio.run(story(life))
    finally:
        life.end()
    assert ends["replied"] > KILLS * REPLIES
    assert sum(ends.values()) - ends["replied"] <= KILLS * AT_ONCE * 20, "few of them were in vain"
