"""Moves between queues, from what is kept back into its queue, and out of one for good: by command.

One rule: one command is one atomic step of at most MOVE_MESSAGES_MAX messages looked at, and says
where to go on.
"""

from collections.abc import Callable
from typing import Any

from postroad.core import history
from postroad.core import records as facts
from postroad.core.bits import pack_mask
from postroad.core.decide.carry import Errand, carry, read_filter
from postroad.core.decide.pick import (
    Picked,
    pick_kept_offsets,
    pick_live,
    pick_offsets,
    pick_settled,
)
from postroad.core.decision import Decision, Missing, World, no_such_queue, refuse, too_long
from postroad.core.queue import Queue
from postroad.limits import MESSAGE_BYTES_MAX, MOVE_BYTES_MAX, MOVE_MESSAGES_MAX
from postroad.model.choices import Edit, Which
from postroad.model.commands import Move
from postroad.model.conditions import BadFilter
from postroad.model.history import Cancel, Cancelled, PutBack, Reschedule
from postroad.model.policy import FIFO
from postroad.model.replies import Moved, Why

SETTLED = ("settled",)
NO_ROOM = "the disk is almost full; free some space or consume messages"
ALL_STATES = (("ready",), ("delayed",), ("ready", "delayed"), ("delayed", "ready"), SETTLED)


def decide_move(world: World, command: Move, now: int) -> Decision | Missing:
    """Move messages to another queue, or back to where each came from."""
    state = world.state
    source = state.by_name.get(command.source)
    if source is None:
        return no_such_queue(state, command.source)
    target = None
    if command.target is not None:
        target = state.by_name.get(command.target)
        if target is None:
            return no_such_queue(state, command.target)
    if target is source:
        return refuse(Why.BAD_COMMAND, "a move needs two different queues")
    if command.states not in ALL_STATES:
        return refuse(Why.BAD_COMMAND, "a move is of ready and delayed messages, or settled ones")
    refusal = refused_choice(command.which, command.edit, command.states == SETTLED)
    if refusal is not None:
        return refusal
    if world.short_of_space and not command.dry_run:
        return refuse(Why.NO_SPACE, NO_ROOM)
    errand = Errand(source, target)
    return _take(world, command, errand, command.states, now)


def decide_put_back(world: World, command: PutBack, now: int) -> Decision | Missing:
    """Publish settled messages again where they were."""
    queue = world.state.by_name.get(command.queue)
    if queue is None:
        return no_such_queue(world.state, command.queue)
    refusal = refused_choice(command.which, command.edit, True)
    if refusal is not None:
        return refusal
    if world.short_of_space and not command.dry_run:
        return refuse(Why.NO_SPACE, NO_ROOM)
    errand = Errand(queue, queue)
    errand.again = True
    return _take(world, command, errand, SETTLED, now)


def refused_choice(which: Which | None, edit: Edit | None, settled: bool) -> Decision | None:
    """The refusal of what cannot be chosen or done on the way."""
    if which is not None and which.filter:
        try:
            read_filter(which.filter, which.filter_scope)
        except BadFilter as error:
            return refuse(Why.BAD_FILTER, str(error))
    if which is not None and not settled and (which.settled_from_ms or which.settled_to_ms):
        return refuse(Why.BAD_COMMAND, "only settled messages are chosen by when they settled")
    if edit is not None and edit.body is not None and len(edit.body) > MESSAGE_BYTES_MAX:
        return refuse(Why.TOO_LARGE, f"a message has at most {MESSAGE_BYTES_MAX:,} bytes")
    return None


