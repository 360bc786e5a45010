"""What consumers beside each other are promised: a pool has no more leased than it says, a
window is passed by one push at most, who is to be alone is alone, and a queue goes with its last
consumer and not before."""

from typing import TYPE_CHECKING, Any

from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.replies import Why
from tests.sim.checkers.watcher import Read, Watcher
from tests.sim.copies import Asked, Violation
from tests.sim.workloads.mates import LEFT, QUEUES

if TYPE_CHECKING:
    from tests.sim.checker import Checker

Who = tuple[int, int]


class MateRules(Watcher):
    """`held`: by session, what its pool has leased for certain: (queue, offset). `limits`: by
    session, what the limit of its pool may be. `on_way`: by session, at least so many bytes were
    pushed to consumers with a window and have not arrived. `attached`: for certain, and the event
    in which that was heard; `maybe`: who may be; `left`: who asked to be detached; `had`: queues
    that had a consumer in this life of the process."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.held: dict[int, set[tuple[str, int]]] = {}
        self.limits: dict[int, list[int | None]] = {}
        self.on_way: dict[int, int] = {}
        self.attached: dict[Who, tuple[asks.Attach, int]] = {}
        self.maybe: dict[Who, str] = {}
        self.left: set[Who] = set()
        self.had: set[str] = set()

    def asked(self, ask: Asked) -> None:
        """Something may end."""
        command = ask.command
        if isinstance(command, asks.SetPool):
            self.limits.setdefault(ask.session, [None]).append(command.limit)
        elif isinstance(command, asks.CountArrived):
            self.on_way[ask.session] -= command.pushed_bytes
        elif isinstance(command, asks.Attach):
            self.maybe[ask.session, command.consumer] = command.queue
        elif isinstance(command, asks.Detach):
            self.attached.pop((ask.session, command.consumer), None)
            self.left.add((ask.session, command.consumer))
        elif isinstance(command, asks.Settle | asks.Extend) and command.queue in QUEUES:
            self.held.get(ask.session, set()).difference_update(
                {(command.queue, offset) for offset in command.offsets}
            )

    def answered(self, ask: Asked, reply: Any, _now: int, event: int) -> None:
        """A consumer came, was served, or left."""
        command = ask.command
        if isinstance(command, asks.SetPool):
            limits = self.limits[ask.session]
            del limits[: limits.index(command.limit, 1)]
        elif isinstance(command, asks.Detach):
            self.maybe.pop((ask.session, command.consumer), None)
        elif isinstance(command, asks.Attach):
            self._heard(ask, command, reply, event)
        elif isinstance(reply, replies.Declared) and reply.created:
            self.had.discard(getattr(command, "name", ""))
        if isinstance(reply, replies.Refused) and reply.why is Why.NO_SUCH_QUEUE:
            self._gone(ask)

    def forgotten(self, session: int) -> None:
        """All a session had is over."""
        self.held.pop(session, None)
        self.limits.pop(session, None)
        self.on_way.pop(session, None)
        for who in [who for who in self.maybe if who[0] == session]:
            del self.maybe[who]
            self.attached.pop(who, None)

    def died(self, _now: int) -> None:
        """Nobody is attached any more, and that is no reason for a queue to go."""
        for all_of_it in (self.held, self.limits, self.on_way, self.attached, self.maybe):
            all_of_it.clear()
        self.had.clear()

    def audit(self, read: Read, _now: int, _event: int) -> None:
        """All is quiet: what is held is there, and what was left is gone."""
        for held in self.held.values():
            for name, offset in held:
                seen = read(asks.Peek(name, offset, 1, ("leased",)))
                if [one.message.offset for one in seen.messages] != [offset]:
                    raise Violation(f"{offset} of `{name}` is held, and not there: {seen}")
        used = set(self.maybe.values())
        for name in read(asks.ListQueues(LEFT)).names:
            if name in self.had and name not in used:
                raise Violation(f"`{name}` was left, and is there")

    def _heard(self, ask: Asked, command: asks.Attach, reply: Any, event: int) -> None:
        who = (ask.session, command.consumer)
        if isinstance(reply, replies.Received) and command.window_bytes:
            on_way = self.on_way.get(ask.session, 0)
            if on_way >= command.window_bytes:
                raise Violation(f"{who} is pushed more while {on_way} bytes are on their way")
            self.on_way[ask.session] = on_way + reply.pushed_bytes
        if isinstance(reply, replies.Done):
            if command.queue in QUEUES:
                self._alone(who, ask)
            self.had.add(command.queue)
            if who in self.maybe and who not in self.left:
                self.attached[who] = (command, event)
        elif isinstance(reply, replies.Received) and command.pool and command.queue in QUEUES:
            held = self.held.setdefault(ask.session, set())
            held |= {(command.queue, one.offset) for one in reply.messages}
            limits = self.limits.get(ask.session, [None])
            if None not in limits and len(held) > max(one or 0 for one in limits):
                raise Violation(f"a pool of {limits} has {held} leased")
        elif isinstance(reply, replies.Refused | replies.Detached):
            self.maybe.pop(who, None)
            self.attached.pop(who, None)

    def _alone(self, who: Who, ask: Asked) -> None:
        """Nobody is attached beside a consumer that is to be alone."""
        for other, (command, heard) in self.attached.items():
            if other == who or command.queue != ask.command.queue or heard > ask.event:
                continue
            if command.exclusive or ask.command.exclusive:
                raise Violation(f"{who} is attached beside {other}, and one is to be alone")

    def _gone(self, ask: Asked) -> None:
        name = getattr(ask.command, "queue", None) or getattr(ask.command, "name", None)
        for who, (command, heard) in self.attached.items():
            if name == command.queue and heard < ask.event and name.startswith(LEFT):
                raise Violation(f"`{name}` is gone, and {who} is attached to it")
