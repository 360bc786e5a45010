"""Batches and programs of a story: publishes, acks and keys as one step, each with a mark."""

import random
from typing import TYPE_CHECKING, Any

from postroad.model import commands as asks
from postroad.model import kv
from postroad.model.batch import Batch, Run
from tests.sim.checkers.batches import MARKS
from tests.sim.workloads.kv import KEYS, SPACE

if TYPE_CHECKING:
    from tests.sim.workload import Session

QUEUES = ("plain", "work", "dead", "fair", "levels")


class Program:
    """Does its commands one after another, inside the broker."""

    def __init__(self, commands: list[Any]) -> None:
        self.commands = commands

    def __repr__(self) -> str:
        return f"Program({self.commands})"

    def __call__(self, tx: Any) -> object:
        return [tx.ask(one) for one in self.commands]


def next_of_batches(session: "Session", publish: int) -> Batch | Run:
    """Several things at once, at times acks of what the session holds among them."""
    acks = acks_of(session) if session.held and session.rng.random() < 0.6 else None
    return next_batch(session.rng, publish, acks)


def acks_of(session: "Session") -> asks.Settle:
    """Acks of some of what the session holds, and no longer does."""
    name = session.rng.choice(session.held)[0]
    picked = [one for queue, one in session.held if queue == name][-4:]
    taken = {id(one) for one in picked}
    session.held = [one for one in session.held if id(one[1]) not in taken]
    offsets, leases = [one.offset for one in picked], [one.lease for one in picked]
    return asks.Settle(name, offsets, leases, [one.delivery_count for one in picked])


def next_batch(rng: random.Random, publish: int, acks: asks.Settle | None) -> Batch | Run:
    """A batch or program with a publish number of its own; `acks`: a settle to go with it."""
    mark = b"%d" % publish
    commands: list[Any] = [kv.KvSet(MARKS, (mark,), (b"done",))]
    whole = rng.random() < 0.5
    for name in rng.sample(QUEUES, 2 if whole else 1):
        count = rng.choice((1, 2, 5, 30))
        bodies = [
            b"%d.%d|" % (publish, at) + b"b" * rng.choice((5, 90, 700)) for at in range(count)
        ]
        commands.append(asks.Publish((name,), bodies))
    if rng.random() < 0.5:
        key = rng.choice(KEYS)
        commands.append(kv.KvSet(SPACE, (key,), (mark + b"!" + key,)))
    if acks is not None:
        commands.append(acks)
    rng.shuffle(commands)
    if not whole and rng.random() < 0.5:
        return Run(Program(commands))
    if not whole and rng.random() < 0.5:
        commands.append(asks.Receive(rng.choice(QUEUES), 3, None, 0))
    return Batch(commands, all_or_nothing=whole)
