"""What clients do with consumers beside each other: those that share a pool, come first or are
alone, and with queues that go when the last of them leaves."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from postroad.model import commands as asks
from postroad.model.policy import QueueSettings
from postroad.model.replies import Received
from tests.sim.workloads.work import Work

JOBS = "shared"
TASKS = "beside"
LEFT = "left-"
QUEUES = (JOBS, TASKS)
NEEDS = tuple(asks.DeclareQueue(name, QueueSettings(lease_ms=700)) for name in QUEUES)
POOL = 1
WINDOWS = (0, 0, 100)
"""Of consumers in bytes, by their number."""

if TYPE_CHECKING:
    from tests.sim.workload import Session


class MateWork(Work):
    """`left`: the queue one declared last that goes with its last consumer. `on_way`: bytes of
    pushes heard and not yet counted."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self.left = ""
        self.on_way = 0

    def heard(self, command: Any, reply: Any) -> None:
        """A push to a consumer with a window has arrived."""
        if isinstance(command, asks.Attach) and isinstance(reply, Received):
            self.on_way += reply.pushed_bytes if command.window_bytes else 0

    def next_command(self, session: "Session", publish: int) -> Any:
        """Something to ask."""
        chance = session.rng.random()
        if chance < 0.2:
            return self._left(session, publish)
        if chance < 0.45:
            return self._publish(session, publish, session.rng.choice(QUEUES))
        if chance < 0.65:
            return self._attach(session, session.rng.choice(QUEUES))
        if chance < 0.72 and session.consumers:
            return asks.Detach(session.consumers.pop(session.rng.randrange(len(session.consumers))))
        if chance < 0.76:
            return asks.SetPool(POOL, session.rng.choice((None, 1, 2, 5)))
        if chance < 0.78 and self.on_way:
            arrived, self.on_way = self.on_way, 0
            return asks.CountArrived(arrived)
        if chance < 0.8 and session.consumers:
            return asks.GrantCredit(session.rng.choice(session.consumers), 3)
        if chance < 0.84:
            return asks.PurgeQueue(session.rng.choice(QUEUES), ready_only=True)
        return session.settle(0)

    def _left(self, session: "Session", publish: int) -> Any:
        rng = session.rng
        chance = rng.random()
        if not self.left or chance < 0.15:
            self.left = f"{LEFT}{publish}"
            settings = QueueSettings(500, delete_when_unused=True)
            return asks.DeclareQueue(self.left, settings)
        if chance < 0.35:
            return self._publish(session, publish, self.left)
        if chance < 0.6:
            return self._attach(session, self.left)
        if chance < 0.8 and session.consumers:
            return asks.Detach(session.consumers.pop())
        return asks.DescribeQueue(self.left)

    def _attach(self, session: "Session", name: str) -> asks.Attach:
        rng = session.rng
        consumer = session.next_ask + 1
        session.consumers.append(consumer)
        credit = rng.randint(1, 12)
        pool = rng.choice((0, POOL, POOL))
        priority = rng.choice((0, 0, 0, 3))
        exclusive = rng.random() < 0.1
        more = (priority, exclusive, pool, WINDOWS[consumer % len(WINDOWS)])
        return asks.Attach(name, consumer, credit, None, True, *more)

    def _publish(self, session: "Session", publish: int, name: str) -> asks.Publish:
        command = session.publish(publish)
        plain = replace(command, queues=(name,), delays_ms=None, ttls_ms=None, dedup_ids=None)
        return replace(plain, keys=None, priorities=None)
