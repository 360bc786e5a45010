"""Several commands as one step, and programs that run inside the broker.

One rule: nothing is taken back: what must be all or nothing is tested whole before the first
command is done, and commands whose outcomes depend on each other are not tested but refused.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from postroad.core import records as facts
from postroad.core.decide import publish
from postroad.core.decision import Answer, Decision, Missing, Step, World
from postroad.core.handout import Handout
from postroad.core.life import Life
from postroad.core.queue import Queue
from postroad.limits import BATCH_COMMANDS_MAX
from postroad.model import commands, exchanges, history, kv, topics
from postroad.model.ask import Ask
from postroad.model.batch import Batch, BatchDone, Run, RunDone
from postroad.model.kv_replies import KvStored
from postroad.model.policy import OVERFLOW_REJECT
from postroad.model.replies import Refused, Reply, Settled, Why

TESTED = (
    commands.Publish,
    commands.Settle,
    commands.Extend,
    exchanges.PublishTo,
    topics.Append,
    kv.KvSet,
    kv.KvGet,
    kv.KvDelete,
    kv.KvExpire,
    kv.KvMapSet,
    kv.KvSetAdd,
    kv.KvSortedSet,
    kv.KvMembersRemove,
)
"""What a batch that is all or nothing may have."""

ALONE = (
    Batch,
    Run,
    commands.Peek,
    commands.Move,
    commands.Attach,
    commands.GrantCredit,
    commands.Detach,
    topics.Fetch,
    history.PutBack,
    history.DescribeMessage,
)
"""What stands alone: it may wait, or needs bodies before it is decided."""

Handle = Callable[[Ask, int], "Step | Missing"]
Deciders = dict[type, Callable[[World, Any, int], "Decision | Missing"]]


class Batches:
    """Does batches and runs by way of the core's own `handle`."""

    def __init__(self, world: World, life: Life, handle: Handle, deciders: Deciders) -> None:
        self.world = world
        self.life = life
        self.handle = handle
        self.deciders = deciders

    def do(self, ask: Ask, now: int) -> Step:
        """A batch or a run."""
        command = ask.command
        if isinstance(command, Run):
            return self._run(ask, command, now)
        assert isinstance(command, Batch), "the core asks for nothing else"
        refused = self._unfit(command) or self._changed_since(command)
        if refused is None and command.all_or_nothing:
            refused = self._locked(ask, command)
            refused = refused or Test(self.world, self.deciders, now).of(command)
        if refused is not None:
            return Step([], [Answer(ask, refused, self.world.state.changed)], False)
        tx = Doing(self, ask, now)
        replies = [tx.do(one) for one in command.commands]
        assert not command.all_or_nothing or not any(map(_stands, replies)), "it was tested"
        return tx.step(BatchDone(replies))

    def _unfit(self, command: Batch) -> Refused | None:
        if not isinstance(command.commands, list | tuple) or not command.commands:
            return Refused(Why.BAD_COMMAND, "a batch has a list of commands")
        if len(command.commands) > BATCH_COMMANDS_MAX:
            text = f"a batch has at most {BATCH_COMMANDS_MAX:,} commands"
            return Refused(Why.BAD_COMMAND, text)
        for one in command.commands:
            if isinstance(one, ALONE):
                text = f"`{type(one).__name__}` stands alone, in no batch"
                return Refused(Why.BAD_COMMAND, text)
            if command.all_or_nothing and not isinstance(one, TESTED):
                text = f"`{type(one).__name__}` is in no batch that is all or nothing"
                return Refused(Why.BAD_COMMAND, text)
        return None

    def _locked(self, ask: Ask, command: Batch) -> Refused | None:
        for one in command.commands:
            refused = self.life.refusal(Ask(ask.caller, ask.number, one))
            if refused is not None:
                return refused
        return None

    def _changed_since(self, command: Batch) -> Refused | None:
        for name, changes in command.unchanged:
            queue = self.world.state.by_name.get(name)
            now = 0 if queue is None else self.world.changes_of(queue)
            if now != changes:
                return Refused(Why.CHANGED, f"queue `{name}` was changed")
        return None

    def _run(self, ask: Ask, command: Run, now: int) -> Step:
        tx = Doing(self, ask, now)
        try:
            result = command.program(tx)
        except Exception as error:  # noqa: BLE001  (it is its author's, and told to its caller)
            text = f"the program raised {type(error).__name__}: {error}"
            return tx.step(Refused(Why.PROGRAM_FAILED, text))
        return tx.step(RunDone(result))


