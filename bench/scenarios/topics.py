"""Topics: durable appends, cold reads, seeks by time, and the cleaner's turns.

The rule kept here: what is read cold was written by another opening and dropped from the system's
cache as far as an ordinary user can; turns are timed inside the thread that others wait for.
"""

import os
import shutil
import statistics
import time
from pathlib import Path

from bench.broker import scratch
from bench.figures import Figure
from bench.scenarios.turns import Stopwatch
from postroad import Broker
from postroad.engine.blocking import BlockingDriver
from postroad.model import topics
from postroad.model.message import keyed_head

MILLION = 1_000_000
APPENDS = 300_000
RAW_CALLS = 60
COLD_BYTES = 10_000_000_000
KEYS = 100_000
SLOW_S = 300.0


def run(scale: float) -> list[Figure]:
    """All four."""
    return [appends(scale), cold(scale), *seeks(scale), *cleaning(scale)]


def appends(scale: float) -> Figure:
    """Messages of 1 KiB per second in calls of 1,000, each durable when its call returns."""
    rates: list[float] = []
    disk: list[float] = []
    bodies = [b"x" * 1_024] * 1_000
    for _ in range(5):
        with scratch() as path, Broker.open(path) as broker:
            topic = broker.topic("t")
            topic.declare()
            for _ in range(10):
                topic.publish_many(bodies)
            rounds = max(20, int(APPENDS * scale) // 1_000)
            begin = time.perf_counter()
            for _ in range(rounds):
                topic.publish_many(bodies)
            rates.append(rounds * 1_000 / (time.perf_counter() - begin))
        disk.append(_disk_alone(b"".join(bodies)))
    name = "topic: append 1 KiB, 1,000 per call, durable"
    note = f"the disk alone, likewise: {statistics.median(disk):,.0f}"
    return Figure(name, "messages/s", rates, at_least=250_000, note=note)


def _disk_alone(call: bytes) -> float:
    """Messages per second that one file takes, written over and synced a call at a time."""
    with scratch() as path, (path / "file").open("wb", buffering=0) as file:
        file.write(call * RAW_CALLS)
        os.fsync(file)
        begin = time.perf_counter()
        for at in range(RAW_CALLS):
            os.pwrite(file.fileno(), call, at * len(call))
            os.fdatasync(file)
        return RAW_CALLS * 1_000 / (time.perf_counter() - begin)


def cold(scale: float) -> Figure:
    """MB per second from a log that is on disk alone."""
    wanted = int(COLD_BYTES * scale)
    with scratch() as path:
        room = shutil.disk_usage(path).free
        size = min(wanted, max(0, room - 4_000_000_000) // 2)
        _fill(path, size)
        _forget(path)
        with Broker.open(path) as broker:
            rate = _read(broker.driver, size)
    note = "" if size == COLD_BYTES else f"{size / 1e9:.1f} GB, for the disk or the scale"
    name = "topic: cold read from the start"
    return Figure(name, "MB/s", [rate], at_least=300, note=note, full=size == COLD_BYTES)


def _fill(path: Path, size: int) -> None:
    bodies = [os.urandom(1_024)] * 4_000
    with Broker.open(path) as broker:
        topic = broker.topic("t")
        topic.declare()
        for _ in range(size // (1_024 * len(bodies))):
            topic.publish_many(bodies)


def _forget(path: Path) -> None:
    """Ask the system to drop what it keeps of the files."""
    os.sync()
    for file in path.rglob("*"):
        if file.is_file():
            handle = os.open(file, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def _read(driver: BlockingDriver, size: int) -> float:
    read = offset = 0
    begin = time.perf_counter()
    while read < size - 1_024 * 4_000:
        command = topics.Fetch((topics.Span("t", 0, offset),), 100_000, 4 * 1024 * 1024)
        reply = driver.ask(command)
        assert isinstance(reply, topics.Fetched)
        part = reply.parts[0]
        assert part.messages, "the log is as long as it was written"
        read += sum(len(message.body) for message in part.messages)
        offset = part.next_offset
    return read / (time.perf_counter() - begin) / 1e6


def seeks(scale: float) -> list[Figure]:
    """The longest and the middle seek by time among many in ten million messages, in ms."""
    count = max(200_000, int(10 * MILLION * scale))
    with scratch() as path, Broker.open(path) as broker:
        topic = broker.topic("t")
        topic.declare()
        bodies = [b"x" * 100] * 10_000
        times = []
        for _ in range(count // len(bodies)):
            topic.publish_many(bodies)
            times.append(int(broker.driver.clock.now_ms()))
        taken = []
        for at in range(0, len(times), max(1, len(times) // 200)):
            begin = time.perf_counter()
            topic.find(times[at])
            taken.append((time.perf_counter() - begin) * 1_000)
    full = count == 10 * MILLION
    taken.sort()
    name = f"topic: seek by time in {count:,} messages"
    return [
        Figure(f"{name}, median", "ms", [taken[len(taken) // 2]], at_most=5, full=full),
        Figure(f"{name}, longest", "ms", [taken[-1]], at_most=5, full=full),
    ]


def cleaning(scale: float) -> list[Figure]:
    """The longest turn while ten million messages of 100,000 keys are compacted, and how long that
    takes in all."""
    count = max(200_000, int(10 * MILLION * scale))
    keys = max(2_000, int(KEYS * scale))
    with scratch() as path, Broker.open(path) as broker:
        topic = broker.topic("t")
        topic.declare()
        heads = [keyed_head(None, b"key %d" % one) for one in range(keys)]
        names = [b"key %d" % one for one in range(keys)]
        for at in range(0, count, 10_000):
            low = at % keys
            some = [(low + one * 7) % keys for one in range(10_000)]
            bodies = [b"x" * 60] * 10_000
            columns = ([heads[one] for one in some], [names[one] for one in some])
            command = topics.Append("t", bodies, *columns)
            assert isinstance(broker.driver.ask(command), topics.Appended)
        longest, used, took = _clean(broker)
        kept = len([1 for _ in _all(broker)])
    full = count == 10 * MILLION
    name = f"topic: compaction of {count:,} messages with {keys:,} keys"
    note = f"{kept:,} kept; all of it in {took:.0f} s"
    return [
        Figure(f"{name}, longest turn", "ms", [longest], at_most=20, note=note, full=full),
        Figure(f"{name}, most processor time of a turn", "ms", [used], full=full),
    ]


def _clean(broker: Broker) -> tuple[float, float, float]:
    """Let the cleaner work; (longest turn, most processor time of one, all of it in s)."""
    driver = broker.driver
    topics = driver.engine.core.state.topics
    watch = Stopwatch(driver)
    watch.reset()
    broker.topic("t").change(compact=True, compact_messages=1_000)
    # A last part that is small beside what is kept waits for more.
    while topics.dirty and time.perf_counter() - watch.begin < SLOW_S:
        broker.topic("t").find("latest")
        driver.run_for(driver.clock.now_ms())
    return watch.longest_ms, watch.longest_cpu_ms, time.perf_counter() - watch.begin


def _all(broker: Broker) -> list[int]:
    offsets: list[int] = []
    offset = 0
    while True:
        reply = broker.driver.ask(topics.Fetch((topics.Span("t", 0, offset),), 100_000))
        assert isinstance(reply, topics.Fetched)
        part = reply.parts[0]
        if part.next_offset == offset:
            return offsets
        offsets.extend(message.offset for message in part.messages)
        offset = part.next_offset
