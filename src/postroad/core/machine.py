"""The core: the only class others import from here.

One rule: every method that may change the state returns the step it took, already applied; what it
says leaves only once that step is durable.
"""

from collections.abc import Sequence

from postroad.core import records as facts
from postroad.core.apply import apply
from postroad.core.batch import Batches
from postroad.core.decide import publish
from postroad.core.decide.receive import messages_group
from postroad.core.decision import Answer, Decision, Missing, Step, World, joined
from postroad.core.demand import Demand
from postroad.core.door import Door
from postroad.core.exchanges.together import publishes_of
from postroad.core.fanouts.desk import FanoutDesk
from postroad.core.fleeting import Fleeting
from postroad.core.handout import Library, split
from postroad.core.kv.together import sets_of
from postroad.core.life import Life
from postroad.core.lists.desk import SERVED as FROM_LISTS
from postroad.core.lists.desk import nothing_for
from postroad.core.queue import Queue
from postroad.core.relief import Relief
from postroad.core.serve import Server
from postroad.core.state import State
from postroad.core.table import DECIDERS, DESK_FACTS, LEASING, LETTING_GO
from postroad.core.tick import Schedule, slice_of_time
from postroad.core.together import Leasing, acks_of, leasing_of
from postroad.core.topics.desk import SERVED, Desk
from postroad.core.wake import Wake
from postroad.core.wanted import live_bits
from postroad.model import commands
from postroad.model.ask import Ask, Caller
from postroad.model.batch import Batch, Run
from postroad.model.replies import Refused, Reply, Settled, Why
from postroad.model.sound import unsound_columns