class Doing:
    """A batch or run on its way: what it did so far."""

    def __init__(self, batches: Batches, ask: Ask, now: int) -> None:
        self._batches = batches
        self._ask = ask
        self._now = now
        self._records: list[facts.Record] = []
        self._others: list[Answer] = []
        self._wait = 0

    def ask(self, command: commands.Command) -> Reply:
        """What a program may do; see `Asking`."""
        if isinstance(command, (*ALONE, commands.Receive, commands.Pop)):
            text = f"`{type(command).__name__}` is no part of a program"
            return Refused(Why.BAD_COMMAND, text)
        reply: Reply = self.do(command)
        assert not isinstance(reply, Handout), "what hands out bodies was refused"
        return reply

    def do(self, command: commands.Command) -> Any:
        """One command, done when this returns."""
        if isinstance(command, commands.Receive | commands.Pop):
            command = replace(command, wait_ms=0)
        inner = Ask(self._ask.caller, self._ask.number, command)
        step = self._batches.handle(inner, self._now)
        assert not isinstance(step, Missing), "nothing in a batch needs bodies to be decided"
        self._records.extend(step.records)
        reply: Any = None
        for answer in step.answers:
            if answer.ask is inner:
                reply = answer.reply
                self._wait = max(self._wait, answer.wait)
            else:
                self._others.append(answer)
        assert reply is not None, "what is in a batch is answered at once"
        return reply

    def step(self, reply: Reply) -> Step:
        """All of it as one step."""
        answers = [Answer(self._ask, reply, self._wait), *self._others]
        return Step(self._records, answers, bool(self._records))


class Test:
    """Whether a batch could be done whole; reads the state and changes nothing.

    `ahead`: messages and bytes that come to a queue before; `routed`: queues that exchanges feed;
    `leases`, `keys`: those named so far.
    """

    def __init__(self, world: World, deciders: Deciders, now: int) -> None:
        self.world = world
        self.deciders = deciders
        self.now = now
        self.ahead: dict[int, tuple[int, int]] = {}
        self.routed: set[int] = set()
        self.leases: set[tuple[str, int]] = set()
        self.keys: set[tuple[str, bytes]] = set()

    def of(self, batch: Batch) -> Refused | None:
        """The first refusal of any of the commands."""
        for one in batch.commands:
            if isinstance(one, commands.Publish):
                refused = self._publish(one)
            else:
                refused = self._depends(one) or self._decided(one)
            if refused is not None:
                return refused
        return None

    def _decided(self, one: commands.Command) -> Refused | None:
        decision = self.deciders[type(one)](self.world, one, self.now)
        assert isinstance(decision, Decision), "nothing in a batch needs bodies to be decided"
        stands = _stands(decision.reply)
        if stands is not None or not isinstance(one, exchanges.PublishTo):
            return stands
        for queue in self._fed_by(decision.records):
            if _is_bounded(queue) and (queue.id in self.ahead or queue.id in self.routed):
                return _together(f"publishes to queue `{queue.name}`, which is bounded")
            self.routed.add(queue.id)
        return None

    def _fed_by(self, records: list[facts.Record]) -> list[Queue]:
        """The queues that get something, those of a route set that the records define too."""
        state = self.world.state
        found: list[Queue] = []
        for record in records:
            if isinstance(record, facts.RouteSetDefined):
                found.extend([state.queues[id] for id in record.queues])
            elif isinstance(record, facts.Published):
                found.extend(state.targets_of(record.shelf))
        return found

    def _publish(self, one: commands.Publish) -> Refused | None:
        found = publish.find_queues(self.world.state, one.queues)
        if isinstance(found, Decision):
            return _stands(found.reply)
        for queue in found:
            if _is_bounded(queue) and queue.id in self.routed:
                return _together(f"publishes to queue `{queue.name}`, which is bounded")
        ahead = [self.ahead.get(queue.id, (0, 0)) for queue in found]
        most = (max(count for count, _ in ahead), max(size for _, size in ahead))
        refusal = publish.refusal_of(self.world, one, found, most)
        if refusal is not None:
            return _stands(refusal.reply)
        heads = sum(map(len, one.heads or ()))
        for queue, (before, size) in zip(found, ahead, strict=True):
            window = queue.settings.dedup_window_ms
            count = before + len(one.bodies)
            if window is not None and queue.dedup.room(self.now, window) < count:
                text = f"queue `{queue.name}` can remember no more deduplication ids"
                return Refused(Why.QUEUE_FULL, text)
            self.ahead[queue.id] = (count, size + sum(map(len, one.bodies)) + heads)
        return None

    def _depends(self, one: Any) -> Refused | None:
        if isinstance(one, commands.Settle | commands.Extend):
            named = {(one.queue, offset) for offset in one.offsets}
            if len(named) < len(one.offsets) or self.leases & named:
                return _together("settles of one message")
            self.leases |= named
            return None
        keys = getattr(one, "keys", None) if isinstance(one, kv.KvSet | kv.KvDelete) else None
        if keys is None and hasattr(one, "space"):
            keys = [one.key] if hasattr(one, "key") else one.keys
        named_keys = {(one.space, key) for key in keys or ()}
        if self.keys & named_keys:
            return _together("uses of one key")
        self.keys |= named_keys
        return None


def _together(what: str) -> Refused:
    text = f"a batch that is all or nothing has no two {what}: one could undo the other"
    return Refused(Why.BAD_COMMAND, text)


def _is_bounded(queue: Queue) -> bool:
    settings = queue.settings
    bounded = settings.length_max is not None or settings.bytes_max is not None
    return bounded and settings.overflow == OVERFLOW_REJECT


def _stands(reply: object) -> Refused | None:
    """What stands in the way of all or nothing, if an answer is this."""
    if isinstance(reply, Refused):
        return reply
    if isinstance(reply, Settled) and reply.failed:
        return Refused(reply.failed[0][1], "a message of the batch cannot be settled")
    if isinstance(reply, KvStored) and not reply.done:
        return Refused(Why.CHANGED, "a condition of the batch does not hold")
    return None
