"""One caller on an embedded broker: send, receive and ack in calls of 1,000, of 100 and of one.

The rule kept here: the clock runs over all three, so a rate is of messages that went all the way.
"""

import time

from bench.broker import ack, declare, opened, scratch, send, take
from bench.figures import Figure
from postroad.engine.blocking import BlockingDriver

# body bytes, messages per call, messages in a run, target in messages/s
CASES = (
    (100, 1_000, 1_000_000, 600_000),
    (100, 100, 200_000, 100_000),
    (1_024, 1_000, 300_000, 250_000),
    (100, 1, 6_000, 2_500),
)
RUNS = 5


def run(scale: float) -> list[Figure]:
    """Rates of all cases, alternating so that a neighbour's noise falls on all of them."""
    rates: dict[tuple[int, ...], list[float]] = {case: [] for case in CASES}
    for _ in range(RUNS):
        for case in CASES:
            body_bytes, per_call, messages, _target = case
            rounds = max(20, int(messages * scale) // per_call)
            with scratch() as path, opened(path) as driver:
                declare(driver)
                cycle(driver, [b"x" * body_bytes] * per_call, 10)
                rates[case].append(cycle(driver, [b"x" * body_bytes] * per_call, rounds))
    return [
        Figure(
            f"embedded, {body_bytes:,} B, {per_call:,} per call: send + receive + ack",
            "messages/s",
            rates[body_bytes, per_call, messages, target],
            at_least=target,
        )
        for body_bytes, per_call, messages, target in CASES
    ]


def cycle(driver: BlockingDriver, bodies: list[bytes], rounds: int) -> float:
    """Messages per second through send, receive and ack."""
    begin = time.perf_counter()
    for _ in range(rounds):
        send(driver, bodies)
        ack(driver, take(driver, len(bodies)))
    return rounds * len(bodies) / (time.perf_counter() - begin)
