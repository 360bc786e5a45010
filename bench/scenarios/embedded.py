"""One caller on an embedded broker: send, receive and ack in calls of 1,000, of 100 and of one.

The rule kept here: the clock runs over all three, so a rate is of messages that went all the way.
"""

import os
import statistics
import time

from bench.broker import LONG_MS, QUEUE, ack, scratch, send, take
from bench.figures import Figure
from postroad import Broker
from postroad.engine.blocking import BlockingDriver

# body bytes, messages per call, messages in a run, target in messages/s
CASES = (
    (100, 1_000, 1_000_000, 600_000),
    (100, 100, 200_000, 100_000),
    (1_024, 1_000, 300_000, 250_000),
    (100, 1, 6_000, 2_500),
)
RUNS = 5
SYNCS = 100


def run(scale: float) -> list[Figure]:
    """Rates of all cases, alternating so that a neighbour's noise falls on all of them."""
    rates: dict[tuple[int, ...], list[float]] = {case: [] for case in CASES}
    syncs: list[float] = []
    for _ in range(RUNS):
        syncs.append(sync_us())
        for case in CASES:
            body_bytes, per_call, messages, _target = case
            rounds = max(20, int(messages * scale) // per_call)
            bodies = [b"x" * body_bytes] * per_call
            with scratch() as path, Broker.open(path) as broker:
                broker.declare(QUEUE, lease_ms=LONG_MS)
                through_api(broker, bodies, 10)
                rates[case].append(through_api(broker, bodies, rounds))
    figures = [
        Figure(
            f"embedded, {body_bytes:,} B, {per_call:,} per call: send + receive + ack",
            "messages/s",
            rates[body_bytes, per_call, messages, target],
            at_least=target,
        )
        for body_bytes, per_call, messages, target in CASES
    ]
    return [*figures, Figure("a sync of 4 KiB written over, meanwhile", "us", syncs)]


def sync_us() -> float:
    """What the disk of this minute takes for one fdatasync, in the middle of a hundred."""
    with scratch() as path:
        file = os.open(path / "probe", os.O_RDWR | os.O_CREAT)
        os.pwrite(file, bytes(4_096 * SYNCS), 0)
        os.fsync(file)
        taken = []
        for number in range(SYNCS):
            begin = time.perf_counter()
            os.pwrite(file, bytes(4_096), 4_096 * number)
            os.fdatasync(file)
            taken.append((time.perf_counter() - begin) * 1e6)
        os.close(file)
    return statistics.median(taken)


def through_api(broker: Broker, bodies: list[bytes], rounds: int) -> float:
    """Messages per second through send, receive and ack, as programs call them."""
    begin = time.perf_counter()
    for _ in range(rounds):
        broker.publish_many(QUEUE, bodies)
        messages = broker.receive(QUEUE, len(bodies))
        assert len(messages) == len(bodies), len(messages)
        broker.ack(messages)
    return rounds * len(bodies) / (time.perf_counter() - begin)


def cycle(driver: BlockingDriver, bodies: list[bytes], rounds: int) -> float:
    """The same on the driver itself, below the API."""
    begin = time.perf_counter()
    for _ in range(rounds):
        send(driver, bodies)
        ack(driver, take(driver, len(bodies)))
    return rounds * len(bodies) / (time.perf_counter() - begin)
