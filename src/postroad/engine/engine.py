"""The engine: asks in, steps into groups, groups to the journal, answers out.

One rule: it is a state machine without threads or I/O. Drivers call `submit`, `turn` and
`finished`, and run the jobs it hands out; one append is in flight, and everything that arrives
meanwhile is the next.
"""

from collections.abc import Callable

from postroad.core.codec import encode_step, head_of_group
from postroad.core.decision import Missing, Step
from postroad.core.machine import Core
from postroad.core.patience import end_waits
from postroad.engine.cache import Cache
from postroad.engine.inbox import Inbox
from postroad.engine.jobs import Append, Job, Load, Sync
from postroad.engine.keeper import Keeper
from postroad.engine.loads import Loads
from postroad.engine.outbox import Outbox, leased_in
from postroad.engine.settings import SYNC_INTERVAL, EngineSettings
from postroad.journal.envelope import CONTINUES, DATA, ENVELOPE_BYTES, pack
from postroad.journal.interface import Fault, Journal
from postroad.limits import GROUP_MESSAGES_BYTES, LEASE_WAIT_MS, TURN_STEPS_MAX
from postroad.model.ask import Ask, Caller
from postroad.model.commands import RELEASE, Publish, Settle
from postroad.model.message import Delivery
from postroad.model.replies import Reply
from postroad.store.checkpoint import Checkpoints
from postroad.store.interface import Store

NOBODY = Caller(0, lambda _number, _reply: None)
"""Who asks what nobody waits for."""


class Parts:
    """What an engine is made of, as recovery leaves it: the epoch claimed, the last now, the first
    step, the group of the last checkpoint and what was written since."""

    def __init__(
        self,
        core: Core,
        cache: Cache,
        journal: Journal,
        store: Store,
        checkpoints: Checkpoints,
        settings: EngineSettings,
    ) -> None:
        self.core = core
        self.cache = cache
        self.journal = journal
        self.store = store
        self.checkpoints = checkpoints
        self.settings = settings
        self.epoch = 0
        self.now_ms = 0
        self.begun: Step | None = None
        self.cut_group = 0
        self.bytes_since = 0
        self.records_since = 0


