"""What a message costs while ten million wait, against a thousand.

The rule kept here: two brokers are worked in turn in the same minute by the same calls, so that
what differs is the backlog, with all that follows: what waits long has been written to the store
and is read back from there.
"""

import time
from contextlib import ExitStack

from bench.broker import ack, declare, opened, scratch, send, take
from bench.figures import Figure
from postroad.engine.blocking import BlockingDriver

DEEP = 10_000_000
SHALLOW = 1_000
PER_CALL = 1_000
ROUNDS = 9
CALLS = 100
BODIES = [b"x" * 100] * PER_CALL


def run(scale: float) -> list[Figure]:
    """Cost of send + receive + ack with each backlog, in turn, and the ratio of each pair."""
    deep = max(100_000, int(DEEP * scale))
    with ExitStack() as stack:
        path = stack.enter_context(scratch())
        few = stack.enter_context(opened(path / "few"))
        many = stack.enter_context(opened(path / "many"))
        _fill(few, SHALLOW)
        _fill(many, deep)
        time.sleep(1)  # what was begun behind the last answer
        pairs = [(_cost_us(few), _cost_us(many)) for _ in range(ROUNDS)]
    ratios = [after / before for before, after in pairs]
    name = f"cost of a message, {deep:,} waiting / {SHALLOW:,} waiting"
    return [
        Figure(name, "times", ratios, at_most=1.25, full=deep == DEEP),
        Figure(f"cost of a message, {SHALLOW:,} waiting", "us", [before for before, _ in pairs]),
        Figure(f"cost of a message, {deep:,} waiting", "us", [after for _, after in pairs]),
    ]


def _fill(driver: BlockingDriver, count: int) -> None:
    declare(driver)
    for _ in range(count // PER_CALL):
        send(driver, BODIES)


def _cost_us(driver: BlockingDriver) -> float:
    begin = time.perf_counter()
    for _ in range(CALLS):
        send(driver, BODIES)
        ack(driver, take(driver, PER_CALL))
    return (time.perf_counter() - begin) / (CALLS * PER_CALL) * 1e6
