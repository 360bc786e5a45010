"""kv: a hundred writers of single keys, and a million keys in memory.

The rule kept here: a set counts when its own acknowledgement came; memory is measured in a process
of its own, after everything is durable and settled, above the same process before.
"""

import asyncio
import gc
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.broker import opened, scratch, wanted
from bench.figures import Figure
from bench.scenarios.memory import resident_mb
from bench.scenarios.publishers import on_loop
from postroad.engine.aio import AsyncDriver
from postroad.engine.blocking import BlockingDriver
from postroad.model.kv import KvFlush, KvIncrement, KvMapSet, KvScan, KvSet
from postroad.model.kv_replies import KvCounted, KvNumber, KvScanned, KvStored

SPACE = "bench"
CALLERS = 100
SECONDS = 3.0
RUNS = 5
KEYS = 1_000_000
PER_CALL = 1_000
VALUE = b"v" * 32


def run(scale: float) -> list[Figure]:
    """Rates of writers, memory, and the longest turns with a million keys."""
    seconds = max(0.3, SECONDS * scale)
    rates, p99s, counts = [], [], []
    for _ in range(RUNS):
        with scratch() as path:
            latencies, took_s = on_loop(_setters(path, seconds))
        rates.append(len(latencies) / took_s)
        p99s.append(statistics.quantiles(latencies, n=100)[98] * 1_000)
        with scratch() as path:
            counts.append(on_loop(_counters(path, seconds)))
    who = f"{CALLERS} asyncio writers of single keys, 32 B"
    keys = max(10_000, int(KEYS * scale))
    found = _apart(keys)
    full = keys >= KEYS
    title = f"kv, {keys:,} keys of 16 B with 32 B"
    return [
        Figure(f"{who}: acknowledged sets", "sets/s", rates, at_least=40_000),
        Figure(f"{who}: p99", "ms", p99s),
        Figure(f"{CALLERS} asyncio callers that increment one counter each", "calls/s", counts),
        Figure(f"{title}: memory", "MB", [found["mb"]], at_most=250, full=full),
        Figure(f"{title}: peak, checkpoints included", "MB", [found["peak_mb"]]),
        Figure(f"{title}: filled in calls of 1,000", "keys/s", [found["fill"]]),
        Figure(f"{title}: read by a scan", "keys/s", [found["scan"]]),
        Figure(f"{title}: flushed, slowest call meanwhile", "ms", [found["flush_ms"]], at_most=20),
        Figure("one field of a map of a million, per call", "us", [found["field_us"]]),
    ]


async def _setters(path: Path, seconds: float) -> tuple[list[float], float]:
    driver = await AsyncDriver.open(path)
    latencies: list[float] = []
    now = time.perf_counter

    async def setter(number: int, end: float) -> None:
        at = 0
        while (begun := now()) < end:
            at += 1
            command = KvSet(SPACE, [b"%04d %011d" % (number, at)], [VALUE])
            await wanted(driver, command, KvStored)
            latencies.append(now() - begun)

    async def load(seconds: float) -> float:
        begun = now()
        await asyncio.gather(*(setter(one, begun + seconds) for one in range(CALLERS)))
        return now() - begun

    await load(0.2)
    latencies.clear()
    took_s = await load(seconds)
    await driver.close()
    return latencies, took_s


async def _counters(path: Path, seconds: float) -> float:
    driver = await AsyncDriver.open(path)
    calls = 0
    begun = time.perf_counter()

    async def counter(number: int) -> None:
        nonlocal calls
        command = KvIncrement(SPACE, b"counter %d" % number)
        while time.perf_counter() < begun + seconds:
            await wanted(driver, command, KvNumber)
            calls += 1

    await asyncio.gather(*map(counter, range(CALLERS)))
    took_s = time.perf_counter() - begun
    await driver.close()
    return calls / took_s


def _apart(keys: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.scenarios.kv", str(keys)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=500, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _million(path: Path, keys: int) -> dict[str, float]:
    found: dict[str, float] = {}
    with opened(path) as driver:
        gc.collect()
        before = resident_mb()
        begun = time.perf_counter()
        for first in range(0, keys, PER_CALL):
            names = [b"key %012d" % number for number in range(first, first + PER_CALL)]
            reply = driver.ask(KvSet(SPACE, names, [b"%032d" % one for one in range(PER_CALL)]))
            assert isinstance(reply, KvStored), reply
        found["fill"] = keys / (time.perf_counter() - begun)
        time.sleep(2)
        gc.collect()
        found["mb"] = resident_mb() - before
        found["peak_mb"] = resident_mb("VmHWM") - before
        begun = time.perf_counter()
        assert _scanned(driver) == keys
        found["scan"] = keys / (time.perf_counter() - begun)
        found["flush_ms"] = _flushed(driver)
        found["field_us"] = _one_field(driver, keys)
    return found


def _scanned(driver: BlockingDriver) -> int:
    seen, cursor = 0, 0
    while True:
        page = driver.ask(KvScan(SPACE, cursor, PER_CALL))
        assert isinstance(page, KvScanned), page
        seen += len(page.keys)
        cursor = page.cursor
        if not cursor:
            return seen


def _flushed(driver: BlockingDriver) -> float:
    """The slowest of the calls while a million keys are freed."""
    begun = time.perf_counter()
    reply = driver.ask(KvFlush(SPACE))
    assert isinstance(reply, KvCounted), reply
    slowest = time.perf_counter() - begun
    for _ in range(2_000):
        begun = time.perf_counter()
        reply = driver.ask(KvSet("other", [b"key"], [VALUE]))
        assert isinstance(reply, KvStored), reply
        slowest = max(slowest, time.perf_counter() - begun)
    return slowest * 1_000


def _one_field(driver: BlockingDriver, fields: int) -> float:
    for first in range(0, fields, PER_CALL):
        names = [b"field %d" % number for number in range(first, first + PER_CALL)]
        reply = driver.ask(KvMapSet(SPACE, b"map", names, names))
        assert isinstance(reply, KvCounted), reply
    begun = time.perf_counter()
    for number in range(1_000):
        driver.ask(KvMapSet(SPACE, b"map", [b"field %d" % (number * 997 % fields)], [b"new"]))
    return (time.perf_counter() - begun) * 1_000


if __name__ == "__main__":
    with scratch() as made:
        print(json.dumps(_million(made, int(sys.argv[1]))))
