"""Moves between queues: redrive, dead letters, background tasks; and peeks, which look at the same
messages.

One rule: a move is the publish there and the drop here in one step, with the bytes copied and a
note of the earlier life.
"""

from array import array

from postroad.core import records as facts
from postroad.core.bits import PAGE, PAGE_BITS, pack_mask, take_lowest
from postroad.core.decide.load import Load, publish_records
from postroad.core.decision import Decision, Missing, World, no_such_queue, refuse
from postroad.core.handout import Bodies, Handout, Piece, pieces_of
from postroad.core.page import Page
from postroad.core.queue import Queue
from postroad.limits import DEATHS_KEPT, MOVE_BYTES_MAX, MOVE_MESSAGES_MAX, PEEK_MAX
from postroad.model.commands import Move, Peek
from postroad.model.message import Note
from postroad.model.replies import Moved, Why

DEATH_WORDS = {
    facts.MAX_DELIVERIES: "max-deliveries",
    facts.REJECTED: "rejected",
    facts.EXPIRED: "expired",
    facts.OVERFLOW: "overflow",
}

Picked = list[tuple[Page, int]]
"""Messages: page and mask, in order."""


def decide_move(world: World, command: Move, now: int) -> Decision | Missing:
    """Move ready messages to another queue, or back to where each came from."""
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
    if world.short_of_space:
        return refuse(Why.NO_SPACE, "the disk is almost full; free some space or consume messages")
    if command.offsets is not None:
        picked = pick_offsets(source, command.offsets[:MOVE_MESSAGES_MAX])
    else:
        picked = pick_ready(source, min(command.count, MOVE_MESSAGES_MAX), 0, source.next_offset)
    moved = move_records(world, source, target, picked, 0, now)
    if isinstance(moved, Missing):
        return moved
    return Decision(moved.records, Moved(moved.count), None if moved.records else source.touched)


def pick_ready(queue: Queue, count: int, start: int, before: int) -> Picked:
    """Up to `count` ready messages of offsets from `start` to below `before`, lowest first."""
    picked: Picked = []
    for number in sorted(set(queue.pages.ready_list)):
        page = queue.pages.all.get(number)
        if page is None or page.base + PAGE <= max(start, queue.purged_before):
            continue
        if page.base >= before or count <= 0:
            break
        mask = page.ready
        if start > page.base:
            mask &= ~((1 << (start - page.base)) - 1)
        if before < page.base + PAGE:
            mask &= (1 << (before - page.base)) - 1
        mask = take_lowest(mask, count)
        if mask:
            picked.append((page, mask))
            count -= mask.bit_count()
    return picked


def pick_offsets(queue: Queue, offsets: tuple[int, ...]) -> Picked:
    """Those of the offsets whose messages are ready."""
    masks: dict[int, int] = {}
    for offset in offsets:
        page = queue.page_of(offset) if offset >= 0 else None
        if page is not None and (page.ready >> (offset & (PAGE - 1))) & 1:
            masks[page.number] = masks.get(page.number, 0) | (1 << (offset & (PAGE - 1)))
    return [(queue.pages.all[number], masks[number]) for number in sorted(masks)]


class Taken:
    """A move's facts, how many messages it moves, and `after`: the offset up to which each picked
    message was looked at, moved or not."""

    def __init__(self, records: list[facts.Record], count: int, after: int) -> None:
        self.records = records
        self.count = count
        self.after = after


def move_records(
    world: World, source: Queue, target: Queue | None, picked: Picked, death: int, now: int
) -> Taken | Missing:
    """The facts of a move: per target one publish with notes, and the drops here. Those without a
    target stay."""
    fetched = fetch(world, source, picked)
    if isinstance(fetched, Missing):
        return fetched
    loads: dict[int, Load] = {}
    gone: dict[int, int] = {}
    after = 0
    for piece, bodies in fetched:
        after = piece.offset + piece.count
        for at in range(piece.count):
            note = None if bodies.notes is None else bodies.notes[at]
            into = target
            if into is None and note is not None:
                into = _home_of(world, note)
            if into is None or into is source:
                continue
            load = loads.setdefault(into.id, _empty_load())
            count = 0 if piece.counts is None else piece.counts[at]
            moved = _noted(source, piece.offset + at, note, bodies.times[at])
            if death:
                reason = _death_word(source, piece.offset + at)
                deaths = [*moved.deaths, (source.title, reason, count, now)]
                moved.deaths = deaths[-DEATHS_KEPT:]
            _add(load, into, bodies, at, moved)
            offset = piece.offset + at
            base = offset & ~(PAGE - 1)
            gone[base] = gone.get(base, 0) | (1 << (offset & (PAGE - 1)))
            _add_place(load, source.pages.all[offset >> PAGE_BITS], offset & (PAGE - 1))
    records: list[facts.Record] = []
    for id, load in loads.items():
        if load.keys is not None and not any(load.keys):
            load.keys = None
        load.priorities = bytes(load.levels) if any(load.levels) else None
        records.extend(publish_records(world.state, [world.state.queues[id]], load, now))
    count = 0
    for base, mask in gone.items():
        count += mask.bit_count()
        first, span, packed = pack_mask(mask)
        records.append(facts.Dropped(source.id, base + first, span, packed, facts.MOVED))
    return Taken(records, count, after)


def _home_of(world: World, note: Note) -> Queue | None:
    """The queue a message was moved from last; a log takes nothing back."""
    home = world.state.queues.get(note.source)
    return None if home is None or home.borrowed else home


