"""Amazon SQS over 64 connections kept open, from a client that does next to nothing.

The rule kept here: requests are made before the clock starts, so what is measured is the server;
each answer means that its messages are durable.
"""

import multiprocessing

from bench.figures import Figure
from bench.server import cpu_s, postroad
from bench.wire import ask, load, request

CONNECTIONS = 64
CLIENTS = 1
SECONDS = 3.0
RUNS = 5
BODY = "x" * 100


def run(scale: float) -> list[Figure]:
    """Rates of single sends and of batches of ten, and what a request costs the server."""
    rates: dict[str, list[float]] = {"SendMessage": [], "SendMessageBatch": []}
    costs: dict[str, list[float]] = {"SendMessage": [], "SendMessageBatch": []}
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
                rate, cost = _rate(host, port, pid, sent, max(0.5, SECONDS * scale))
                rates[action].append(rate)
                costs[action].append(cost)
    who = f"SQS, {CONNECTIONS} connections, raw client"
    return [
        Figure(f"{who}: SendMessage", "messages/s", rates["SendMessage"], at_least=25_000),
        Figure(
            f"{who}: SendMessageBatch of 10",
            "messages/s",
            [10 * rate for rate in rates["SendMessageBatch"]],
            at_least=60_000,
        ),
        Figure(f"{who}: SendMessage, the server's processor time", "us", costs["SendMessage"]),
        Figure(f"{who}: a batch, the server's processor time", "us", costs["SendMessageBatch"]),
    ]


def _rate(host: str, port: int, pid: int, sent: bytes, seconds: float) -> tuple[float, float]:
    """Requests per second of all clients together, and what each costs the server in us."""
    load(host, port, CONNECTIONS, sent, 0.3)
    context = multiprocessing.get_context("fork")
    used = cpu_s(pid)
    with context.Pool(CLIENTS) as pool:
        each = (host, port, CONNECTIONS // CLIENTS, sent, seconds)
        found = pool.starmap(load, [each] * CLIENTS)
    cost = (cpu_s(pid) - used) / sum(answers for answers, _ in found) * 1e6
    return sum(answers / took_s for answers, took_s in found), cost
