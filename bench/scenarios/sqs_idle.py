"""A thousand clients that wait for messages which do not come: what they cost the server.

The rule kept here: processor time is that of the server's process by the scheduler's own count,
less what it used for as long with no client at all.
"""

import time

from bench.figures import Figure
from bench.server import cpu_s, postroad
from bench.wire import ask, connect, request

CLIENTS = 1_000
SECONDS = 10.0
AT_MOST = 0.5
"""Percent of a core that we call not measurable: the noise of this measurement is about a tenth."""


def run(scale: float) -> list[Figure]:
    """Percent of a core while all of them wait."""
    clients = max(100, int(CLIENTS * scale))
    with postroad() as (host, port, pid):
        url = ask(host, port, "CreateQueue", {"QueueName": "bench"})["QueueUrl"]
        alone = _used(pid)
        wait = request("ReceiveMessage", {"QueueUrl": url, "WaitTimeSeconds": 20})
        made = connect(host, port, clients)
        for one in made:
            one.send(wait)
        time.sleep(2)
        waiting = _used(pid)
        for one in made:
            one.close()
    return [
        Figure(f"{clients:,} idle long polls: server", "% of a core", [waiting - alone],
               at_most=AT_MOST, full=clients == CLIENTS),
        Figure("no client: server", "% of a core", [alone]),
    ]  # fmt: skip


def _used(pid: int) -> float:
    before = cpu_s(pid)
    time.sleep(SECONDS)
    return (cpu_s(pid) - before) / SECONDS * 100
