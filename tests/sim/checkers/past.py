"""What queues that keep the settled promise: a message is there, or kept, and in one place; put
back is what was asked for, each once."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.choices import Which
from postroad.model.history import PutBack
from postroad.model.replies import PeekedMessage
from tests.sim.checkers.watcher import Read, Watcher
from tests.sim.copies import Asked, Copy, Fate, Violation
from tests.sim.workloads.past import KEPT, PEEK_MAX, RESUMED, SETTLED, SHORTLY

if TYPE_CHECKING:
    from tests.sim.checker import Checker

FOREVER = ("kept", "ranked", RESUMED)
REMOVERS = (PutBack, asks.PurgeQueue, asks.CancelMoveTask)


class Task:
    """A put-back in the background: `alone`, as long as nobody else puts back or purges."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self.alone = True


class PastRules(Watcher):
    """`over`: copies that are neither there nor kept; `maybe`: those that may be purged by now.
    `acked_ms`: when a copy was settled at the earliest. `tasks`: by their numbers. `moved`: queues
    of which something may have been put back or purged since all was quiet."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.over: set[int] = set()
        self.maybe: set[int] = set()
        self.acked_ms: dict[int, int] = {}
        self.tasks: dict[int, Task] = {}
        self.moved: set[str] = set()

    def asked(self, ask: Asked) -> None:
        """Something settled may come back, or be forgotten."""
        command = ask.command
        name = getattr(command, "name", None) or _queue_of(command)
        if isinstance(command, REMOVERS) and not getattr(command, "dry_run", False):
            for task in self.tasks.values():
                task.alone = task.alone and name not in (task.queue, None)
        if name not in KEPT:
            return
        if isinstance(command, asks.StartMoveTask | asks.PurgeQueue) or _is_put_back(command):
            self.moved.add(name)
        if isinstance(command, asks.StartMoveTask) or _is_put_back(command):
            for copy in self._mine(name):
                copy.backs = copy.backs or _may_be_meant(command, copy)
        elif isinstance(command, asks.PurgeQueue):
            known = (Fate.THERE, Fate.GONE)
            ask.known = {id(copy): 1 for copy in self._mine(name) if copy.fate in known}
            self.maybe.update(id(copy) for copy in self._mine(name))

    def answered(self, ask: Asked, reply: Any, now: int, event: int) -> None:
        """It is done."""
        command = ask.command
        if isinstance(reply, replies.Peeked) and command.queue == SHORTLY:
            self._peeked(ask, reply, now)
        if isinstance(reply, replies.Purged) and command.name in KEPT:
            self.over.update(ask.known)
        elif isinstance(reply, replies.TaskStarted) and command.settled:
            task = self.tasks[reply.task] = Task(command.source)
            others = [one.command for one in self.checker.open.values() if one is not ask]
            task.alone = not any(isinstance(one, REMOVERS) for one in others)
        elif isinstance(reply, replies.Settled) and _queue_of(command) in KEPT:
            for copy in ask.copies:
                if copy.gone_at == event and copy.ends == 1 and not self._popped(command.queue):
                    self.acked_ms[id(copy)] = ask.now

    def audit(self, read: Read, now: int, event: int) -> None:
        """All is quiet: there and kept together are all there are."""
        for name in KEPT:
            described = read(asks.DescribeQueue(name))
            if isinstance(described, replies.Refused):
                continue
            tasks = read(asks.ListMoveTasks(name, 100)).tasks
            self._audit_tasks(name, {task.task: task for task in tasks})
            settled, live = _all(read, name, SETTLED), _all(read, name, ())
            if described.settled != len(settled):
                raise Violation(f"{described} shows {len(settled)} settled messages")
            self._audit_copies(name, [*settled, *live], now)
            self._audit_ages(name, settled, now)
            if settled and event % 2 and name != RESUMED:
                self._audit_put_back(read, name, settled, live, event)
        self.maybe.clear()
        self.moved = {task.queue for task in self.tasks.values()}

    def end(self, read: Read) -> None:
        """What is kept is forgotten."""
        for name in KEPT:
            read(asks.PurgeQueue(name))

    def _peeked(self, ask: Asked, reply: replies.Peeked, now: int) -> None:
        """All that is kept for a moment was looked at: what settled just now is among it."""
        command = ask.command
        whole = not command.start and len(reply.messages) < PEEK_MAX
        if command.states != SETTLED or not whole or SHORTLY in self.moved:
            return
        seen = {one.message.identity for one in reply.messages}
        keep_ms = KEPT[SHORTLY].keep_settled_ms or 0
        for copy in self._mine(SHORTLY):
            left = self.acked_ms.get(id(copy), 0) + keep_ms - now
            gone = copy.fate is Fate.GONE and copy.gone_at < ask.event and id(copy) not in self.over
            if gone and left > 0 and copy.place not in seen:
                raise Violation(f"{copy} is not kept, {left} ms too early")

    def _popped(self, name: str) -> bool:
        """Whether somebody may have taken messages for good before they were acked."""
        if self.checker.known.view(name).pops_lost:
            return True
        pops = [one.command for one in self.checker.open.values()]
        return any(isinstance(one, asks.Pop) and one.queue == name for one in pops)

    def _mine(self, name: str) -> list[Copy]:
        return [copy for copy in self.checker.known.copies.values() if copy.queue == name]

    def _audit_copies(self, name: str, seen: list[PeekedMessage], now: int) -> None:
        places: dict[int, str] = {}
        for one in seen:
            copy = self.checker.recognise(name, one.message)
            if id(copy) in places:
                raise Violation(f"{copy} is {places[id(copy)]} and {one.state} in `{name}`")
            if id(copy) in self.over:
                raise Violation(f"{copy} was purged or forgotten, and is {one.state}")
            places[id(copy)] = one.state
        for copy in self._mine(name):
            if id(copy) in places or copy.fate in (Fate.ASKED, Fate.REFUSED):
                continue
            excused = id(copy) in self.over or id(copy) in self.maybe
            if not excused and copy.fate is not Fate.DOUBTFUL:
                kept_until = self.acked_ms.get(id(copy), 0) + (KEPT[name].keep_settled_ms or 0)
                if name in FOREVER or kept_until > now:
                    raise Violation(f"{copy} is neither there nor kept")
            self.over.add(id(copy))

    def _audit_ages(self, name: str, settled: list[PeekedMessage], now: int) -> None:
        for one in settled:
            keep_ms = KEPT[name].keep_settled_ms or 0
            if not one.due_ms <= now < one.due_ms + keep_ms:
                raise Violation(f"what settled at {one.due_ms} is kept in `{name}` at {now}")
            copy = self.checker.recognise(name, one.message)
            if one.due_ms < self.acked_ms.get(id(copy), 0):
                raise Violation(f"{copy} settled later than at {one.due_ms}")

    def _audit_tasks(self, name: str, listed: dict[int, replies.TaskInfo]) -> None:
        """What was started is known, and at its end has put back all there was."""
        for number, task in list(self.tasks.items()):
            if task.queue != name:
                continue
            info = listed.get(number)
            if info is None:
                raise Violation(f"task {number} was started and is not known")
            whole = info.status == "completed" and task.alone and name in FOREVER
            if whole and info.moved < info.total:
                raise Violation(f"task {number} put back {info.moved} of {info.total}")
            if info.status != "running":
                del self.tasks[number]

    def _audit_put_back(
        self,
        read: Read,
        name: str,
        settled: list[PeekedMessage],
        live: list[PeekedMessage],
        event: int,
    ) -> None:
        """Nobody else does anything: just what is asked for is put back, in order."""
        kind = event // 2 % 3
        if kind == 0:
            picked = settled[::2][:20]
            command = PutBack(name, offsets=tuple(one.message.offset for one in picked))
        elif kind == 1:
            since = settled[len(settled) // 2].due_ms
            picked = [one for one in settled if one.due_ms >= since]
            command = PutBack(name, which=Which(settled_from_ms=since))
        else:
            picked = settled[-3:]
            which = Which(ids=tuple(one.message.identity for one in picked))
            command = PutBack(name, which=which)
        for _ in range(len(settled) + 2):
            reply = read(command)
            if isinstance(reply, replies.Refused) or not (reply.count or reply.next_offset):
                break
            command = replace(command, start=reply.next_offset)
        left = [one.message.offset for one in _all(read, name, SETTLED)]
        wanted = {one.message.offset for one in picked}
        if left != [one.message.offset for one in settled if one.message.offset not in wanted]:
            raise Violation(f"{command} left {left} of {[one.message.offset for one in settled]}")
        before = {one.message.offset for one in live}
        new = [one.message for one in _all(read, name, ()) if one.message.offset not in before]
        if [one.identity for one in new] != [one.message.identity for one in picked]:
            raise Violation(f"{command} put back {new}, and not {picked}")
        if any(one.delivery_count > 1 for one in new):
            raise Violation(f"{command} put back what bears its old deliveries: {new}")


def _queue_of(command: Any) -> str | None:
    return getattr(command, "queue", None) or getattr(command, "source", None)


def _is_put_back(command: Any) -> bool:
    return isinstance(command, PutBack) and not command.dry_run


def _may_be_meant(command: PutBack | asks.StartMoveTask, copy: Copy) -> bool:
    if isinstance(command, asks.StartMoveTask) or command.offsets is None or copy.spot is None:
        return True
    return copy.spot[1] in command.offsets


def _all(read: Read, name: str, states: tuple[str, ...]) -> list[PeekedMessage]:
    seen: list[PeekedMessage] = []
    at = 0
    while True:
        peeked = read(asks.Peek(name, at, 400, states))
        if not peeked.messages:
            return seen
        seen.extend(peeked.messages)
        at = peeked.next_offset
