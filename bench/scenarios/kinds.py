"""FIFO, priority and fair queues beside a standard one, a thousand messages a call.

The rule kept here: all kinds take turns in one run, and each is sent, received and acked through
the same calls, with a backlog, so that its order has something to choose from.
"""

import random
import time
from pathlib import Path

from bench.broker import LONG_MS, ack, opened, scratch, take
from bench.figures import Figure
from postroad.engine.blocking import BlockingDriver
from postroad.model.commands import DeclareQueue, Publish
from postroad.model.policy import FIFO, PRIORITY, STANDARD, QueueSettings
from postroad.model.replies import Declared, Published

PER_CALL = 1_000
BACKLOG_CALLS = 20
CALLS = 200
KEYS = 1_000
RUNS = 5
SHARE_AT_LEAST = 0.5
BODIES = [b"x" * 100] * PER_CALL

KINDS: dict[str, tuple[str, bool, bool]] = {
    "standard": (STANDARD, False, False),
    "FIFO, 1,000 keys": (FIFO, True, False),
    "fair, 1,000 keys": (STANDARD, True, False),
    "priority, 10 levels": (PRIORITY, False, True),
}
"""Kind of queue, whether messages bear keys, whether they bear priorities."""


def run(scale: float) -> list[Figure]:
    """Rates, and what part of the standard queue's they are in the same run."""
    calls = max(20, int(CALLS * scale))
    rates: dict[str, list[float]] = {name: [] for name in KINDS}
    for turn in range(RUNS):
        for name in KINDS:
            with scratch() as path:
                rates[name].append(_rate(path, name, calls, turn))
    figures = [
        Figure(f"{name}, 1,000 per call: send + receive + ack", "messages/s", rates[name])
        for name in KINDS
    ]
    for name in list(KINDS)[1:]:
        shares = [one / plain for one, plain in zip(rates[name], rates["standard"], strict=True)]
        title = f"{name}: part of the standard queue's rate"
        figures.append(Figure(title, "", shares, at_least=SHARE_AT_LEAST))
    return figures


def _rate(path: Path, name: str, calls: int, seed: int) -> float:
    kind, keyed, ranked = KINDS[name]
    dice = random.Random(seed)
    keys = [f"customer-{number}" for number in range(KEYS)]
    chosen = [[dice.choice(keys) for _ in range(PER_CALL)] for _ in range(16)]
    levels = [[dice.randrange(10) for _ in range(PER_CALL)] for _ in range(16)]
    with opened(path) as driver:
        reply = driver.ask(DeclareQueue(name, QueueSettings(lease_ms=LONG_MS, kind=kind)))
        assert isinstance(reply, Declared), reply

        def send(call: int) -> None:
            command = Publish(
                (name,),
                BODIES,
                keys=chosen[call % 16] if keyed else None,
                priorities=levels[call % 16] if ranked else None,
            )
            sent = driver.ask(command)
            assert isinstance(sent, Published), sent

        for call in range(BACKLOG_CALLS):
            send(call)
        begin = time.perf_counter()
        for call in range(calls):
            send(call)
            _take_and_ack(driver, name)
        return calls * PER_CALL / (time.perf_counter() - begin)


def _take_and_ack(driver: BlockingDriver, name: str) -> None:
    ack(driver, take(driver, PER_CALL, name), name)
