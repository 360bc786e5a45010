"""How many deliveries a second may be: tokens that come with time, kept for queues and keys.

One rule: all of it is volatile, and no bucket holds more than came since the broker was opened, so
that no restart hands out more than was promised. Compiled by mypyc where possible.
"""

from heapq import heapify, heappop, heappush

from postroad.core.queue import Queue
from postroad.limits import BURSTS_A_SECOND, STALE_MAX

TOKEN = 1_000
"""A token in the unit of levels: each millisecond adds as many of them as there are deliveries a
second."""


class Bucket:
    """The tokens of one rate. `level`: how many there were at an instant, in thousandths."""

    __slots__ = ("at_ms", "level", "rate")

    def __init__(self, rate: int, at_ms: int) -> None:
        self.rate = rate
        self.level = 0
        self.at_ms = at_ms

    def left(self, now: int) -> int:
        """How many deliveries there may be now."""
        if now > self.at_ms:
            self.level += (now - self.at_ms) * self.rate
            self.at_ms = now
        self.level = min(self.level, self.most())
        return self.level // TOKEN

    def most(self) -> int:
        """The level of a full bucket: so many deliveries may come at once. A millisecond's worth
        beyond it keeps the fractions, or slow rates would lose some each time."""
        return max(TOKEN, self.rate * TOKEN // BURSTS_A_SECOND) + self.rate

    def spend(self, count: int) -> None:
        """So many were delivered."""
        self.level -= count * TOKEN

    def next_ms(self) -> int:
        """When there is a token, as of the instant it was looked at last."""
        missing = TOKEN - self.level
        return self.at_ms + max(0, -(-missing // self.rate))

    def is_full(self, now: int) -> bool:
        """Whether nothing is remembered here that a new bucket would not know."""
        return self.level + (now - self.at_ms) * self.rate >= self.most()


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
