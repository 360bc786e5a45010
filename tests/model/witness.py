"""What watches the core and the naive model side by side: every delivery, and all there is after
each step."""

from collections.abc import Callable
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from postroad.model import commands
from postroad.model.commands import SESSION_LEASE, Command
from postroad.model.message import Delivery
from postroad.model.replies import Peeked, Received
from tests.model.naive import Held, NaiveQueue
from tests.unit.core.road import Road

Moves = tuple[NaiveQueue, NaiveQueue | None, bool]


class Waiting:
    """A receive, pop or consumer of the model: who it is for and what it still wants."""

    def __init__(self, session: int, queue: NaiveQueue, wants: int, lease_ms: int | None) -> None:
        self.session = session
        self.queue = queue
        self.wants = wants
        self.lease_ms = lease_ms
        self.leased = True
        self.until_ms = 0
        self.priority = 0
        self.exclusive = False
        self.pool = (session, 0)
        self.window_bytes = 0


class Witness(RuleBasedStateMachine):
    """`receipts`: (queue, offset, lease, count) of every delivery ever; `rows`: the last
    checkpoint, cut at step `start`; `cut_at`: where the running one was cut.
    `on_way`: by session, bytes of pushes that have not arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.road = Road()
        self.queues: dict[str, NaiveQueue] = {}
        self.callers = [self.road.connect(number) for number in (11, 12, 13)]
        self.receives: dict[int, Waiting] = {}
        self.consumers: dict[int, Waiting] = {}
        self.pools: dict[tuple[int, int], int | None] = {}
        self.on_way: dict[int, int] = {}
        self.receipts: list[tuple[int, int, int, int]] = []
        self.rows: dict[bytes, bytes] = {}
        self.start = 0
        self.cut_at: int | None = None
        self.paid: dict[bytes, bytes | None] = {}
        self.bodies = 0
        self.epoch = 1

    def finish_checkpoint(self) -> None:
        while self.cut_at is not None:
            self.pay()

    @property
    def now(self) -> int:
        return self.road.now

    def ask(self, command: Command, session: int = 0) -> Any:
        return self.road.ask(command, self.callers[session])

    def look(self, moves: Moves | None = None) -> None:
        """See what was delivered, let time do its work, and compare all there is."""
        self.observe()
        turns = 0
        while not turns or 0 < self.road.core.next_due() <= self.now:
            self.road.pass_time()
            self.pass_time(moves)
            moves = None
            self.observe()
            self.road.pump()
            self.observe()
            turns += 1
            assert turns < 9, "time comes to an end"
        self.compare()
        if self.cut_at is not None:
            self.pay()

    def pay(self) -> None:
        ledger = self.road.state.ledger
        assert self.cut_at is not None
        done = ledger.pay_some(1)
        self.paid.update(ledger.take())
        if done:
            for key, row in self.paid.items():
                if row is None:
                    self.rows.pop(key, None)
                else:
                    self.rows[key] = row
            self.start, self.cut_at = self.cut_at, None

    def observe(self) -> None:
        """Everything delivered is what the model allows."""
        for number, reply in self.road.told:
            if not isinstance(reply, Received):
                continue
            if reply.consumer:
                consumer = self.consumers[reply.consumer]
                self.check_turn(consumer, len(reply.messages))
                self.check_window(consumer, reply)
                consumer.wants -= len(reply.messages)
                assert consumer.wants >= 0, "a consumer gets no more than its credit"
                assert consumer in self.served(consumer.queue), "only the active one is served"
                self.deliver(consumer, reply.consumer, reply.messages)
                continue
            waiting = self.receives.pop(number)
            if not reply.messages:
                assert self.now >= waiting.until_ms
                continue
            queue = waiting.queue
            for message in reply.messages:
                queue.seen(message.offset, message.identity)
            room = min(waiting.wants, queue.room() if waiting.leased else 9)
            assert len(reply.messages) == len(queue.leaving(room))
            self.deliver(waiting, 0, reply.messages)
        self.road.told.clear()

    def check_turn(self, consumer: Waiting, count: int) -> None:
        """Nobody of a higher priority could have been given these messages, and its pool has room
        for them."""
        for other in self.served(consumer.queue):
            assert other.priority <= consumer.priority or not self.may_get(other)
        if consumer.leased:
            assert count <= self.pool_room(consumer.pool)

    def check_window(self, consumer: Waiting, push: Received) -> None:
        """There is room for what is pushed, or for the first of it."""
        assert push.pushed_bytes or not any(one.body for one in push.messages)
        if consumer.window_bytes:
            assert self.bytes_left(consumer) > 0
            alone = len([one for one in push.messages if one.body]) <= 1
            assert alone or push.pushed_bytes <= self.bytes_left(consumer)
            self.on_way[consumer.session] = self.on_way.get(consumer.session, 0) + push.pushed_bytes

    def bytes_left(self, consumer: Waiting) -> int:
        on_way = self.on_way.get(consumer.session, 0)
        return consumer.window_bytes - on_way if consumer.window_bytes else 1

    def may_get(self, one: Waiting) -> bool:
        if self.bytes_left(one) <= 0:
            return False
        room = one.queue.room() and self.pool_room(one.pool)
        return one.wants > 0 and (not one.leased or room > 0)

    def pool_room(self, pool: tuple[int, int]) -> int:
        limit = self.pools.get(pool) if pool[1] else None
        if limit is None:
            return 1 << 30
        held = [one for queue in self.queues.values() for one in queue.held.values()]
        held = [one for one in held if one.state == "leased"]
        held += [one for queue in self.queues.values() for one in queue.ghosts.values()]
        return limit - len([one for one in held if one.pool == (pool[0] + 1, pool[1])])

    def served(self, queue: NaiveQueue) -> list[Waiting]:
        """The consumers that are given messages."""
        attached = [one for one in self.consumers.values() if one.queue is queue]
        return attached[:1] if queue.settings.single_active_consumer else attached

    def deliver(self, to: Waiting, consumer: int, messages: list[Delivery]) -> None:
        queue = to.queue
        length = to.lease_ms
        if length is None:
            length = SESSION_LEASE if consumer else queue.settings.lease_ms
        for message in messages:
            queue.seen(message.offset, message.identity)
        order = [message.offset for message in messages]
        assert order == queue.leaving(len(messages)), "messages leave as the kind of queue says"
        for message in messages:
            one = queue.held[message.offset]
            assert (message.body, message.published_ms) == (one.body, one.born_ms)
            assert message.delivery_count == one.count + 1
            assert (message.note.deaths if message.note else []) == one.deaths
            if not to.leased:
                assert message.lease == 0
                queue.done(message.offset, self.now)
                continue
            receipt = (queue.id, message.offset, message.lease, message.delivery_count)
            self.receipts.append(receipt)
            one.state, one.lease, one.consumer = "leased", message.lease, consumer
            one.pool = (to.pool[0] + 1, to.pool[1]) if to.pool[1] else (0, 0)
            one.last_lease = message.lease
            one.deadline_ms = 0 if length == SESSION_LEASE else self.now + length
            if consumer or length == SESSION_LEASE:
                one.session = to.session + 1

    def pass_time(self, moves: Moves | None) -> None:
        fleeting = any(queue.settings.life_ms == 0 for queue in self.queues.values())
        if fleeting:
            # Where nothing lives for any time, who waits is served before that ends it.
            self.end_lives(fleeting=False)
        if moves is not None:
            self.end_lives(fleeting=not fleeting)
            source, into, settled = moves
            self.moved(source, into, sorted(source.kept) if settled else source.of("ready"))
            self.end_lives(fleeting=not fleeting)
        if fleeting:
            self.observe()
        self.end_lives(fleeting=True)

    def end_lives(self, *, fleeting: bool) -> None:
        """What time does, but for queues of no time unless `fleeting`, until nothing is left."""
        before = None
        while before != (before := [sorted(one.held) for one in self.queues.values()]):
            for queue in self.queues.values():
                if not fleeting and queue.settings.life_ms == 0:
                    continue
                for one in queue.pass_time(self.now):
                    self.credit_back(one)
            for queue in self.queues.values():
                name = queue.settings.dead_letter_queue
                target = self.queues.get(name or "")
                dead = queue.of("dead")
                for offset in dead:
                    if name is None:
                        del queue.held[offset]
                    elif target is not None:
                        target.put(queue.take(offset, self.now, dies=True))
                if target is not None and dead and target.settings.overflow != "reject":
                    target.overflow(moved=True)

    def moved(
        self,
        queue: NaiveQueue,
        into: NaiveQueue | None,
        offsets: list[int],
        body: bytes | None = None,
    ) -> int:
        by_id = {one.id: one for one in self.queues.values()}
        count = 0
        fed: dict[int, NaiveQueue] = {}
        for offset in offsets:
            anew = offset in queue.kept
            one = queue.kept[offset][0] if anew else queue.held[offset]
            target = into or by_id.get(one.home)
            if target is not None and (target is not queue or (anew and into is queue)):
                home = one.home
                moved = queue.take(offset, self.now, dies=False)
                moved.home = home if target is queue else moved.home
                moved.body = moved.body if body is None else body
                target.put(moved, anew=anew)
                fed[target.id] = target
                count += 1
        for target in fed.values():
            if target.settings.overflow != "reject":
                target.overflow(moved=True)
        return count

    def credit_back(self, one: Held) -> None:
        if one.consumer in self.consumers:
            self.consumers[one.consumer].wants += 1

    def forget(self, goes: Callable[[Waiting], bool]) -> None:
        self.receives = {at: one for at, one in self.receives.items() if not goes(one)}
        left = [one.queue for one in self.consumers.values() if goes(one)]
        self.consumers = {at: one for at, one in self.consumers.items() if not goes(one)}
        for queue in left:
            self.left(queue)

    def left(self, queue: NaiveQueue) -> None:
        """A consumer has left a queue, which may go with it."""
        attached = any(one.queue is queue for one in self.consumers.values())
        if not attached and queue.settings.delete_when_unused:
            self.queues.pop(queue.name, None)
            self.receives = {at: one for at, one in self.receives.items() if one.queue is not queue}

    def come_back(self, session: int, *, counted: bool) -> None:
        for queue in self.queues.values():
            kept = {at: one for at, one in queue.ghosts.items() if one.session != session}
            queue.ghosts = kept
            for offset in queue.of("leased"):
                if queue.held[offset].session == session:
                    why = "session-ended" if counted else "restarted"
                    queue.come_back(offset, counted, why=why)

    def picked(
        self, picks: list[int], wrong: bool
    ) -> tuple[NaiveQueue | None, list[tuple[int, int, int]]]:
        """Receipts of one queue; `wrong`: with some that nobody was given."""
        receipts = [self.receipts[-1 - pick % len(self.receipts)] for pick in picks]
        queue = next((one for one in self.queues.values() if one.id == receipts[0][0]), None)
        chosen = list(dict.fromkeys(one[1:] for one in receipts if one[0] == receipts[0][0]))
        if wrong:
            offset, lease, count = chosen[-1]
            chosen.append((offset, lease + 999_983, count))
            chosen.append((1 << 30, lease, count))
        return queue, chosen

    def compare(self) -> None:
        self.road.state.check()
        assert set(self.road.state.by_name) == set(self.queues)
        for name, queue in self.queues.items():
            seen = []
            for one in self.road.peek(name, count=1_000):
                held = queue.seen(one.message.offset, one.message.identity)
                assert (one.state, one.due_ms, one.message.body) == (
                    held.state,
                    held.due_ms,
                    held.body,
                )
                assert one.message.delivery_count == held.count + (held.state == "leased")
                seen.append(one.message.offset)
            assert seen == sorted(queue.held)
            kept = self.road.ask(commands.Peek(name, 0, 1_000, ("settled",)))
            assert isinstance(kept, Peeked)
            assert [
                (one.state, one.message.offset, one.due_ms, one.message.body)
                for one in kept.messages
            ] == [
                ("settled", offset, then, held.body)
                for offset, (held, then) in sorted(queue.kept.items())
            ]
            states = ("ready", "delayed", "leased", "dead")
            assert self.road.counts(name) == tuple(len(queue.of(state)) for state in states)
            weight = sum(held.weight for held in queue.held.values())
            assert self.road.queue(name).pages.bytes == weight
            if queue.leaving(1):
                served = self.served(queue)
                assert not any(self.may_get(one) for one in served)
                waiting = [one for one in self.receives.values() if one.queue is queue]
                assert not waiting or not queue.room()
        self.road.told.clear()
