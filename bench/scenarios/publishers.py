"""A hundred asyncio tasks that publish one message each, again and again: who shares a sync.

The rule kept here: a publish counts when its own acknowledgement came, and its latency is that of
its caller.
"""

import asyncio
import statistics
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from bench.broker import QUEUE, scratch, settle, wanted
from bench.figures import Figure
from postroad.engine.aio import AsyncDriver
from postroad.model.commands import DeclareQueue, Publish, Receive
from postroad.model.replies import Declared, Published, Received, Settled
from postroad.server.build import new_event_loop

T = TypeVar("T")

CALLERS = 100
SECONDS = 3.0
RUNS = 5


def run(scale: float) -> list[Figure]:
    """Rate and latencies of publishes, and the rate of whole cycles."""
    rates, p50s, p99s, cycles = [], [], [], []
    for _ in range(RUNS):
        with scratch() as path:
            latencies, took_s = on_loop(_publishers(path, max(0.3, SECONDS * scale)))
        rates.append(len(latencies) / took_s)
        cuts = statistics.quantiles(latencies, n=100)
        p50s.append(cuts[49] * 1_000)
        p99s.append(cuts[98] * 1_000)
        with scratch() as path:
            cycles.append(on_loop(cycling(path, CALLERS, max(0.3, SECONDS * scale))))
    who = f"{CALLERS} asyncio publishers of single messages, 100 B"
    return [
        Figure(f"{who}: acknowledged", "messages/s", rates, at_least=60_000),
        Figure(f"{who}: p50", "ms", p50s),
        Figure(f"{who}: p99", "ms", p99s, at_most=10),
        Figure(f"{CALLERS} asyncio callers: send + receive + ack of one", "messages/s", cycles),
    ]


def on_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the loop that servers use."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


async def _publishers(path: Path, seconds: float) -> tuple[list[float], float]:
    driver = await AsyncDriver.open(path)
    await wanted(driver, DeclareQueue(QUEUE), Declared)
    command = Publish((QUEUE,), [b"x" * 100])
    latencies: list[float] = []
    now = time.perf_counter

    async def publisher(end: float) -> None:
        while (begun := now()) < end:
            await wanted(driver, command, Published)
            latencies.append(now() - begun)

    async def load(seconds: float) -> float:
        begun = now()
        await asyncio.gather(*(publisher(begun + seconds) for _ in range(CALLERS)))
        return now() - begun

    await load(0.2)
    latencies.clear()
    took_s = await load(seconds)
    await driver.close()
    return latencies, took_s


async def cycling(path: Path, callers: int, seconds: float) -> float:
    """Messages per second of callers that send, receive and ack one at a time."""
    driver = await AsyncDriver.open(path)
    await wanted(driver, DeclareQueue(QUEUE), Declared)
    publish = Publish((QUEUE,), [b"x" * 100])
    end = time.perf_counter() + seconds
    count = 0

    async def caller() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await wanted(driver, publish, Published)
            reply = await driver.ask(Receive(QUEUE, 1))
            assert isinstance(reply, Received), reply
            await wanted(driver, settle(reply.messages), Settled)
            count += len(reply.messages)

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    took_s = time.perf_counter() - begun
    await driver.close()
    return count / took_s
