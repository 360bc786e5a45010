"""AMQP 0-9-1 from a client that does next to nothing: publishes with confirms, and deliveries.

The rule kept here: publishes are made before the clock starts, so what is measured is the server;
a confirm means that its message is durable, and what is delivered is acked one by one.
"""

import multiprocessing
from multiprocessing.pool import Pool

from bench.amqp import both, publish
from bench.figures import Figure
from bench.server import cpu_s, postroad

SECONDS = 4.0
RUNS = 5
BODY_BYTES = 100


def run(scale: float) -> list[Figure]:
    """Rates in, and in and out at once, and what a message costs the server."""
    seconds = max(0.5, SECONDS * scale)
    rates: dict[str, list[float]] = {"in": [], "both": [], "in us": [], "both us": []}
    for _ in range(RUNS):
        with multiprocessing.get_context("fork").Pool(1) as pool:
            _into(pool, seconds, rates)
            _through(pool, seconds, rates)
    who = f"AMQP, raw client, {BODY_BYTES} B, durable"
    return [
        Figure(f"{who}: publish with confirms", "messages/s", rates["in"], at_least=100_000),
        Figure(
            f"{who}: publish with confirms and consume with an ack each, at once",
            "messages/s",
            rates["both"],
            at_least=60_000,
            note="messages a second in, and as many out",
        ),
        Figure(f"{who}: a publish, the server's processor time", "us", rates["in us"]),
        Figure(f"{who}: in and out, the server's processor time", "us", rates["both us"]),
    ]


def _into(pool: Pool, seconds: float, rates: dict[str, list[float]]) -> None:
    with postroad("amqp") as (host, port, pid):
        pool.apply(publish, (host, port, BODY_BYTES, 0.5))
        used = cpu_s(pid)
        count, took_s = pool.apply(publish, (host, port, BODY_BYTES, seconds))
        rates["in"].append(count / took_s)
        rates["in us"].append((cpu_s(pid) - used) / count * 1e6)


def _through(pool: Pool, seconds: float, rates: dict[str, list[float]]) -> None:
    with postroad("amqp") as (host, port, pid):
        pool.apply(both, (host, port, BODY_BYTES, 0.5))
        used = cpu_s(pid)
        _, acked, took_s = pool.apply(both, (host, port, BODY_BYTES, seconds))
        rates["both"].append(acked / took_s)
        rates["both us"].append((cpu_s(pid) - used) / acked * 1e6)
