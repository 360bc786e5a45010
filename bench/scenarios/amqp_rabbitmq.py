"""The same client programs against our server and against RabbitMQ, in one run.

The rule kept here: both servers run at once and take turns, so that what else the machine does
meets both.
"""

import multiprocessing
import statistics
from collections.abc import Callable
from multiprocessing.pool import Pool
from typing import TypeVar

from bench.amqp import backlog, fanout
from bench.figures import Figure
from bench.rabbit import found, one_by_one, outstanding, rabbitmq
from bench.server import figure, postroad, serving

T = TypeVar("T")
Server = tuple[str, int, int]

RUNS = 3
MESSAGES = 8_000
SINGLES = 1_500
WINDOW = 500
SIZES = (100, 1024)
WAITING = 1_000_000
BURST = 20_000
BURSTS = 10
QUEUES = 100


def run(scale: float) -> list[Figure]:
    """Our rates and latencies beside RabbitMQ's; then what many messages and many queues cost."""
    figures = _beside(scale) if found() else []
    with multiprocessing.get_context("fork").Pool(1) as pool:
        figures += _backlog(pool, scale)
        figures += _fanout(pool, scale)
    return figures


def _beside(scale: float) -> list[Figure]:
    figures = []
    with (
        rabbitmq() as theirs,
        postroad("amqp") as ours,
        multiprocessing.get_context("fork").Pool(1) as pool,
    ):
        for size in SIZES:
            figures += _rates(pool, ours, theirs, size, max(WINDOW, int(MESSAGES * scale)))
        for size in SIZES:
            figures += _latencies(pool, ours, theirs, size, max(100, int(SINGLES * scale)))
    return figures


def _rates(pool: Pool, ours: Server, theirs: Server, size: int, count: int) -> list[Figure]:
    mine, yours = _in_turn(
        ours,
        theirs,
        lambda one: pool.apply(outstanding, (*one[:2], count, b"x" * size, WINDOW)),
    )
    who = f"aio-pika, {size} B, {WINDOW} outstanding"
    figures = []
    for number, what in enumerate(("publish with confirms", "consume with an ack each")):
        ratios = [a[number] / b[number] for a, b in zip(mine, yours, strict=True)]
        figures += [
            Figure(f"{who}: {what}: postroad / RabbitMQ", "times", ratios, at_least=1),
            Figure(f"{who}: {what}: postroad", "messages/s", [a[number] for a in mine]),
            Figure(f"{who}: {what}: RabbitMQ", "messages/s", [b[number] for b in yours]),
        ]
    return figures


def _latencies(pool: Pool, ours: Server, theirs: Server, size: int, count: int) -> list[Figure]:
    mine, yours = _in_turn(
        ours,
        theirs,
        lambda one: pool.apply(one_by_one, (*one[:2], count, b"x" * size)),
    )
    p50_ours = [statistics.median(took) * 1e3 for took in mine]
    p50_theirs = [statistics.median(took) * 1e3 for took in yours]
    shares = [a / b for a, b in zip(p50_ours, p50_theirs, strict=True)]
    who = f"pika, {size} B, one confirm at a time, p50"
    return [
        Figure(f"{who}: postroad / RabbitMQ", "times", shares, at_most=1),
        Figure(f"{who}: postroad", "ms", p50_ours),
        Figure(f"{who}: RabbitMQ", "ms", p50_theirs),
    ]


def _in_turn(
    ours: Server, theirs: Server, measure: Callable[[Server], T]
) -> tuple[list[T], list[T]]:
    mine, yours = [], []
    for _ in range(RUNS):
        mine.append(measure(ours))
        yours.append(measure(theirs))
    return mine, yours


def _backlog(pool: Pool, scale: float) -> list[Figure]:
    """What is consumed a second, with few and with a million messages waiting.

    A burst is over before the server has put away what it was sent, so each round has ten of them:
    what is left for later is paid in the bursts that follow, as it is among the million.
    """
    waiting = max(BURST, int(WAITING * scale))
    few, many = [], []
    with postroad("amqp") as (host, port, _):
        for _ in range(RUNS):
            rates = [pool.apply(backlog, (host, port, 100, BURST)) for _ in range(BURSTS)]
            few.append(BURSTS / sum(1 / rate for rate in rates))
            many.append(pool.apply(backlog, (host, port, 100, waiting)))
    few_words = f"{BURSTS} times {BURST:,}"
    return [
        Figure(
            f"AMQP, raw client: consumed with {waiting:,} waiting / with {few_words}",
            "times",
            [one / other for one, other in zip(many, few, strict=True)],
            at_least=0.9,
            full=scale >= 1,
        ),
        Figure(f"AMQP, raw client: consumed with {waiting:,} waiting", "messages/s", many),
        Figure(f"AMQP, raw client: consumed with {few_words} waiting", "messages/s", few),
    ]


def _fanout(pool: Pool, scale: float) -> list[Figure]:
    """What a publish to many queues costs in time and in bytes, against one to one queue."""
    count = max(2_000, int(20_000 * scale))
    figures = []
    for size in SIZES:
        times, stored = [], []
        for _ in range(RUNS):
            one_s, one_bytes = _published(pool, size, count, 1)
            many_s, many_bytes = _published(pool, size, count, QUEUES)
            times.append(many_s / one_s)
            stored.append(many_bytes / one_bytes)
        who = f"AMQP, raw client, {size} B: a publish to {QUEUES} queues / to one"
        figures += [
            Figure(f"{who}: time", "times", times, at_most=4),
            Figure(f"{who}: bytes in the journal", "times", stored, at_most=1.2),
        ]
    return figures


def _published(pool: Pool, size: int, count: int, queues: int) -> tuple[float, float]:
    """Seconds for each message, and what went to the journal for all of them."""
    with serving() as (listening, _pid):
        host, port = listening["amqp"].rsplit(":", 1)
        before = figure(listening, "journal_bytes_total")
        took_s = pool.apply(fanout, (host, int(port), size, count, queues))
        return took_s, figure(listening, "journal_bytes_total") - before
