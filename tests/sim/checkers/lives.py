"""What is promised of queues that do not last: one session has an exclusive one, one consumer is
served alone, and what expires goes when it was not used, and never before."""

from typing import TYPE_CHECKING, Any

from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.history import Cancel
from postroad.model.replies import Why
from tests.sim.checkers.watcher import Read, Watcher
from tests.sim.copies import Asked, Violation
from tests.sim.workloads.lives import IDLE, MINE, SINGLE

if TYPE_CHECKING:
    from tests.sim.checker import Checker

GUARDED = (asks.Pop, asks.Peek, asks.PurgeQueue, asks.DeleteQueue, asks.DeclareQueue, Cancel)
USES = (asks.DeclareQueue, asks.Receive, asks.Peek, asks.Attach)


class OwnerRules(Watcher):
    """`owner`: the session whose the exclusive queue is for certain, and since which event.
    `deleted`: by session, when it asked last for the end of it."""

    def __init__(self) -> None:
        self.owner = 0
        self.since = 0
        self.deleted: dict[int, int] = {}

    def asked(self, ask: Asked) -> None:
        """Its owner may delete it."""
        if isinstance(ask.command, asks.DeleteQueue) and ask.command.name == MINE:
            self.deleted[ask.session] = ask.event
            self.owner = 0 if ask.session == self.owner else self.owner

    def answered(self, ask: Asked, reply: Any, _now: int, event: int) -> None:
        """Whose it is."""
        command = ask.command
        if name_of(command) != MINE or not isinstance(command, GUARDED):
            return
        locked = isinstance(reply, replies.Refused) and reply.why is Why.LOCKED
        if self.owner and self.since < ask.event and locked == (ask.session == self.owner):
            raise Violation(f"`{MINE}` is of {self.owner}, and {ask.session} heard {reply}")
        if isinstance(reply, replies.Declared):
            if self.owner not in (0, ask.session):
                raise Violation(f"`{MINE}` is of {self.owner}, and of {ask.session}")
            if self.deleted.get(ask.session, 0) < ask.event:
                self.owner, self.since = ask.session, event

    def forgotten(self, session: int) -> None:
        """What is a session's goes with it."""
        if session == self.owner:
            self.owner = 0

    def died(self, _now: int) -> None:
        """So it does with all of them."""
        self.owner = 0

    def audit(self, read: Read, _now: int, _event: int) -> None:
        """All is quiet: it is there as long as its owner is."""
        there = MINE in read(asks.ListQueues(MINE)).names
        if there != bool(self.owner):
            raise Violation(f"`{MINE}` is there: {there}, of session {self.owner}")


class SingleRules(Watcher):
    """`consumers`: those attached for certain, by session and number: the events in which it was
    asked for, and answered. `detached`: no more, or not for certain."""

    def __init__(self) -> None:
        self.consumers: dict[tuple[int, int], tuple[int, int]] = {}
        self.detached: set[tuple[int, int]] = set()

    def asked(self, ask: Asked) -> None:
        """A consumer may be detached."""
        if isinstance(ask.command, asks.Detach):
            who = (ask.session, ask.command.consumer)
            self.consumers.pop(who, None)
            self.detached.add(who)

    def answered(self, ask: Asked, reply: Any, _now: int, event: int) -> None:
        """A consumer was attached, or served."""
        command = ask.command
        if not isinstance(command, asks.Attach) or command.queue != SINGLE:
            return
        if isinstance(reply, replies.Done):
            if (ask.session, command.consumer) in self.detached:
                return
            self.consumers[ask.session, command.consumer] = (ask.event, event)
        elif isinstance(reply, replies.Received) and reply.messages:
            for who, (_, attached) in self.consumers.items():
                if attached < ask.event:
                    raise Violation(f"{ask.session} was served while {who} is attached before it")

    def forgotten(self, session: int) -> None:
        """Its consumers are detached."""
        for who in [who for who in self.consumers if who[0] == session]:
            del self.consumers[who]

    def died(self, _now: int) -> None:
        """All are."""
        self.consumers.clear()


class Idle:
    """A queue that expires: used for certain at `used_ms`, and perhaps until `maybe_ms`.
    `wanted`: consumers attached for certain."""

    def __init__(self, expires_ms: int) -> None:
        self.expires_ms = expires_ms
        self.used_ms = 0
        self.maybe_ms = 0
        self.wanted: set[tuple[int, int]] = set()
        self.sure = False
        self.gone = False


