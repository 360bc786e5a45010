"""Publish: messages to one or more queues, all of it or nothing.

One rule: bodies are stored once however many queues get them; several publishes to the same queues
are one record.
"""

from array import array
from collections.abc import Sequence
from itertools import accumulate

from postroad.core import records as facts
from postroad.core.decision import TOO_LONG, Decision, World, no_such_queue, refuse, too_long
from postroad.core.queue import Queue
from postroad.core.state import State
from postroad.limits import (
    BLOCK_MESSAGES_MAX,
    CHUNK_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    PUBLISH_BYTES_MAX,
    ROUTE_SETS_MAX,
)
from postroad.model.commands import Publish
from postroad.model.message import Note
from postroad.model.policy import OVERFLOW_REJECT
from postroad.model.replies import Published, Why

UNEVEN = "a publish has messages, and one entry per message in a list"


class Load:
    """The messages of one or more publishes, as columns."""

    __slots__ = ("bodies", "dues", "expires", "heads", "notes")

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self.bodies = bodies
        self.heads: Sequence[bytes] | None = None
        self.dues: array[int] | None = None
        self.expires: array[int] | None = None
        self.notes: list[Note] | None = None


def decide_publish(world: World, command: Publish, now: int) -> Decision:
    """One publish."""
    found = find_queues(world.state, command.queues)
    if isinstance(found, Decision):
        return found
    refusal = refusal_of(world, command, found)
    if refusal is not None:
        return refusal
    load = load_of(command, now)
    places = tuple((queue.id, queue.next_offset) for queue in found)
    return Decision(publish_records(world.state, found, load, now), Published(places, now))


def load_of(command: Publish, now: int) -> Load:
    """The columns of a publish, as the facts have them."""
    load = Load(command.bodies)
    load.heads = _heads(command.heads)
    if command.delays_ms is not None:
        load.dues = array("Q", [_due(now, one) for one in command.delays_ms])
    if command.ttls_ms is not None:
        load.expires = array(
            "Q", [0 if one is None else now + max(0, one) for one in command.ttls_ms]
        )
    return load


def decide_together(world: World, commands: list[Publish], now: int) -> list[Decision]:
    """Publishes to the same queues with nothing but bodies and heads, as one record; the first
    decision has it."""
    found = find_queues(world.state, commands[0].queues)
    if isinstance(found, Decision):
        return [found] * len(commands)
    decisions: list[Decision] = []
    accepted: list[Publish] = []
    at = 0
    at_bytes = 0
    weighs = any(queue.settings.bytes_max is not None for queue in found)
    for command in commands:
        refusal = refusal_of(world, command, found, (at, at_bytes))
        if refusal is not None:
            decisions.append(refusal)
            continue
        places = tuple((queue.id, queue.next_offset + at) for queue in found)
        decisions.append(Decision([], Published(places, now)))
        accepted.append(command)
        at += len(command.bodies)
        if weighs:
            at_bytes += _bytes_of(command)
    if accepted:
        bodies = [body for command in accepted for body in command.bodies]
        load = Load(bodies)
        if any(command.heads is not None for command in accepted):
            load.heads = [head for command in accepted for head in _heads_of(command)]
        decisions[0].records.extend(publish_records(world.state, found, load, now))
    return decisions


def find_queues(state: State, names: tuple[str, ...]) -> list[Queue] | Decision:
    """The queues of a publish, or the refusal."""
    if not names or len(set(names)) != len(names):
        return refuse(Why.BAD_COMMAND, "a publish names one queue or several different ones")
    found: list[Queue] = []
    for name in names:
        queue = state.by_name.get(name)
        if queue is None:
            return no_such_queue(state, name)
        found.append(queue)
    return found


def refusal_of(
    world: World, command: Publish, queues: list[Queue], ahead: tuple[int, int] = (0, 0)
) -> Decision | None:
    """Why a publish cannot be, or `None`. `ahead`: messages, and their bytes, that come before
    it in the same record."""
    bodies, heads = command.bodies, command.heads
    count = len(bodies)
    if not count or (heads is not None and len(heads) != count):
        return refuse(Why.BAD_COMMAND, UNEVEN)
    if command.delays_ms is not None or command.ttls_ms is not None:
        refusal = _bad_times(command, count)
        if refusal is not None:
            return refusal
    if world.short_of_space:
        return refuse(Why.NO_SPACE, "the disk is almost full; free some space or consume messages")
    largest = _longest(bodies)
    if heads is not None:
        largest += _longest(heads)
    for queue in queues:
        refusal = _refused_by(queue, command, largest, ahead)
        if refusal is not None:
            return refusal
    if largest * count > PUBLISH_BYTES_MAX and sum(map(len, bodies)) > PUBLISH_BYTES_MAX:
        return refuse(Why.TOO_LARGE, f"one publish has at most {PUBLISH_BYTES_MAX:,} bytes")
    return None


