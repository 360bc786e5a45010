"""How many deliveries a second there may be of each queue.

One rule: nobody polls: a queue that waits for a token is looked at when that is there. Volatile.
Compiled by mypyc where possible.
"""

from heapq import heapify, heappop, heappush

from postroad.core.bucket import Bucket
from postroad.core.queue import Queue
from postroad.limits import STALE_MAX


class Rates:
    """The rates of queues, and when queues that wait for tokens are to be looked at again.
    `begun_ms`: when the broker was opened."""

    def __init__(self) -> None:
        self.begun_ms = 0
        self.by_queue: dict[int, Bucket] = {}
        self.dues: list[tuple[int, int]] = []
        self.planned: dict[int, int] = {}

    def room(self, queue: Queue, count: int, now: int) -> int:
        """How many of `count` messages may be delivered now."""
        rate = queue.settings.per_second
        if rate is None:
            return count
        return min(count, self._bucket(queue, rate).left(now))

    def spend(self, queue: Queue, count: int) -> None:
        """So many were delivered."""
        rate = queue.settings.per_second
        if rate is not None:
            self._bucket(queue, rate).spend(count)

    def next_ms(self, queue: Queue) -> int:
        """When a queue that has no token has the next."""
        rate = queue.settings.per_second
        return 0 if rate is None else self._bucket(queue, rate).next_ms()

    def forget(self, queue: int) -> None:
        """A queue is gone."""
        self.by_queue.pop(queue, None)
        self.planned.pop(queue, None)

    def plan(self, queue: int, due_ms: int) -> None:
        """Look at a queue again at an instant."""
        known = self.planned.get(queue, 0)
        if due_ms and (not known or due_ms < known):
            self.planned[queue] = due_ms
            heappush(self.dues, (due_ms, queue))
            if len(self.dues) > 2 * len(self.planned) + STALE_MAX:
                self.dues = [(due, id) for id, due in self.planned.items()]
                heapify(self.dues)

    def next_due(self) -> int:
        """When a queue is to be looked at; 0 for never."""
        while self.dues and self.planned.get(self.dues[0][1]) != self.dues[0][0]:
            heappop(self.dues)
        return self.dues[0][0] if self.dues else 0

    def take_due(self, now: int) -> list[int]:
        """The queues to be looked at now."""
        found: list[int] = []
        due = self.next_due()
        while due and due <= now:
            found.append(heappop(self.dues)[1])
            del self.planned[found[-1]]
            due = self.next_due()
        return found

    def _bucket(self, queue: Queue, rate: int) -> Bucket:
        bucket = self.by_queue.get(queue.id)
        if bucket is None:
            bucket = Bucket(rate, self.begun_ms)
            self.by_queue[queue.id] = bucket
        bucket.rate = rate
        return bucket
