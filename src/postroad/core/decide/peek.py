"""Looks at messages that touch nothing: many of them, or all that is known of one.

One rule: what is looked at stays as it is, deliveries so far and all.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.biography import (
    LAPSED,
    REJECTED,
    RELEASED,
    RESTARTED,
    RETRIED,
    SESSION_ENDED,
    Event,
)
from postroad.core.bits import PAGE, PAGE_BITS, take_lowest
from postroad.core.decision import Decision, Missing, World, no_such_queue, refuse
from postroad.core.handout import Handout, Piece, pieces_of
from postroad.core.page import Page
from postroad.core.queue import Queue
from postroad.limits import PEEK_MAX
from postroad.model.commands import Peek
from postroad.model.history import DescribeMessage, MessageDescribed, Return
from postroad.model.replies import Why

WHYS = {
    LAPSED: "lapsed",
    RELEASED: "released",
    RETRIED: "retried",
    REJECTED: "rejected",
    SESSION_ENDED: "session-ended",
    RESTARTED: "restarted",
}


def decide_peek(world: World, command: Peek, now: int) -> Decision:
    """Look at messages and touch nothing."""
    queue = world.state.by_name.get(command.queue)
    if queue is None:
        return no_such_queue(world.state, command.queue)
    handout = Handout(queue.id, now)
    handout.states = []
    left = min(command.count, PEEK_MAX)
    offset = max(command.start, queue.purged_before)
    for number in _numbers(queue, command.states):
        if (number + 1) << PAGE_BITS <= offset:
            continue
        if left <= 0:
            break
        left = _peek_page(queue, number, offset, left, command.states, handout)
    pieces = handout.pieces
    handout.next_offset = pieces[-1].offset + pieces[-1].count if pieces else queue.next_offset
    return Decision([], handout, queue.touched)


def _numbers(queue: Queue, states: tuple[str, ...]) -> list[int]:
    if "settled" not in states or queue.past is None:
        return sorted(queue.pages.all)
    if states == ("settled",):
        return queue.past.order
    return sorted({*queue.pages.all, *queue.past.pages})


def states_of(queue: Queue, number: int) -> dict[str, int]:
    """The messages of a page, by state."""
    page = queue.pages.all.get(number)
    masks = {"settled": 0 if queue.past is None else queue.past.settled_in(number)}
    if page is not None:
        masks["ready"] = page.ready
        masks["delayed"] = page.delayed
        masks["leased"] = page.leased
        masks["dead"] = page.dead
    return masks


def _peek_page(
    queue: Queue, number: int, offset: int, left: int, states: tuple[str, ...], handout: Handout
) -> int:
    masks = states_of(queue, number)
    base = number << PAGE_BITS
    wanted = 0
    for state, mask in masks.items():
        if state in states or (not states and state != "settled"):
            wanted |= mask
    if offset > base:
        wanted &= ~((1 << (offset - base)) - 1)
    wanted = take_lowest(wanted, left)
    assert handout.states is not None, "a peek says the states"
    page = queue.pages.all.get(number)
    dues: dict[int, int] = {}
    if page is not None and page.dues is not None and wanted & page.delayed:
        dues = page.dues.by_slot()
    for piece in _pieces(queue, number, wanted):
        handout.pieces.append(piece)
        for slot in range(piece.offset - base, piece.offset - base + piece.count):
            state = next(name for name, mask in masks.items() if (mask >> slot) & 1)
            handout.states.append(state)
            due = settled_ms(queue, base + slot) if state == "settled" else dues.get(slot, 0)
            handout.dues.append(due)
    return left - wanted.bit_count()


def _pieces(queue: Queue, number: int, wanted: int) -> list[Piece]:
    """Pieces in order of offset, kept messages among them."""
    base = number << PAGE_BITS
    kept = 0 if queue.past is None else wanted & queue.past.settled_in(number)
    found = pieces_of(queue, base, kept, None)
    for piece in found:
        # A peek shows deliveries so far; nobody counts those of what is kept.
        piece.counts = [0] * piece.count
        piece.firsts = [0] * piece.count
    page = queue.pages.all.get(number)
    if page is not None:
        for piece in pieces_of(queue, base, wanted & ~kept, page):
            _as_seen(page, piece)
            found.append(piece)
    found.sort(key=lambda piece: piece.offset)
    return found


def settled_ms(queue: Queue, offset: int) -> int:
    """When a kept message settled, or a little later."""
    assert queue.past is not None, "asked only of what is kept"
    return queue.past.pages[offset >> PAGE_BITS].settled_ms(offset & (PAGE - 1))


def _as_seen(page: Page, piece: Piece) -> None:
    """A peek shows deliveries so far, the one that is going on included; a handout shows the next
    one."""
    first = piece.offset - page.base
    slots = range(first, first + piece.count)
    leased = page.leased
    piece.counts = [page.count_of(slot) + ((leased >> slot) & 1) - 1 for slot in slots]
    piece.firsts = [page.first_of(slot) for slot in slots]


def decide_describe_message(
    world: World, command: DescribeMessage, _now: int
) -> Decision | Missing:
    """All that is known of one message."""
    queue = world.state.by_name.get(command.queue)
    if queue is None:
        return no_such_queue(world.state, command.queue)
    offset = command.offset
    slot = offset & (PAGE - 1)
    state = None
    if queue.purged_before <= offset < queue.next_offset:
        masks = states_of(queue, offset >> PAGE_BITS)
        state = next((name for name, mask in masks.items() if (mask >> slot) & 1), None)
    if state is None:
        text = f"queue `{queue.name}` has no message at offset {offset}"
        return refuse(Why.NO_SUCH_MESSAGE, text, queue.touched)
    pieces = pieces_of(queue, offset - slot, 1 << slot, None)
    bodies = world.library.fetch(pieces[0])
    if bodies is None:
        return Missing(pieces)
    note = None if bodies.notes is None else bodies.notes[0]
    home = None if note is None else world.state.queues.get(note.source)
    page = queue.page_of(offset)
    described = MessageDescribed(
        queue.id,
        offset,
        state,
        _due_ms(queue, state, offset),
        (queue.id, offset) if note is None else (note.queue, note.offset),
        bodies.times[0] if note is None else note.published_ms,
        0 if page is None or state == "settled" else page.count_of(slot),
        0 if page is None or state == "settled" else page.first_of(slot),
        None if home is None else home.title,
        () if note is None else tuple(note.deaths),
        tuple(_told(event) for event in queue.lives.of(offset)),
    )
    return Decision([], described, queue.touched)


def _due_ms(queue: Queue, state: str, offset: int) -> int:
    if state == "settled":
        return settled_ms(queue, offset)
    page = queue.page_of(offset)
    if state != "delayed" or page is None or page.dues is None:
        return 0
    return page.dues.by_slot().get(offset & (PAGE - 1), 0)


def _told(event: Event) -> Return:
    return Return(
        event.granted_ms,
        event.returned_ms,
        event.due_ms,
        WHYS[event.why],
        event.lease,
        event.holder,
    )


DECIDERS: dict[type, Callable[[World, Any, int], Decision | Missing]] = {
    Peek: decide_peek,
    DescribeMessage: decide_describe_message,
}
"""Commands that look at messages."""
