"""The consumers of one queue and whose turn it is, and what several consumers of a caller share.

One rule: of those that may be given messages the highest in priority are served in turn, and what
is ready is parted evenly between them. Compiled by mypyc where possible.
"""

from collections import deque
from typing import Final

from postroad.model.ask import Ask

NO_END: Final = 1 << 62


class Pool:
    """Consumers of one caller that may have `limit` messages leased together (`None`: any number).
    `used`: how many they have, those that were detached too; `members`: those that are attached,
    who was served last comes last."""

    __slots__ = ("limit", "members", "number", "used")

    def __init__(self, number: int) -> None:
        self.number = number
        self.limit: int | None = None
        self.used = 0
        self.members: dict[Consumer, None] = {}

    def room(self, count: int) -> int:
        """How many of `count` messages more may be leased."""
        return count if self.limit is None else max(0, min(count, self.limit - self.used))

    def take(self, consumer: "Consumer", count: int) -> None:
        """A member was given messages, and is last in turn."""
        self.used += count
        consumer.pooled += count
        del self.members[consumer]
        self.members[consumer] = None

    def is_over(self) -> bool:
        """Whether nothing is left to remember."""
        return self.limit is None and not self.used and not self.members


class Meter:
    """What was pushed to those consumers of one caller that have a window, and is on its way to
    it. `on_way`: in bytes; `members`: those that are attached, who was served last comes last."""

    __slots__ = ("members", "on_way")

    def __init__(self) -> None:
        self.on_way = 0
        self.members: dict[Consumer, None] = {}

    def take(self, consumer: "Consumer", size: int) -> None:
        """A member was given messages, and is last in turn."""
        self.on_way += size
        if consumer in self.members:
            del self.members[consumer]
            self.members[consumer] = None

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
            self.meter.take(self, size)

    def may_get(self, may_lease: bool) -> bool:
        """Whether it may be given a message; `may_lease`: whether its queue may lease any."""
        if self.credit <= 0 or self.bytes_left() <= 0:
            return False
        if not self.leased:
            return True
        return may_lease and (self.pool is None or self.pool.room(1) > 0)


class Ring:
    """The consumers attached to one queue, who is next comes first. `ranked`: they differ in
    priority, or did. `share`: how many messages each is given in this round, of which so many
    `turns` are left."""

    __slots__ = ("consumers", "ranked", "share", "turns")

    def __init__(self) -> None:
        self.consumers: deque[Consumer] = deque()
        self.ranked = False
        self.share = 0
        self.turns = 0

    def add(self, consumer: Consumer) -> None:
        """A consumer joins."""
        self.consumers.append(consumer)
        self.ranked = self.ranked or consumer.priority != 0

    def next(self, may_lease: bool) -> Consumer | None:
        """Who is given messages next; it goes to the end of the ring."""
        ring = self.consumers
        if self.ranked:
            return self._highest(may_lease)
        for _ in range(len(ring)):
            consumer = ring[0]
            ring.rotate(-1)
            if consumer.may_get(may_lease):
                return consumer
        return None

    def oldest(self, may_lease: bool) -> Consumer | None:
        """The consumer that was attached first, where it may be given messages."""
        ring = self.consumers
        first = min([consumer.holder for consumer in ring])
        while ring[0].holder != first:
            ring.rotate(-1)
        return ring[0] if ring[0].may_get(may_lease) else None

    def portion(self, consumer: Consumer, ready: int, may_lease: bool) -> int:
        """How many of the ready messages the next consumer is given at most, that others who may
        be given messages too have as many."""
        if self.turns <= 0:
            equals = 0
            for other in self.consumers:
                if other.priority == consumer.priority and other.may_get(may_lease):
                    equals += 1
            self.turns = max(1, equals)
            self.share = max(1, -(-ready // self.turns))
        self.turns -= 1
        return self.share

    def _highest(self, may_lease: bool) -> Consumer | None:
        found: Consumer | None = None
        for consumer in self.consumers:
            higher = found is None or consumer.priority > found.priority
            if higher and consumer.may_get(may_lease):
                found = consumer
        if found is not None:
            self.consumers.remove(found)
            self.consumers.append(found)
        return found
