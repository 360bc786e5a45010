"""Amazon SQS over 64 connections kept open, from a client that does next to nothing.

The rule kept here: requests are made before the clock starts, so what is measured is the server;
each answer means that its messages are durable.
"""

import multiprocessing
import time

from bench.figures import Figure
from bench.server import cpu_s, postroad
from bench.wire import ask, load, request

CONNECTIONS = 64
CLIENTS = 1
SECONDS = 3.0
RUNS = 5
BODY = "x" * 100


def run(scale: float) -> list[Figure]:
    """Rates of single sends and of batches of ten, and the server's share of a core."""
    rates: dict[str, list[float]] = {"SendMessage": [], "SendMessageBatch": []}
    shares: dict[str, list[float]] = {"SendMessage": [], "SendMessageBatch": []}
    for _ in range(RUNS):
        with postroad() as (host, port, pid):
            url = ask(host, port, "CreateQueue", {"QueueName": "bench"})["QueueUrl"]
            entries = [{"Id": str(number), "MessageBody": BODY} for number in range(10)]
            requests = {
                "SendMessage": request("SendMessage", {"QueueUrl": url, "MessageBody": BODY}),
                "SendMessageBatch": request(
                    "SendMessageBatch", {"QueueUrl": url, "Entries": entries}
                ),
            }
            for action, sent in requests.items():
                rate, share = _rate(host, port, pid, sent, max(0.5, SECONDS * scale))
                rates[action].append(rate)
                shares[action].append(share)
    who = f"SQS, {CONNECTIONS} connections, raw client"
    return [
        Figure(f"{who}: SendMessage", "messages/s", rates["SendMessage"], at_least=25_000),
        Figure(
            f"{who}: SendMessageBatch of 10",
            "messages/s",
            [10 * rate for rate in rates["SendMessageBatch"]],
            at_least=60_000,
        ),
        Figure(f"{who}: SendMessage, the server's share", "% of a core", shares["SendMessage"]),
        Figure(f"{who}: batches, the server's share", "% of a core", shares["SendMessageBatch"]),
    ]


def _rate(host: str, port: int, pid: int, sent: bytes, seconds: float) -> tuple[float, float]:
    """Requests per second of all clients together, and the server's processor time in percent."""
    load(host, port, CONNECTIONS, sent, 0.3)
    context = multiprocessing.get_context("fork")
    used, begin = cpu_s(pid), time.perf_counter()
    with context.Pool(CLIENTS) as pool:
        each = (host, port, CONNECTIONS // CLIENTS, sent, seconds)
        found = pool.starmap(load, [each] * CLIENTS)
    share = (cpu_s(pid) - used) / (time.perf_counter() - begin) * 100
    return sum(answers / took_s for answers, took_s in found), share
