"""No-op tasks from the call to the end of the run, beside the task frameworks of PyPI.

The rule kept here: one producer and one worker process for each, equal durability (a sync before a
call returns: Redis with `appendfsync always`, RabbitMQ with confirms), the same body, rounds that
alternate. The task is one write of eight bytes to a file, which tells when it ran.
"""

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import rabbit, redis_server
from bench.apps.mark import MARK_BYTES
from bench.broker import scratch
from bench.figures import Figure
from bench.server import postroad, serving

ROUNDS = 3
SINGLES = 300
JOBS = 2_000
OUR_JOBS = 50_000
OUR_CALLS = 20_000
START_S = 40
RUN_S = 60
BIN = Path(sys.executable).parent


@dataclass
class Peer:
    """A framework: its module of `bench.apps`, its worker, its broker, and how many are enqueued
    at once."""

    module: str
    worker: list[str]
    broker: str
    way: str = "hundred"
    environment: dict[str, str] = field(default_factory=dict)


def _celery(broker: str) -> Peer:
    worker = ["celery", "-A", "bench.apps.celery_app", "worker", "--pool", "solo", "-l", "ERROR"]
    return Peer("bench.apps.celery_app", worker, broker)


def _dramatiq(broker: str) -> Peer:
    worker = ["dramatiq", "bench.apps.dramatiq_app", "-p", "1", "-t", "8"]
    return Peer("bench.apps.dramatiq_app", worker, broker)


def _huey(broker: str) -> Peer:
    worker = ["huey_consumer", "bench.apps.huey_app.huey", "-w", "4", "-q"]
    return Peer("bench.apps.huey_app", worker, broker)


def _taskiq(**environment: str) -> Peer:
    worker = ["taskiq", "worker", "bench.apps.taskiq_app:broker", "--workers", "1"]
    worker += ["--log-level", "ERROR"]
    return Peer("bench.apps.taskiq_app", worker, "redis", environment=environment)


PEERS = {
    "celery, redis, acks late": _celery("redis"),
    "celery, rabbitmq, confirms, acks late": _celery("rabbitmq"),
    "dramatiq, redis": _dramatiq("redis"),
    "dramatiq, rabbitmq, confirms": _dramatiq("rabbitmq"),
    "rq, redis, enqueue_many": Peer(
        "bench.apps.rq_app", ["rq", "worker", "-q", "-w", "rq.SimpleWorker"], "redis", "bulk"
    ),
    "huey, redis (no acks)": _huey("redis"),
    "huey, sqlite, fsync": _huey("sqlite"),
    "taskiq, redis stream": _taskiq(),
    "taskiq, redis list (no acks)": _taskiq(BENCH_LIST="1"),
}
OURS = {
    "postroad served, 100 callers": "hundred",
    "postroad served, bulk": "bulk",
}
EMBEDDED = {
    "postroad embedded, 100 callers": "hundred",
    "postroad embedded, bulk": "bulk",
}


def run(scale: float) -> list[Figure]:
    """Rates from the first call to the last run, and how long one call takes."""
    rates: dict[str, list[float]] = {}
    singles: dict[str, list[float]] = {}
    ours = Peer("bench.apps.postroad_app", ["python", "-m", "bench.apps.postroad_app"], "postroad")
    for _ in range(ROUNDS):
        _measured_peers(rates, singles, scale)
        for name, way in OURS.items():
            count = _count(OUR_JOBS if way == "bulk" else OUR_CALLS, scale)
            with postroad("native") as (host, port, _):
                one, rate = _measured(ours, way, f"postroad://{host}:{port}", count)
            rates.setdefault(name, []).append(rate)
            singles.setdefault("postroad served", []).append(one)
        _our_singles(ours, singles)
        for name, way in EMBEDDED.items():
            count = _count(OUR_JOBS if way == "bulk" else OUR_CALLS, scale)
            rates.setdefault(name, []).append(_embedded(way, count))
    return _figures(rates, singles)


def _figures(rates: dict[str, list[float]], singles: dict[str, list[float]]) -> list[Figure]:
    theirs = [name for name in PEERS if name in rates]
    best = max(theirs, key=lambda name: median(rates[name]))
    figures = []
    for name in (*OURS, *EMBEDDED):
        ratios = [mine / yours for mine, yours in zip(rates[name], rates[best], strict=True)]
        text = f"{name}: times the fastest peer ({best})"
        figures.append(Figure(text, "times", ratios, at_least=5.0))
    quickest = min(theirs, key=lambda name: median(singles[name]))
    figures += [
        Figure(
            f"{name}: one enqueue, p50 (best peer: {quickest})",
            "us",
            singles[name],
            at_most=median(singles[quickest]),
        )
        for name in singles
        if name not in PEERS
    ]
    figures += [Figure(f"{name}: end to end", "jobs/s", runs) for name, runs in rates.items()]
    figures += [Figure(f"{name}: one enqueue, p50", "us", singles[name]) for name in theirs]
    return figures


