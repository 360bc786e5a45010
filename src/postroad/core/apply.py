"""Record -> change of state: the only place where state changes.

One rule: apply is total: it asserts, never refuses, and depends on record and state alone.
"""

from array import array
from collections.abc import Callable
from heapq import nsmallest
from typing import Any

from postroad.core import records as facts
from postroad.core.bits import PAGE, unpack_mask
from postroad.core.dedup import ID_BYTES, NO_ID
from postroad.core.exchanges.apply import APPLY as EXCHANGE_APPLY
from postroad.core.fanouts.apply import APPLY as FANOUTS
from postroad.core.fanouts.apply import advance, keep
from postroad.core.fanouts.records import FanoutAdvanced
from postroad.core.historian import APPLY as HISTORY
from postroad.core.kv.apply import APPLY as KV_APPLY
from postroad.core.lists.apply import APPLY as LIST_APPLY
from postroad.core.moves import APPLY as MOVES
from postroad.core.order import set_lanes
from postroad.core.queue import Queue
from postroad.core.returns import end_holder, lapse
from postroad.core.schedules.apply import APPLY as SCHEDULE_APPLY
from postroad.core.schemas.apply import APPLY as SCHEMA_APPLY
from postroad.core.shelf import Freed, Shelf
from postroad.core.state import RouteSet, State
from postroad.core.topics.apply import APPLY as TOPICS
from postroad.core.topics.apply import log_published
from postroad.limits import ROUTE_SETS_DROPPED, ROUTE_SETS_MAX


def born(state: State, record: facts.Born) -> None:
    """The first start."""
    state.ledger.touch(state.catalog)
    state.catalog.salt = record.salt
    state.catalog.born_ms = record.now_ms


def queue_declared(state: State, record: facts.QueueDeclared) -> None:
    """A queue and its shelf exist."""
    state.ledger.touch(state.catalog)
    state.catalog.next_id = max(state.catalog.next_id, record.queue + 1)
    shelf = Shelf(record.queue, state.ledger, state.freed)
    state.shelves[record.queue] = shelf
    queue = Queue(record.queue, record.name, record.settings, state.ledger, state.shelves)
    state.ledger.touch(queue)
    state.ledger.touch(shelf)
    queue.extras = dict(record.extras)
    queue.labels = dict(record.labels)
    queue.created_ms = record.now_ms
    queue.changed_ms = record.now_ms
    queue.touched = state.group
    state.add_queue(queue)


def queue_changed(state: State, record: facts.QueueChanged) -> None:
    """Other settings, extras and labels."""
    queue = state.queues[record.queue]
    state.ledger.touch(queue)
    before_ms = queue.settings.dedup_window_ms
    state.change_queue(queue, record.settings)
    set_lanes(queue.pages, record.settings)
    window_ms = record.settings.dedup_window_ms
    if before_ms is not None and window_ms is not None and window_ms > before_ms:
        queue.dedup.forget(record.now_ms, before_ms)
    if window_ms is None:
        queue.dedup.clear()
    queue.extras = dict(record.extras)
    queue.labels = dict(record.labels)
    queue.changed_ms = record.now_ms
    queue.touched = state.group
    queue.passing = False


def queue_deleted(state: State, record: facts.QueueDeleted) -> None:
    """Out of sight at once, swept in slices."""
    queue = state.queues[record.queue]
    queue.purge(queue.next_offset)
    queue.deleted = True
    state.remove_queue(queue)
    state.close_routes(queue.id)
    _drop_closed_routes(state)
    state.exchanges.gone(queue.id)
    state.schemas.drop(queue.id)
    if queue.is_swept():
        _bury(state, queue)


def route_set_defined(state: State, record: facts.RouteSetDefined) -> None:
    """A number for several queues, and its shelf."""
    state.ledger.touch(state.catalog)
    state.catalog.next_id = max(state.catalog.next_id, record.route + 1)
    route = RouteSet(record.route, record.queues)
    state.ledger.touch(route)
    shelf = Shelf(record.route, state.ledger, state.freed)
    state.ledger.touch(shelf)
    state.shelves[record.route] = shelf
    _drop_closed_routes(state)
    if len(state.routes) >= ROUTE_SETS_MAX:
        for id in nsmallest(ROUTE_SETS_DROPPED, state.idle_routes):
            _drop_route(state, id)
    state.add_route(route)


