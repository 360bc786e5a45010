"""`python -m bench.apps.produce MODULE COUNT WAY`: enqueue jobs as users of a framework do.

WAY is `one` (one after another; `one-blocking`: not on a loop), `hundred` (100 callers at once:
tasks of a loop where the framework has them, else threads) or `bulk` (its own call for many).
Prints when it began and the median of one enqueue, as JSON.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from statistics import median
from typing import Any

CALLERS = 100
BULK = 500
BODY = "x" * 100


def main(module: str, count: int, way: str) -> None:
    """Enqueue one job, which connects, and then those that count."""
    framework = import_module(module)
    if hasattr(framework, "asend") and way not in ("bulk", "one-blocking"):
        asyncio.run(_on_loop(framework, count, way))
        return
    framework.send(BODY)
    gc.collect()
    begin = time.monotonic()
    if way == "bulk":
        for _ in range(count // BULK):
            framework.send_many([BODY] * BULK)
        took = [0.0]
    elif way in ("one", "one-blocking"):
        took = _timed(framework.send, count)
    else:
        with ThreadPoolExecutor(CALLERS) as pool:
            each = [count // CALLERS] * CALLERS
            lists = pool.map(lambda some: _timed(framework.send, some), each)
            took = [one for some in lists for one in some]
    print(json.dumps({"begin": begin, "p50_us": median(took) * 1e6}))


def _timed(send: Callable[[str], Any], count: int) -> list[float]:
    took = []
    for _ in range(count):
        begin = time.perf_counter()
        send(BODY)
        took.append(time.perf_counter() - begin)
    return took


async def _on_loop(framework: Any, count: int, way: str) -> None:
    async def caller(some: int) -> list[float]:
        took = []
        for _ in range(some):
            begin = time.perf_counter()
            await framework.asend(BODY)
            took.append(time.perf_counter() - begin)
        return took

    await framework.startup()
    await framework.asend(BODY)
    gc.collect()
    begin = time.monotonic()
    callers = 1 if way == "one" else CALLERS
    lists = await asyncio.gather(*(caller(count // callers) for _ in range(callers)))
    took = [one for some in lists for one in some]
    print(json.dumps({"begin": begin, "p50_us": median(took) * 1e6}))
    await framework.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
