"""Who waits for messages: standing receives and attached consumers. Volatile: lost at a crash by
design.

One rule: demand knows who is next; it never touches messages.
"""

from collections import OrderedDict
from collections.abc import Container
from heapq import heapify, heappop, heappush

from postroad.core.ring import Consumer, Gate, Meter, Pool, Ring
from postroad.core.session import Session, Waiter
from postroad.limits import ENDED_WAITS_MAX, HELD_GONE_MAX, POOLS_MAX
from postroad.model.ask import Caller


class Demand:
    """Standing asks by queue and by caller. `stirred`: queues where somebody waits and something
    may be ready; `waiting`: how many receives wait; `left`: those of the queues in `watched` that
    somebody wanted something of, and does no more, and `left_lists` names of lists that somebody
    waited for. `lists`: who waits for a list, by its name; `loose`: holders whose consumers were
    detached from a queue;
    `empty`: lists that go as soon as nobody wants anything of them, `emptied`: those to look at.
    `forsakable`: queues that go when their last consumer leaves, `forsaken`: those it has left.
    `open`: gates that have room again for who was kept back there."""

    def __init__(self) -> None:
        self.waiters: dict[int, OrderedDict[Waiter, None]] = {}
        self.lists: dict[str, OrderedDict[Waiter, None]] = {}
        self.empty: dict[int, None] = {}
        self.emptied: dict[int, None] = {}
        self.consumers: dict[int, Ring] = {}
        self.sessions: dict[int, Session] = {}
        self.by_holder: dict[int, Consumer] = {}
        self.loose: dict[int, dict[int, None]] = {}
        self.stirred: OrderedDict[int, None] = OrderedDict()
        self.open: dict[Gate, None] = {}
        self.waiting = 0
        self.watched: dict[int, int] = {}
        self.left: dict[int, None] = {}
        self.left_lists: dict[str, None] = {}
        self.forsakable: dict[int, None] = {}
        self.forsaken: dict[int, None] = {}
        self._ends: list[tuple[int, int, Waiter]] = []
        self._sequence = 0

    def wait(self, waiter: Waiter, until_ms: int) -> None:
        """Somebody waits until an instant."""
        waiter.until_ms = until_ms
        for name in waiter.lists:
            self.lists.setdefault(name, OrderedDict())[waiter] = None
        if not waiter.lists:
            self.waiters.setdefault(waiter.queue, OrderedDict())[waiter] = None
        self._session(waiter.ask.caller).waiters.append(waiter)
        self._sequence += 1
        waiter.turn = self._sequence
        self.waiting += 1
        heappush(self._ends, (until_ms, self._sequence, waiter))

    def next_waiter(self, queue: int) -> Waiter | None:
        """Who has waited longest for a queue."""
        line = self.waiters.get(queue)
        return None if line is None else next(iter(line))

    def next_at_list(self, name: str) -> Waiter | None:
        """Who has waited longest for a list."""
        line = self.lists.get(name)
        return None if line is None else next(iter(line))

    def everybody(self) -> list[Waiter]:
        """All who wait."""
        lines = [*self.waiters.values(), *self.lists.values()]
        return list(dict.fromkeys(waiter for line in lines for waiter in line))

    def end_wait(self, waiter: Waiter) -> None:
        """A waiter got its answer, or is gone."""
        waiter.over = True
        self.waiting -= 1
        number = waiter.ask.caller.number
        session = self.sessions[number]
        session.waiters.remove(waiter)
        if session.is_over():
            del self.sessions[number]
        if waiter.lists:
            self._leave_lists(waiter)
        else:
            line = self.waiters[waiter.queue]
            del line[waiter]
            if not line:
                del self.waiters[waiter.queue]
            self._leave(waiter.queue)
            # The next in line may get what this one could not have.
            self.stir(waiter.queue)
        # A receive that may wait for an hour and is served at once would be remembered for an hour.
        if len(self._ends) > 2 * self.waiting + ENDED_WAITS_MAX:
            self._ends = [end for end in self._ends if not end[2].over]
            heapify(self._ends)

    def next_end(self) -> int:
        """When the next wait is over, in ms; 0 for never."""
        while self._ends and self._ends[0][2].over:
            heappop(self._ends)
        return self._ends[0][0] if self._ends else 0

    def ended(self, now: int, limit: int) -> list[Waiter]:
        """Waits that are over at an instant, at most `limit`."""
        found: list[Waiter] = []
        while len(found) < limit:
            end = self.next_end()
            if not end or end > now:
                break
            found.append(heappop(self._ends)[2])
        return found

    def consumer(self, caller: Caller, number: int) -> Consumer | None:
        """A caller's consumer by the number it chose."""
        session = self.sessions.get(caller.number)
        return None if session is None else session.consumers.get(number)

    def attach(self, consumer: Consumer) -> None:
        """A consumer joins its queue's ring."""
        session = self._session(consumer.ask.caller)
        session.consumers[consumer.number] = consumer
        session.holders.append((consumer.queue, consumer.holder))
        self.by_holder[consumer.holder] = consumer
        if consumer.pool is not None:
            consumer.pool.add(consumer)
        if consumer.window_bytes:
            session.meter = session.meter or Meter()
            session.meter.add(consumer)
            consumer.meter = session.meter
        ring = self.consumers.get(consumer.queue)
        if ring is None:
            ring = Ring()
            self.consumers[consumer.queue] = ring
        ring.add(consumer)
        self.stir(consumer.queue)

    def detach(self, consumer: Consumer) -> None:
        """A consumer leaves the ring; its leases stay its holder's, until `let_go`."""
        del self.sessions[consumer.ask.caller.number].consumers[consumer.number]
        consumer.attached = False
        self.loose.setdefault(consumer.queue, {})[consumer.holder] = None
        self._leave(consumer.queue)
        self.stir(consumer.queue)
        if consumer.pool is not None:
            consumer.pool.remove(consumer)
            self._tidy(consumer.pool, consumer.ask.caller.number)
        if consumer.meter is not None:
            consumer.meter.remove(consumer)
        ring = self.consumers[consumer.queue]
        ring.remove(consumer)
        if not ring.consumers:
            del self.consumers[consumer.queue]
            if consumer.queue in self.forsakable:
                self.forsaken.pop(consumer.queue, None)
                self.forsaken[consumer.queue] = None

    def pool(self, caller: Caller, number: int) -> Pool | None:
        """A caller's pool, from now on there; `None` where it has too many others."""
        session = self._session(caller)
        pool = session.pools.get(number)
        if pool is None and len(session.pools) < POOLS_MAX:
            pool = Pool(number)
            session.pools[number] = pool
        return pool

    def set_pool(self, caller: Caller, pool: Pool, limit: int | None) -> None:
        """Another limit of a pool: whoever may be given more by it is looked at."""
        pool.limit = limit
        self._look_at(pool)
        self._tidy(pool, caller.number)

    def arrived(self, caller: Caller, size: int) -> None:
        """So many bytes are no longer on their way to a caller: its consumers with a window may be
        given more."""
        session = self.sessions.get(caller.number)
        if session is None or session.meter is None:
            return
        session.meter.arrived(size)
        self._look_at(session.meter)
        if session.is_over():
            del self.sessions[caller.number]

    def is_loose(self, holder: int) -> bool:
        """Whether a holder's consumer was detached, so that only its leases keep it."""
        consumer = self.by_holder.get(holder)
        return consumer is not None and not consumer.attached

    def let_go(self, holder: int) -> None:
        """A detached consumer's leases are over: nothing is left of it."""
        consumer = self._drop(holder)
        number = consumer.ask.caller.number
        session = self.sessions[number]
        session.holders.remove((consumer.queue, holder))
        if session.is_over():
            del self.sessions[number]

    def holder_of(self, caller: Caller, queue: int) -> int:
        """The holder of what a caller received from a queue until its session ends; 0: none yet."""
        session = self.sessions.get(caller.number)
        return 0 if session is None else session.own.get(queue, 0)

    def hold(self, caller: Caller, queue: int, holder: int, there: Container[int]) -> None:
        """A caller's leases on a queue bear this holder from now on. `there`: all queues."""
        session = self._session(caller)
        session.own[queue] = holder
        session.holders.append((queue, holder))
        if len(session.own) > session.own_max:
            self._let_go_of_gone(session, there)

    def _let_go_of_gone(self, session: Session, there: Container[int]) -> None:
        """What was leased from queues that are gone went with them."""
        session.own = {queue: one for queue, one in session.own.items() if queue in there}
        held = session.holders
        session.holders = [one for one in held if one[0] in there or one[1] in self.by_holder]
        session.own_max = 2 * len(session.own) + HELD_GONE_MAX

    def wants(self, queue: int) -> bool:
        """Whether anybody waits at a queue."""
        return queue in self.waiters or queue in self.consumers

    def attached(self, queue: int) -> int:
        """How many consumers are attached to a queue."""
        ring = self.consumers.get(queue)
        return 0 if ring is None else len(ring.consumers)

    def is_exclusive(self, queue: int) -> bool:
        """Whether a consumer is attached to a queue that lets no other be."""
        ring = self.consumers.get(queue)
        return ring is not None and ring.first().exclusive

    def next_consumer(self, queue: int, may_lease: bool, oldest: bool) -> Consumer | None:
        """The next consumer that may be given messages. Those that lease are passed over while the
        queue may lease no more. `oldest`: all but the consumer attached first are passed over."""
        ring = self.consumers.get(queue)
        if ring is None:
            return None
        return ring.oldest(may_lease) if oldest else ring.next(may_lease)

    def stir(self, queue: int, name: str = "") -> None:
        """Something may be ready, or somebody may want more; `name`: where the queue may be waited
        for as a list."""
        if self.wants(queue) or name in self.lists:
            self.stirred[queue] = None

    def credit_back(self, holder: int, count: int) -> None:
        """Leases of a consumer ended."""
        consumer = self.by_holder.get(holder)
        if consumer is None or not consumer.leased:
            return
        if consumer.pool is not None:
            consumer.pooled -= count
            self._back_to_pool(consumer.pool, count, consumer.ask.caller.number)
        if consumer.attached:
            self.credit(consumer, consumer.credit + count)

    def credit(self, consumer: Consumer, credit: int) -> None:
        """So many more messages may be pushed to a consumer."""
        consumer.credit = credit
        self.consumers[consumer.queue].wake(consumer)
        self.stir(consumer.queue)

    def given(self, consumer: Consumer, count: int, size: int) -> None:
        """Messages are pushed to a consumer, of so many bytes together."""
        consumer.was_given(count, size)
        if consumer.credit <= 0:
            self.consumers[consumer.queue].put_aside(consumer)

    def next_stirred(self) -> int | None:
        """A queue to look at, or `None`. When nothing is stirred any more, those are for whom there
        is room where they were kept back."""
        if not self.stirred:
            for gate in tuple(self.open):
                self._look_at(gate)
        return next(iter(self.stirred), None)

    def _look_at(self, gate: Gate) -> None:
        """Who was kept back longest at a gate that has room again has its turn before others; who
        comes after it is looked at when there is room left after that."""
        consumer = gate.next()
        if consumer is None:
            self.open.pop(gate, None)
            return
        self.open[gate] = None
        self.consumers[consumer.queue].wake(consumer)
        self.stir(consumer.queue)
        self.stirred.move_to_end(consumer.queue, last=False)

    def _back_to_pool(self, pool: Pool, count: int, caller: int) -> None:
        """Leases in a pool are over: where there was no room for more, there is now."""
        pool.used -= count
        if pool.kept_back:
            self._look_at(pool)
        self._tidy(pool, caller)

    def _tidy(self, pool: Pool, caller: int) -> None:
        """A pool of which nothing is left is forgotten."""
        session = self.sessions.get(caller)
        if session is not None and pool.is_over() and session.pools.get(pool.number) is pool:
            del session.pools[pool.number]
            if session.is_over():
                del self.sessions[caller]

    def forget(self, caller: Caller) -> list[tuple[int, int]]:
        """A caller is gone; returns (queue, holder) of the leases it may have held."""
        session = self.sessions.get(caller.number)
        if session is None:
            return []
        held = session.holders
        for waiter in list(session.waiters):
            self.end_wait(waiter)
        for consumer in list(session.consumers.values()):
            self.detach(consumer)
        for _, holder in held:
            if holder in self.by_holder:
                self._drop(holder)
        self.sessions.pop(caller.number, None)
        return held

    def forget_queue(self, queue: int) -> list[Waiter]:
        """A queue is gone, and with it all leases: its consumers are detached, and its waiters
        returned to be told."""
        for consumer in self.attached_to(queue):
            self.detach(consumer)
        for holder in list(self.loose.get(queue, ())):
            self.let_go(holder)
        return list(self.waiters.get(queue, ()))

    def attached_to(self, queue: int) -> list[Consumer]:
        """The consumers of a queue."""
        ring = self.consumers.get(queue)
        return [] if ring is None else list(ring.consumers)

    def _drop(self, holder: int) -> Consumer:
        """A consumer that is detached is remembered no more."""
        consumer = self.by_holder.pop(holder)
        if consumer.pool is not None and consumer.pooled:
            self._back_to_pool(consumer.pool, consumer.pooled, consumer.ask.caller.number)
            consumer.pooled = 0
        loose = self.loose[consumer.queue]
        del loose[holder]
        if not loose:
            del self.loose[consumer.queue]
        return consumer

    def _leave(self, queue: int) -> None:
        if queue in self.watched:
            self.left[queue] = None
        if queue in self.empty:
            self.emptied[queue] = None

    def _leave_lists(self, waiter: Waiter) -> None:
        for name in waiter.lists:
            line = self.lists[name]
            del line[waiter]
            if self.watched:
                self.left_lists[name] = None
            if not line:
                del self.lists[name]

    def _session(self, caller: Caller) -> Session:
        session = self.sessions.get(caller.number)
        if session is None:
            session = Session()
            self.sessions[caller.number] = session
        return session
