"""What the clients of a story want: queues of all kinds, and sessions that ask by chance."""

import random
from dataclasses import replace
from typing import Any

from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.ask import Caller
from postroad.model.batch import BatchDone
from postroad.model.exchanges import Bound
from postroad.model.message import Delivery
from postroad.model.policy import DEDUP_KEY, FIFO, PRIORITY, QueueSettings, RetryPolicy
from tests.sim.themes import THEMES, share_of

FIXED = RetryPolicy("fixed", 200)
JITTER = RetryPolicy("exponential", 100, 2_000)

QUEUES: dict[str, QueueSettings] = {
    "plain": QueueSettings(lease_ms=5_000),
    "work": QueueSettings(lease_ms=800, deliveries_max=3, dead_letter_queue="dead", retry=JITTER),
    "dead": QueueSettings(lease_ms=2_000),
    "slow": QueueSettings(lease_ms=1_000, delay_ms=400, retry=FIXED),
    "waits": QueueSettings(lease_ms=1_500, wait_ms=300),
    "few": QueueSettings(lease_ms=600, leased_max=4, message_bytes_max=9_000),
    "full": QueueSettings(lease_ms=900, length_max=30),
    "newest": QueueSettings(
        lease_ms=900, length_max=12, overflow="dead-letter-oldest", dead_letter_queue="dead"
    ),
    "bytes": QueueSettings(lease_ms=900, bytes_max=6_000, overflow="drop-oldest"),
    "short": QueueSettings(
        lease_ms=700, ttl_ms=4_000, dead_letter_queue="dead", expired_to_dead_letters=True
    ),
    "once": QueueSettings(lease_ms=500, deliveries_max=2),
    "held": QueueSettings(lease_ms=400, deliveries_max=1, dead_letter_queue="nowhere"),
}

KEYED: dict[str, QueueSettings] = {
    "line": QueueSettings(lease_ms=1_500, kind=FIFO),
    "fifo": QueueSettings(
        lease_ms=900, kind=FIFO, dedup_window_ms=4_000, dedup_scope=DEDUP_KEY, retry=FIXED
    ),
    "late": QueueSettings(
        lease_ms=600, kind=FIFO, delay_ms=150, deliveries_max=3, dead_letter_queue="dead"
    ),
    "fair": QueueSettings(lease_ms=1_200, key_leased_max=3),
    "levels": QueueSettings(lease_ms=1_000, kind=PRIORITY, retry=JITTER),
    "ids": QueueSettings(lease_ms=700, dedup_window_ms=20_000),
}
"""Queues where keys, priorities and ids count."""
QUEUES.update(KEYED)
KEYS = (None, "a", "b", "c", "d")

FAILURES = {asks.RETRY: "it failed", asks.REJECT: "it is wrong"}
"""What is said of messages that are given back so."""

FILLER = bytes(range(32, 124)) * 300


