"""List facts -> change of state.

One rule: as in `core.apply`.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.bits import PAGE, PAGE_BITS, unpack_mask
from postroad.core.list_lane import ListLane
from postroad.core.lists import records as facts
from postroad.core.order import begin_list
from postroad.core.page import Page
from postroad.core.queue import Queue
from postroad.core.records import Record
from postroad.core.state import State


def list_begun(state: State, record: facts.ListBegun) -> None:
    """A queue is a list, or its other end is the main one, or it stays when it is empty."""
    queue = state.queues[record.queue]
    state.ledger.touch(queue)
    queue.list_end = record.main_end
    queue.passing = record.passing
    queue.touched = state.group
    begin_list(queue.pages)


def fronted(state: State, record: facts.Fronted) -> None:
    """New messages stand in the front lane."""
    queue = state.queues[record.queue]
    page = _page(queue, record.first)
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    assert not mask & (page.front | page.mids), "what was published just now is in the main lane"
    state.ledger.touch(page)
    _lane(queue).to_front(page, mask)
    queue.touched = state.group


def seated(state: State, record: facts.Seated) -> None:
    """A new message stands beside another."""
    queue = state.queues[record.queue]
    page = _page(queue, record.offset)
    other = _page(queue, record.beside)
    lane = _lane(queue)
    slot = record.beside & (PAGE - 1)
    assert (other.live >> slot) & 1, "a neighbour is there"
    state.ledger.touch(page)
    state.ledger.touch(other)
    key = lane.key_of(other, slot)
    if record.side == facts.INSTEAD:
        if slot in other.middle:
            lane.take_out(other, slot)
    else:
        key = _key_beside(state, queue, lane, record)
    lane.put(page, record.offset & (PAGE - 1), key)
    queue.touched = state.group


def _key_beside(state: State, queue: Queue, lane: ListLane, record: facts.Seated) -> int:
    page = _page(queue, record.beside)
    slot = record.beside & (PAGE - 1)
    forward = record.side == facts.BEFORE
    key = lane.key_beside(lane.key_of(page, slot), forward)
    if not key:
        cell = lane.cell_of(lane.key_of(page, slot), forward)
        for number in lane.in_cell(cell):
            state.ledger.touch(queue.pages.all[number])
        lane.spread(cell)
        key = lane.key_beside(lane.key_of(page, slot), forward)
    assert key, "after spreading there is room"
    return key


def _page(queue: Queue, offset: int) -> Page:
    return queue.pages.all[offset >> PAGE_BITS]


def _lane(queue: Queue) -> ListLane:
    lane = queue.pages.lanes
    assert isinstance(lane, ListLane), "a list has a lane"
    return lane


APPLY: dict[type[Record], Callable[[State, Any], None]] = {
    facts.ListBegun: list_begun,
    facts.Fronted: fronted,
    facts.Seated: seated,
}
