"""What clients do with the past and the future of messages: put back, cancel, reschedule."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.choices import Which
from postroad.model.history import Cancel, PutBack, Reschedule
from postroad.model.policy import DAY_MS, PRIORITY, QueueSettings
from tests.sim.workloads.work import Work

SHORTLY = "shortly"
KEPT = {
    "kept": QueueSettings(lease_ms=900, keep_settled_ms=20_000 * DAY_MS),
    "ranked": QueueSettings(lease_ms=700, keep_settled_ms=20_000 * DAY_MS, kind=PRIORITY),
    "resumed": QueueSettings(lease_ms=600, keep_settled_ms=20_000 * DAY_MS),
    SHORTLY: QueueSettings(lease_ms=700, keep_settled_ms=700),
}
"""Queues that keep what was settled, for ever or for a moment."""
RESUMED = "resumed"
"""Where only what goes on in the background puts anything back."""
BUSY = (*KEPT, RESUMED, RESUMED, SHORTLY, SHORTLY)
LATER = "later"
QUEUES = {**KEPT, LATER: QueueSettings(lease_ms=800, delay_ms=1_500)}
NEEDS = tuple(asks.DeclareQueue(name, settings) for name, settings in QUEUES.items())
SETTLED = ("settled",)
PEEK_MAX = 60

if TYPE_CHECKING:
    from tests.sim.workload import Session


class PastWork(Work):
    """`settled`: what one saw settled last, by queue: (offset, settled at, identity). `tops`: the
    highest offset heard of."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self.settled: dict[str, list[tuple[int, int, tuple[int, int]]]] = {}
        self.tops: dict[str, int] = {}

    def heard(self, command: Any, reply: Any) -> None:
        """An answer came."""
        if getattr(command, "queue", None) not in QUEUES:
            return
        if isinstance(reply, replies.Received | replies.Peeked):
            offsets = [
                one.message.offset if isinstance(one, replies.PeekedMessage) else one.offset
                for one in reply.messages
            ]
            if offsets:
                top = max(offsets)
                self.tops[command.queue] = max(top, self.tops.get(command.queue, 0))
        if isinstance(reply, replies.Peeked) and command.states == SETTLED:
            self.settled[command.queue] = [
                (one.message.offset, one.due_ms, one.message.identity) for one in reply.messages
            ]

    def next_command(self, session: "Session", publish: int) -> Any:
        """Something to ask."""
        rng = session.rng
        chance = rng.random()
        name = rng.choice(BUSY)
        if chance < 0.22:
            return self._publish(session, publish)
        if chance < 0.4:
            name = rng.choice((name, name, LATER))
            return asks.Receive(name, rng.choice((2, 10, 40)), None, rng.choice((0, 0, 200)))
        if chance < 0.64:
            return self._settle(session)
        if chance < 0.68:
            return asks.Pop(name, rng.randint(1, 9), 0)
        if chance < 0.78:
            return asks.Peek(name, 0, PEEK_MAX, SETTLED)
        if chance < 0.9:
            # What is kept for a moment mostly stays as it is, so that it can be told whether it is.
            back = "kept" if name == SHORTLY and rng.random() < 0.7 else name
            return self._put_back(session, back)
        return self._rest(session, name)

    def _publish(self, session: "Session", publish: int) -> asks.Publish:
        command = session.publish(publish)
        name = session.rng.choice((*BUSY, LATER))
        plain = replace(command, queues=(name,), ttls_ms=None, keys=None, dedup_ids=None)
        if name == "ranked":
            levels = [session.rng.choice((0, 1, 9)) for _ in command.bodies]
            return replace(plain, delays_ms=None, priorities=levels)
        return plain if name == LATER else replace(plain, delays_ms=None)

    def _settle(self, session: "Session") -> Any:
        """Of what is kept for a moment a few at a time, so that ages differ."""
        name, most = session.rng.choice(((SHORTLY, 3), (SHORTLY, 3), (RESUMED, 40), ("", 0)))
        mine = [one for one in session.held if one[0] == name][:most]
        if not mine:
            return session.settle(0)
        taken = {id(one) for one in mine}
        session.held = [one for one in session.held if id(one) not in taken]
        offsets, leases = [one.offset for _, one in mine], [one.lease for _, one in mine]
        return asks.Settle(name, offsets, leases, [one.delivery_count for _, one in mine])

    def _put_back(self, session: "Session", name: str) -> Any:
        rng = session.rng
        known = self.settled.get(name, [])
        kind = rng.randrange(6)
        if name == RESUMED:
            return asks.StartMoveTask(name, None, rng.choice((None, 30, 30, 100)), settled=True)
        if kind == 0 or not known:
            top = self.tops.get(name, 0) + 2
            offsets = tuple(rng.sample(range(top), min(top, rng.randint(1, 12))))
            return PutBack(name, offsets=offsets)
        if kind == 1:
            picked = rng.sample(known, min(len(known), 3))
            return PutBack(name, which=Which(ids=tuple(one[2] for one in picked)))
        if kind == 2:
            since = rng.choice(known)[1]
            which = Which(settled_from_ms=since, settled_to_ms=rng.choice((0, since + 500)))
            return PutBack(name, rng.choice((5, 1_000)), which=which)
        if kind == 3:
            return PutBack(name, 20, start=rng.choice(known)[0], dry_run=rng.random() < 0.3)
        rate = rng.choice((None, 30, 100, 400))
        return asks.StartMoveTask(name, None, rate, settled=True)

    def _rest(self, session: "Session", name: str) -> Any:
        rng = session.rng
        kind = rng.randrange(8)
        if kind == 0 and name != RESUMED:
            return asks.PurgeQueue(name)
        if kind == 1:
            return rng.choice(NEEDS)
        if kind == 2 and session.tasks and rng.random() < 0.5:
            return asks.CancelMoveTask(session.tasks.pop())
        top = self.tops.get(LATER, 0) + 8
        offsets = tuple(rng.sample(range(top), min(top, rng.randint(1, 9))))
        if kind < 5:
            return Cancel(LATER, offsets)
        return Reschedule(LATER, offsets, rng.choice((0, 300, 5_000)))
