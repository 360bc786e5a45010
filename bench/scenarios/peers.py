"""Side by side with the SQLite-backed queues of PyPI and with plain sqlite3, in the same run.

The rule kept here: equal durability (a sync on every commit), the same machine in the same minute,
alternating; what counts is the ratio.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median

from bench.broker import declare, opened, scratch
from bench.figures import Figure
from bench.scenarios.embedded import cycle
from bench.scenarios.publishers import CALLERS, cycling, on_loop

ROUNDS = 5
BATCH = 100
RAW_BATCH = 1_000
BODY = b"x" * 100
BARE_BYTES = 16 * 1024 * 1024

Load = Callable[[int], None]
Peer = Callable[[Path], AbstractContextManager[Load]]
"""Opens a queue in a directory; what it gives sends, takes and settles so many messages."""


def run(scale: float) -> list[Figure]:
    """Our rates over theirs, per round; and theirs as they were."""
    rates: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, (peer, batch, count) in PEERS.items():
            wanted = max(1, round(count * scale / batch)) * batch
            rates.setdefault(name, []).append(_rate(peer, batch, wanted))
        with scratch() as path:
            rate = on_loop(cycling(path, CALLERS, max(0.3, scale)))
            rates.setdefault("postroad, 100 callers", []).append(rate)
    theirs = [name for name in PEERS if not name.startswith(("postroad", "sqlite3", BARE))]
    best_single = max((rates[name] for name in theirs if PEERS[name][1] == 1), key=median)
    best_batched = max((rates[name] for name in theirs if PEERS[name][1] > 1), key=median)
    single, hundred, thousand = (rates[name] for name in PEERS if name.startswith("postroad"))
    callers = rates["postroad, 100 callers"]
    return [
        _over("one at a time / best peer's", single, best_single, 1.5),
        Figure("two bare syncs / best peer's: no queue that syncs a send and an ack is faster",
               "times", _ratios(rates[BARE], best_single)),
        _over("calls of 100 / best peer one at a time", hundred, best_single, 20),
        _over("100 callers / best peer one at a time", callers, best_single, 20),
        _over("calls of 100 / best peer in batches", hundred, best_batched, 3),
        _over("100 callers / best peer in batches", callers, best_batched, 3),
        _over("calls of 1,000 / sqlite3 in batches of 1,000", thousand, rates[SQLITE], 1.5),
        *(Figure(name, "messages/s", runs) for name, runs in rates.items()),
    ]  # fmt: skip


def _over(name: str, ours: list[float], theirs: list[float], at_least: float) -> Figure:
    return Figure(f"postroad: {name}", "times", _ratios(ours, theirs), at_least=at_least)


def _ratios(ours: list[float], theirs: list[float]) -> list[float]:
    return [mine / yours for mine, yours in zip(ours, theirs, strict=True)]


def _rate(peer: Peer, batch: int, count: int) -> float:
    """Opening and closing do not count, nor do the first calls."""
    with scratch() as path, peer(path) as load:
        load(10 * batch)
        begin = time.perf_counter()
        load(count)
        return count / (time.perf_counter() - begin)


def _postroad(per_call: int) -> Peer:
    @contextmanager
    def peer(path: Path) -> Iterator[Load]:
        with opened(path) as driver:
            declare(driver)

            def load(count: int) -> None:
                cycle(driver, [BODY] * per_call, count // per_call)

            yield load

    return peer


@contextmanager
def _bare(path: Path) -> Iterator[Load]:
    """What any queue does at least that syncs when a message comes and when it goes."""
    file = os.open(path / "journal", os.O_RDWR | os.O_CREAT)
    os.pwrite(file, bytes(BARE_BYTES), 0)
    os.fsync(file)

    def load(count: int) -> None:
        for number in range(count):
            place = number * 2 * len(BODY) % (BARE_BYTES - 2 * len(BODY))
            for offset in (place, place + len(BODY)):
                os.pwrite(file, BODY, offset)
                os.fdatasync(file)

    yield load
    os.close(file)


@contextmanager
def _litequeue(path: Path) -> Iterator[Load]:
    import litequeue

    queue = litequeue.LiteQueue(path / "q.db", timeout=30)
    queue.conn.execute("PRAGMA synchronous=FULL")

    def load(count: int) -> None:
        for _ in range(count):
            queue.put("x" * 100)
            queue.done(queue.pop().message_id)

    yield load
    queue.conn.close()


@contextmanager
def _litequeue_batched(path: Path) -> Iterator[Load]:
    """Its transactions hold puts and dones; each pop opens its own."""
    import litequeue

    queue = litequeue.LiteQueue(path / "q.db", timeout=30)
    queue.conn.execute("PRAGMA synchronous=FULL")

    def load(count: int) -> None:
        for _ in range(count // BATCH):
            with queue.transaction():
                for _ in range(BATCH):
                    queue.put("x" * 100)
            taken = [queue.pop() for _ in range(BATCH)]
            with queue.transaction():
                for message in taken:
                    queue.done(message.message_id)

    yield load
    queue.conn.close()


@contextmanager
def _persistqueue(path: Path) -> Iterator[Load]:
    from persistqueue import SQLiteAckQueue

    queue = SQLiteAckQueue(str(path), auto_commit=True)

    def load(count: int) -> None:
        for _ in range(count):
            queue.put(BODY)
            queue.ack(queue.get(block=False))

    yield load
    queue.close()


@contextmanager
def _persistqueue_batched(path: Path) -> Iterator[Load]:
    """Its one batched mode: what was taken is deleted by `task_done`, and there are no leases."""
    from persistqueue import SQLiteQueue

    queue = SQLiteQueue(str(path), auto_commit=False)

    def load(count: int) -> None:
        for _ in range(count // BATCH):
            for _ in range(BATCH):
                queue.put(BODY)
            queue.task_done()
            for _ in range(BATCH):
                queue.get(block=False)
            queue.task_done()

    yield load
    queue.close()


@contextmanager
def _huey(path: Path) -> Iterator[Load]:
    from huey.storage import SqliteStorage

    queue = SqliteStorage("bench", str(path / "q.db"), fsync=True, timeout=30)

    def load(count: int) -> None:
        for _ in range(count):
            queue.enqueue(BODY)
            assert queue.dequeue() is not None

    yield load
    queue.close()


@contextmanager
def _sqlite(path: Path) -> Iterator[Load]:
    base = sqlite3.connect(path / "q.db", isolation_level=None)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("PRAGMA synchronous=FULL")
    base.execute("CREATE TABLE q(id INTEGER PRIMARY KEY, body BLOB)")
    oldest = "SELECT id, body FROM q ORDER BY id LIMIT ?"

    def load(count: int) -> None:
        for _ in range(count // RAW_BATCH):
            base.execute("BEGIN IMMEDIATE")
            base.executemany("INSERT INTO q(body) VALUES(?)", [(BODY,)] * RAW_BATCH)
            base.execute("COMMIT")
            base.execute("BEGIN IMMEDIATE")
            rows = base.execute(oldest, (RAW_BATCH,)).fetchall()
            base.execute("DELETE FROM q WHERE id <= ?", (rows[-1][0],))
            base.execute("COMMIT")

    yield load
    base.close()


BARE = "two bare syncs, one after the other"
SQLITE = "sqlite3 WAL FULL, batches of 1,000"
PEERS: dict[str, tuple[Peer, int, int]] = {
    "litequeue, one at a time": (_litequeue, 1, 400),
    BARE: (_bare, 1, 1_600),
    "postroad, one at a time": (_postroad(1), 1, 1_600),
    "persist-queue, one at a time": (_persistqueue, 1, 400),
    "huey, one at a time": (_huey, 1, 1_000),
    "litequeue, in batches of 100": (_litequeue_batched, BATCH, 4_000),
    "persist-queue, in batches of 100": (_persistqueue_batched, BATCH, 4_000),
    "postroad, calls of 100": (_postroad(BATCH), BATCH, 100_000),
    SQLITE: (_sqlite, RAW_BATCH, 100_000),
    "postroad, calls of 1,000": (_postroad(RAW_BATCH), RAW_BATCH, 200_000),
}
"""Name -> how to open it, messages in a batch, messages in a run."""
