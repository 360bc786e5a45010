"""What clients do with queues that do not last: those of one session, and those nobody uses; and
with one that serves one consumer alone."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from postroad.model import commands as asks
from postroad.model.history import Cancel
from postroad.model.policy import QueueSettings
from tests.sim.workloads.limits import attach
from tests.sim.workloads.work import Work

MINE = "mine"
SINGLE = "single"
IDLE = "idle-"
EXCLUSIVE = QueueSettings(lease_ms=500, exclusive=True)
ALONE = QueueSettings(lease_ms=500, single_active_consumer=True)
NEEDS = (asks.DeclareQueue(SINGLE, ALONE),)

if TYPE_CHECKING:
    from tests.sim.workload import Session


class LifeWork(Work):
    """`idle`: the queues one declared that nobody else knows of."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self.idle: list[str] = []

    def next_command(self, session: "Session", publish: int) -> Any:
        """Something to ask."""
        chance = session.rng.random()
        if chance < 0.3:
            return self._mine(session, publish)
        if chance < 0.62:
            return self._idle(session, publish)
        return self._single(session, publish)

    def _mine(self, session: "Session", publish: int) -> Any:
        """No leases: a receipt of an earlier queue of the name would be one of the next."""
        rng = session.rng
        kind = rng.randrange(10)
        if kind < 2:
            return asks.DeclareQueue(MINE, EXCLUSIVE)
        if kind < 4:
            return self._publish(session, publish, MINE)
        if kind < 7:
            return asks.Pop(MINE, rng.randint(1, 9), rng.choice((0, 0, 100)))
        if kind == 7:
            return asks.Peek(MINE) if rng.random() < 0.5 else Cancel(MINE, (0, 1))
        if kind == 8:
            return asks.PurgeQueue(MINE) if rng.random() < 0.7 else asks.DeleteQueue(MINE)
        return asks.DescribeQueue(MINE)

    def _idle(self, session: "Session", publish: int) -> Any:
        rng = session.rng
        if not self.idle or rng.random() < 0.1:
            self.idle = [*self.idle[-2:], f"{IDLE}{publish}"]
            expires_ms = rng.choice((150, 400, 1_000))
            return asks.DeclareQueue(self.idle[-1], QueueSettings(300, expires_ms=expires_ms))
        name = rng.choice(self.idle)
        chance = rng.random()
        if chance < 0.3:
            return self._publish(session, publish, name)
        if chance < 0.55:
            return asks.Receive(name, 5, None, rng.choice((0, 0, 300)))
        if chance < 0.7:
            return asks.DescribeQueue(name)
        if chance < 0.76:
            return asks.Peek(name)
        if chance < 0.88:
            return attach(session, name)
        return asks.Detach(session.consumers.pop()) if session.consumers else session.settle(0)

    def _single(self, session: "Session", publish: int) -> Any:
        rng = session.rng
        chance = rng.random()
        if chance < 0.35:
            return self._publish(session, publish, SINGLE)
        if chance < 0.55:
            return attach(session, SINGLE)
        if chance < 0.65 and session.consumers:
            return asks.Detach(session.consumers.pop(rng.randrange(len(session.consumers))))
        if chance < 0.75 and session.consumers:
            return asks.GrantCredit(rng.choice(session.consumers), rng.randint(1, 9))
        if chance < 0.8:
            return NEEDS[0]
        return session.settle(0)

    def _publish(self, session: "Session", publish: int, name: str) -> asks.Publish:
        command = session.publish(publish)
        plain = replace(command, queues=(name,), delays_ms=None, ttls_ms=None, dedup_ids=None)
        return replace(plain, keys=None, priorities=None)