class Session:
    """One client: what it holds, and what it asks next."""

    def __init__(
        self, caller: Caller, rng: random.Random, names: list[str], themes: tuple[str, ...]
    ) -> None:
        self.caller = caller
        self.rng = rng
        self.names = names
        self.held: list[tuple[str, Delivery]] = []
        self.old: list[tuple[str, Delivery]] = []
        self.asked: dict[int, Any] = {}
        self.next_ask = 0
        self.consumers: list[int] = []
        self.themes = themes
        self.works = {name: THEMES[name].begin(self) for name in dict.fromkeys(themes)}
        self.tasks: list[int] = []
        self.bindings: list[int] = []

    def hear(self, number: int, reply: replies.Reply) -> None:
        """An answer came: keep what was leased."""
        self.heard(self.asked[number], reply)

    def heard(self, command: Any, reply: replies.Reply) -> None:
        """What an answer leaves with the client."""
        for work in self.works.values():
            work.heard(command, reply)
        if isinstance(reply, BatchDone):
            for part, answer in zip(command.commands, reply.replies, strict=True):
                self.heard(part, answer)
        elif isinstance(reply, replies.Received) and hasattr(command, "queue"):
            self.held.extend((command.queue, one) for one in reply.messages if one.lease)
            del self.held[:-300]
        elif isinstance(reply, Bound):
            self.bindings.append(reply.binding)
        elif isinstance(reply, replies.TaskStarted):
            self.tasks.append(reply.task)

    def next_command(self, publish: int) -> Any:
        """Something to ask by chance; `publish` is the number a publish would have."""
        if self.themes and self.rng.random() < share_of(self.themes):
            return self.works[self.rng.choice(self.themes)].next_command(self, publish)
        make, weights = zip(*CHOICES, strict=True)
        chosen = self.rng.choices(make, weights)[0]
        return chosen(self, publish)

    def _queue(self) -> str:
        # Few queues are busy, so that sessions meet.
        at = min(self.rng.randrange(len(self.names)), self.rng.randrange(len(self.names)))
        return self.names[at]

    def publish(self, publish: int) -> asks.Publish:
        """A publish of one message or many, to one queue or several."""
        rng = self.rng
        names = {self._queue() for _ in range(rng.choice((1, 1, 1, 2, 3)))}
        if len(names) > 1:
            names -= {"ids", "fifo"}
        count = rng.choice((1, 1, 2, 3, 8, 20, 40))
        size = rng.choice((0, 20, 100, 100, 700, 3_000))
        if rng.random() < 0.03:
            size, count = 24_000, rng.randint(1, 3)
        if rng.random() < 0.02:
            size, count = 4, rng.randint(500, 1_500)
        bodies = [b"%d.%d|" % (publish, at) + FILLER[: rng.randint(0, size)] for at in range(count)]
        heads = None
        if rng.random() < 0.3:
            heads = [b"h%d" % rng.randrange(9) * rng.randint(0, 9) for _ in bodies]
        delays = ttls = None
        if rng.random() < 0.2:
            delays = [rng.choice((None, 0, 50, 900, 20_000)) for _ in bodies]
        if rng.random() < 0.1:
            ttls = [rng.choice((None, 300, 5_000)) for _ in bodies]
        return self._marked(asks.Publish(tuple(sorted(names)), bodies, heads, delays, ttls))

    def _marked(self, command: asks.Publish) -> asks.Publish:
        """Keys, priorities and ids where they count, and at times where they do not."""
        rng = self.rng
        bodies, chance = command.bodies, rng.random()
        names = set(command.queues)
        if names & KEYED.keys() or chance < 0.05:
            command = replace(command, keys=[rng.choice(KEYS) for _ in bodies])
        if "levels" in names or chance < 0.05:
            command = replace(command, priorities=[rng.choice((0, 0, 1, 5, 255)) for _ in bodies])
        if names & {"ids", "fifo"} and len(names) == 1 and chance < 0.8:
            ids = [rng.choice((None, *"01234567")) for _ in bodies]
            command = replace(command, dedup_ids=ids)
        if names & {"line", "fifo", "late"} and chance < 0.95:
            command = replace(command, delays_ms=None)
        return command

    def receive(self, _: int) -> asks.Receive:
        """A receive, short or long."""
        rng = self.rng
        lease = rng.choice((None, None, None, 60, 0, 20_000, asks.SESSION_LEASE))
        wait = rng.choice((None, 0, 0, 200, 3_000))
        return asks.Receive(self._queue(), rng.choice((1, 3, 10, 60)), lease, wait)

    def pop(self, _: int) -> asks.Pop:
        """A pop."""
        return asks.Pop(self._queue(), self.rng.randint(1, 6), self.rng.choice((0, 0, 500)))

    def consume(self, _: int) -> Any:
        """Attach, detach, or more credit."""
        rng = self.rng
        if self.consumers and rng.random() < 0.6:
            consumer = rng.choice(self.consumers)
            if rng.random() < 0.4:
                self.consumers.remove(consumer)
                return asks.Detach(consumer)
            return asks.GrantCredit(consumer, rng.randint(0, 10), rng.random() < 0.3)
        consumer = self.next_ask + 1
        self.consumers.append(consumer)
        lease = rng.choice((None, None, 300))
        leased = rng.random() < 0.8
        return asks.Attach(self._queue(), consumer, rng.randint(0, 12), lease, leased)

    def settle(self, _: int) -> Any:
        """Settle some of what is held, sometimes once more, sometimes by a forged receipt."""
        rng = self.rng
        source = self.old if self.old and rng.random() < 0.12 else self.held
        if not source:
            return self.receive(0)
        name = rng.choice(source)[0]
        mine = [one for one in source if one[0] == name]
        picked = mine[: rng.randint(1, 30)] if rng.random() < 0.5 else mine[-rng.randint(1, 9) :]
        if source is self.held:
            taken = {id(one) for one in picked}
            self.held = [one for one in self.held if id(one) not in taken]
            self.old = [*self.old[-60:], *picked]
        offsets = [one.offset for _, one in picked]
        leases = [one.lease for _, one in picked]
        counts = [one.delivery_count for _, one in picked]
        if rng.random() < 0.04:
            leases = [lease + 5_000 for lease in leases]
        if rng.random() < 0.1:
            return asks.Extend(name, offsets, leases, rng.choice((0, 300, 3_000)))
        outcome = rng.choice((asks.ACK,) * 5 + (asks.RELEASE, asks.RETRY, asks.REJECT))
        after = rng.choice((None, 0, 500))
        failure = FAILURES.get(outcome, "")
        strict = rng.random() < 0.2
        return asks.Settle(name, offsets, leases, counts, outcome, after, strict, failure=failure)

    def extend(self, _: int) -> Any:
        """Extend a part of what is held, and keep it."""
        if not self.held:
            return self.receive(0)
        name = self.rng.choice(self.held)[0]
        mine = [one for queue, one in self.held if queue == name]
        picked = self.rng.sample(mine, min(len(mine), self.rng.randint(1, 8)))
        offsets, leases = [one.offset for one in picked], [one.lease for one in picked]
        return asks.Extend(name, offsets, leases, self.rng.choice((0, 200, 4_000)))

    def administer(self, _: int) -> Any:
        """Purge, change, delete, declare, describe, list, peek."""
        rng = self.rng
        name = self._queue()
        states = rng.choice(((), ("ready",), ("leased",)))
        kind = rng.randrange(10)
        if kind == 0:
            return asks.PurgeQueue(name)
        if kind == 1:
            return asks.DescribeQueue(name)
        if kind == 2:
            return asks.ListQueues()
        if kind < 5:
            return asks.Peek(name, rng.randint(0, 60), rng.randint(1, 50), states)
        if kind < 7:
            return self._change(name)
        if kind < 8:
            # Only a name that is never used again: a settle names its queue, and whoever keeps
            # receipts looks whether that is still the one they are of.
            return asks.DeleteQueue(self.names[-1])
        return self._declare()

    def _declare(self) -> asks.DeclareQueue:
        if self.rng.random() < 0.5:
            return asks.DeclareQueue(self.new_name(), QueueSettings(lease_ms=700))
        name = self.rng.choice([name for name in self.names if name in QUEUES])
        return asks.DeclareQueue(name, QUEUES[name])

    def new_name(self) -> str:
        """A name for a queue: used for one only, so that a receipt can mean only one."""
        self.names[-1] = f"temp-{self.next_ask}-{self.caller.number}"
        return self.names[-1]

    def _change(self, name: str) -> asks.ChangeQueue:
        settings = QUEUES.get(name)
        if settings is not None and self.rng.random() < 0.5:
            settings = QueueSettings(
                *(getattr(settings, one) for one in settings.__struct_fields__)
            )
            return asks.ChangeQueue(name, settings, {"note": str(self.rng.randrange(9))})
        return asks.ChangeQueue(name, None, None, {"label": str(self.rng.randrange(9))})

    def move(self, _: int) -> Any:
        """Move, or have moved in the background."""
        rng = self.rng
        source, target = self._queue(), rng.choice((None, self._queue()))
        if rng.random() < 0.5:
            picked = tuple(rng.sample(range(60), 8)) if rng.random() < 0.3 else None
            return asks.Move(source, target, rng.randint(1, 40), picked)
        if self.tasks and rng.random() < 0.3:
            return asks.CancelMoveTask(self.tasks.pop())
        if rng.random() < 0.1:
            return asks.ListMoveTasks(source)
        return asks.StartMoveTask(source, target, rng.choice((None, None, 40)))


CHOICES = [
    (Session.publish, 34),
    (Session.receive, 20),
    (Session.settle, 26),
    (Session.extend, 3),
    (Session.pop, 4),
    (Session.consume, 6),
    (Session.administer, 5),
    (Session.move, 4),
]
"""What sessions do, and how often."""
