"""Memory above a freshly opened empty broker, each case in a process of its own.

The rule kept here: what is measured is the resident set after the load is done and settled, cache
included, less that of the same process before the load.
"""

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.broker import declare, opened, scratch, send, take, wanted
from bench.figures import Figure
from bench.scenarios.publishers import on_loop
from postroad.engine.aio import AsyncDriver
from postroad.model.commands import DeclareQueue, Publish
from postroad.model.policy import FIFO, QueueSettings
from postroad.model.replies import Declared, Published

MILLION = 1_000_000
LIMIT_S = 900
BODIES = [b"x" * 100] * 1_000
DAY_MS = 86_400_000


def run(scale: float) -> list[Figure]:
    """All cases; `peak` is the most the process ever had, above the same start."""
    figures = []
    for case, (_load, count, name, at_most) in CASES.items():
        wanted_count = max(10_000, int(count * scale))
        found = _apart(case, wanted_count)
        title = f"memory, {wanted_count:,} {name}"
        full = wanted_count >= count
        figures.append(Figure(title, "MB", [found["mb"]], at_most=at_most, full=full))
        figures.append(Figure(f"{title}: peak", "MB", [found["peak_mb"]]))
    return figures


def _apart(case: str, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.scenarios.memory", case, str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=LIMIT_S, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def resident_mb(field: str = "VmRSS") -> float:
    """What the system says this process has; `VmHWM` for the most it ever had."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1_000


def _measured(load: Callable[[], None]) -> None:
    gc.collect()
    before = resident_mb()
    load()
    time.sleep(1)
    gc.collect()
    print(json.dumps({"mb": resident_mb() - before, "peak_mb": resident_mb("VmHWM") - before}))


def _waiting(path: Path, count: int) -> None:
    with opened(path) as driver:
        declare(driver)

        def load() -> None:
            for _ in range(count // 1_000):
                send(driver, BODIES)

        _measured(load)


def _delayed(path: Path, count: int) -> None:
    """Each call falls due at another time, spread over a day."""
    calls = count // 1_000
    with opened(path) as driver:
        declare(driver)

        def load() -> None:
            for call in range(calls):
                delays = [DAY_MS + call * (DAY_MS // calls) + at for at in range(1_000)]
                reply = driver.ask(Publish(("bench",), BODIES, delays_ms=delays))
                assert isinstance(reply, Published), reply

        _measured(load)


def _keyed(path: Path, count: int) -> None:
    """A FIFO queue; the keys take turns."""
    with opened(path) as driver:
        reply = driver.ask(DeclareQueue("bench", QueueSettings(kind=FIFO)))
        assert isinstance(reply, Declared), reply
        keys = [f"customer-{number}" for number in range(1_000)]

        def load() -> None:
            for _ in range(count // 1_000):
                sent = driver.ask(Publish(("bench",), BODIES, keys=keys))
                assert isinstance(sent, Published), sent

        _measured(load)


def _leased(path: Path, count: int) -> None:
    """Messages sent in thousands, then received one by one."""
    with opened(path) as driver:
        declare(driver)
        for _ in range(count // 1_000):
            send(driver, BODIES)

        def load() -> None:
            for _ in range(count):
                take(driver, 1)

        _measured(load)


def _interleaved(path: Path, count: int) -> None:
    on_loop(_callers(path, count))


async def _callers(path: Path, count: int) -> None:
    """A thousand tasks; each publish goes to the next of a hundred queues."""
    driver = await AsyncDriver.open(path)
    names = [f"bench{number}" for number in range(100)]
    for name in names:
        await wanted(driver, DeclareQueue(name), Declared)
    commands = [Publish((name,), [b"x" * 100]) for name in names]

    async def caller(number: int) -> None:
        for turn in range(count // 1_000):
            await wanted(driver, commands[(number + turn) % 100], Published)

    gc.collect()
    before = resident_mb()
    await asyncio.gather(*(caller(number) for number in range(1_000)))
    await asyncio.sleep(1)  # noqa: TID251  (what was begun behind the last answer)
    gc.collect()
    print(json.dumps({"mb": resident_mb() - before, "peak_mb": resident_mb("VmHWM") - before}))
    await driver.close()


CASES: dict[str, tuple[Callable[[Path, int], None], int, str, float]] = {
    "waiting": (_waiting, 10 * MILLION, "waiting, sent in calls of 1,000", 100),
    "interleaved": (
        _interleaved, 10 * MILLION, "waiting, one per call, 100 queues, 1,000 callers", 100,
    ),
    "delayed": (_delayed, 10 * MILLION, "delayed", 170),
    "keyed": (_keyed, 10 * MILLION, "waiting in 1,000 FIFO keys", 170),
    "leased": (_leased, MILLION, "single leases", 150),
}  # fmt: skip

if __name__ == "__main__":
    with scratch() as made:
        CASES[sys.argv[1]][0](made, int(sys.argv[2]))
