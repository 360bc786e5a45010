"""The facts of what was -> change of state: kept, recalled, forgotten, come back, rescheduled.

One rule: as in `apply`, which takes its table from here. Compiled by mypyc where possible.
"""

from collections.abc import Callable
from typing import Any

from postroad.core import history
from postroad.core.bits import PAGE, unpack_mask
from postroad.core.records import Record
from postroad.core.returns import come_back, end_holder
from postroad.core.settled import forget, keep, recall
from postroad.core.state import State


def kept(state: State, record: history.Kept) -> None:
    """Messages are done and stay readable."""
    queue = state.queues[record.queue]
    keep(queue, record)
    queue.touched = state.group


def recalled(state: State, record: history.Recalled) -> None:
    """Kept messages were published anew."""
    queue = state.queues[record.queue]
    recall(queue, record)
    queue.touched = state.group


def forgotten(state: State, record: history.Forgotten) -> None:
    """What settled long ago is kept no more."""
    forget(state.queues[record.queue], record.until_ms, record.pages)


def came_back(state: State, record: history.CameBack) -> None:
    """Leased messages came back."""
    queue = state.queues[record.queue]
    come_back(queue, record)
    queue.touched = state.group
    queue.came_back = state.group


def holder_left(state: State, record: history.HolderLeft) -> None:
    """A session's leases come back."""
    queue = state.queues[record.queue]
    end_holder(queue, record.holder, record.limit, record.counted, record.now_ms)
    queue.came_back = state.group


def rescheduled(state: State, record: history.Rescheduled) -> None:
    """Messages are ready at another time."""
    mask = unpack_mask(record.first & (PAGE - 1), record.span, record.mask)
    queue = state.queues[record.queue]
    page = queue.page_of(record.first)
    assert page is not None, "only what is there is rescheduled"
    queue.pages.reschedule(page, mask, record.due_ms)
    queue.touched = state.group


def move_planned(state: State, record: history.MovePlanned) -> None:
    """A background move is about some messages only, or changes them."""
    task = state.tasks[record.task]
    state.ledger.touch(task)
    task.plan = record


APPLY: dict[type[Record], Callable[[State, Any], None]] = {
    history.Kept: kept,
    history.Recalled: recalled,
    history.Forgotten: forgotten,
    history.CameBack: came_back,
    history.HolderLeft: holder_left,
    history.Rescheduled: rescheduled,
    history.MovePlanned: move_planned,
}