class Engine:
    """One shard's heart. `fault` is set once the journal failed: nothing more is acknowledged, the
    process must stop."""

    def __init__(self, parts: Parts, send: Callable[[Caller, int, Reply], None]) -> None:
        self.core = parts.core
        self.journal = parts.journal
        self.store = parts.store
        self.cache = parts.cache
        self.epoch = parts.epoch
        # First of all: what is made below begins at the group that was claimed.
        state = self.core.state
        state.group = self.journal.bounds()[1]
        state.durable = state.group - 1
        self.outbox = Outbox(parts.cache, send)
        self.inbox = Inbox()
        self.keeper = Keeper(parts, self.take_step)
        self.loads = Loads(parts, self.outbox, self.inbox, self.keeper)
        self.fault: str | None = None
        self.n = 0
        self.now_ms = parts.now_ms
        self.groups_written = 0
        self.bytes_written = 0
        self.records_written = 0
        self.outbox.durable = state.durable
        self._steps = 0
        self._parts: list[bytes] = []
        self._step_bytes = 0
        self._urgent = False
        self._lease_since_ms = 0
        self._in_flight = 0
        self._frames_in_flight = 0
        settings = parts.settings
        self._sync_every_ms = settings.sync_interval_ms if settings.sync == SYNC_INTERVAL else 0
        self._sync_ms = 0
        self._syncing = False
        self._jobs: list[Job] = []
        self._cancelled: list[tuple[Caller, int]] = []
        if parts.begun is not None:
            self.take_step(parts.begun)

    def submit(self, ask: Ask) -> None:
        """A question; it is looked at in the next turn."""
        self.inbox.put(ask)

    def turn(self, now_ms: int) -> list[Job]:
        """Decide everything that came in, let time do its work, and say which jobs to run."""
        if self.fault is not None:
            return []
        self.now_ms = max(self.now_ms, now_ms)
        now = self.now_ms
        self.core.world.short_of_space = self.journal.short_of_space or self.keeper.stuck
        self._pass_time(now)
        self._take_asks(now)
        self._pump(now)
        if self._cancelled and not self.inbox.asks:
            self._end_waits()
        self.keeper.work(now)
        self._flush(now)
        self._sync(now)
        jobs, self._jobs = self._jobs, []
        jobs.extend(self.loads.take_jobs())
        jobs.extend(self.keeper.take_jobs())
        return jobs

    def finished(self, job: Job, result: object) -> None:
        """A job is done, or failed (`result` is then its exception); a turn should follow."""
        if isinstance(job, Append):
            self._appended(result)
        elif isinstance(job, Load):
            self.loads.finished(job, result)
        elif isinstance(job, Sync):
            self._syncing = False
            if isinstance(result, BaseException):
                self._fail(result)
        else:
            self.keeper.finished(job, result)
        self.fault = self.fault or self.keeper.fault or self.loads.fault

    def forget(self, caller: Caller) -> None:
        """A caller is gone; what was leased for it and never reached it goes back at once."""
        self._release(self.outbox.forget(caller))
        self.inbox.forget(caller)
        self.loads.forget(caller)
        self.core.forget(caller)

    def cancel(self, caller: Caller, number: int) -> None:
        """A caller does not want to wait for one of its asks: what waits is answered as if its time
        were over, in the next turn that has seen all that was asked before."""
        self._cancelled.append((caller, number))

    def give_back(self, reply: Reply) -> None:
        """A reply left, and nobody works on it: what it leased is ready again."""
        self._release(leased_in(reply))

    def _release(self, messages: list[Delivery]) -> None:
        by_queue: dict[int, list[Delivery]] = {}
        for message in messages:
            by_queue.setdefault(message.queue, []).append(message)
        for id, leased in by_queue.items():
            queue = self.core.state.queues.get(id)
            if queue is not None:
                offsets = [message.offset for message in leased]
                leases = [message.lease for message in leased]
                counts = [message.delivery_count for message in leased]
                command = Settle(queue.name, offsets, leases, counts, RELEASE, queue_id=id)
                self.submit(Ask(NOBODY, 0, command))

    def stop_waiting(self) -> None:
        """The process stops: standing receives are answered empty."""
        for answer in self.core.stop_waiting():
            self.outbox.put(answer)

    def next_wake(self) -> int:
        """When a turn is needed though nothing happens, in ms; 0 for never."""
        if self.fault is not None:
            return 0
        waits = self.loads.tick or self.keeper.closing
        best = 0 if waits else self.core.next_due()
        lease_ms = self._lease_since_ms + LEASE_WAIT_MS if self._lease_since_ms else 0
        writing = self._in_flight > 0 or self._syncing
        sync_ms = 0 if writing else self._sync_ms
        keeper_ms = self.keeper.next_wake(writing)
        stirred = self.core.demand.stirred or self.core.desk.stirred
        spreads = self.keeper.closing and self.core.fanouts.under_way()
        at_once = 1 if stirred or spreads or self.inbox.asks else 0
        for one in (lease_ms, keeper_ms, sync_ms, at_once):
            if one and (not best or one < best):
                best = one
        return best

    def idle(self) -> bool:
        """Whether nothing is on its way to the journal, and no answer on its way out."""
        writing = self._in_flight or self._syncing or self._steps
        asked = self.inbox.asks or self.inbox.held or self.outbox.fillings
        owed = asked or self.core.fanouts.under_way()
        return not (writing or owed) and self.loads.idle()

    def reads(self) -> bool:
        """Whether something goes on only when blocks of the store are read."""
        return self.loads.reads()

    def take_step(self, step: Step) -> None:
        """A step was taken: its records go into the group, its answers into the outbox."""
        records = step.records
        if records:
            parts = encode_step(records)
            self._steps += 1
            self._parts.extend(parts)
            self._step_bytes += sum(map(len, parts))
            self.records_written += len(records)
            self.keeper.records += len(records)
            if step.urgent:
                self._urgent = True
            elif not self._lease_since_ms:
                self._lease_since_ms = self.now_ms
        for answer in step.answers:
            if answer.wait >= self.core.state.group:
                self._urgent = True
            self.outbox.put(answer)
        if step.shares is not None:
            self.outbox.share(step.shares)
        if self.core.state.freed:
            self.keeper.take_freed(self.core.state)

    def _take_asks(self, now: int) -> None:
        # Where the disk has no room nothing is gained by waiting: publishes are refused.
        hold = self.keeper.holds_back() and not self.core.world.short_of_space
        fanouts = self.core.fanouts
        for asks in self.inbox.take(hold, fanouts.holds if fanouts.under_way() else None):
            at = 0
            while at < len(asks):
                stop = at + fanouts.together(asks[at:])
                self._take_some(asks[at:stop], now)
                at = stop
        self.inbox.turn_is_over()

    def _take_some(self, asks: list[Ask], now: int) -> None:
        """Asks that may be decided as one; what was decided before may make them wait."""
        fanouts, inbox = self.core.fanouts, self.inbox
        if fanouts.under_way():
            asks = inbox.hold_back(asks, fanouts.holds)
        if len(asks) > 1 and self._take_together(asks, now):
            return
        for ask in asks:
            if not fanouts.under_way() or inbox.hold_back([ask], fanouts.holds):
                self._take_one(ask, now)

    def _take_together(self, asks: list[Ask], now: int) -> bool:
        if isinstance(asks[0].command, Publish):
            self.take_step(self.core.publish_together(asks, now))
            return True
        step = self.core.decide_together(asks, now)
        if step is None:
            return False
        self.take_step(step)
        return True

    def _take_one(self, ask: Ask, now: int) -> None:
        step = self.core.handle(ask, now)
        if isinstance(step, Missing):
            self.loads.wait(ask, step)
        else:
            self.take_step(step)
        if self._step_bytes > GROUP_MESSAGES_BYTES and not self._in_flight:
            self._flush(now)

    def _pass_time(self, now: int) -> None:
        if self.keeper.closing:
            # What goes on in the background goes on after the next start; only a publisher who
            # waits for its fan-out is answered.
            if self.core.fanouts.under_way():
                self.take_step(self.core.spread(now))
            return
        for _ in range(TURN_STEPS_MAX):
            due = self.core.next_due()
            if not due or due > now or self.loads.tick:
                return
            step = self.core.tick(now)
            if isinstance(step, Missing):
                self.loads.wait_with_time(step)
                return
            if step is not None:
                self.take_step(step)
                if len(step.records) > 0:
                    return

    def _pump(self, now: int) -> None:
        step = self.core.pump(now)
        if step is not None:
            self.take_step(step)

    def _end_waits(self) -> None:
        core, unwanted = self.core, self._cancelled
        core.wake.stale = True
        # Who is held, or lacks bodies, does not wait yet: it must be found when it does.
        later = [*self.inbox.held, *[ask for ask, _ in self.loads.asks]]
        unheard = {(ask.caller, ask.number) for ask in later}
        self._cancelled = [one for one in unwanted if one in unheard]
        for answer in end_waits(core.demand, core.desk, unwanted):
            self.outbox.put(answer)

    def _flush(self, now: int) -> None:
        """Hand the group over when it is time and the journal does nothing else."""
        if self._in_flight or self._syncing:
            return
        if not self._steps:
            self.keeper.cut_when_idle(now)
            return
        late = self._lease_since_ms and now >= self._lease_since_ms + LEASE_WAIT_MS
        if not self._urgent and not late and not self.keeper.wants_cut():
            return
        parts = [head_of_group(self._steps), *self._parts]
        size = len(parts[0]) + self._step_bytes
        frames = self._frames(parts, size, now)
        self._in_flight = self.core.state.group
        self._frames_in_flight = len(frames)
        self.core.state.group += len(frames)
        self.bytes_written += size
        self.keeper.bytes += size
        self.groups_written += 1
        self._steps = 0
        self._parts = []
        self._step_bytes = 0
        self._urgent = False
        self._lease_since_ms = 0
        self._jobs.append(Append(self.journal, frames))
        self.keeper.packed(self._in_flight + len(frames) - 1, self.n, now)

    def _frames(self, parts: list[bytes], size: int, now: int) -> list[bytes]:
        """A group as envelopes; a payload larger than one append continues in the next."""
        room = self.journal.max_group - ENVELOPE_BYTES
        if size <= room:
            return [self._frame(parts, 0, now)]
        payload = b"".join(parts)
        frames: list[bytes] = []
        for start in range(0, size, room):
            flags = CONTINUES if start + room < size else 0
            frames.append(self._frame([payload[start : start + room]], flags, now))
        return frames

    def _frame(self, parts: list[bytes], flags: int, now: int) -> bytes:
        self.n += 1
        return pack(kind=DATA, flags=flags, epoch=self.epoch, n=self.n, now_ms=now, payload=parts)

    def _appended(self, result: object) -> None:
        if not isinstance(result, int):
            self._fail(result)
            return
        assert result == self._in_flight, "a group is where it was expected to be"
        durable = self._in_flight + self._frames_in_flight - 1
        self._in_flight = 0
        if self._sync_every_ms and not self._sync_ms:
            self._sync_ms = self.now_ms + self._sync_every_ms
        self.core.state.durable = durable
        self.keeper.is_durable(durable)
        self.outbox.is_durable(durable)

    def _sync(self, now: int) -> None:
        """With a weaker setting: when nobody appends, what was appended is synced all the same."""
        if self._sync_ms and now >= self._sync_ms and not self._in_flight:
            self._sync_ms = 0
            self._syncing = True
            self._jobs.append(Sync(self.journal))

    def _fail(self, result: object) -> None:
        text = result.message if isinstance(result, Fault) else str(result)
        self.fault = f"the journal failed: {text}; nothing more is acknowledged, start again"
