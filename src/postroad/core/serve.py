"""Receives, pops and consumers: demand meets ready messages.

One rule: whoever waited longest is served first; what one is given is as many messages as it asked
for, as ranges.
"""

from collections.abc import Callable, Sequence

from postroad.core import records as facts
from postroad.core.allowance import TOO_MANY_POOLS, allow
from postroad.core.decide.receive import (
    deadline_of,
    free_slots,
    is_open,
    lease_record,
    messages_group,
    pick,
    pop_record,
)
from postroad.core.decide.weigh import fitting
from postroad.core.decision import TOO_LONG, Answer, Step, World, joined, too_long
from postroad.core.demand import Demand
from postroad.core.handout import Handout
from postroad.core.lanes import Picked
from postroad.core.lists.desk import ListDesk, nothing_for
from postroad.core.purges import Purges
from postroad.core.queue import Queue
from postroad.core.rates import Rates
from postroad.core.ring import Consumer
from postroad.core.session import Waiter
from postroad.limits import (
    LAPSE_SLICE,
    PUSH_BATCH,
    PUSH_BYTES,
    RECEIVE_BYTES,
    RECEIVE_MAX,
    ROUNDS_MAX,
    WAIT_MS_MAX,
)
from postroad.model.ask import Ask
from postroad.model.commands import (
    SESSION_LEASE,
    Attach,
    CountArrived,
    Detach,
    GrantCredit,
    Pop,
    Receive,
    SetPool,
)
from postroad.model.replies import Detached, Done, Received, Refused, Why


class Terms:
    """How messages are handed out: up to `count`, leased for `lease_ms` to `holder` (0: to the
    caller's session or nobody), or for good."""

    __slots__ = ("count", "holder", "lease_ms", "leased")

    def __init__(self, count: int, lease_ms: int | None, leased: bool, holder: int) -> None:
        self.count = count
        self.lease_ms = lease_ms
        self.leased = leased
        self.holder = holder


