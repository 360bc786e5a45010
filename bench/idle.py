"""A loop that does nothing but look how late its own timer comes: what the machine itself adds.

The rule kept here: it runs beside what is measured, in a process of its own, and tells of the same
stretch of time by the same clock.
"""

import asyncio
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

EVERY_S = 0.001
TOLD_MS = 1.0
"""Lags below this are not kept."""


Lag = tuple[float, float, float]
"""When, ms, and how many of them the thread was ready to run and no processor was free."""


async def look(lags: list[Lag]) -> None:
    """How late a timer of one ms comes, for good."""
    with _schedstat().open("rb", buffering=0) as file:
        while True:
            begin, starved = time.perf_counter(), _starved_ms(file.read())
            await asyncio.sleep(EVERY_S)  # noqa: TID251
            end = time.perf_counter()
            lag_ms = (end - begin - EVERY_S) * 1_000
            file.seek(0)
            if lag_ms > TOLD_MS:
                lags.append((end, lag_ms, _starved_ms(file.read()) - starved))
                file.seek(0)


def longest(lags: list[Lag], begin: float, end: float) -> tuple[float, float]:
    """Of the lags within a stretch of time, the longest in ms, and the longest of what remains of
    each without the wait for a processor."""
    found = [one for one in lags if begin <= one[0] <= end]
    remains = (lag_ms - starved_ms for _, lag_ms, starved_ms in found)
    return max((one[1] for one in found), default=0.0), max(remains, default=0.0)


def _schedstat() -> Path:
    own = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return own if own.exists() else Path("/dev/null")


def _starved_ms(schedstat: bytes) -> float:
    """The kernel's count of ns a thread waited for a processor; 0 where it tells of none."""
    fields = schedstat.split()
    return int(fields[1]) / 1e6 if len(fields) > 1 else 0.0


class Idle:
    """The process beside; `stop` ends it and returns its lags."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.idle"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def stop(self) -> list[Lag]:
        """End it."""
        told, _ = self._process.communicate()
        return [(one[0], one[1], one[2]) for one in json.loads(told)]


async def _main() -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    lags: list[Lag] = []
    looking = asyncio.ensure_future(look(lags))
    await ended.wait()
    looking.cancel()
    print(json.dumps(lags))


if __name__ == "__main__":
    asyncio.run(_main())
