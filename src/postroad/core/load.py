"""Rows of a checkpoint -> state; and the state as plain values, to compare two of them.

One rule: what rows do not say (live counts, heaps, lists) is derived here, and nowhere else.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from postroad.core.biography import decode_events
from postroad.core.bits import runs
from postroad.core.dedup import decode_dedup
from postroad.core.extents import unpack_extents
from postroad.core.history import MovePlanned
from postroad.core.leases import decode_segment
from postroad.core.order import begin_list, load_page
from postroad.core.page import decode_page
from postroad.core.past import Past, decode_past
from postroad.core.queue import Queue
from postroad.core.settled import more_rows
from postroad.core.shelf import Shelf, decode_blocks
from postroad.core.state import MoveTask, RouteSet, State
from postroad.core.times import unpack_times
from postroad.model.policy import QueueSettings

_plan = msgspec.msgpack.Decoder(MovePlanned).decode
_settings = msgspec.msgpack.Decoder(QueueSettings).decode


def load_rows(state: State, rows: Iterable[tuple[bytes, bytes]]) -> None:
    """Fill an empty state from the rows of a checkpoint."""
    by_kind: dict[bytes, list[tuple[bytes, bytes]]] = {}
    for key, value in rows:
        by_kind.setdefault(key[:1], []).append((key[1:], value))
    for _, value in by_kind.get(b"c", ()):
        fields = msgspec.msgpack.decode(value)
        catalog = state.catalog
        catalog.salt, catalog.born_ms, catalog.next_id, catalog.next_task = fields
    for key, value in by_kind.get(b"s", ()):
        _load_shelf(state, int.from_bytes(key, "big"), value)
    for key, value in sorted(by_kind.get(b"b", ())):
        shelf, number = _two(key)
        state.shelves[shelf].load(decode_blocks(shelf, number, value))
    for key, value in sorted(by_kind.get(b"q", ())):
        _load_queue(state, int.from_bytes(key, "big"), value)
    for key, value in sorted(by_kind.get(b"r", ())):
        state.add_route(RouteSet(int.from_bytes(key, "big"), msgspec.msgpack.decode(value)[0]))
    for key, value in sorted(by_kind.get(b"p", ())):
        id, number = _two(key)
        queue = _queue(state, id)
        page = decode_page(id, number, value)
        load_page(queue.pages, queue.settings, page, queue.purged_before)
    for key, value in sorted(by_kind.get(b"l", ())):
        id, number = _two(key)
        _queue(state, id).leases.load(decode_segment(id, number, value))
    for key, value in sorted(by_kind.get(b"d", ())):
        id, number = _two(key)
        _queue(state, id).dedup.load(decode_dedup(id, number, value))
    _load_histories(state, by_kind)
    _load_tasks(state, by_kind.get(b"t", []))
    _load_realms(state, by_kind)
    _derive(state)


def _load_histories(state: State, by_kind: dict[bytes, list[tuple[bytes, bytes]]]) -> None:
    for key, value in sorted(by_kind.get(b"h", ())):
        id, number = _two(key)
        queue = _queue(state, id)
        if queue.past is None:
            queue.past = Past(id, state.ledger)
        queue.past.load(decode_past(id, number, value), queue.purged_before)
    for key, value in sorted(by_kind.get(b"e", ())):
        id, number = _two(key)
        _queue(state, id).lives.pages[number] = decode_events(id, number, value)


def _load_tasks(state: State, rows: list[tuple[bytes, bytes]]) -> None:
    for key, value in sorted(rows):
        fields, started_ms, progress, *plan = msgspec.msgpack.decode(value)
        task = MoveTask(int.from_bytes(key, "big"), fields, started_ms)
        task.status, task.failure, task.moved, task.after, task.due_ms = progress
        task.plan = _plan(msgspec.msgpack.encode(plan[0])) if plan else None
        state.tasks[task.id] = task


def _load_realms(state: State, by_kind: dict[bytes, list[tuple[bytes, bytes]]]) -> None:
    for realm in state.realms:
        for at in range(len(realm.kinds)):
            kind = realm.kinds[at : at + 1]
            for key, value in sorted(by_kind.get(kind, ())):
                realm.load(kind, key, value)


def _two(key: bytes) -> tuple[int, int]:
    return int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")


def _queue(state: State, id: int) -> Queue:
    return state.queues[id] if id in state.queues else state.buried[id]


def _load_shelf(state: State, id: int, value: bytes) -> None:
    shelf = Shelf(id, state.ledger, state.freed)
    shelf.next, shelf.open_bytes, shelf.next_group = msgspec.msgpack.decode(value)
    state.shelves[id] = shelf


def _load_queue(state: State, id: int, value: bytes) -> None:
    fields = msgspec.msgpack.decode(value)
    settings = _settings(msgspec.msgpack.encode(fields[1]))
    queue = Queue(id, fields[0], settings, state.ledger, state.shelves)
    queue.extras = fields[2]
    queue.labels = fields[3]
    queue.created_ms, queue.changed_ms, queue.next_offset, queue.purged_before = fields[4]
    queue.aged_before, queue.leases.next, queue.deleted = fields[5]
    queue.extents = unpack_extents(fields[6])
    queue.times = unpack_times(*fields[7])
    queue.moved = {one[0]: (one[1], one[2]) for one in fields[8]}
    if len(fields) > 9:
        queue.list_end, queue.passing = fields[9]
        begin_list(queue.pages)
    if queue.deleted:
        state.buried[id] = queue
    else:
        state.add_queue(queue)


def _derive(state: State) -> None:
    """What is wanted of each block, and what the realms make of their rows."""
    everyone = [*state.queues.values(), *state.buried.values()]
    for queue in everyone:
        if queue.borrowed:
            continue
        held = [(page.base, page.live) for page in queue.pages.all.values()]
        if queue.past is not None:
            held.extend((page.base, page.settled) for page in queue.past.pages.values())
        for base, mask in held:
            for start, length in runs(mask):
                for shelf, index, count in queue.extents.find(base + start, length):
                    state.shelves[shelf].count_live(index, count)
    for realm in state.realms:
        realm.derive()


def canonical(state: State) -> dict[bytes, Any]:
    """The state as values that are equal when two states are the same, however they came about."""
    found: dict[bytes, Any] = {b"c": state.catalog.encode()}
    for queue in [*state.queues.values(), *state.buried.values()]:
        found[queue.key] = queue.encode()
        for page in queue.pages.all.values():
            found[page.key] = page.encode()
        for segment in queue.leases.segments.values():
            found[segment.key] = segment.encode()
        for row in more_rows(queue):
            found[row.key] = row.encode()
    for shelf in state.shelves.values():
        found[shelf.key] = (shelf.next, shelf.blocks())
    for route in state.routes.values():
        found[route.key] = route.encode()
    for task in state.tasks.values():
        found[task.key] = task.encode()
    for realm in state.realms:
        for one in realm.rows():
            found[one.key] = one.encode()
    return found