def fetch(world: World, queue: Queue, picked: Picked) -> list[tuple[Piece, Bodies]] | Missing:
    """The bodies of the first of the picked messages, MOVE_BYTES_MAX or a little more of them, or
    what must be loaded first."""
    pieces = _first_pieces(queue, picked)
    found: list[tuple[Piece, Bodies]] = []
    taken = 0
    for piece in pieces:
        bodies = world.library.fetch(piece)
        if bodies is None:
            # All of them, so that none that is here gives way to one that is not.
            return Missing(pieces)
        found.append((piece, bodies))
        for at in range(piece.count):
            taken += len(bodies.bodies[at])
            if taken > MOVE_BYTES_MAX:
                piece.count = at + 1
                return found
    return found


def _first_pieces(queue: Queue, picked: Picked) -> list[Piece]:
    """Pieces of picked messages, as many as rest in placed blocks of MOVE_BYTES_MAX together: to
    read one message its whole block is read and kept until the move is decided."""
    found: list[Piece] = []
    block = (-1, -1)
    blocks_bytes = 0
    for page, mask in picked:
        for piece in pieces_of(queue, page, mask, 0):
            if (piece.shelf, piece.block) != block:
                block = (piece.shelf, piece.block)
                blocks_bytes += piece.size
                if found and blocks_bytes > MOVE_BYTES_MAX:
                    return found
            found.append(piece)
    return found


def decide_peek(world: World, command: Peek, now: int) -> Decision:
    """Look at messages and touch nothing."""
    queue = world.state.by_name.get(command.queue)
    if queue is None:
        return no_such_queue(world.state, command.queue)
    handout = Handout(queue.id, now)
    handout.states = []
    left = min(command.count, PEEK_MAX)
    offset = max(command.start, queue.purged_before)
    for number in sorted(queue.pages.all):
        page = queue.pages.all[number]
        if page.base + PAGE <= offset or left <= 0:
            continue
        left = _peek_page(queue, page, offset, left, command.states, handout)
    pieces = handout.pieces
    handout.next_offset = pieces[-1].offset + pieces[-1].count if pieces else queue.next_offset
    return Decision([], handout, queue.touched)


def _peek_page(
    queue: Queue, page: Page, offset: int, left: int, states: tuple[str, ...], handout: Handout
) -> int:
    masks = {
        "ready": page.ready,
        "delayed": page.delayed,
        "leased": page.leased,
        "dead": page.dead,
    }
    wanted = 0
    for state, mask in masks.items():
        if not states or state in states:
            wanted |= mask
    if offset > page.base:
        wanted &= ~((1 << (offset - page.base)) - 1)
    wanted = take_lowest(wanted, left)
    assert handout.states is not None, "a peek says the states"
    dues = page.dues.by_slot() if page.dues is not None and wanted & page.delayed else {}
    for piece in pieces_of(queue, page, wanted, 0):
        handout.pieces.append(piece)
        _as_seen(page, piece)
        for slot in range(piece.offset - page.base, piece.offset - page.base + piece.count):
            state = next(name for name, mask in masks.items() if (mask >> slot) & 1)
            handout.states.append(state)
            handout.dues.append(dues.get(slot, 0))
    return left - wanted.bit_count()


def _as_seen(page: Page, piece: Piece) -> None:
    """A peek shows deliveries so far, the one that is going on included; a handout shows the next
    one."""
    first = piece.offset - page.base
    slots = range(first, first + piece.count)
    leased = page.leased
    piece.counts = [page.count_of(slot) + ((leased >> slot) & 1) - 1 for slot in slots]
    piece.firsts = [page.first_of(slot) for slot in slots]


def _empty_load() -> Load:
    load = Load([])
    load.bodies = []
    load.heads = []
    load.notes = []
    load.expires = array("Q")
    load.keys = array("Q")
    return load


def _noted(source: Queue, offset: int, note: Note | None, published_ms: int) -> Note:
    """The note of a message on its way out of a queue."""
    if note is None:
        return Note(source.id, offset, published_ms, source.id, [])
    return Note(note.queue, note.offset, note.published_ms, source.id, list(note.deaths))


def _add(load: Load, target: Queue, bodies: Bodies, at: int, note: Note) -> None:
    assert load.notes is not None
    assert load.expires is not None
    assert isinstance(load.bodies, list)
    assert isinstance(load.heads, list)
    load.bodies.append(bodies.bodies[at])
    load.heads.append(b"" if bodies.heads is None else bodies.heads[at])
    load.notes.append(note)
    life = target.settings.life_ms
    load.expires.append(0 if life is None else _life_from(note) + life)


def _add_place(load: Load, page: Page, slot: int) -> None:
    """The key and the priority of a message go with it."""
    assert load.keys is not None
    load.keys.append(page.key_number(slot))
    load.levels.append(page.priority_of(slot))


def _life_from(note: Note) -> int:
    """A moved message keeps its age. What died of age begins a new life, or two queues that are
    each other's dead letters would pass it to and fro for ever."""
    if note.deaths and note.deaths[-1][1] == DEATH_WORDS[facts.EXPIRED]:
        return note.deaths[-1][3]
    return note.published_ms


def _death_word(queue: Queue, offset: int) -> str:
    page = queue.pages.all[offset >> PAGE_BITS]
    return DEATH_WORDS[page.deaths[offset & (PAGE - 1)]]
