"""Whose queues are, and which of them must go: those of a session that is over, and those that
nobody has used for as long as they say.

One rule: all of it is volatile. At a start the sessions of before are over, and so are their
queues; the time without use begins anew.
"""

from heapq import heappop, heappush

from postroad.core import records as facts
from postroad.core.decide.declare import decide_delete
from postroad.core.decision import World
from postroad.core.demand import Demand
from postroad.core.queue import Queue
from postroad.limits import FORSAKEN_SLICE
from postroad.model import commands
from postroad.model.ask import Ask, Caller
from postroad.model.exchanges import Bind, Unbind
from postroad.model.history import Cancel, DescribeMessage, PutBack, Reschedule
from postroad.model.lists import ListMove, ListPop, ListRange, ListRemove, ListSet, ListTrim
from postroad.model.replies import Refused, Why

GUARDED: dict[type, str] = {
    commands.DeclareQueue: "name",
    commands.ChangeQueue: "name",
    commands.DeleteQueue: "name",
    commands.PurgeQueue: "name",
    commands.Receive: "queue",
    commands.Pop: "queue",
    commands.Attach: "queue",
    commands.Settle: "queue",
    commands.Extend: "queue",
    commands.Peek: "queue",
    commands.Move: "source",
    commands.StartMoveTask: "source",
    PutBack: "queue",
    Cancel: "queue",
    Reschedule: "queue",
    DescribeMessage: "queue",
    Bind: "target",
    Unbind: "target",
    ListPop: "lists",
    ListMove: "source",
    ListRange: "list",
    ListSet: "list",
    ListRemove: "list",
    ListTrim: "list",
}
"""Commands only its session may give about an exclusive queue, and the field that names it. Anybody
may publish to it, and see that it is there."""

USES: dict[type, str] = {
    commands.DeclareQueue: "name",
    commands.ChangeQueue: "name",
    commands.Receive: "queue",
    commands.Pop: "queue",
    commands.Peek: "queue",
    commands.Attach: "queue",
    ListPop: "lists",
    ListMove: "source",
    ListRange: "list",
}
"""Commands that keep a queue from expiring, and the field that names it. To change it is to say
anew how long it may be idle."""


