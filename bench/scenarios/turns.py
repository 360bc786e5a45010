"""The longest turn of the engine while a million leases lapse, ten million messages are purged, a
million settled ones are put back, and checkpoints run under full load.

The rule kept here: a turn is timed inside the loop's process, in the thread that others wait for;
collector and threads are set as in a server. Beside the loop's lag stands that of an idle process
meanwhile: what the machine adds, whoever it is.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.broker import LONG_MS, QUEUE, scratch, settle, wanted
from bench.figures import Figure
from bench.idle import Idle, Lag, longest, look
from bench.scenarios.publishers import on_loop
from postroad.engine.aio import AsyncDriver
from postroad.engine.blocking import BlockingDriver
from postroad.engine.jobs import Job
from postroad.engine.settings import EngineSettings
from postroad.model.choices import Which
from postroad.model.commands import (
    DeclareQueue,
    DescribeQueue,
    ListMoveTasks,
    Publish,
    PurgeQueue,
    Receive,
    StartMoveTask,
)
from postroad.model.policy import QueueSettings
from postroad.model.replies import (
    Declared,
    Described,
    Published,
    Purged,
    Received,
    Settled,
    TasksListed,
    TaskStarted,
)
from postroad.server.run import favour_loop

MILLION = 1_000_000
BODIES = [b"x" * 100] * 1_000
LOAD_S = 10.0
BUSY_S_MAX = 60.0
CHECKPOINTS = 2


class Stopwatch:
    """Stands where a driver has its engine, and times each of its turns from `begin` on."""

    def __init__(self, driver: AsyncDriver | BlockingDriver) -> None:
        self.begin = 0.0
        self.longest_ms = 0.0
        self.longest_cpu_ms = 0.0
        self._engine = driver.engine
        driver.engine = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def reset(self) -> None:
        """Forget what was."""
        self.begin = time.perf_counter()
        self.longest_ms = 0.0
        self.longest_cpu_ms = 0.0

    def turn(self, now_ms: int) -> list[Job]:
        """The engine's own turn."""
        begin, used = time.perf_counter(), time.thread_time()
        jobs = self._engine.turn(now_ms)
        self.longest_cpu_ms = max(self.longest_cpu_ms, (time.thread_time() - used) * 1_000)
        self.longest_ms = max(self.longest_ms, (time.perf_counter() - begin) * 1_000)
        return jobs


Load = Callable[[AsyncDriver, Stopwatch, float], Awaitable[None]]
Seen = tuple[float, float, float, float, float]
"""In ms: longest turn, most processor time of one, longest lag, that without the time no processor
was free, longest lag of an idle process."""


def run(scale: float) -> list[Figure]:
    """Longest turns in ms."""
    leases = max(20_000, int(MILLION * scale))
    purged = max(100_000, int(10 * MILLION * scale))
    with scratch() as path:
        lapse = on_loop(_apart(path, _lapse, leases))
    figures = _lines(f"while {leases:,} leases lapse", lapse, leases == MILLION)
    with scratch() as path:
        purge = on_loop(_apart(path, _purge, purged))
    figures += _lines(f"while {purged:,} are purged", purge, purged == 10 * MILLION)
    with scratch() as path:
        back = on_loop(_apart(path, _put_back, leases))
    figures += _lines(f"while {leases:,} are put back", back, leases == MILLION)
    with scratch() as path:
        busy = on_loop(_apart(path, _busy, max(2.0, LOAD_S * scale)))
    return figures + _lines("while checkpoints run under full load", busy, scale >= 1)


def _lines(name: str, seen: Seen, full: bool) -> list[Figure]:
    return [
        Figure(f"longest turn {name}", "ms", [seen[0]], at_most=20, full=full),
        Figure(f"longest turn {name}, processor time", "ms", [seen[1]]),
        Figure(f"longest lag of the loop {name}", "ms", [seen[2]], at_most=20, full=full),
        Figure(f"longest lag of the loop {name}, less waits for a processor", "ms", [seen[3]]),
        Figure(f"longest lag of an idle process {name}", "ms", [seen[4]]),
    ]


