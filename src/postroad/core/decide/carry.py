"""Messages on their way from one place to another: fetched, looked at, changed, published there and
dropped here in one step.

One rule: a move is the publish there and the drop here in one step, with the bytes copied and a
note of the earlier life.
"""

from array import array
from functools import lru_cache

from postroad.core import history
from postroad.core import records as facts
from postroad.core.bits import PAGE, PAGE_BITS, pack_mask
from postroad.core.decide.deaths import DEATH_WORDS, died
from postroad.core.decide.load import Load, publish_records
from postroad.core.decide.pick import Picked
from postroad.core.decision import Missing, World
from postroad.core.handout import Bodies, Piece, pieces_of
from postroad.core.page import Page
from postroad.core.past import PastPage
from postroad.core.queue import Queue
from postroad.limits import MOVE_BYTES_MAX
from postroad.model.choices import Edit, Which
from postroad.model.filters import Content, Filter
from postroad.model.message import Death, Note
from postroad.model.policy import FIFO

read_filter = lru_cache(maxsize=64)(Filter)
"""A filter from its text and scope. Raises `BadFilter`."""


NO_DEATHS: list[Death] = []
"""One list for all who never died, and nobody adds to: a million of them would be a million objects
for the collector to look at."""


class Taken:
    """A move's facts, how many messages it moves and at which offsets, and `after`: the offset up
    to which each picked message was looked at, moved or not."""

    def __init__(self, records: list[facts.Record], offsets: list[int], after: int) -> None:
        self.records = records
        self.offsets = offsets
        self.count = len(offsets)
        self.after = after


class Errand:
    """What a move is about. `target` None: back to where each came from. `again`: from what is kept
    back into the queue itself. `death`: they are dead and leave for that. `count`: most to move."""

    def __init__(self, source: Queue, target: Queue | None) -> None:
        self.source = source
        self.target = target
        self.again = False
        self.dead = False
        self.count = 1 << 62
        self.which: Which | None = None
        self.edit: Edit | None = None


def move_records(
    world: World, source: Queue, target: Queue | None, picked: Picked, dead: bool, now: int
) -> Taken | Missing:
    """The facts of a move: per target one publish with notes, and the drops here. Those without a
    target stay."""
    errand = Errand(source, target)
    errand.dead = dead
    return carry(world, errand, picked, now)


def carry(world: World, errand: Errand, picked: Picked, now: int) -> Taken | Missing:
    """The same for any errand."""
    fetched = fetch(world, errand.source, picked)
    if isinstance(fetched, Missing):
        return fetched
    cargo = Cargo(errand, picked)
    after = 0
    for piece, bodies in fetched:
        for at in range(piece.count):
            if len(cargo.offsets) >= errand.count:
                break
            after = piece.offset + at + 1
            note = None if bodies.notes is None else bodies.notes[at]
            into = _goal(world, errand, note)
            if into is not None and _wanted(errand, after - 1, bodies, at):
                cargo.take(into, piece, bodies, at, now)
    return Taken(cargo.records(world, now), cargo.offsets, after)


class Cargo:
    """What goes where: messages taken so far, by target, and where they leave."""

    def __init__(self, errand: Errand, picked: Picked) -> None:
        self.errand = errand
        self.homes = {page.number: page for page, _ in picked}
        self.loads: dict[int, Load] = {}
        self.gone: dict[int, int] = {}
        self.offsets: list[int] = []

    def take(self, into: Queue, piece: Piece, bodies: Bodies, at: int, now: int) -> None:
        """One more message, with its key, priority and note."""
        offset = piece.offset + at
        page = self.homes[offset >> PAGE_BITS]
        slot = offset & (PAGE - 1)
        load = self.loads.setdefault(into.id, _empty_load())
        note = None if bodies.notes is None else bodies.notes[at]
        moved = _noted(self.errand, offset, note, bodies.times[at])
        if self.errand.dead:
            assert isinstance(page, Page), "what is kept is not dead"
            count = 0 if piece.counts is None else piece.counts[at]
            head = b"" if bodies.heads is None else bodies.heads[at]
            moved.deaths = died(self.errand.source, page.deaths[slot], count, moved, head, now)
            moved.deaths[-1].failure = page.failure_of(slot)
        _add(load, bodies, at, self.errand.edit)
        _add_life(load, into, page, moved)
        _add_place(load, page, slot)
        self.gone[page.number] = self.gone.get(page.number, 0) | (1 << slot)
        self.offsets.append(offset)

    def records(self, world: World, now: int) -> list[facts.Record]:
        """Per target one publish, and the drops."""
        records: list[facts.Record] = []
        for id, load in self.loads.items():
            if load.keys is not None and not any(load.keys):
                load.keys = None
            load.priorities = bytes(load.levels) if any(load.levels) else None
            records.extend(publish_records(world.state, [world.state.queues[id]], load, now))
        source = self.errand.source.id
        for number, mask in self.gone.items():
            first, span, packed = pack_mask(mask)
            first += number << PAGE_BITS
            if isinstance(self.homes[number], PastPage):
                records.append(history.Recalled(source, first, span, packed))
            else:
                records.append(facts.Dropped(source, first, span, packed, facts.MOVED))
        return records