def published(state: State, record: facts.Published) -> None:
    """Messages on a shelf, and in each queue it serves."""
    shelf = state.shelves[record.shelf]
    assert shelf.next == record.first, "bodies follow each other on a shelf"
    count = len(record.sizes) >> 2
    block = shelf.append(count, len(record.blob) + len(record.heads))
    log = state.topics.partitions.get(record.shelf)
    if log is not None:
        log_published(state, log, record, block)
        return
    route = state.routes.get(record.shelf)
    if route is None:
        _publish_to(state, state.queues[record.shelf], shelf, record, count)
        return
    fanout = state.fanouts.of(record.shelf, record.first) if state.fanouts.all else None
    if fanout is not None:
        keep(state, fanout, record)
        return
    queues = state.queues
    for id in route.queues:
        _publish_to(state, queues[id], shelf, record, count)


def fanout_advanced(state: State, record: FanoutAdvanced) -> None:
    """More queues got what they are to have."""
    advance(state, record, _publish_to)


def _publish_to(
    state: State, queue: Queue, shelf: Shelf, record: facts.Published, count: int
) -> None:
    first = queue.publish(count, shelf, record.first, record.now_ms, record.keys, record.priorities)
    group = state.group
    queue.touched = group
    if group:
        waiting = queue.undurable
        if not waiting:
            waiting.append((first, group))
        elif waiting[-1][1] != group:
            _not_durable_yet(state, waiting, first)
    if queue.settings.bytes_max is not None:
        queue.pages.weigh(first, message_sizes(record, queue.settings.limits_bodies))
    if record.dues:
        queue.delay_each(first, _dues(record, queue.settings.delay_ms))
    elif queue.settings.delay_ms and record.notes is None:
        queue.delay(first, count, record.now_ms + queue.settings.delay_ms)
    if record.expires:
        queue.live_until(first, array("Q", record.expires))
    if record.ids:
        _remember_ids(queue, first, record)