class Life:
    """`owner_of`: exclusive queue -> session. `doomed`: queues that go with the next ticks. `used`:
    when each queue that may expire was used last."""

    def __init__(self, world: World, demand: Demand) -> None:
        self.world = world
        self.demand = demand
        self.owner_of: dict[int, int] = {}
        self.owned: dict[int, list[int]] = {}
        self.doomed: dict[int, None] = {}
        self.used = demand.watched
        self.dues: list[tuple[int, int]] = []
        self.planned: dict[int, int] = {}

    def begin(self, now: int) -> list[facts.Record]:
        """Sessions of before are over; the others' time begins anew."""
        over: list[Queue] = []
        for queue in self.world.state.queues.values():
            if queue.settings.exclusive:
                over.append(queue)
                continue
            self._use(queue, now)
            if queue.passing and not queue.pages.length:
                self.demand.emptied[queue.id] = None
        return self._deletions(over, now)

    def passed(self) -> list[facts.Record]:
        """Lists that are empty go, where nobody wants anything of them."""
        records: list[facts.Record] = []
        for id in list(self.demand.emptied):
            queue = self.world.state.queues.get(id)
            self.demand.empty.pop(id, None)
            if queue is None or not queue.passing or queue.pages.length:
                continue
            if self.demand.wants(id) or self._is_used_by_others(queue):
                self.demand.empty[id] = None
            else:
                records.append(facts.QueueDeleted(id))
        self.demand.emptied.clear()
        return records

    def _is_used_by_others(self, queue: Queue) -> bool:
        state = self.world.state
        id = queue.id
        if id in state.exchanges.to_target or id in state.schemas.versions:
            return True
        if queue.name in state.dead_from:
            return True
        tasks = [task for task in state.tasks.values() if task.status == "running"]
        return any(id in (task.source, task.target) for task in tasks)

    def forsaken(self, now: int) -> list[facts.Record]:
        """Queues go whose last consumer has left them, where they say so: some of them, that which
        was left last among them."""
        over: list[Queue] = []
        left = self.demand.forsaken
        for _ in range(min(len(left), FORSAKEN_SLICE)):
            id = left.popitem()[0]
            queue = self.world.state.queues.get(id)
            if queue is None or self.demand.attached(id):
                continue
            if queue.settings.delete_when_unused:
                over.append(queue)
        return self._deletions(over, now)

    def refusal(self, ask: Ask) -> Refused | None:
        """Why a caller may not do this to another session's queue, or `None`."""
        if isinstance(ask.command, Bind | Unbind) and ask.command.target_kind != "queue":
            return None
        for queue in self._named(GUARDED, ask.command):
            owner = self.owner_of.get(queue.id, 0)
            if owner and session_of(ask.caller) not in (owner, 0):
                text = f"queue `{queue.name}` is exclusive to another session"
                return Refused(Why.LOCKED, text)
        return None

    def heed(self, ask: Ask, now: int) -> None:
        """A command was carried out: whose its queue is, and that it is in use."""
        for queue in self._named(USES, ask.command):
            self._use(queue, now)
            if queue.settings.exclusive and queue.id not in self.owner_of:
                # It was declared just now: those of before went at the start.
                session = session_of(ask.caller)
                self.owner_of[queue.id] = session
                self.owned.setdefault(session, []).append(queue.id)

    def forget(self, caller: Caller) -> None:
        """A session is over, and so are its queues."""
        if session_of(caller) == caller.number:
            for id in self.owned.pop(caller.number, ()):
                self.doomed[id] = None

    def gone(self, id: int) -> None:
        """A queue was deleted."""
        self.doomed.pop(id, None)
        self.used.pop(id, None)
        self.demand.forsakable.pop(id, None)
        self.planned.pop(id, None)
        owner = self.owner_of.pop(id, 0)
        if owner in self.owned:
            self.owned[owner].remove(id)
            if not self.owned[owner]:
                del self.owned[owner]

    def next_ms(self) -> int:
        """When `records` has something to do; 0 for never."""
        demand = self.demand
        if self.doomed or demand.left or demand.left_lists or demand.emptied:
            return 1
        if demand.forsaken:
            return 1
        if self.world.state.unnamed and demand.empty:
            return 1
        while self.dues and self.planned.get(self.dues[0][1]) != self.dues[0][0]:
            heappop(self.dues)
        return self.dues[0][0] if self.dues else 0

    def records(self, now: int) -> list[facts.Record]:
        """The end of one queue, or of lists that are empty, or nothing."""
        if self.world.state.unnamed:
            self.world.state.unnamed = False
            self.demand.emptied.update(self.demand.empty)
        if self.demand.emptied:
            return self.passed()
        self._note_who_left(now)
        if self.demand.forsaken:
            return self.forsaken(now)
        if self.doomed:
            return self._deletion(self.world.state.queues[next(iter(self.doomed))], now)
        due = self.next_ms()
        if not due or due > now:
            return []
        queue = self.world.state.queues[heappop(self.dues)[1]]
        del self.planned[queue.id]
        if self.demand.wants(queue.id) or queue.name in self.demand.lists:
            self.used[queue.id] = now
        idle_ms = queue.settings.expires_ms
        if idle_ms is not None and self.used[queue.id] + idle_ms <= now:
            return self._deletion(queue, now)
        self._plan(queue)
        return []

    def _note_who_left(self, now: int) -> None:
        """Somebody waited for these until now."""
        demand = self.demand
        found = [self.world.state.by_name.get(name) for name in demand.left_lists]
        for id in (*demand.left, *[queue.id for queue in found if queue is not None]):
            if id in self.used:
                self.used[id] = now
        demand.left.clear()
        demand.left_lists.clear()

    def _use(self, queue: Queue, now: int) -> None:
        if queue.settings.delete_when_unused:
            self.demand.forsakable[queue.id] = None
        if queue.settings.expires_ms is not None:
            self.used[queue.id] = now
            self._plan(queue)

    def _plan(self, queue: Queue) -> None:
        """Look at it when it may have been idle for long enough; not at each use."""
        idle_ms = queue.settings.expires_ms
        if idle_ms is None:
            self.used.pop(queue.id, None)
            return
        due = self.used[queue.id] + idle_ms
        known = self.planned.get(queue.id, 0)
        if not known or due < known:
            self.planned[queue.id] = due
            heappush(self.dues, (due, queue.id))

    def _deletion(self, queue: Queue, now: int) -> list[facts.Record]:
        return decide_delete(self.world, commands.DeleteQueue(queue.name), now).records

    def _deletions(self, queues: list[Queue], now: int) -> list[facts.Record]:
        """Several queues go in one step: a move from one of them to another ends once."""
        records: list[facts.Record] = []
        ended: set[int] = set()
        for queue in queues:
            for record in self._deletion(queue, now):
                if isinstance(record, facts.MoveTaskEnded):
                    if record.task in ended:
                        continue
                    ended.add(record.task)
                records.append(record)
        return records

    def _named(self, fields: dict[type, str], command: object) -> list[Queue]:
        field = fields.get(type(command))
        if field is None:
            return []
        names = getattr(command, field)
        found = map(self.world.state.by_name.get, names if isinstance(names, tuple) else (names,))
        return [queue for queue in found if queue is not None]


def session_of(caller: Caller) -> int:
    """The number of a caller's session; 0 where it is the broker itself."""
    return caller.session or caller.number