def _goal(world: World, errand: Errand, note: Note | None) -> Queue | None:
    """Where a message goes; `None`: it stays. A log takes nothing back."""
    if errand.again:
        return errand.source
    goal = errand.target
    if goal is None and note is not None:
        goal = world.state.queues.get(note.source)
        if goal is not None and goal.borrowed:
            return None
    return None if goal is errand.source else goal


def _wanted(errand: Errand, offset: int, bodies: Bodies, at: int) -> bool:
    which = errand.which
    if which is None or which.is_all:
        return True
    note = None if bodies.notes is None else bodies.notes[at]
    published_ms = bodies.times[at] if note is None else note.published_ms
    if published_ms < which.published_from_ms:
        return False
    if which.published_to_ms and published_ms >= which.published_to_ms:
        return False
    if which.ids:
        place = (errand.source.id, offset) if note is None else (note.queue, note.offset)
        if place not in which.ids:
            return False
    if not which.filter:
        return True
    head = b"" if bodies.heads is None else bodies.heads[at]
    wanted: bool = read_filter(which.filter, which.filter_scope).passes(
        Content(head, bodies.bodies[at])
    )
    return wanted


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
        for piece in pieces_at(queue, page, mask):
            if (piece.shelf, piece.block) != block:
                block = (piece.shelf, piece.block)
                blocks_bytes += piece.size
                if found and blocks_bytes > MOVE_BYTES_MAX:
                    return found
            found.append(piece)
    return found


def pieces_at(queue: Queue, page: Page | PastPage, mask: int) -> list[Piece]:
    """Live or kept messages of one page as pieces."""
    if isinstance(page, PastPage):
        return pieces_of(queue, page.base, mask, None)
    return pieces_of(queue, page.base, mask, page)


def _empty_load() -> Load:
    load = Load([])
    load.bodies = []
    load.heads = []
    load.notes = []
    load.expires = array("Q")
    load.keys = array("Q")
    return load


def _noted(errand: Errand, offset: int, note: Note | None, published_ms: int) -> Note:
    """The note of a message on its way out of a queue. Put back, it goes on coming from where it
    was moved from last."""
    source = errand.source.id
    if note is None:
        return Note(source, offset, published_ms, source, NO_DEATHS)
    if errand.again:
        source = note.source
    return Note(
        note.queue,
        note.offset,
        note.published_ms,
        source,
        note.deaths,
        note.exchange,
        note.keys,
    )


def _add(load: Load, bodies: Bodies, at: int, edit: Edit | None) -> None:
    assert isinstance(load.bodies, list)
    assert isinstance(load.heads, list)
    body = bodies.bodies[at]
    head = b"" if bodies.heads is None else bodies.heads[at]
    if edit is not None:
        body = body if edit.body is None else edit.body
        head = edit.of_head(head)
    load.bodies.append(body)
    load.heads.append(head)


def _add_life(load: Load, target: Queue, page: Page | PastPage, note: Note) -> None:
    """A moved message keeps its age. What had settled begins a new life, in which its queue's
    limit counts from now; so does what comes to a strict queue, for its order there is that of
    arrival."""
    assert load.notes is not None
    assert load.expires is not None
    load.notes.append(note)
    life = target.settings.life_ms
    if life is None or isinstance(page, PastPage) or target.settings.kind == FIFO:
        load.expires.append(0)
    else:
        load.expires.append(_life_from(note) + life)


def _add_place(load: Load, page: Page | PastPage, slot: int) -> None:
    """The key and the priority of a message go with it."""
    assert load.keys is not None
    load.keys.append(page.key_number(slot))
    load.levels.append(page.priority_of(slot))


def _life_from(note: Note) -> int:
    """What died of age begins a new life, or two queues that are each other's dead letters would
    pass it to and fro for ever."""
    if note.deaths and note.deaths[-1].reason == DEATH_WORDS[facts.EXPIRED]:
        return note.deaths[-1].at_ms
    return note.published_ms