class Server:
    """Serves standing asks. `said`: answers that came up on the way and go with the next step.
    `ending`: (queue, holder, counted) of leases whose sessions are over."""

    def __init__(
        self,
        world: World,
        demand: Demand,
        ending: list[tuple[int, int, bool]],
        apply_all: Callable[[Sequence[facts.Record]], None],
    ) -> None:
        self.world = world
        self.demand = demand
        self.ending = ending
        self.apply_all = apply_all
        self.rates = Rates()
        self.next_holder = 1
        self.said: list[Answer] = []
        self.lists = ListDesk(world, demand, (self.room, self.spend), apply_all)
        self.purges = Purges(world, apply_all)

    def handle(self, ask: Ask, now: int) -> Step:
        """Receive, pop, attach, grant credit, detach."""
        command = ask.command
        if isinstance(command, Receive):
            return self._take(ask, command, command.lease_ms, True, now)
        if isinstance(command, Pop):
            return self._take(ask, command, 0, False, now)
        if isinstance(command, Attach):
            return self._attach(ask, command)
        if isinstance(command, GrantCredit | SetPool | CountArrived):
            return self._say(ask, allow(self.demand, ask, command))
        assert isinstance(command, Detach), "every command has a decider or is one of these"
        consumer = self.demand.consumer(ask.caller, command.consumer)
        if consumer is None:
            return self._say(ask, Refused(Why.NO_SUCH_CONSUMER, "no such consumer is attached"))
        self.demand.detach(consumer)
        queue = self.world.state.queues.get(consumer.queue)
        if queue is not None:
            self.let_go_if_over(queue, consumer.holder)
        return self._say(ask, Done())

    def let_go_if_over(self, queue: Queue, holder: int) -> None:
        """Forget a holder whose consumer is detached once its last lease is over."""
        if self.demand.is_loose(holder) and not queue.leases.held_by(holder, 1):
            queue.leases.forget_holder(holder)
            self.demand.let_go(holder)

    def queue_gone(self, id: int) -> None:
        """A queue is deleted: its consumers and who waits for it are told."""
        self.rates.forget(id)
        group = self.world.state.group
        for consumer in self.demand.attached_to(id):
            self.said.append(Answer(consumer.ask, Detached(consumer.number), group))
        for waiter in self.demand.forget_queue(id):
            self.demand.end_wait(waiter)
            reply = Refused(Why.NO_SUCH_QUEUE, "the queue was deleted while waiting for it")
            self.said.append(Answer(waiter.ask, reply, group))

    def pump(self, now: int) -> Step | None:
        """Serve the queues that were stirred, some rounds of it."""
        records: list[facts.Record] = []
        answers: list[Answer] = []
        urgent = False
        rounds = 0
        id = self.demand.next_stirred()
        while id is not None and rounds < ROUNDS_MAX:
            queue = self.world.state.queues.get(id)
            step = None if queue is None else self._serve_next(queue, now)
            if step is None:
                self.demand.stirred.pop(id, None)
            else:
                rounds += 1
                records.extend(step.records)
                answers.extend(step.answers)
                urgent = urgent or step.urgent
            id = self.demand.next_stirred()
        if not answers:
            return None
        return Step(records, answers, urgent)

    def serve(self, queue: Queue, now: int) -> Step | None:
        """Serve who waits at one queue, some rounds of it."""
        steps: list[Step] = []
        while len(steps) < ROUNDS_MAX:
            step = self._serve_next(queue, now)
            if step is None:
                break
            steps.append(step)
        return joined(steps) if steps else None

    def end_waits(self, now: int) -> list[Answer]:
        """Waits that are over: nothing came."""
        answers: list[Answer] = []
        for waiter in self.demand.ended(now, LAPSE_SLICE):
            self.demand.end_wait(waiter)
            answers.append(Answer(waiter.ask, nothing_for(waiter), 0))
        return answers

    def _take(
        self, ask: Ask, command: Receive | Pop, lease_ms: int | None, leased: bool, now: int
    ) -> Step:
        queue = self.world.state.find(command.queue)
        if queue is None:
            text = f"queue `{command.queue}` does not exist"
            return self._say(ask, Refused(Why.NO_SUCH_QUEUE, text), self.world.state.changed)
        if command.count < 1 or (lease_ms is not None and lease_ms < SESSION_LEASE):
            return self._say(
                ask, Refused(Why.BAD_COMMAND, "count is at least 1, times not below 0")
            )
        if too_long(lease_ms):
            return self._say(ask, Refused(Why.BAD_COMMAND, TOO_LONG))
        wait_ms = queue.settings.wait_ms if command.wait_ms is None else command.wait_ms
        count = min(command.count, RECEIVE_MAX)
        if self.demand.next_waiter(queue.id) is None or not wait_ms:
            room = free_slots(queue, count) if leased else count
            if not room and not wait_ms:
                text = f"queue `{queue.name}` has as many leased messages as it may"
                return self._say(ask, Refused(Why.TOO_MANY_LEASED, text))
            room = self.room(queue, room, now)
            if room:
                return self._hand_out(ask, queue, room, lease_ms, leased, now)
        if wait_ms <= 0:
            return self._say(ask, Received([]), queue.touched)
        waiter = Waiter(ask, queue.id, count, lease_ms, leased)
        self.demand.wait(waiter, now + min(wait_ms, WAIT_MS_MAX))
        if queue.pages.ready:
            # What is there may only have to wait for its turn: `pump` finds out when that is.
            self.demand.stir(queue.id)
        return Step([], [], False)

    def _hand_out(
        self, ask: Ask, queue: Queue, count: int, lease_ms: int | None, leased: bool, now: int
    ) -> Step:
        handout = Handout(queue.id, now)
        if leased:
            handout.bytes_max = RECEIVE_BYTES if count > 1 else 0
            holder = 0
            deadline = deadline_of(queue, lease_ms, now)
            if not deadline:
                holder = self._holder_of(ask, queue)
            records = self._lease(queue, count, deadline, holder, handout)
            wait = messages_group(self.world, queue, handout)
            return Step(records, [Answer(ask, handout, wait)], False)
        records = self._pop(queue, count, handout)
        return Step(records, [Answer(ask, handout, self.world.state.group)], True)

    def hand_now(self, ask: Ask, queue: Queue, terms: Terms, now: int) -> Step | None:
        """Give somebody what is ready; `None` when nothing is, or may be."""
        count = free_slots(queue, terms.count) if terms.leased else terms.count
        room = self.room(queue, count, now)
        if not room:
            return None
        if not terms.holder or not terms.leased:
            return self._hand_out(ask, queue, room, terms.lease_ms, terms.leased, now)
        handout = Handout(queue.id, now)
        handout.bytes_max = RECEIVE_BYTES if room > 1 else 0
        deadline = deadline_of(queue, terms.lease_ms, now)
        records = self._lease(queue, room, deadline, terms.holder, handout)
        return Step(
            records, [Answer(ask, handout, messages_group(self.world, queue, handout))], False
        )

    def _lease(
        self, queue: Queue, count: int, deadline: int, holder: int, handout: Handout
    ) -> list[facts.Record]:
        records: list[facts.Record] = []
        while count > 0:
            picked = self._pick(queue, count, handout)
            if not picked:
                break
            for one in picked:
                record = lease_record(self.world, queue, one, deadline, handout)
                record.holder = holder
                self.apply_all([record])
                records.append(record)
                count -= one[1].bit_count()
            if queue.pages.lanes is not None:
                break
        self.spend(queue, handout.count())
        return records

    def _pop(self, queue: Queue, count: int, handout: Handout) -> list[facts.Record]:
        records: list[facts.Record] = []
        while count > 0:
            picked = self._pick(queue, count, handout)
            if not picked:
                break
            for one in picked:
                record = pop_record(queue, one, handout)
                self.apply_all([record])
                records.append(record)
                count -= one[1].bit_count()
            if queue.pages.lanes is not None:
                break
        self.spend(queue, handout.count())
        return records

    def _pick(self, queue: Queue, count: int, handout: Handout) -> Picked:
        """The next messages for a handout, as many as it has room for."""
        picked = pick(queue, count)
        return fitting(queue, picked, handout) if picked and handout.bytes_max else picked

    def spend(self, queue: Queue, count: int) -> None:
        """Messages were delivered: of a queue with a rate fewer may follow."""
        if queue.settings.per_second is not None:
            self.rates.spend(queue, count)

    def _serve_next(self, queue: Queue, now: int) -> Step | None:
        """The next in line of one queue gets what is ready; `None` when nobody can be served."""
        room = self.room(queue, RECEIVE_MAX, now)
        if not room:
            self.plan(queue)
            return None
        waiter = self.demand.next_waiter(queue.id)
        popper = self.demand.next_at_list(queue.name)
        if popper is not None and (waiter is None or popper.turn < waiter.turn):
            return self.lists.serve(queue, popper, now)
        if waiter is not None:
            count = min(room, waiter.count)
            count = free_slots(queue, count) if waiter.leased else count
            if count:
                self.demand.end_wait(waiter)
                return self._hand_out(waiter.ask, queue, count, waiter.lease_ms, waiter.leased, now)
        if popper is not None:
            # Who was first waits for a lease to end; who takes for good need not.
            return self.lists.serve(queue, popper, now)
        alone = queue.settings.single_active_consumer
        if alone and self._comes_back(queue):
            return None
        consumer = self.demand.next_consumer(queue.id, free_slots(queue, 1) > 0, alone)
        if consumer is None:
            return None
        if not alone and self.demand.attached(queue.id) > 1:
            ring = self.demand.consumers[queue.id]
            room = min(room, ring.portion(consumer, queue.pages.ready))
        return self._push(queue, consumer, room, now)

    def room(self, queue: Queue, count: int, now: int) -> int:
        """How many of `count` messages may leave now."""
        lanes = queue.pages.lanes
        if lanes is not None:
            lanes.wake(now, self.rates.begun_ms)
        if queue.settings.paused or not is_open(queue):
            return 0
        return self.rates.room(queue, count, now)

    def plan(self, queue: Queue) -> None:
        """Nothing may leave now: where a rate is the reason, look again when it no longer is."""
        lanes = queue.pages.lanes
        if queue.settings.paused:
            return
        if is_open(queue):
            self.rates.plan(queue.id, self.rates.next_ms(queue))
        elif lanes is not None and queue.pages.ready:
            self.rates.plan(queue.id, lanes.next_due())

    def _comes_back(self, queue: Queue) -> bool:
        """Whether messages of a session that is over are still on their way back."""
        return any(id == queue.id for id, _, _ in self.ending)

    def _push(self, queue: Queue, consumer: Consumer, room: int, now: int) -> Step | None:
        count = min(consumer.credit, PUSH_BATCH, room)
        handout = Handout(queue.id, now, consumer.number)
        handout.bytes_max = min(PUSH_BYTES, consumer.bytes_left())
        if not consumer.leased:
            records = self._pop(queue, count, handout)
            self.demand.given(consumer, handout.count(), handout.bytes)
            return Step(records, [Answer(consumer.ask, handout, self.world.state.group)], True)
        count = free_slots(queue, count)
        if consumer.pool is not None:
            count = consumer.pool.room(count)
        deadline = deadline_of(queue, consumer.lease_ms, now)
        records = self._lease(queue, count, deadline, consumer.holder, handout)
        self.demand.given(consumer, handout.count(), handout.bytes)
        wait = messages_group(self.world, queue, handout)
        return Step(records, [Answer(consumer.ask, handout, wait)], False)

    def _attach(self, ask: Ask, command: Attach) -> Step:
        queue = self.world.state.find(command.queue)
        if queue is None:
            text = f"queue `{command.queue}` does not exist"
            return self._say(ask, Refused(Why.NO_SUCH_QUEUE, text), self.world.state.changed)
        known = self.demand.consumer(ask.caller, command.consumer)
        if known is not None or command.credit < 0 or command.window_bytes < 0:
            text = "a consumer's number is its own, and what it may have not below 0"
            return self._say(ask, Refused(Why.BAD_COMMAND, text))
        lease_ms = SESSION_LEASE if command.lease_ms is None else command.lease_ms
        if lease_ms < SESSION_LEASE or too_long(lease_ms):
            return self._say(ask, Refused(Why.BAD_COMMAND, TOO_LONG))
        refused = self._not_beside_others(queue, command)
        if refused is not None:
            return self._say(ask, refused)
        consumer = Consumer(
            ask, command.consumer, queue.id, command.credit, lease_ms, command.leased
        )
        consumer.priority = command.priority
        consumer.exclusive = command.exclusive
        consumer.window_bytes = command.window_bytes
        if command.pool:
            consumer.pool = self.demand.pool(ask.caller, command.pool)
            if consumer.pool is None:
                return self._say(ask, Refused(Why.TOO_MANY, TOO_MANY_POOLS))
        consumer.holder = self._new_holder()
        self.demand.attach(consumer)
        return self._say(ask, Done(), queue.touched)

    def _not_beside_others(self, queue: Queue, command: Attach) -> Refused | None:
        """Why a consumer cannot be attached beside those that are there, or `None`."""
        if command.pool < 0:
            return Refused(Why.BAD_COMMAND, "a pool has a number from 1")
        if command.exclusive and self.demand.attached(queue.id):
            text = f"queue `{queue.name}` has a consumer, beside which none can be exclusive"
            return Refused(Why.EXCLUSIVE_CONSUMER, text)
        if self.demand.is_exclusive(queue.id):
            text = f"queue `{queue.name}` has an exclusive consumer"
            return Refused(Why.EXCLUSIVE_CONSUMER, text)
        return None

    def _holder_of(self, ask: Ask, queue: Queue) -> int:
        holder = self.demand.holder_of(ask.caller, queue.id)
        if not holder:
            holder = self._new_holder()
            self.demand.hold(ask.caller, queue.id, holder, self.world.state.queues)
        return holder

    def _new_holder(self) -> int:
        holder = self.next_holder
        self.next_holder += 1
        return holder

    def _say(self, ask: Ask, reply: Done | Refused | Received, group: int = 0) -> Step:
        return Step([], [Answer(ask, reply, group)], False)