def _refused_by(
    queue: Queue, command: Publish, largest: int, ahead: tuple[int, int]
) -> Decision | None:
    settings = queue.settings
    most = settings.message_bytes_max
    if most is None or most > MESSAGE_BYTES_MAX:
        most = MESSAGE_BYTES_MAX
    if largest > most and _largest(command) > most:
        text = f"a message of queue `{queue.name}` has at most {most:,} bytes"
        return refuse(Why.TOO_LARGE, text, queue.touched)
    if settings.overflow == OVERFLOW_REJECT and _is_full(queue, command, ahead):
        return refuse(Why.QUEUE_FULL, f"queue `{queue.name}` is full", queue.touched)
    return None


def _longest(column: Sequence[bytes]) -> int:
    # Most publishes are of one message: `max` and `map` would be the larger part of their cost.
    return len(column[0]) if len(column) == 1 else max(map(len, column))


def _bad_times(command: Publish, count: int) -> Decision | None:
    columns = (command.delays_ms, command.ttls_ms)
    if any(column is not None and len(column) != count for column in columns):
        return refuse(Why.BAD_COMMAND, UNEVEN)
    if too_long(*(command.delays_ms or ()), *(command.ttls_ms or ())):
        return refuse(Why.BAD_COMMAND, TOO_LONG)
    return None


def publish_records(state: State, queues: list[Queue], load: Load, now: int) -> list[facts.Record]:
    """The facts of a publish, a megabyte each."""
    if len(queues) == 1:
        shelf = queues[0].id
        return chunk_records(shelf, state.shelves[shelf].next, load, now)
    ids = sorted(queue.id for queue in queues)
    known = state.route_of.get(tuple(ids))
    if known is not None:
        return chunk_records(known, state.shelves[known].next, load, now)
    if len(state.routes) >= ROUTE_SETS_MAX and not state.idle_routes:
        copies = [chunk_records(id, state.shelves[id].next, load, now) for id in ids]
        return [record for records in copies for record in records]
    shelf = state.catalog.next_id
    return [facts.RouteSetDefined(shelf, ids), *chunk_records(shelf, 0, load, now)]


def chunk_records(shelf: int, first: int, load: Load, now: int) -> list[facts.Record]:
    """The facts of a publish to a shelf, whose next index is `first`."""
    records: list[facts.Record] = []
    sizes = array("I", map(len, load.bodies))
    head_sizes = None if load.heads is None else array("I", map(len, load.heads))
    start = 0
    for stop in _cuts(sizes, head_sizes):
        record = facts.Published(
            shelf,
            first + start,
            now,
            sizes[start:stop].tobytes(),
            b"".join(load.bodies[start:stop]),
        )
        _add_columns(record, load, head_sizes, start, stop)
        records.append(record)
        start = stop
    return records


def _add_columns(
    record: facts.Published, load: Load, head_sizes: "array[int] | None", start: int, stop: int
) -> None:
    if load.heads is not None and head_sizes is not None:
        record.head_sizes = head_sizes[start:stop].tobytes()
        record.heads = b"".join(load.heads[start:stop])
    if load.dues is not None:
        record.dues = load.dues[start:stop].tobytes()
    if load.expires is not None:
        record.expires = load.expires[start:stop].tobytes()
    if load.notes is not None:
        record.notes = load.notes[start:stop]


def _cuts(sizes: "array[int]", head_sizes: "array[int] | None") -> list[int]:
    """Where the chunks of a publish end: at most CHUNK_BYTES_MAX each (or one message),
    BLOCK_MESSAGES_MAX messages."""
    count = len(sizes)
    total = sum(sizes) + (0 if head_sizes is None else sum(head_sizes))
    if total <= CHUNK_BYTES_MAX and count <= BLOCK_MESSAGES_MAX:
        return [count]
    ends: list[int] = []
    start = 0
    start_bytes = 0
    both = sizes if head_sizes is None else map(int.__add__, sizes, head_sizes)
    for at, end in enumerate(accumulate(both)):
        too_many = at - start >= BLOCK_MESSAGES_MAX or end - start_bytes > CHUNK_BYTES_MAX
        if too_many and at > start:
            ends.append(at)
            start_bytes = end - sizes[at] - (0 if head_sizes is None else head_sizes[at])
            start = at
    ends.append(count)
    return ends


def _heads(heads: Sequence[bytes] | None) -> Sequence[bytes] | None:
    return heads if heads is not None and any(heads) else None


def _heads_of(command: Publish) -> Sequence[bytes]:
    return [b""] * len(command.bodies) if command.heads is None else command.heads


def _due(now: int, delay_ms: int | None) -> int:
    if delay_ms is None:
        return facts.OWN_DUE
    return now + delay_ms if delay_ms > 0 else 0


def _largest(command: Publish) -> int:
    if command.heads is None:
        return max(map(len, command.bodies))
    pairs = zip(command.bodies, command.heads, strict=True)
    return max(len(body) + len(head) for body, head in pairs)


def _is_full(queue: Queue, command: Publish, ahead: tuple[int, int]) -> bool:
    settings = queue.settings
    count = queue.pages.length + ahead[0] + len(command.bodies)
    if settings.length_max is not None and count > settings.length_max:
        return True
    if settings.bytes_max is None:
        return False
    return queue.pages.bytes + ahead[1] + _bytes_of(command) > settings.bytes_max


def _bytes_of(command: Publish) -> int:
    heads = 0 if command.heads is None else sum(map(len, command.heads))
    return sum(map(len, command.bodies)) + heads
