"""Connected programs: batches of 100 in and out over the native protocol, and what a publish takes.

The rule kept here: the server is a process of its own with its defaults, and its queue holds a
million messages at full scale; a publish counts when its reply is there.
"""

import asyncio
import threading
import time

from bench.broker import LONG_MS, QUEUE
from bench.figures import Figure
from bench.server import serving
from postroad import AsyncBroker, Broker

BODY_BYTES = 100
PER_CALL = 100
SOME = 10
MANY = 100
WAITING = 1_000_000
ROUNDS = 2_000
RUNS = 3
TARGET = 100_000
P99_MS_MAX = 10.0
BODIES = [b"x" * BODY_BYTES] * PER_CALL


def run(scale: float) -> list[Figure]:
    """Rates and latencies of both faces, one caller, ten and a hundred."""
    found: dict[tuple[str, str], list[float]] = {}
    with serving() as (listening, _pid):
        url = f"postroad://{listening['native']}"
        with Broker.connect(url) as broker:
            fill(broker, int(WAITING * scale))
            for _ in range(RUNS):
                rounds = max(20, int(ROUNDS * scale))
                keep(found, "sync, one caller", sync(broker, 1, rounds // 4))
                keep(found, "sync, 10 threads", sync(broker, SOME, rounds))
                keep(found, "sync, 100 threads", sync(broker, MANY, rounds))
                keep(found, "asyncio, one caller", asyncio.run(tasks(url, 1, rounds // 4)))
                keep(found, "asyncio, 10 tasks", asyncio.run(tasks(url, SOME, rounds)))
                keep(found, "asyncio, 100 tasks", asyncio.run(tasks(url, MANY, rounds)))
    return [figure(*of, runs) for of, runs in found.items()]


def figure(who: str, what: str, runs: list[float]) -> Figure:
    """A row; the targets are of ten callers: a hundred that never pause wait for one another."""
    name = f"remote, {who}, calls of {PER_CALL} x {BODY_BYTES} B, {WAITING:,} waiting: {what}"
    some = " 10 " in who
    if what == "in + out":
        return Figure(name, "messages/s", runs, at_least=TARGET if some else None)
    return Figure(name, "ms", runs, at_most=P99_MS_MAX if some else None)


def keep(found: dict[tuple[str, str], list[float]], who: str, got: tuple[float, float]) -> None:
    """Add a run."""
    found.setdefault((who, "in + out"), []).append(got[0])
    found.setdefault((who, "p99 of a publish"), []).append(got[1])


def fill(broker: Broker, count: int) -> None:
    """Let so many messages wait."""
    broker.declare(QUEUE, lease_ms=LONG_MS)
    for _ in range(max(1, count // 1_000)):
        broker.publish_many(QUEUE, [b"x" * BODY_BYTES] * 1_000)


def sync(broker: Broker, callers: int, rounds: int) -> tuple[float, float]:
    """Messages per second in and out, and p99 of a publish in ms; threads."""
    taken: list[float] = []

    def work() -> None:
        for _ in range(max(1, rounds // callers)):
            begin = time.perf_counter()
            broker.publish_many(QUEUE, BODIES)
            taken.append(time.perf_counter() - begin)
            messages = broker.receive(QUEUE, PER_CALL)
            assert len(messages) == PER_CALL, len(messages)
            broker.ack(messages)

    threads = [threading.Thread(target=work) for _ in range(callers)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told(taken, time.perf_counter() - begin)


async def tasks(url: str, callers: int, rounds: int) -> tuple[float, float]:
    """The same with tasks of one loop."""
    taken: list[float] = []

    async def work(broker: AsyncBroker) -> None:
        for _ in range(max(1, rounds // callers)):
            begin = time.perf_counter()
            await broker.publish_many(QUEUE, BODIES)
            taken.append(time.perf_counter() - begin)
            messages = await broker.receive(QUEUE, PER_CALL)
            assert len(messages) == PER_CALL, len(messages)
            await broker.ack(messages)

    async with AsyncBroker.connect(url) as broker:
        begin = time.perf_counter()
        await asyncio.gather(*(work(broker) for _ in range(callers)))
        return told(taken, time.perf_counter() - begin)


def told(taken: list[float], took_s: float) -> tuple[float, float]:
    """The rate counts a message once that went in and out."""
    taken.sort()
    return len(taken) * PER_CALL / took_s, taken[int(len(taken) * 0.99)] * 1_000
