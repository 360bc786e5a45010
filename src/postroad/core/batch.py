"""Several commands as one step, and programs that run inside the broker.

One rule: nothing is taken back: what must be all or nothing is tested whole before the first
command is done, and commands whose outcomes depend on each other are not tested but refused.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from postroad.core import records as facts
from postroad.core.decide import publish
from postroad.core.decide.overflow import weight_in
from postroad.core.decide.settle import is_gone
from postroad.core.decision import Answer, Decision, Missing, Step, World
from postroad.core.handout import Handout
from postroad.core.kv.pushes import new_pushes, no_room_for
from postroad.core.kv.room import room_for
from postroad.core.life import Life
from postroad.core.lists.program import COLD, filled, is_at_hand
from postroad.core.queue import Queue
from postroad.core.topics.desk import SERVED
from postroad.limits import (
    BATCH_BYTES_MAX,
    BATCH_COMMANDS_MAX,
    GROUPS_MAX,
    KV_SPACES_MAX,
)
from postroad.model import claims, commands, exchanges, groups, history, kv, topics
from postroad.model.ask import Ask
from postroad.model.batch import Batch, BatchDone, Run, RunDone
from postroad.model.kv_replies import KvCounted, KvStored
from postroad.model.lists import ListMove, ListPop
from postroad.model.policy import OVERFLOWS_REFUSING
from postroad.model.replies import Refused, Reply, Settled, Why
from postroad.model.sound import unsound, unsound_columns

TESTED = (
    commands.Publish,
    commands.Settle,
    commands.Extend,
    exchanges.PublishTo,
    topics.Append,
    groups.CommitOffsets,
    kv.KvSet,
    kv.KvGet,
    kv.KvDelete,
    kv.KvIncrement,
    kv.KvAdd,
    kv.KvExpire,
    kv.KvMapSet,
    kv.KvMapIncrement,
    kv.KvMapAdd,
    kv.KvFieldExpire,
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
    commands.CountArrived,
    commands.SetPool,
    commands.Detach,
    topics.FindOffset,
    groups.DeclareGroup,
    groups.SeekGroup,
    *SERVED,
    history.PutBack,
    history.DescribeMessage,
)
"""What stands alone: it may wait, or needs bodies before it is decided."""

COLUMNS = ("bodies", "heads", "keys", "values", "fields", "members")
"""Where commands have their texts."""

Handle = Callable[[Ask, int], "Step | Missing"]
Deciders = dict[type, Callable[[World, Any, int], "Decision | Missing"]]


class Batches:
    """Does batches and runs by way of the core's own `handle`. `busy`: one is on its way."""

    def __init__(self, world: World, life: Life, handle: Handle, deciders: Deciders) -> None:
        self.world = world
        self.life = life
        self.handle = handle
        self.deciders = deciders
        self.busy = False

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
        return tx.step(BatchDone([tx.do(one) for one in command.commands]))

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
            wrong = unsound(one) or unsound_columns(one)
            if wrong is not None:
                return Refused(Why.BAD_COMMAND, wrong)
        if sum(map(_bytes_of, command.commands)) > BATCH_BYTES_MAX:
            return Refused(Why.TOO_LARGE, f"a batch has at most {BATCH_BYTES_MAX:,} bytes")
        if not all(map(_is_watched, command.unchanged)):
            return Refused(Why.BAD_COMMAND, "what is watched is names of queues and their changes")
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
        except BaseException as error:
            if tx.broken is not None:
                raise tx.broken from error
            # What it did must reach the journal.
            text = f"the program raised {type(error).__name__}: {error}"
            return tx.step(Refused(Why.PROGRAM_FAILED, text))
        if tx.broken is not None:
            raise tx.broken
        return tx.step(RunDone(result))


class Doing:
    """A batch or run on its way: what it did so far. `broken`: a promise of our own that a command
    of a program broke; the program may have caught it, and the broker stops all the same."""

    def __init__(self, batches: Batches, ask: Ask, now: int) -> None:
        self._batches = batches
        self._ask = ask
        self._now = now
        self._records: list[facts.Record] = []
        self._others: list[Answer] = []
        self._wait = 0
        self._over = False
        self.broken: Exception | None = None

    def ask(self, command: commands.Command) -> Reply:
        """What a program may do; see `Asking`."""
        if self._over:
            return Refused(Why.BAD_COMMAND, "the program is over")
        hands_out = isinstance(command, claims.ClaimLeases | claims.ClaimIdle) and command.bodies
        if hands_out or isinstance(command, (*ALONE, commands.Receive, commands.Pop)):
            text = f"`{type(command).__name__}` is no part of a program"
            return Refused(Why.BAD_COMMAND, text)
        world = self._batches.world
        if isinstance(command, ListPop) and not is_at_hand(world, command):
            return COLD
        try:
            said: Reply | Handout = self.do(command)
            return filled(world, said) if isinstance(said, Handout) else said
        except Exception as error:
            self.broken = error
            raise

    def do(self, command: commands.Command) -> Any:
        """One command, done when this returns."""
        if isinstance(command, commands.Receive | commands.Pop | ListPop | ListMove):
            command = replace(command, wait_ms=0)
        inner = Ask(self._ask.caller, self._ask.number, command)
        step = self._batches.handle(inner, self._now)
        if isinstance(step, Missing):
            text = f"`{type(command).__name__}` must read from the disk first: it stands alone"
            return Refused(Why.BAD_COMMAND, text)
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
        self._over = True
        answers = [Answer(self._ask, reply, self._wait), *self._others]
        return Step(self._records, answers, bool(self._records))


