"""What is published, as the columns of the facts.

One rule: bodies are stored once however many queues get them. Compiled by mypyc where possible.
"""

from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

from postroad.core import records as facts
from postroad.core.decision import World
from postroad.core.queue import Queue
from postroad.core.state import State
from postroad.limits import BLOCK_MESSAGES_MAX, CHUNK_BYTES_MAX, ROUTE_SETS_MAX
from postroad.model.commands import Publish
from postroad.model.message import Note

T = TypeVar("T")


class Load:
    """The messages of one or more publishes, as columns."""

    __slots__ = (
        "bodies",
        "dedup_ids",
        "dues",
        "expires",
        "heads",
        "ids",
        "keys",
        "levels",
        "notes",
        "priorities",
    )

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self.bodies = bodies
        self.heads: Sequence[bytes] | None = None
        self.dues: array[int] | None = None
        self.expires: array[int] | None = None
        self.notes: list[Note] | None = None
        self.keys: array[int] | None = None
        self.priorities: bytes | None = None
        self.levels = bytearray()
        self.dedup_ids: Sequence[str | None] | None = None
        self.ids: bytes | None = None

    def part(self, which: list[int]) -> "Load":
        """Some of the messages, in order."""
        if len(which) == len(self.bodies):
            return self
        part = Load([self.bodies[at] for at in which])
        if self.heads is not None:
            part.heads = [self.heads[at] for at in which]
        if self.dues is not None:
            part.dues = array("Q", [self.dues[at] for at in which])
        if self.expires is not None:
            part.expires = array("Q", [self.expires[at] for at in which])
        if self.notes is not None:
            part.notes = [self.notes[at] for at in which]
        if self.keys is not None:
            part.keys = array("Q", [self.keys[at] for at in which])
        if self.priorities is not None:
            part.priorities = bytes([self.priorities[at] for at in which])
        return part


def load_of(world: World, command: Publish, now: int) -> Load:
    """The columns of a publish, as the facts have them."""
    load = Load(command.bodies)
    if command.keys is not None:
        load.keys = world.numbers_of(command.keys)
    if command.priorities is not None:
        load.priorities = bytes(command.priorities)
    load.dedup_ids = command.dedup_ids
    load.heads = _heads(command.heads)
    if command.delays_ms is not None:
        load.dues = array("Q", [_due(now, one) for one in command.delays_ms])
    if command.ttls_ms is not None:
        load.expires = array(
            "Q", [0 if one is None else now + max(0, one) for one in command.ttls_ms]
        )
    return load


def load_together(world: World, commands: list[Publish], now: int) -> Load:
    """The columns of several publishes without delays and lives, one after another."""
    if len(commands) == 1:
        return load_of(world, commands[0], now)
    load = Load([body for command in commands for body in command.bodies])
    if any(command.heads is not None for command in commands):
        load.heads = [head for one in commands for head in _column(one.heads, one, b"")]
    if any(command.keys is not None for command in commands):
        keys = [key for one in commands for key in _column(one.keys, one, None)]
        load.keys = world.numbers_of(keys)
    if any(command.priorities is not None for command in commands):
        load.priorities = bytes(
            [level for one in commands for level in _column(one.priorities, one, 0)]
        )
    if any(command.dedup_ids is not None for command in commands):
        load.dedup_ids = [id for one in commands for id in _column(one.dedup_ids, one, None)]
    return load


def _column(column: Sequence[T] | None, command: Publish, none: T) -> Sequence[T]:
    return [none] * len(command.bodies) if column is None else column


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
    if load.keys is not None:
        record.keys = load.keys[start:stop].tobytes()
    if load.priorities is not None:
        record.priorities = load.priorities[start:stop]
    if load.ids is not None:
        record.ids = load.ids[16 * start : 16 * stop]


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


def _due(now: int, delay_ms: int | None) -> int:
    if delay_ms is None:
        return facts.OWN_DUE
    return now + delay_ms if delay_ms > 0 else 0