def count_edited(count: int, edit: Edit | None) -> int:
    """How many of so many messages one step may change: a body for all of them is written for
    each."""
    if edit is None or not edit.body:
        return count
    return min(count, 1 + MOVE_BYTES_MAX // len(edit.body))


def _take(
    world: World, command: Move | PutBack, errand: Errand, states: tuple[str, ...], now: int
) -> Decision | Missing:
    source = errand.source
    errand.which = command.which
    errand.edit = command.edit
    errand.count = count_edited(min(command.count, MOVE_MESSAGES_MAX), command.edit)
    offsets = _named(source, command)
    if offsets is not None:
        errand.count = MOVE_MESSAGES_MAX
        picked = _pick_offsets(source, offsets[:MOVE_MESSAGES_MAX], states)
    else:
        picked = _pick(source, command, states, command.start, errand)
    taken = carry(world, errand, picked, now)
    if isinstance(taken, Missing):
        return taken
    after = 0
    if offsets is None and _is_searching(command) and taken.after:
        after = taken.after if _pick(source, command, states, taken.after, errand) else 0
    if command.dry_run:
        return Decision([], Moved(taken.count, after, tuple(taken.offsets)), source.touched)
    group = None if taken.records else source.touched
    return Decision(taken.records, Moved(taken.count, after), group)


def _is_searching(command: Move | PutBack) -> bool:
    """Whether somebody may want to know where to go on."""
    if isinstance(command, PutBack) or command.dry_run or command.start > 0:
        return True
    return command.which is not None or command.states != ("ready",)


def _named(source: Queue, command: Move | PutBack) -> tuple[int, ...] | None:
    """The offsets a command names; by first places they are known where all of them are kept."""
    if command.offsets is not None:
        return command.offsets
    which = command.which
    if isinstance(command, Move) or which is None or not which.ids:
        return None
    offsets = tuple(offset for queue, offset in which.ids if queue == source.id)
    found = sum(mask.bit_count() for _, mask in pick_kept_offsets(source, offsets))
    return offsets if found == len(set(which.ids)) else None


def _pick_offsets(source: Queue, offsets: tuple[int, ...], states: tuple[str, ...]) -> Picked:
    if states == SETTLED:
        return pick_kept_offsets(source, offsets)
    return pick_offsets(source, offsets, states)


def _pick(
    source: Queue, command: Move | PutBack, states: tuple[str, ...], start: int, errand: Errand
) -> Picked:
    which = command.which
    look = errand.count if which is None or which.is_all else MOVE_MESSAGES_MAX
    if states == SETTLED:
        return pick_settled(source, which, look, start, source.next_offset)
    return pick_live(source, states, look, start, source.next_offset)


def decide_cancel(world: World, command: Cancel, _now: int) -> Decision:
    """Drop messages that nobody has received yet."""
    queue = world.state.by_name.get(command.queue)
    if queue is None:
        return no_such_queue(world.state, command.queue)
    picked, missing = _sorted_out(queue, command.offsets)
    records: list[facts.Record] = []
    count = 0
    for page, mask in picked:
        count += mask.bit_count()
        first, span, packed = pack_mask(mask)
        records.append(facts.Dropped(queue.id, page.base + first, span, packed, facts.CANCELLED))
    return Decision(records, Cancelled(count, missing), None if records else queue.touched)


def decide_reschedule(world: World, command: Reschedule, now: int) -> Decision:
    """Give messages that nobody has received another time."""
    queue = world.state.by_name.get(command.queue)
    if queue is None:
        return no_such_queue(world.state, command.queue)
    if command.after_ms < 0 or too_long(command.after_ms):
        return refuse(Why.BAD_COMMAND, "`after_ms` is a time not below 0, and at most a century")
    if queue.settings.kind == FIFO:
        return refuse(Why.BAD_COMMAND, f"queue `{queue.name}` keeps the order of its messages")
    picked, missing = _sorted_out(queue, command.offsets)
    due_ms = now + command.after_ms if command.after_ms else 0
    records: list[facts.Record] = []
    count = 0
    for page, mask in picked:
        count += mask.bit_count()
        first, span, packed = pack_mask(mask)
        records.append(history.Rescheduled(queue.id, page.base + first, span, packed, due_ms))
    return Decision(records, Cancelled(count, missing), None if records else queue.touched)


def _sorted_out(queue: Queue, offsets: tuple[int, ...]) -> tuple[Picked, tuple[int, ...]]:
    """Those of the offsets that are ready or delayed, and the others."""
    chosen = offsets[:MOVE_MESSAGES_MAX]
    picked = pick_offsets(queue, chosen, ("ready", "delayed"))
    masks = {page.base: mask for page, mask in picked}
    missing: list[int] = []
    for offset in sorted(set(offsets)):
        base = offset & ~4_095
        if not (masks.get(base, 0) >> (offset - base)) & 1:
            missing.append(offset)
    return picked, tuple(missing)


DECIDERS: dict[type, Callable[[World, Any, int], Decision | Missing]] = {
    Move: decide_move,
    PutBack: decide_put_back,
    Cancel: decide_cancel,
    Reschedule: decide_reschedule,
}
"""Commands that move messages, or take them out."""
