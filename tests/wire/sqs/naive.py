"""A queue core of the simplest kind, for tests of the SQS side alone.

It answers the model's commands from lists in memory, one after another, and knows just enough of
leases, delays, keys and dead letters for what SQS shows of them.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from postroad.model import commands as c
from postroad.model import replies as r
from postroad.model.message import Death, Delivery, Note
from postroad.model.policy import DEDUP_KEY, FIFO, QueueSettings
from postroad.model.replies import Why


class Held:
    def __init__(self, offset: int, body: bytes, head: bytes, now_ms: int, due_ms: int) -> None:
        self.offset = offset
        self.body = body
        self.head = head
        self.published_ms = now_ms
        self.due_ms = due_ms
        self.key: str | None = None
        self.lease = 0
        self.count = 0
        self.first_ms = 0
        self.note: Note | None = None


class Queue:
    def __init__(self, number: int, declared: c.DeclareQueue, now_ms: int) -> None:
        self.number = number
        self.settings = declared.settings
        self.extras = dict(declared.extras or {})
        self.labels = dict(declared.labels or {})
        self.created_ms = self.changed_ms = now_ms
        self.messages: dict[int, Held] = {}
        self.next_offset = 0
        self.known: dict[tuple[str | None, str], tuple[int, int]] = {}


class NaiveCore:
    def __init__(self) -> None:
        self.queues: dict[str, Queue] = {}
        self.tasks: list[r.TaskInfo] = []
        self.seen: list[c.Command] = []
        self.refuse_with: Why | None = None
        self.numbers = 0
        self.now_ms = 0

    def ask(self, command: c.Command, now_ms: int) -> r.Reply:
        self.now_ms = now_ms
        self.seen.append(command)
        if self.refuse_with is not None:
            return r.Refused(self.refuse_with)
        name = next(
            (getattr(command, n) for n in ("name", "queue", "source") if hasattr(command, n)), None
        )
        made = isinstance(command, c.DeclareQueue)
        if name is not None and name not in self.queues and not made:
            return r.Refused(Why.NO_SUCH_QUEUE)
        answers: dict[type, Callable[[Any], r.Reply]] = {
            c.DeclareQueue: self.declare_queue,
            c.ChangeQueue: self.change_queue,
            c.DeleteQueue: self.delete_queue,
            c.PurgeQueue: self.purge_queue,
            c.DescribeQueue: self.describe_queue,
            c.ListQueues: self.list_queues,
            c.Publish: self.publish,
            c.Receive: self.receive,
            c.Peek: self.peek,
            c.Settle: self.settle,
            c.Extend: self.extend,
            c.StartMoveTask: self.start_move_task,
            c.CancelMoveTask: self.cancel_move_task,
            c.ListMoveTasks: self.list_move_tasks,
        }
        return answers[type(command)](command)

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def declare_queue(self, command: c.DeclareQueue) -> r.Reply:
        queue = self.queues.get(command.name)
        if queue is None:
            queue = self.queues[command.name] = Queue(self.number(), command, self.now_ms)
            return r.Declared(queue.number, True)
        for name in command.compare:
            if name in QueueSettings.__struct_fields__:
                same = getattr(queue.settings, name) == getattr(command.settings, name)
            else:
                same = queue.extras.get(name) == (command.extras or {}).get(name)
            if not same:
                return r.Refused(Why.SETTINGS_DIFFER, name)
        return r.Declared(queue.number, False)

    def change_queue(self, command: c.ChangeQueue) -> r.Reply:
        queue = self.queues[command.name]
        if command.settings is not None:
            assert command.only is not None, "what a request does not name is left alone"
            given = {name: getattr(command.settings, name) for name in command.only}
            queue.settings = replace(queue.settings, **given)
        for kept, changes in ((queue.extras, command.extras), (queue.labels, command.labels)):
            for name, text in (changes or {}).items():
                kept.pop(name, None)
                if text is not None:
                    kept[name] = text
        queue.changed_ms = self.now_ms
        return r.Done()

    def delete_queue(self, command: c.DeleteQueue) -> r.Reply:
        del self.queues[command.name]
        return r.Done()

    def purge_queue(self, command: c.PurgeQueue) -> r.Reply:
        count = len(self.queues[command.name].messages)
        self.queues[command.name].messages.clear()
        return r.Purged(count)

    def describe_queue(self, command: c.DescribeQueue) -> r.Reply:
        queue = self.queues[command.name]
        messages = queue.messages.values()
        waiting = [one for one in messages if one.due_ms > self.now_ms]
        return r.Described(
            queue.number, command.name, queue.settings, dict(queue.extras), dict(queue.labels),
            queue.created_ms, queue.changed_ms,
            ready=len(messages) - len(waiting),
            delayed=sum(not one.lease for one in waiting),
            leased=sum(bool(one.lease) for one in waiting),
            dead=0, next_offset=queue.next_offset,
        )  # fmt: skip

    def list_queues(self, command: c.ListQueues) -> r.Reply:
        names = sorted(n for n in self.queues if n.startswith(command.prefix) and n > command.after)
        return r.Listed(names[: command.count], len(names) > command.count)

    def publish(self, command: c.Publish) -> r.Reply:
        (name,) = command.queues
        if name not in self.queues:
            return r.Refused(Why.NO_SUCH_QUEUE)
        queue = self.queues[name]
        heads = command.heads or [b""] * len(command.bodies)
        largest = queue.settings.message_bytes_max
        if largest is not None:
            for body, head in zip(command.bodies, heads, strict=True):
                if len(body) + len(head) > largest:
                    return r.Refused(Why.TOO_LARGE)
        offsets: list[int] = []
        for index, body in enumerate(command.bodies):
            delay_ms = command.delays_ms[index] if command.delays_ms else None
            due_ms = self.now_ms + (queue.settings.delay_ms if delay_ms is None else delay_ms)
            held = Held(0, body, heads[index], self.now_ms, due_ms)
            held.key = command.keys[index] if command.keys else None
            dedup_id = command.dedup_ids[index] if command.dedup_ids else None
            offsets.append(self.put_once(queue, held, dedup_id))
        return r.Published(((queue.number, offsets[0]),), self.now_ms, tuple(offsets))

    def put_once(self, queue: Queue, held: Held, dedup_id: str | None) -> int:
        window_ms = queue.settings.dedup_window_ms
        if dedup_id is None and queue.settings.dedup_by_content:
            dedup_id = sha256(held.body).hexdigest()
        if window_ms is None or dedup_id is None:
            self.put(queue, held)
            return held.offset
        scope = held.key if queue.settings.dedup_scope == DEDUP_KEY else None
        offset, taken_ms = queue.known.get((scope, dedup_id), (-1, 0))
        if offset < 0 or taken_ms + window_ms <= self.now_ms:
            self.put(queue, held)
            offset = held.offset
            queue.known[scope, dedup_id] = (offset, self.now_ms)
        return offset

    def put(self, queue: Queue, held: Held) -> None:
        held.offset = queue.next_offset
        queue.messages[held.offset] = held
        queue.next_offset += 1

    def receive(self, command: c.Receive) -> r.Reply:
        queue = self.queues[command.queue]
        lease_ms = queue.settings.lease_ms if command.lease_ms is None else command.lease_ms
        found: list[Held] = []
        locked = {
            one.key
            for one in queue.messages.values()
            if queue.settings.kind == FIFO and one.lease and one.due_ms > self.now_ms
        }
        for held in list(queue.messages.values()):
            if held.due_ms > self.now_ms or len(found) == command.count or held.key in locked:
                continue
            limit = queue.settings.deliveries_max
            if limit is not None and held.count >= limit:
                self.bury(command.queue, queue, held)
                continue
            held.lease = self.number()
            held.count += 1
            held.first_ms = held.first_ms or self.now_ms
            held.due_ms = self.now_ms + lease_ms
            found.append(held)
        return r.Received([self.delivery(queue, one) for one in found])

    def peek(self, command: c.Peek) -> r.Reply:
        queue = self.queues[command.queue]
        assert command.states == ("leased",)
        found = [
            one
            for one in queue.messages.values()
            if one.offset >= command.start and one.lease and one.due_ms > self.now_ms
        ][: command.count]
        return r.Peeked(
            [r.PeekedMessage("leased", 0, self.delivery(queue, one)) for one in found], 0
        )

    def delivery(self, queue: Queue, one: Held) -> Delivery:
        return Delivery(
            queue.number, one.offset, one.lease, one.count, one.first_ms, one.published_ms,
            one.body, one.head, one.note,
        )  # fmt: skip

    def bury(self, name: str, queue: Queue, held: Held) -> None:
        del queue.messages[held.offset]
        target = self.queues.get(queue.settings.dead_letter_queue or "")
        if target is not None:
            held.note = Note(
                queue.number, held.offset, held.published_ms, queue.number,
                [Death(name, "max-deliveries", held.count, self.now_ms)],
            )  # fmt: skip
            held.lease = held.count = held.first_ms = held.due_ms = 0
            self.put(target, held)

    def settle(self, command: c.Settle) -> r.Reply:
        queue = self.queues[command.queue]
        if queue.number != command.queue_id:
            return r.Refused(Why.NO_SUCH_LEASE)
        failed = []
        for index, (offset, lease) in enumerate(zip(command.offsets, command.leases, strict=True)):
            held = queue.messages.get(offset)
            late = command.strict and held is not None and held.due_ms <= self.now_ms
            if held is None or held.lease != lease or late:
                failed += (
                    []
                    if command.outcome == c.ACK and held is None
                    else [(index, Why.NO_SUCH_LEASE)]
                )
            elif command.outcome == c.ACK:
                del queue.messages[offset]
            else:
                assert command.outcome == c.RETRY, command
                held.due_ms = self.now_ms + (command.after_ms or 0)
                held.lease = 0
        return r.Settled(tuple(failed))

    def extend(self, command: c.Extend) -> r.Reply:
        queue = self.queues[command.queue]
        if queue.number != command.queue_id:
            return r.Refused(Why.NO_SUCH_LEASE)
        failed = []
        for index, (offset, lease) in enumerate(zip(command.offsets, command.leases, strict=True)):
            held = queue.messages.get(offset)
            if held is None or held.lease != lease or held.due_ms <= self.now_ms:
                failed.append((index, Why.NO_SUCH_LEASE))
            else:
                held.due_ms = self.now_ms + command.lease_ms
        return r.Settled(tuple(failed))

    def start_move_task(self, command: c.StartMoveTask) -> r.Reply:
        if any(one.status == "running" and one.source == command.source for one in self.tasks):
            return r.Refused(Why.TASK_RUNNING)
        total = len(self.queues[command.source].messages)
        task = r.TaskInfo(
            self.number(), "running", command.source, command.target, command.per_second, 0, total,
            "", self.now_ms,
        )  # fmt: skip
        self.tasks.insert(0, task)
        return r.TaskStarted(task.task)

    def cancel_move_task(self, command: c.CancelMoveTask) -> r.Reply:
        for index, task in enumerate(self.tasks):
            if task.task == command.task and task.status == "running":
                self.tasks[index] = r.TaskInfo(
                    task.task, "cancelled", task.source, task.target, task.per_second, 2,
                    task.total, "", task.started_ms,
                )  # fmt: skip
                return r.TaskStopped(2)
        return r.Refused(Why.NO_SUCH_TASK)

    def list_move_tasks(self, command: c.ListMoveTasks) -> r.Reply:
        found = [one for one in self.tasks if one.source == command.source]
        return r.TasksListed(found[: command.count])