class Core:
    """The state, who waits for what, and when time has something to do. `whole`: a batch that is
    all or nothing is on its way."""

    def __init__(self, library: Library) -> None:
        self.state = State()
        self.world = World(self.state, library)
        self.demand = Demand()
        self.world.attached = self.demand.attached
        self.schedule = Schedule()
        self.server = Server(self.world, self.demand, self.schedule.ending, self._apply_all)
        self.life = Life(self.world, self.demand)
        self.relief = Relief(self.world, self._apply_all)
        self.fleeting = Fleeting(self.server, self._apply_all)
        self.batches = Batches(self.world, self.life, self.handle, DECIDERS)
        self.desk = Desk(self.world, self.server, self._apply_all)
        self.door = Door(self.life, self.server.purges, self.batches)
        self.fanouts = FanoutDesk(self.relief, self.fleeting, self._apply_all, self._holds_more)
        self.whole = False
        self.wake = Wake(self.world, self.demand, self.schedule, self.server, self.life, self.desk)

    def begin(self, epoch: int, salt: bytes, now: int) -> Step:
        """The shard is ours from here on: number leases by the epoch, and end the leases of
        sessions that are gone."""
        self.world.epoch = epoch
        self.server.next_holder = (epoch << 40) + 1
        records: list[facts.Record] = []
        if not self.state.catalog.salt:
            records.append(facts.Born(salt, now))
        self._apply_all(records)
        self.server.rates.begun_ms = now
        over = self.life.begin(now)
        self._apply_all(over)
        for queue in [*self.state.queues.values(), *self.state.buried.values()]:
            if queue.swept_next(1):
                self.schedule.sweeping[queue.id] = None
            if not queue.deleted:
                self.schedule.look_at(queue)
                # Not "all of them": new sessions may hold leases before the last slice.
                for holder in queue.leases.sessions():
                    self.schedule.ending.append((queue.id, holder, False))
        return Step(records + over, [], False)

    def handle(self, ask: Ask, now: int) -> Step | Missing:
        """One ask."""
        self.wake.stale = True
        command = ask.command
        stopped = self.door.stop(ask)
        if stopped is not None:
            return self._seal(stopped)
        if isinstance(command, Batch | Run):
            # What was tested whole before the first command is there until the last is done.
            self.whole = isinstance(command, Batch) and command.all_or_nothing is True
            self.batches.busy = True
            self.fanouts.enter(command)
            step = self.fanouts.leave(ask, self.batches.do(ask, now))
            self.batches.busy = self.whole = False
            return self._seal(step)
        decider = DECIDERS.get(type(command))
        if decider is None:
            if isinstance(command, SERVED):
                return self._seal(self.desk.handle(ask, now))
            return self._serve(ask, now)
        try:
            decision = decider(self.world, command, now)
        except (TypeError, ValueError, OverflowError):
            # A decider changes nothing, so this is the last moment to look at long columns.
            wrong = unsound_columns(command)
            if wrong is None:
                raise
            return self._seal(Step([], [Answer(ask, Refused(Why.BAD_COMMAND, wrong), 0)], False))
        if isinstance(decision, Missing):
            return decision
        records = decision.records
        self._apply_all(records)
        self.life.heed(ask, now)
        if records:
            records = records + self.relief.after(command, records)
        answer = self._answer(ask, decision)
        self.door.lines.heed(answer)
        return self._seal(self.fanouts.step(records, [answer]))

    def _serve(self, ask: Ask, now: int) -> Step | Missing:
        """An ask that may wait for messages."""
        self.life.heed(ask, now)
        if not isinstance(ask.command, FROM_LISTS):
            step = self.server.handle(ask, now)
            # Who leaves may be told so only when what goes with it is gone.
            gone = self.life.forsaken(now) if self.demand.forsaken else []
            self._apply_all(gone)
            return self._seal(step.followed_by(gone, self.state.group) if gone else step)
        found = self.server.lists.handle(ask, now)
        return found if isinstance(found, Missing) else self._seal(found)

    def publish_together(self, asks: list[Ask], now: int) -> Step:
        """Publishes to the same queues that came in one turn, as one record."""
        publishes: list[commands.Publish] = []
        for ask in asks:
            assert isinstance(ask.command, commands.Publish)
            publishes.append(ask.command)
        if len(asks) > 1 and publish.stand_alone(self.state, publishes[0].queues):
            steps = [self.handle(ask, now) for ask in asks]
            return joined([step for step in steps if isinstance(step, Step)])
        decisions = publish.decide_together(self.world, publishes, now)
        if len(asks) > 1 and publish.have_no_room(self.state, publishes[0].queues, decisions):
            steps = [self.handle(ask, now) for ask in asks]
            return joined([step for step in steps if isinstance(step, Step)])
        records = [record for decision in decisions for record in decision.records]
        self._apply_all(records)
        records = records + self.relief.after(publishes[0], records) if records else records
        answers = [self._answer(*pair) for pair in zip(asks, decisions, strict=True)]
        return self._seal(self.fanouts.step(records, answers))

    def decide_together(self, asks: list[Ask], now: int) -> Step | None:
        """Receives or acks of one queue, sets of keys, or publishes to one exchange, as one step;
        `None` where they must be decided one by one, and nothing was changed."""
        leasing = leasing_of(self.world, self.demand, asks, now)
        if leasing is not None:
            return self._seal(self._lease_together(leasing, asks))
        several = self._sets_or_publishes(asks, now)
        if several is not None:
            return several
        records = acks_of(self.world, asks, now)
        if records is None:
            return None
        self._apply_all(records)
        settled, group = Settled(), self.state.group
        answers = [Answer(ask, settled, group) for ask in asks]
        return self._seal(Step(records, answers, True))

    def _sets_or_publishes(self, asks: list[Ask], now: int) -> Step | None:
        lines = self.door.lines
        if lines.eras and any(map(lines.refusal, asks)):
            return None
        replies: list[Reply] = []
        several = sets_of(self.world, asks) or publishes_of(self.world, asks, now)
        if several is None:
            return None
        replies.extend(several[1])
        self._apply_all(several[0])
        records = several[0] + self.relief.after(asks[0].command, several[0])
        group = self.state.group
        answers = [Answer(*pair, group) for pair in zip(asks, replies, strict=True)]
        return self._seal(self.fanouts.step(records, answers))

    def _lease_together(self, leasing: Leasing, asks: list[Ask]) -> Step:
        records: list[facts.Record] = []
        record = leasing.next_record(self.world)
        while record is not None:
            self._apply_all([record])
            records.append(record)
            record = leasing.next_record(self.world)
        step = Step(records, [], False)
        shares = leasing.shares(self.world, asks)
        if shares.wait <= self.state.durable:
            step.shares = shares
            return step
        # Some of the messages are not durable yet: each waits for its own.
        parts = split(shares.handout, shares.counts)
        for ask, part in zip(asks, parts, strict=True):
            wait = messages_group(self.world, leasing.queue, part)
            step.answers.append(Answer(ask, part, wait))
        return step

    def pump(self, now: int) -> Step | None:
        """Demand meets ready messages; `None` when nobody was served."""
        if not self.demand.stirred and not self.desk.stirred:
            return None
        self.wake.stale = True
        step = self.server.pump(now)
        more = self.desk.pump(now)
        steps = [one for one in (step, more) if one is not None]
        return self._seal(joined(steps)) if steps else None

    def tick(self, now: int) -> Step | Missing | None:
        """One slice of what time makes true; `None` when there is nothing now."""
        self.wake.stale = True
        ended = [*self.server.end_waits(now), *self.desk.end_waits(now)]
        silent = self.desk.silent(now) or self.server.purges.next_slice() or Step([], [], False)
        if ended or silent.records or silent.answers:
            return self._seal(joined([Step([], ended, False), silent]))
        for id in self.server.rates.take_due(now):
            queue = self.state.queues.get(id)
            self.demand.stir(id, "" if queue is None else queue.name)
        moved = self.server.lists.next_move(now)
        if moved is not None:
            return moved if isinstance(moved, Missing) else self._seal(moved)
        if self.fanouts.has_turn():
            return self.spread(now)
        records = self.life.records(now) or slice_of_time(self.world, self.schedule, now)
        self._take_over()
        if isinstance(records, Missing):
            return records
        if not records:
            return self.spread(now) if self.fanouts.under_way() else None
        self._apply_all(records)
        records = records + self.relief.of_time(records)
        return self._seal(Step(records, [], False))

    def spread(self, now: int) -> Step:
        """One slice of the oldest fan-out."""
        return self._seal(self.fanouts.advance(now))

    def next_due(self) -> int:
        """When `tick` has something to do, in ms: 0 for never."""
        return self.wake.next_ms()

    def forget(self, caller: Caller) -> None:
        """A caller is gone: what it waited for is forgotten, its leases end in slices."""
        self.wake.stale = True
        self.desk.forget(caller)
        self.fanouts.forget(caller)
        self.life.forget(caller)
        self.door.forget(caller)
        for queue, holder in self.demand.forget(caller):
            self.schedule.ending.append((queue, holder, True))

    def _take_over(self) -> None:
        """Where a session's leases are all back its queue may have waited for that."""
        for id in self.schedule.ended:
            self.demand.stir(id)
        self.schedule.ended.clear()

    def place(self, placed: Sequence[facts.Placed | facts.Rewritten | facts.Closed]) -> Step:
        """Blocks rest in the store, or take no more messages."""
        records: list[facts.Record] = list(placed)
        self._apply_all(records)
        return self._seal(Step(records, [], True))

    def replay(self, record: facts.Record) -> None:
        """A fact from the journal."""
        apply(self.state, record)

    def touch_everything(self) -> None:
        """A checkpoint failed: the next one writes every row."""
        self.state.touch_everything()

    def live_bits(self, shelf: int, first: int, count: int) -> int:
        """Which of `count` messages on a shelf from index `first` on anybody still wants; bit 0 is
        `first`."""
        return live_bits(self.state, shelf, first, count)

    def stop_waiting(self) -> list[Answer]:
        """The process stops: everybody who waits is told that nothing came."""
        self.wake.stale = True
        answers: list[Answer] = []
        for waiter in self.demand.everybody():
            self.demand.end_wait(waiter)
            answers.append(Answer(waiter.ask, nothing_for(waiter), 0))
        answers.extend((*self.desk.stop_waiting(), *self.server.purges.stop()))
        return answers

    def _answer(self, ask: Ask, decision: Decision) -> Answer:
        """A reply waits for its own records, or for what it has read."""
        group = decision.read_group
        reply = decision.reply
        return Answer(ask, reply, self.state.group if group is None else group)

    def _apply_all(self, records: Sequence[facts.Record]) -> None:
        self.wake.stale = True
        state = self.state
        for record in records:
            apply(state, record)
            if not isinstance(record, LEASING):
                state.changed = state.group
            id = getattr(record, "queue", None)
            if id is not None:
                self._changed(id)
            elif isinstance(record, facts.Published):
                self._arrived(record)
            elif isinstance(record, DESK_FACTS):
                self._at_the_desk()
            elif isinstance(record, LETTING_GO):
                self.demand.emptied.update(self.demand.empty)

    def _arrived(self, record: facts.Published) -> None:
        """After a publish: its bodies can be asked for, and who waits for it looks."""
        state = self.state
        shelf = state.shelves[record.shelf]
        if shelf.has(record.first):
            self.world.library.add(record, shelf.where(record.first)[0], state.group)
        log = state.topics.partitions.get(record.shelf)
        if log is None:
            timed = bool(record.dues or record.expires)
            queues = [] if self.fanouts.spreads(record) else state.targets_of(record.shelf)
            for queue in queues:
                self._holds_more(queue, record.now_ms, timed)
            if record.expires:
                self.fleeting.came(record, queues)
            return
        self.desk.stir(log.id)
        for share in log.shares:
            self._changed(share)

    def _holds_more(self, queue: Queue, now: int, timed: bool) -> None:
        """After messages came to a queue, `timed` ones with instants of their own: what else a
        change may mean they cannot, and there may be ten thousand queues."""
        self.state.facts += 1
        queue.changes = self.state.facts
        if queue.pages.ready:
            self.demand.stir(queue.id, queue.name)
        settings = queue.settings
        life = settings.life_ms
        sooner = life is not None and not 0 < queue.heaped_due <= now + life
        if sooner or timed or settings.delay_ms:
            self.schedule.look_at(queue)
        if life == 0:
            self.fleeting.queues[queue.id] = now

    def _changed(self, id: int) -> None:
        """After a fact about a queue: who may be served now, and when time comes back to it."""
        queue = self.state.queues.get(id)
        if queue is None:
            self._gone(id)
            return
        self.state.facts += 1
        queue.changes = self.state.facts
        if queue.ended:
            for holder, count in queue.ended:
                self.demand.credit_back(holder, count)
                self.server.let_go_if_over(queue, holder)
            queue.ended.clear()
        if queue.pages.ready:
            self.demand.stir(id, queue.name)
            if queue.borrowed:
                self.desk.stir_queue(id)
        if queue.purged_before and queue.swept_next(1):
            self.schedule.sweeping[id] = None
        if queue.passing and not queue.pages.length:
            self.demand.emptied[id] = None
        self.schedule.look_at(queue)

    def _at_the_desk(self) -> None:
        """After a fact about a topic or group: who waits for it looks again, queues that are gone
        are swept."""
        self.desk.stir_all()
        for id in self.state.buried:
            self.schedule.sweeping[id] = None

    def _gone(self, id: int) -> None:
        if id in self.state.buried:
            self.schedule.sweeping[id] = None
        self.life.gone(id)
        self.server.queue_gone(id)

    def _seal(self, step: Step) -> Step:
        if self.fleeting.queues and not self.whole:
            step = joined([step, self.fleeting.settle(self.state)])
        if self.server.said:
            step.answers.extend(self.server.said)
            self.server.said = []
        if self.demand.emptied and not self.whole:
            gone = self.life.passed()
            self._apply_all(gone)
            step.records = [*step.records, *gone]
        return step
