"""Five kinds of work, ten workers, and one morning forty reports at once: in one queue all others
wait behind them, in queues of their own they do not. A simulation: its clock goes from one event to
the next.
"""

import heapq

from postroad.testing import ClockedBroker

# How long one job takes, and how often one comes; two workers are for each kind.
KINDS = {
    "payment": (50, 500),
    "push": (10, 200),
    "email": (500, 1_000),
    "image": (3_000, 5_000),
    "report": (20_000, 60_000),
}
SECONDS, BURST = 120, 40
ARRIVALS = [(at, kind) for kind in KINDS for at in range(0, SECONDS * 1_000, KINDS[kind][1])]
ARRIVALS += [(9_000, "report")] * BURST


def longest_waits(queue_of: dict[str, str], works_for: list[str]) -> dict[str, int]:
    """The longest that a job of each kind waited for a worker, in ms."""
    waits = dict.fromkeys(KINDS, 0)
    events = [(at_ms, -1, kind) for at_ms, kind in ARRIVALS]
    heapq.heapify(events)
    with ClockedBroker.open() as broker:
        for queue in set(works_for):
            broker.declare(queue, lease_ms=60_000)
        now_ms, idle = 0, set(range(len(works_for)))
        while events:
            at_ms, worker, kind = heapq.heappop(events)
            broker.pass_time(at_ms - now_ms)
            now_ms = at_ms
            if worker < 0:
                broker.publish(queue_of[kind], kind, headers={"at": now_ms})
                worker = next((one for one in idle if works_for[one] == queue_of[kind]), -1)
            if worker < 0:
                continue
            idle.add(worker)
            for job in broker.receive(works_for[worker], wait_ms=0):
                kind = job.body.decode()
                waits[kind] = max(waits[kind], now_ms - int(str(job.headers["at"])))
                broker.ack(job)
                idle.remove(worker)
                heapq.heappush(events, (now_ms + KINDS[kind][0], worker, ""))
    return waits


one = longest_waits(dict.fromkeys(KINDS, "all"), ["all"] * 10)
five = longest_waits({kind: kind for kind in KINDS}, [*KINDS] * 2)
for kind in KINDS:
    print(f"{kind}: {one[kind]:,} ms in one queue, {five[kind]:,} ms in its own")
