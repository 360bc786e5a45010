"""The consumers of one queue and whose turn it is, and what several consumers of a caller share.

One rule: of those that may be given messages the highest in priority are served in turn, and what
is ready is parted evenly between them. Who cannot be given any is put aside until that changes, and
costs nothing meanwhile, however many they are. Compiled by mypyc where possible.
"""

from bisect import insort
from collections import OrderedDict
from typing import Final

from postroad.model.ask import Ask

NO_END: Final = 1 << 62


class Gate:
    """What several consumers share. `members`: those that are attached; `kept_back`: of these the
    ones put aside for want of room in it, who has waited longest comes first."""

    __slots__ = ("kept_back", "members")

    def __init__(self) -> None:
        self.members: dict[Consumer, None] = {}
        self.kept_back: OrderedDict[Consumer, None] = OrderedDict()

    def is_full(self) -> bool:
        """Whether there is room for nobody."""
        raise NotImplementedError

    def add(self, consumer: "Consumer") -> None:
        """A consumer is attached."""
        self.members[consumer] = None

    def remove(self, consumer: "Consumer") -> None:
        """A consumer is detached."""
        del self.members[consumer]
        self.kept_back.pop(consumer, None)

    def next(self) -> "Consumer | None":
        """Who is put aside no longer: the first there is room for."""
        if self.is_full() or not self.kept_back:
            return None
        return self.kept_back.popitem(last=False)[0]


class Pool(Gate):
    """Consumers of one caller that may have `limit` messages leased together (`None`: any number).
    `used`: how many they have, those that were detached too."""

    __slots__ = ("limit", "number", "used")

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.limit: int | None = None
        self.used = 0

    def room(self, count: int) -> int:
        """How many of `count` messages more may be leased."""
        return count if self.limit is None else max(0, min(count, self.limit - self.used))

    def is_full(self) -> bool:
        """Whether no more may be leased."""
        return self.limit is not None and self.used >= self.limit

    def take(self, consumer: "Consumer", count: int) -> None:
        """A member was given messages."""
        self.used += count
        consumer.pooled += count

    def is_over(self) -> bool:
        """Whether nothing is left to remember."""
        return self.limit is None and not self.used and not self.members


class Meter(Gate):
    """What was pushed to those consumers of one caller that have a window, and is on its way to
    it. `on_way`: in bytes; `widest`: the widest window there was."""

    __slots__ = ("on_way", "widest")

    def __init__(self) -> None:
        super().__init__()
        self.on_way = 0
        self.widest = 0

    def is_full(self) -> bool:
        """Whether the widest of the windows is full."""
        return self.on_way >= self.widest

    def lets(self, consumer: "Consumer") -> bool:
        """Whether a member's window is not full."""
        return self.on_way < consumer.window_bytes

    def add(self, consumer: "Consumer") -> None:
        """A consumer is attached."""
        super().add(consumer)
        self.widest = max(self.widest, consumer.window_bytes)

    def next(self) -> "Consumer | None":
        """Who is put aside no longer: the first whose window is not full."""
        if self.is_full():
            return None
        for consumer in self.kept_back:
            if self.lets(consumer):
                del self.kept_back[consumer]
                return consumer
        return None

    def arrived(self, size: int) -> None:
        """So much is on its way no more."""
        self.on_way = max(0, self.on_way - size)


