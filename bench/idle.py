"""A loop that does nothing but look how late its own timer comes: what the machine itself adds.

The rule kept here: it runs beside what is measured, in a process of its own, and tells of the same
stretch of time by the same clock.
"""

import asyncio
import json
import subprocess
import sys
import time

EVERY_S = 0.001
TOLD_MS = 1.0
"""Lags below this are not kept."""


async def look(lags: list[tuple[float, float]]) -> None:
    """How late a timer of one ms comes, for good: (when, ms)."""
    while True:
        begin = time.perf_counter()
        await asyncio.sleep(EVERY_S)  # noqa: TID251
        end = time.perf_counter()
        lag_ms = (end - begin - EVERY_S) * 1_000
        if lag_ms > TOLD_MS:
            lags.append((end, lag_ms))


def longest(lags: list[tuple[float, float]], begin: float, end: float) -> float:
    """Of the lags within a stretch of time, the longest in ms."""
    return max((lag_ms for when, lag_ms in lags if begin <= when <= end), default=0.0)


class Idle:
    """The process beside; `stop` ends it and returns its lags."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.idle"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def stop(self) -> list[tuple[float, float]]:
        """End it."""
        told, _ = self._process.communicate()
        return [(when, lag_ms) for when, lag_ms in json.loads(told)]


async def _main() -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    lags: list[tuple[float, float]] = []
    looking = asyncio.ensure_future(look(lags))
    await ended.wait()
    looking.cancel()
    print(json.dumps(lags))


if __name__ == "__main__":
    asyncio.run(_main())
