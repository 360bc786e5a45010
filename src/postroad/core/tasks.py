"""Background moves: started, cancelled and listed by command, carried on by time.

One rule: a task's progress is a fact in the same step as the messages it moved, so a restart goes
on where it was.
"""

from postroad.core import history
from postroad.core import records as facts
from postroad.core.decide.carry import Errand, carry
from postroad.core.decide.declare import COUNT_MAX
from postroad.core.decide.move import count_edited, refused_choice
from postroad.core.decide.pick import pick_ready, pick_settled
from postroad.core.decision import Decision, Missing, World, no_such_queue, refuse
from postroad.core.queue import Queue
from postroad.core.state import MoveTask
from postroad.limits import MOVE_MESSAGES_MAX
from postroad.model.choices import Which
from postroad.model.commands import CancelMoveTask, ListMoveTasks, StartMoveTask
from postroad.model.replies import TaskInfo, TasksListed, TaskStarted, TaskStopped, Why

TURN_MS = 100
"""A task with a rate moves so often, a tenth of its rate each time."""


def decide_start(world: World, command: StartMoveTask, now: int) -> Decision:
    """Begin to move all that a queue holds now."""
    state = world.state
    source = state.by_name.get(command.source)
    if source is None:
        return no_such_queue(state, command.source)
    target = 0
    if command.target is not None:
        queue = state.by_name.get(command.target)
        if queue is None:
            return no_such_queue(state, command.target)
        target = queue.id
    refusal = refused_choice(command.which, command.edit, command.settled)
    if refusal is not None:
        return refusal
    if command.settled and command.target is None:
        target = source.id
    elif target == source.id:
        return refuse(Why.BAD_COMMAND, "a move needs two different queues", source.touched)
    if any(task.status == "running" and task.source == source.id for task in state.tasks.values()):
        text = f"a move from queue `{source.name}` is running already"
        return refuse(Why.TASK_RUNNING, text, state.changed)
    if command.per_second is not None and not 1 <= command.per_second <= COUNT_MAX:
        text = f"a move goes on at 1 to {COUNT_MAX:,} messages a second, or as fast as may be"
        return refuse(Why.BAD_COMMAND, text, source.touched)
    kept = 0 if source.past is None else source.past.count
    record = facts.MoveTaskStarted(
        state.catalog.next_task,
        source.id,
        target,
        command.per_second or 0,
        source.next_offset,
        kept if command.settled else source.pages.length,
        now,
    )
    records: list[facts.Record] = [record]
    if command.settled or command.which is not None or command.edit is not None:
        which = command.which or Which()
        records.append(history.MovePlanned(record.task, command.settled, which, command.edit))
    return Decision(records, TaskStarted(record.task))


def decide_cancel(world: World, command: CancelMoveTask, now: int) -> Decision:
    """Stop a running task."""
    task = world.state.tasks.get(command.task)
    if task is None or task.status != "running":
        return refuse(Why.NO_SUCH_TASK, "no such task is running", world.state.changed)
    record = facts.MoveTaskEnded(task.id, "cancelled", "", now)
    return Decision([record], TaskStopped(task.moved))


def decide_list(world: World, command: ListMoveTasks, _now: int) -> Decision:
    """The tasks of a source, newest first."""
    state = world.state
    source = state.by_name.get(command.source)
    if source is None:
        return no_such_queue(state, command.source)
    found = [
        _info(world, task, source) for task in state.tasks.values() if task.source == source.id
    ]
    found.sort(key=lambda info: -info.task)
    return Decision([], TasksListed(found[: command.count]), state.changed)


def _info(world: World, task: MoveTask, source: Queue) -> TaskInfo:
    target = world.state.queues.get(task.target)
    return TaskInfo(
        task.id,
        task.status,
        source.name,
        None if target is None else target.name,
        task.per_second or None,
        task.moved,
        task.total,
        task.failure,
        task.started_ms,
    )


def next_task(world: World, now: int) -> MoveTask | None:
    """A running task that has something to do now; none while the disk is almost full."""
    if world.short_of_space:
        return None
    for task in world.state.tasks.values():
        if task.status == "running" and task.due_ms <= now:
            return task
    return None


def next_task_ms(world: World) -> int:
    """When the next task has something to do, in ms; 0 for never."""
    if not world.state.tasks or world.short_of_space:
        return 0
    dues = [task.due_ms for task in world.state.tasks.values() if task.status == "running"]
    return min(dues, default=0)


def task_slice(world: World, now: int) -> list[facts.Record] | Missing:
    """The next piece of whatever task has something to do now."""
    task = next_task(world, now)
    return [] if task is None else task_records(world, task, now)


def task_records(world: World, task: MoveTask, now: int) -> list[facts.Record] | Missing:
    """The next piece of a task."""
    source = world.state.queues[task.source]
    target = world.state.queues.get(task.target) if task.target else None
    count = MOVE_MESSAGES_MAX
    if task.per_second:
        count = min(count, max(1, task.per_second * TURN_MS // 1_000))
    errand = Errand(source, target)
    plan = task.plan
    if plan is None or not plan.settled:
        picked = pick_ready(source, count, task.after, task.before)
    else:
        errand.again = target is source
        picked = pick_settled(source, plan.which, count, task.after, task.before)
    if plan is not None:
        errand.which = plan.which
        errand.edit = plan.edit
        errand.count = count_edited(count, plan.edit)
    if not picked:
        return [facts.MoveTaskEnded(task.id, "completed", "", now)]
    moved = carry(world, errand, picked, now)
    if isinstance(moved, Missing):
        return moved
    # What stays for want of a home is passed over and does not use up the rate.
    due_ms = now + moved.count * 1_000 // task.per_second if task.per_second else now
    return [*moved.records, facts.MoveTaskMoved(task.id, moved.count, moved.after, due_ms)]