@contextmanager
def _rabbit() -> Iterator[str | None]:
    """Where RabbitMQ is, if this machine has it: one for a round, for it takes long to come up."""
    if not rabbit.found():
        yield None
        return
    with rabbit.rabbitmq() as (host, port, _):
        yield f"amqp://guest:guest@{host}:{port}/%2F"


@contextmanager
def _broker(name: str, rabbit_url: str | None) -> Iterator[str | None]:
    """Where a peer's broker is, if this machine has it; a Redis of its own for each."""
    if name != "redis":
        yield rabbit_url if name == "rabbitmq" else ""
    elif not redis_server.found():
        yield None
    else:
        with redis_server.redis_always() as url:
            yield url


def _measured_peers(
    rates: dict[str, list[float]], singles: dict[str, list[float]], scale: float
) -> None:
    with _rabbit() as rabbit_url:
        for name, peer in PEERS.items():
            with _broker(peer.broker, rabbit_url) as url:
                if url is None:
                    continue
                one, rate = _measured(peer, peer.way, url, _count(JOBS, scale))
            rates.setdefault(name, []).append(rate)
            singles.setdefault(name, []).append(one)


def _count(full: int, scale: float) -> int:
    return max(1, round(full * scale / 500)) * 500


def _measured(peer: Peer, way: str, url: str, count: int) -> tuple[float, float]:
    """(the median of one enqueue in us, jobs a second from the first call to the last run)"""
    with scratch() as folder:
        environment = {**os.environ, "BENCH_URL": url, "BENCH_FOLDER": str(folder)}
        environment |= {"PYTHONWARNINGS": "ignore", "C_FORCE_ROOT": "1", **peer.environment}
        marks = folder / "marks"
        single = _produced(peer, SINGLES, "one", environment)["p50_us"]
        command = [str(BIN / peer.worker[0]), *peer.worker[1:]]
        if peer.module.endswith("rq_app"):
            command += ["--url", url]
        null = subprocess.DEVNULL
        worker = subprocess.Popen(command, env=environment, stdout=null, stderr=null)
        try:
            _until_marked(marks, SINGLES + 1, START_S)
            begin = _produced(peer, count, way, environment)["begin"]
            _until_marked(marks, SINGLES + count + 2, RUN_S)
        finally:
            _ended(worker)
        return single, count / (_last(marks) - begin)


def _our_singles(ours: Peer, singles: dict[str, list[float]]) -> None:
    """One enqueue of a program without a loop: over TCP, by the data directory that the server
    holds, as huey's with SQLite is by its file, and in process."""
    with serving() as (listening, _):
        urls = {
            "postroad served, blocking": f"postroad://{listening['native']}",
            "postroad served, blocking, by its directory": listening["data"],
            "postroad embedded, blocking": "",
        }
        for name, url in urls.items():
            with scratch() as folder:
                environment = {**os.environ, "BENCH_URL": url, "BENCH_FOLDER": str(folder)}
                took = _produced(ours, SINGLES, "one-blocking", environment)["p50_us"]
            singles.setdefault(name, []).append(took)


def _embedded(way: str, count: int) -> float:
    with scratch() as folder:
        environment = {**os.environ, "BENCH_URL": "", "BENCH_FOLDER": str(folder)}
        command = [sys.executable, "-m", "bench.apps.postroad_app", str(count), way]
        done = _ran(command, environment)
        return count / (_last(folder / "marks") - done["begin"])


def _produced(peer: Peer, count: int, way: str, environment: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.apps.produce", peer.module, str(count), way]
    return _ran(command, environment)


def _ran(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, timeout=RUN_S, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _until_marked(marks: Path, count: int, limit_s: float) -> None:
    end = time.monotonic() + limit_s
    while not marks.exists() or marks.stat().st_size < count * MARK_BYTES:
        if time.monotonic() > end:
            ran = marks.stat().st_size // MARK_BYTES if marks.exists() else 0
            raise RuntimeError(f"{ran:,} of {count:,} jobs ran in {limit_s:g} s")
        time.sleep(0.01)


def _last(marks: Path) -> float:
    """When the last job ran."""
    return max(one for (one,) in struct.iter_unpack("d", marks.read_bytes()))


def _ended(worker: "subprocess.Popen[bytes]") -> None:
    worker.terminate()
    try:
        worker.wait(20)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
