"""Facts about background moves -> changes of state.

One rule: as in `postroad.core.apply`: total, and made of the record and the state alone.
"""

from collections.abc import Callable
from typing import Any

from postroad.core import records as facts
from postroad.core.state import MoveTask, State

TASKS_KEPT = 100
"""Ended tasks remembered, over all sources."""


def move_task_started(state: State, record: facts.MoveTaskStarted) -> None:
    """A background move."""
    state.ledger.touch(state.catalog)
    state.catalog.next_task = record.task + 1
    fields = [record.source, record.target, record.per_second, record.before, record.total]
    task = MoveTask(record.task, fields, record.now_ms)
    state.ledger.touch(task)
    state.tasks[record.task] = task


def move_task_moved(state: State, record: facts.MoveTaskMoved) -> None:
    """A background move went on."""
    task = state.tasks[record.task]
    state.ledger.touch(task)
    task.moved += record.count
    task.after = record.after
    task.due_ms = record.due_ms


def move_task_ended(state: State, record: facts.MoveTaskEnded) -> None:
    """A background move is over; the oldest ended ones are forgotten."""
    task = state.tasks[record.task]
    state.ledger.touch(task)
    task.status = record.status
    task.failure = record.failure
    ended = [one for one in state.tasks.values() if one.status != "running"]
    for one in ended[:-TASKS_KEPT]:
        state.ledger.drop(one)
        del state.tasks[one.id]


APPLY: dict[type[facts.Record], Callable[[State, Any], None]] = {
    facts.MoveTaskStarted: move_task_started,
    facts.MoveTaskMoved: move_task_moved,
    facts.MoveTaskEnded: move_task_ended,
}