class Test:
    """Whether a batch could be done whole; reads the state and changes nothing.

    `ahead`: messages and bytes that come to a queue before; `routed`: queues that exchanges feed;
    `leases`, `keys`: those named so far; `new_groups`: those that a first commit makes.
    """

    def __init__(self, world: World, deciders: Deciders, now: int) -> None:
        self.world = world
        self.deciders = deciders
        self.now = now
        self.ahead: dict[int, tuple[int, int]] = {}
        self.routed: set[int] = set()
        self.leases: set[tuple[str, int]] = set()
        self.keys: set[tuple[str, bytes]] = set()
        self.new_groups: set[str] = set()
        self.kv_bytes = world.state.kv.size()
        self.spaces = set(world.state.kv.by_name)
        self.pushes: set[bytes] = set()

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
        if isinstance(decision, Missing):
            return Refused(Why.BAD_COMMAND, f"`{type(one).__name__}` stands alone, in no batch")
        stands = _stands(decision.reply) or self._acked_before(one)
        if stands is not None or not isinstance(one, exchanges.PublishTo | topics.Append):
            return stands
        skips = isinstance(one, exchanges.PublishTo) and (one.skip_full or one.skip_refusing)
        for queue in self._fed_by(decision.records):
            fed = queue.id in self.ahead or queue.id in self.routed
            if fed and not skips and _is_bounded(queue):
                return _together(f"publishes to queue `{queue.name}`, which is bounded")
            self.routed.add(queue.id)
        return None

    def _acked_before(self, one: commands.Command) -> Refused | None:
        """An ack alone may come twice; what goes with it was done with the first one, or is that of
        another consumer's."""
        if not isinstance(one, commands.Settle) or one.outcome != commands.ACK:
            return None
        queue = self.world.state.find(one.queue)
        if queue is None or not any(is_gone(queue, offset) for offset in one.offsets):
            return None
        return Refused(Why.NO_SUCH_LEASE, "a message of the batch is settled already")

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
        size = (sum(map(len, one.bodies)), sum(map(len, one.heads or ())))
        sifts = False
        for queue in found:
            count, held = self.ahead.get(queue.id, (0, 0))
            if queue.settings.dedup_window_ms is not None:
                sifts = True
                if count and _is_bounded(queue):
                    return _together(f"publishes to queue `{queue.name}`, which is bounded")
            refusal = publish.refusal_of(self.world, one, [queue], (count, held))
            if refusal is not None:
                return _stands(refusal.reply)
            weight = weight_in(queue, *size)
            self.ahead[queue.id] = (count + len(one.bodies), held + weight)
        return self._decided(one) if sifts else None

    def _depends(self, one: Any) -> Refused | None:
        if isinstance(one, commands.Settle | commands.Extend):
            named = {(one.queue, offset) for offset in one.offsets}
            if len(named) < len(one.offsets) or self.leases & named:
                return _together("settles of one message")
            self.leases |= named
            return None
        if isinstance(one, groups.CommitOffsets):
            return self._new_group(one.group)
        keys = getattr(one, "keys", None) if isinstance(one, kv.KvSet | kv.KvDelete) else None
        if keys is None and hasattr(one, "space"):
            keys = [one.key] if hasattr(one, "key") else one.keys
        refused = self._room_for(one) if keys is not None else None
        if refused is not None:
            return refused
        named_keys = {(one.space, key) for key in keys or ()}
        if self.keys & named_keys:
            return _together("uses of one key")
        self.keys |= named_keys
        return None

    def _new_group(self, name: str) -> Refused | None:
        """Whether the groups that commits make have room beside each other."""
        state = self.world.state.topics
        if name not in state.group_of:
            self.new_groups.add(name)
            if len(state.groups) + len(self.new_groups) > GROUPS_MAX:
                text = f"there are {GROUPS_MAX:,} groups at most; delete some first"
                return Refused(Why.BAD_COMMAND, text)
        return None

    def _room_for(self, one: Any) -> Refused | None:
        """Whether the keys of all commands together have room."""
        self.pushes |= new_pushes(self.world, one, self.now)
        if self.pushes and (full := no_room_for(self.world, self.pushes)) is not None:
            return full
        need = room_for(one)
        if not need:
            return None
        state = self.world.state.kv
        self.spaces.add(one.space)
        if len(self.spaces) > max(KV_SPACES_MAX, len(state.by_name)):
            return Refused(Why.BAD_COMMAND, f"there are {KV_SPACES_MAX:,} spaces, no more")
        self.kv_bytes += need
        if self.kv_bytes > max(self.world.kv_bytes_max, state.size()):
            return Refused(Why.KV_FULL, "keys take all the memory they may; delete some")
        return None


def _bytes_of(command: object) -> int:
    """How long the texts of a command are together."""
    columns = [getattr(command, name, None) for name in COLUMNS]
    # Of a claim `bodies` says whether it wants any.
    texts = [column for column in columns if column and not isinstance(column, bool)]
    return sum([len(text) for column in texts for text in column if text is not None])


def _is_watched(pair: object) -> bool:
    return (
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and isinstance(pair[1], int)
    )


def _together(what: str) -> Refused:
    text = f"a batch that is all or nothing has no two {what}: one could undo the other"
    return Refused(Why.BAD_COMMAND, text)


def _is_bounded(queue: Queue) -> bool:
    settings = queue.settings
    bounded = settings.length_max is not None or settings.bytes_max is not None
    return bounded and settings.overflow in OVERFLOWS_REFUSING


def _stands(reply: object) -> Refused | None:
    """What stands in the way of all or nothing, if an answer is this."""
    if isinstance(reply, Refused):
        return reply
    if isinstance(reply, Settled) and reply.failed:
        return Refused(reply.failed[0][1], "a message of the batch cannot be settled")
    if isinstance(reply, KvStored | KvCounted) and not reply.done:
        return Refused(Why.CHANGED, "a condition of the batch does not hold")
    return None