def _remember_ids(queue: Queue, first: int, record: facts.Published) -> None:
    window = queue.settings.dedup_window_ms
    if window is None:
        return
    for at in range(0, len(record.ids), ID_BYTES):
        id = record.ids[at : at + ID_BYTES]
        if id != NO_ID:
            queue.dedup.add(id, first + at // ID_BYTES, record.now_ms, window)


def _not_durable_yet(state: State, waiting: list[tuple[int, int]], first: int) -> None:
    """Remember from which offset on messages are in the group that is built now (volatile)."""
    while waiting and waiting[0][1] <= state.durable:
        waiting.pop(0)
    waiting.append((first, state.group))


def _dues(record: facts.Published, own_ms: int) -> "array[int]":
    own_due = record.now_ms + own_ms if own_ms else 0
    dues = array("Q", record.dues)
    for at in range(len(dues)):
        if dues[at] == facts.OWN_DUE:
            dues[at] = own_due
    return dues


def message_sizes(record: facts.Published, bodies_alone: bool = False) -> "array[int]":
    """Bytes of each message of a publish, body and head."""
    sizes = array("I", record.sizes)
    if record.head_sizes and not bodies_alone:
        heads = array("I", record.head_sizes)
        return array("I", [body + head for body, head in zip(sizes, heads, strict=True)])
    return sizes


def leased(state: State, record: facts.Leased) -> None:
    """Messages are leased; not a change that replies wait for."""
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    queue = state.queues[record.queue]
    queue.lease(record.lease, record.first, mask, record.deadline_ms, record.holder, record.now_ms)


def acked(state: State, record: facts.Acked) -> None:
    """Leased messages are done."""
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    queue = state.queues[record.queue]
    queue.ack(record.lease, record.first, mask)
    queue.touched = state.group


def returned(state: State, record: facts.Returned) -> None:
    """Leased messages came back."""
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    queue = state.queues[record.queue]
    queue.give_back(record.lease, record.first, mask, record.due_ms, record.counted, record.death)
    queue.touched = state.group
    queue.came_back = state.group


def extended(state: State, record: facts.Extended) -> None:
    """A lease ends at another time."""
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    queue = state.queues[record.queue]
    queue.extend(record.lease, record.first, mask, record.renewed, record.deadline_ms)
    queue.touched = state.group


def lapsed(state: State, record: facts.Lapsed) -> None:
    """Leases lapsed."""
    queue = state.queues[record.queue]
    lapse(queue, record.until_ms, record.limit)
    queue.came_back = state.group


def ripened(state: State, record: facts.Ripened) -> None:
    """Delayed messages are ready."""
    state.queues[record.queue].ripen(record.until_ms, record.pages)


def aged(state: State, record: facts.Aged) -> None:
    """Old messages leave."""
    state.queues[record.queue].age(record.before, record.death)


def expired(state: State, record: facts.Expired) -> None:
    """Messages whose own life is over leave."""
    queue = state.queues[record.queue]
    queue.expire(record.until_ms, record.pages, record.death)


def dropped(state: State, record: facts.Dropped) -> None:
    """Messages are gone that nobody held."""
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    queue = state.queues[record.queue]
    queue.drop(record.first, mask)
    queue.touched = state.group


def condemned(state: State, record: facts.Condemned) -> None:
    """Messages are dead."""
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    queue = state.queues[record.queue]
    page = queue.page_of(record.first)
    assert page is not None, "only what is held can die"
    queue.pages.condemn(page, mask, record.death)


def purged(state: State, record: facts.Purged) -> None:
    """A queue is empty at once."""
    queue = state.queues[record.queue]
    queue.purge(record.before)
    queue.touched = state.group


def swept(state: State, record: facts.Swept) -> None:
    """Pages of what was purged or deleted are freed."""
    queue = state.queues.get(record.queue)
    if queue is not None:
        queue.sweep(record.pages)
        return
    queue = state.buried[record.queue]
    queue.sweep(record.pages)
    if queue.is_swept():
        _bury(state, queue)


def holder_ended(state: State, record: facts.HolderEnded) -> None:
    """A session's leases come back."""
    queue = state.queues[record.queue]
    end_holder(queue, record.holder, record.limit, record.counted, 0)
    queue.came_back = state.group


def placed(state: State, record: facts.Placed) -> None:
    """A block rests in the store; where its shelf is gone the copy is free at once."""
    shelf = state.shelves.get(record.shelf)
    if shelf is not None:
        shelf.place(record.first, record.id, record.size, record.kept)
    elif record.id:
        state.freed.append(Freed(record.shelf, record.first, record.id, record.size))


def closed(state: State, record: facts.Closed) -> None:
    """A block takes no more messages."""
    shelf = state.shelves.get(record.shelf)
    if shelf is not None:
        shelf.close()


def _bury(state: State, queue: Queue) -> None:
    """Nothing of a deleted queue is left: forget its rows, and its shelf and route sets where
    nobody needs them."""
    del state.buried[queue.id]
    for segment in list(queue.leases.segments.values()):
        state.ledger.drop(segment)
    queue.dedup.clear()
    state.ledger.drop(queue)
    if queue.borrowed:
        return
    _drop_shelf(state, queue.id)
    _drop_closed_routes(state)


def _drop_closed_routes(state: State) -> None:
    """Forget the route sets with a deleted queue of which nobody has messages left."""
    for id in [id for id in state.closed_routes if id in state.idle_routes]:
        _drop_route(state, id)


def _drop_route(state: State, id: int) -> None:
    route = state.routes[id]
    state.remove_route(route)
    state.ledger.drop(route)
    _drop_shelf(state, id)


def _drop_shelf(state: State, id: int) -> None:
    shelf = state.shelves.pop(id)
    assert not shelf.blocks(), "a shelf goes when nothing on it is wanted"
    state.ledger.drop(shelf)


APPLY: dict[type[facts.Record], Callable[[State, Any], None]] = {
    facts.Born: born,
    facts.QueueDeclared: queue_declared,
    facts.QueueChanged: queue_changed,
    facts.QueueDeleted: queue_deleted,
    facts.RouteSetDefined: route_set_defined,
    facts.Published: published,
    facts.Leased: leased,
    facts.Acked: acked,
    facts.Returned: returned,
    facts.Extended: extended,
    facts.Lapsed: lapsed,
    facts.Ripened: ripened,
    facts.Aged: aged,
    facts.Expired: expired,
    facts.Dropped: dropped,
    facts.Condemned: condemned,
    facts.Purged: purged,
    facts.Swept: swept,
    facts.HolderEnded: holder_ended,
    facts.Placed: placed,
    facts.Rewritten: placed,
    facts.Closed: closed,
    FanoutAdvanced: fanout_advanced,
    **MOVES,
    **FANOUTS,
    **HISTORY,
    **EXCHANGE_APPLY,
    **KV_APPLY,
    **LIST_APPLY,
    **SCHEDULE_APPLY,
    **SCHEMA_APPLY,
    **TOPICS,
}


def apply(state: State, record: facts.Record) -> None:
    """Let a fact be so."""
    APPLY[type(record)](state, record)