class Consumer:
    """An attached consumer: `credit` more messages may be pushed to it (below zero: so many must be
    settled first); `holder` is the number its leases bear. `pooled`: how many of them count in its
    pool. `window_bytes`: with a meter, how much may be on the way to its caller before it waits."""

    __slots__ = (
        "ask",
        "attached",
        "credit",
        "exclusive",
        "holder",
        "lease_ms",
        "leased",
        "meter",
        "number",
        "pool",
        "pooled",
        "priority",
        "queue",
        "window_bytes",
    )

    def __init__(
        self, ask: Ask, number: int, queue: int, credit: int, lease_ms: int | None, leased: bool
    ) -> None:
        self.ask = ask
        self.number = number
        self.queue = queue
        self.credit = credit
        self.lease_ms = lease_ms
        self.leased = leased
        self.holder = 0
        self.attached = True
        self.priority = 0
        self.exclusive = False
        self.pool: Pool | None = None
        self.pooled = 0
        self.meter: Meter | None = None
        self.window_bytes = 0

    def bytes_left(self) -> int:
        """How much more may be on its way to its caller; a large number where nobody counts."""
        return NO_END if self.meter is None else self.window_bytes - self.meter.on_way

    def was_given(self, count: int, size: int) -> None:
        """Messages are pushed to it, of so many bytes together."""
        self.credit -= count
        if self.pool is not None and self.leased:
            self.pool.take(self, count)
        if self.meter is not None:
            self.meter.on_way += size

    def may_get(self) -> bool:
        """Whether it may be given a message, if its queue may lease any; where a gate has no room
        for it, it is kept back there."""
        if self.credit <= 0:
            return False
        if self.meter is not None and not self.meter.lets(self):
            self.meter.kept_back[self] = None
            return False
        if self.pool is not None and self.leased and self.pool.is_full():
            self.pool.kept_back[self] = None
            return False
        return True


class Ring:
    """The consumers attached to one queue, in the order they were. `ready`: by priority those of
    them that are not put aside, who is next comes first; `priorities`: the highest first, and of
    each how many there are in `counts`. `takers`: how many take messages for good. `share`: how
    many messages each is given in this round, of which so many `turns` are left."""

    __slots__ = ("consumers", "counts", "priorities", "ready", "share", "takers", "turns")

    def __init__(self) -> None:
        self.consumers: dict[Consumer, None] = {}
        self.ready: dict[int, OrderedDict[Consumer, None]] = {}
        self.priorities: list[int] = []
        self.counts: dict[int, int] = {}
        self.takers = 0
        self.share = 0
        self.turns = 0

    def add(self, consumer: Consumer) -> None:
        """A consumer joins."""
        self.consumers[consumer] = None
        self.takers += not consumer.leased
        if consumer.priority not in self.ready:
            self.ready[consumer.priority] = OrderedDict()
            insort(self.priorities, consumer.priority, key=int.__neg__)
        self.counts[consumer.priority] = self.counts.get(consumer.priority, 0) + 1
        self.wake(consumer)

    def remove(self, consumer: Consumer) -> None:
        """A consumer leaves."""
        del self.consumers[consumer]
        self.takers -= not consumer.leased
        self.put_aside(consumer)
        priority = consumer.priority
        self.counts[priority] -= 1
        if not self.counts[priority]:
            # Clients choose these as they like: what nobody has any more is not looked at.
            del self.counts[priority], self.ready[priority]
            self.priorities.remove(priority)

    def wake(self, consumer: Consumer) -> None:
        """A consumer may be given messages again, maybe; who was put aside is last in turn."""
        ready = self.ready[consumer.priority]
        if consumer not in ready:
            ready[consumer] = None

    def put_aside(self, consumer: Consumer) -> None:
        """A consumer cannot be given any until it is woken."""
        self.ready[consumer.priority].pop(consumer, None)

    def first(self) -> Consumer:
        """The consumer that was attached before all others."""
        return next(iter(self.consumers))

    def next(self, may_lease: bool) -> Consumer | None:
        """Who is given messages next; it goes to the end of the ring."""
        if not may_lease and not self.takers:
            return None
        for priority in self.priorities:
            ready = self.ready[priority]
            for _ in range(len(ready)):
                consumer = next(iter(ready))
                if consumer.leased and not may_lease:
                    ready.move_to_end(consumer)
                elif consumer.may_get():
                    ready.move_to_end(consumer)
                    return consumer
                else:
                    del ready[consumer]
        return None

    def oldest(self, may_lease: bool) -> Consumer | None:
        """The consumer that was attached first, where it may be given messages."""
        first = self.first()
        if first.leased and not may_lease:
            return None
        return first if first.may_get() else None

    def portion(self, consumer: Consumer, ready: int) -> int:
        """How many of the ready messages the next consumer is given at most, that others who may
        be given messages too have as many."""
        if self.turns <= 0:
            self.turns = max(1, len(self.ready[consumer.priority]))
            self.share = max(1, -(-ready // self.turns))
        self.turns -= 1
        return self.share