async def _apart(path: Path, load: Load, size: float) -> Seen:
    settings = EngineSettings(records_between_checkpoints=20_000)
    driver = await AsyncDriver.open(path, settings)
    favour_loop()
    watch = Stopwatch(driver)
    lags: list[Lag] = []
    idle = Idle()
    looking = asyncio.ensure_future(look(lags))
    await load(driver, watch, size)
    looking.cancel()
    end = time.perf_counter()
    own, others = (longest(one, watch.begin, end) for one in (lags, idle.stop()))
    seen = (watch.longest_ms, watch.longest_cpu_ms, *own, others[0])
    await driver.close()
    return seen


async def _fill(driver: AsyncDriver, count: int) -> None:
    for _ in range(count // 1_000):
        await wanted(driver, Publish((QUEUE,), BODIES), Published)


async def _lapse(driver: AsyncDriver, watch: Stopwatch, size: float) -> None:
    """All leases end at nearly the same time, each of its own receive."""
    settings = QueueSettings(lease_ms=LONG_MS)
    await wanted(driver, DeclareQueue(QUEUE, settings), Declared)
    await _fill(driver, int(size))
    end = asyncio.get_running_loop().time() + 60
    lease_ms = 60_000
    left = int(size)

    async def receiver() -> None:
        nonlocal left, lease_ms
        while left > 0:
            left -= 1
            lease_ms = max(1, int((end - asyncio.get_running_loop().time()) * 1_000))
            await wanted(driver, Receive(QUEUE, 1, lease_ms=lease_ms), Received)

    await asyncio.gather(*(receiver() for _ in range(1_000)))
    watch.reset()
    while True:
        await asyncio.sleep(0.1)  # noqa: TID251
        reply = await driver.ask(DescribeQueue(QUEUE))
        assert isinstance(reply, Described), reply
        if not reply.leased:
            return


async def _purge(driver: AsyncDriver, watch: Stopwatch, size: float) -> None:
    await wanted(driver, DeclareQueue(QUEUE), Declared)
    await _fill(driver, int(size))
    watch.reset()
    await wanted(driver, PurgeQueue(QUEUE), Purged)
    for _ in range(100):
        await _fill(driver, 10_000)
        await asyncio.sleep(0.01)  # noqa: TID251  (what the purge left to be swept)


async def _put_back(driver: AsyncDriver, watch: Stopwatch, size: float) -> None:
    """All that settled since the beginning, by time, in the background."""
    await wanted(driver, DeclareQueue(QUEUE, QueueSettings(keep_settled_ms=LONG_MS)), Declared)
    for _ in range(int(size) // 10_000):
        await _fill(driver, 10_000)
        reply = await driver.ask(Receive(QUEUE, 10_000))
        assert isinstance(reply, Received), reply
        await wanted(driver, settle(reply.messages), Settled)
    watch.reset()
    began = StartMoveTask(QUEUE, settled=True, which=Which(settled_from_ms=1))
    await wanted(driver, began, TaskStarted)
    while True:
        await asyncio.sleep(0.1)  # noqa: TID251
        listed = await driver.ask(ListMoveTasks(QUEUE))
        assert isinstance(listed, TasksListed), listed
        if listed.tasks[0].status != "running":
            assert listed.tasks[0].moved == int(size) // 10_000 * 10_000
            return


async def _busy(driver: AsyncDriver, watch: Stopwatch, size: float) -> None:
    """Fifty tasks cycling 100 messages, fifty publishing ones, checkpoints one after another."""
    await wanted(driver, DeclareQueue(QUEUE), Declared)
    await wanted(driver, DeclareQueue("kept"), Declared)
    await _fill(driver, MILLION if size >= LOAD_S else 50_000)
    watch.reset()
    begin = time.perf_counter()
    done = driver.engine.keeper.checkpoints_done
    bodies = BODIES[:100]

    def going_on() -> bool:
        passed = time.perf_counter() - begin
        checkpoints = driver.engine.keeper.checkpoints_done - done
        return passed < size or (checkpoints < CHECKPOINTS and passed < BUSY_S_MAX)

    async def cycling() -> None:
        while going_on():
            await wanted(driver, Publish((QUEUE,), bodies), Published)
            reply = await driver.ask(Receive(QUEUE, 100))
            assert isinstance(reply, Received), reply
            await wanted(driver, settle(reply.messages), Settled)

    async def publishing() -> None:
        while going_on():
            await wanted(driver, Publish(("kept",), BODIES[:1]), Published)

    await asyncio.gather(*(cycling() for _ in range(50)), *(publishing() for _ in range(50)))
    assert driver.engine.keeper.checkpoints_done > done, "a checkpoint ran under the load"
