"""What one worker has in hand: messages that wait for their turn, and those whose task runs.

It stands inside a shift, between leases and runs. The rule kept here: no I/O, and time is an
argument; it says how many to lease, whose leases to extend and whose run has taken too long.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from postroad.limits import (
    HEARTBEAT_SHARE,
    IDEMPOTENCY_WAITING_MAX,
    WORKER_AHEAD_MAX,
    WORKER_AHEAD_MS,
    WORKER_BATCH_MAX,
    WORKER_LOOK_MS,
    WORKER_WAKE_MS_MAX,
)
from postroad.model.commands import Command
from postroad.model.message import Delivery


class Run:
    """A message whose task runs since `since_ms`; `number` tells it from all other runs. `is_late`:
    it was told to end, for it takes too long. `is_lost`: its queue is gone. `asked`: what its task
    wants done with its ack."""

    __slots__ = ("asked", "is_late", "is_lost", "message", "number", "since_ms")

    def __init__(self, number: int, message: Delivery, since_ms: int) -> None:
        self.number = number
        self.message = message
        self.since_ms = since_ms
        self.is_late = False
        self.is_lost = False
        self.asked: Sequence[Command] = ()


class Hands:
    """The messages of one worker, from their lease to the end of their run.

    `prefetch`: messages leased beyond the free places; `None`: as many as were finished of late in
    a moment, so that quick tasks come in batches and slow ones are left to others. `ordered`: of
    the messages with one ordering key only one runs at a time, in the order they came.
    """

    def __init__(
        self,
        concurrency: int,
        prefetch: int | None,
        lease_ms: int,
        timeout_ms: int | None,
        *,
        ordered: bool = False,
    ) -> None:
        self._concurrency = concurrency
        self._prefetch = prefetch
        self._beat_ms = max(1, lease_ms // HEARTBEAT_SHARE)
        self._timeout_ms = timeout_ms
        self._ordered = ordered
        self._behind: dict[str, deque[Delivery]] = {}
        self._oldest_ms = 0
        self._numbers = 0
        self._finished = 0
        self._mark = 0
        self._per_ms = 0.0
        self._counted_ms: int | None = None
        self.waiting: deque[Delivery] = deque()
        self.running: dict[int, Run] = {}
        self.parked: list[Delivery] = []

    @property
    def held(self) -> int:
        """How many messages are in hand."""
        behind = sum(map(len, self._behind.values()))
        return len(self.waiting) + len(self.running) + len(self.parked) + behind

    def wanted(self, now_ms: int) -> int:
        """How many messages to lease now; 0 while enough wait."""
        if len(self.parked) >= IDEMPOTENCY_WAITING_MAX:
            return 0
        ahead = self._ahead(now_ms)
        free = self._concurrency - len(self.running)
        waiting = len(self.waiting) + sum(map(len, self._behind.values()))
        self._mark = ahead // 2
        if waiting > ahead // 2 + max(0, free - 1):
            return 0
        return min(max(0, free + ahead - waiting), WORKER_BATCH_MAX)

    def is_low(self) -> bool:
        """Whether it may be time to ask `wanted` again: cheap, for it is asked after each run."""
        return len(self.waiting) <= self._mark

    def leased(self, messages: Sequence[Delivery], now_ms: int) -> None:
        """These have come."""
        if not self._is_holding():
            self._oldest_ms = now_ms
        if not self._ordered:
            self.waiting.extend(messages)
            return
        for message in messages:
            key = message.key
            if key is None:
                self.waiting.append(message)
            elif key in self._behind:
                self._behind[key].append(message)
            else:
                self._behind[key] = deque()
                self.waiting.append(message)

    def park(self, messages: Sequence[Delivery], now_ms: int) -> None:
        """These have come and may not run yet: only their leases are looked after."""
        if not self._is_holding():
            self._oldest_ms = now_ms
        self.parked.extend(messages)

    def unpark(self, messages: Sequence[Delivery]) -> list[Delivery]:
        """These wait no longer; those of them that are in hand still."""
        wanted = {(one.queue, one.offset, one.lease) for one in messages}
        found = [one for one in self.parked if (one.queue, one.offset, one.lease) in wanted]
        if found:
            kept = (one for one in self.parked if (one.queue, one.offset, one.lease) not in wanted)
            self.parked = list(kept)
        return found

    def take(self, now_ms: int) -> Run | None:
        """The run of the next message that waits, if one may run."""
        if not self.waiting or len(self.running) >= self._concurrency:
            return None
        message = self.waiting.popleft()
        self._numbers += 1
        run = Run(self._numbers, message, now_ms)
        self.running[run.number] = run
        return run

    def over(self, run: Run, *, done: bool = True) -> list[Delivery]:
        """A run has ended. Where it has not `done` its work, those that came behind it in its order
        must not overtake it: they are returned, to be released.
        """
        if self.running.pop(run.number, None) is None:
            return []
        self._finished += 1
        if not self._ordered or run.is_lost:
            return []
        return self._next_of(run.message, done)

    def beat(self, now_ms: int) -> list[Delivery]:
        """The messages whose leases must be extended now: all in hand, or none yet."""
        if not self._is_holding() or now_ms - self._oldest_ms < self._beat_ms:
            return []
        self._oldest_ms = now_ms
        return self._all()

    def overdue(self, now_ms: int) -> list[Run]:
        """The runs that have taken too long."""
        if self._timeout_ms is None:
            return []
        found: list[Run] = []
        # Runs are kept in the order they began.
        for run in self.running.values():
            if now_ms - run.since_ms < self._timeout_ms:
                break
            found.append(run)
        return found

    def next_wake_ms(self, now_ms: int) -> int:
        """When to look at `beat` and `overdue` again. What comes later than now needs no earlier
        look: its lease and its time begin then.
        """
        wake_ms = now_ms + min(self._beat_ms, WORKER_WAKE_MS_MAX)
        if self._is_holding():
            wake_ms = min(wake_ms, self._oldest_ms + self._beat_ms)
        if self._timeout_ms is not None:
            first = next(iter(self.running.values()), None)
            since_ms = now_ms if first is None else first.since_ms
            wake_ms = min(wake_ms, since_ms + self._timeout_ms)
        return max(wake_ms, now_ms + 1)

    def drop(self, lost: Iterable[Delivery]) -> list[Delivery]:
        """The leases of these are lost: those that wait go, and are returned; those that run go on,
        for their work may be done already.
        """
        places = {(one.queue, one.offset) for one in lost}
        gone = _dropped(self.waiting, places)
        behind = [one for chain in self._behind.values() for one in _dropped(chain, places)]
        parked = [one for one in self.parked if (one.queue, one.offset) in places]
        self.unpark(parked)
        for one in gone:
            if self._ordered:
                self._next_of(one, True)
        return [*gone, *behind, *parked]

    def put_down(self) -> list[Delivery]:
        """Everything that has not begun, to be released."""
        found = [*self.waiting, *(one for chain in self._behind.values() for one in chain)]
        found.extend(self.parked)
        self.parked = []
        self.waiting.clear()
        for chain in self._behind.values():
            chain.clear()
        return found

    def orphan(self) -> list[Delivery]:
        """The queue is gone, and all leases with it: what waits goes, and is returned; what runs
        goes on, for its work may be done already.
        """
        found = self.put_down()
        self._behind.clear()
        for run in self.running.values():
            run.is_lost = True
        return found

    def adopt(self, lease_ms: int, *, ordered: bool) -> None:
        """The queue is another one now; nothing of it has come."""
        self._beat_ms = max(1, lease_ms // HEARTBEAT_SHARE)
        self._ordered = ordered

    def _is_holding(self) -> bool:
        return bool(self.waiting or self.running or self.parked)

    def _all(self) -> list[Delivery]:
        found = [run.message for run in self.running.values()]
        found.extend(self.waiting)
        found.extend(self.parked)
        for chain in self._behind.values():
            found.extend(chain)
        return found

    def _next_of(self, message: Delivery, done: bool) -> list[Delivery]:
        key = message.key
        if key is None:
            return []
        chain = self._behind[key]
        if not done:
            del self._behind[key]
            return [*chain, *self.unpark([one for one in self.parked if one.key == key])]
        if not chain:
            del self._behind[key]
            return []
        self.waiting.append(chain.popleft())
        return []

    def _ahead(self, now_ms: int) -> int:
        """How many messages may wait: what is finished in a moment, as of late."""
        if self._prefetch is not None:
            return self._prefetch
        if self._counted_ms is None:
            self._counted_ms = now_ms
        passed_ms = now_ms - self._counted_ms
        if passed_ms >= WORKER_LOOK_MS:
            self._per_ms = (self._per_ms + self._finished / passed_ms) / 2
            self._finished = 0
            self._counted_ms = now_ms
        return min(int(self._per_ms * WORKER_AHEAD_MS), WORKER_AHEAD_MAX)


def _dropped(messages: deque[Delivery], places: set[tuple[int, int]]) -> list[Delivery]:
    """Take those of these places out; what was taken."""
    gone = [one for one in messages if (one.queue, one.offset) in places]
    if gone:
        kept = [one for one in messages if (one.queue, one.offset) not in places]
        messages.clear()
        messages.extend(kept)
    return gone