class IdleRules(Watcher):
    """`queues`: by name; each name is used once. `now`: the last instant heard of."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.queues: dict[str, Idle] = {}
        self.detached: set[tuple[int, int]] = set()
        self.now = 0

    def asked(self, ask: Asked) -> None:
        """Something may be used, or given up."""
        command, self.now = ask.command, max(self.now, ask.now)
        name = name_of(command)
        if isinstance(command, asks.DeclareQueue) and name.startswith(IDLE):
            self.queues[name] = Idle(command.settings.expires_ms or 0)
        if isinstance(command, asks.Detach):
            who = (ask.session, command.consumer)
            self.detached.add(who)
            self._leave(who)

    def answered(self, ask: Asked, reply: Any, now: int, _event: int) -> None:
        """Something was used, or is gone."""
        self.now = max(self.now, now)
        idle = self.queues.get(name_of(ask.command))
        if isinstance(ask.command, asks.Detach):
            self._touch_all()
        if idle is None:
            return
        if isinstance(reply, replies.Refused):
            self._refused(ask, idle, reply, now)
        elif isinstance(ask.command, USES):
            idle.sure = True
            idle.maybe_ms = now
            idle.used_ms = max(idle.used_ms, ask.now)
            who = (ask.session, getattr(ask.command, "consumer", 0))
            if isinstance(reply, replies.Done) and who not in self.detached:
                idle.wanted.add(who)

    def unknown(self, ask: Asked, _until: int) -> None:
        """It may have been used until now."""
        idle = self.queues.get(name_of(ask.command))
        if idle is not None:
            idle.maybe_ms = max(idle.maybe_ms, self.now)

    def forgotten(self, session: int) -> None:
        """A session wants nothing any more."""
        for idle in self.queues.values():
            for who in [who for who in idle.wanted if who[0] == session]:
                self._leave(who)
        self._touch_all()

    def died(self, now: int) -> None:
        """Nobody wants anything, and time begins anew for what had not gone until then: with
        nothing asked and nothing answered."""
        self.now = max(self.now, now)
        for idle in self.queues.values():
            if idle.wanted or idle.used_ms + idle.expires_ms > self.now:
                idle.used_ms = self.now
            idle.wanted.clear()

    def began(self, now: int) -> None:
        """The same; the clock may have lost a moment that nothing durable tells of."""
        self.now = now
        for idle in self.queues.values():
            idle.used_ms = min(idle.used_ms, now)
        self._touch_all()

    def audit(self, read: Read, now: int, _event: int) -> None:
        """All is quiet: those that were not used are gone, and the others are there."""
        names = read(asks.ListQueues(IDLE)).names
        attached = {one.command.queue for one in self.checker.open.values() if _waits(one)}
        for name, idle in self.queues.items():
            late = idle.maybe_ms + idle.expires_ms
            if name in names and name not in attached and late < now:
                raise Violation(f"`{name}` should have gone {now - late} ms ago")
            left = idle.used_ms + idle.expires_ms - now
            if name not in names and idle.sure and (idle.wanted or left > 0):
                raise Violation(f"`{name}` is gone, {left} ms too early, wanted: {idle.wanted}")
        self.queues = {name: idle for name, idle in self.queues.items() if name in names}

    def _refused(self, ask: Asked, idle: Idle, reply: replies.Refused, now: int) -> None:
        if reply.why is not Why.NO_SUCH_QUEUE or not idle.sure:
            return
        left = idle.used_ms + idle.expires_ms - now
        if idle.wanted or left > 0:
            raise Violation(f"{ask.command} found no queue, {left} ms too early: {idle.wanted}")

    def _leave(self, who: tuple[int, int]) -> None:
        for idle in self.queues.values():
            if who in idle.wanted:
                idle.wanted.remove(who)
                idle.used_ms = idle.maybe_ms = self.now

    def _touch_all(self) -> None:
        """Something ended that may have been a use of any."""
        for idle in self.queues.values():
            idle.maybe_ms = max(idle.maybe_ms, self.now)


def name_of(command: Any) -> str:
    """The queue a command names."""
    return str(getattr(command, "name", None) or getattr(command, "queue", None) or "")


def _waits(ask: Asked) -> bool:
    return isinstance(ask.command, asks.Attach | asks.Receive)
