"""What is there when a story begins: queues, and what its themes need."""

import random
from typing import TYPE_CHECKING

from postroad.model import commands as asks
from tests.sim.themes import needs_of
from tests.sim.workload import KEYED, QUEUES, Session

if TYPE_CHECKING:
    from tests.sim.world import World

FLOODS_EVERY = 16
FLOOD_MESSAGES = 4_090


def names_of(rng: random.Random) -> list[str]:
    """The queues of a story, the busy ones first."""
    names = [name for name in QUEUES if name not in KEYED]
    if rng.random() < 0.6:
        for name in rng.sample(sorted(KEYED), 3):
            names.insert(rng.randint(0, 3), name)
    return names


def furnish(world: "World") -> None:
    """Ask for most of the queues, and for all that the themes need."""
    while world.process is None:
        world.run_for(100)
    names = list(world.names)
    world.rng.shuffle(names)
    names.sort(key=lambda name: name not in KEYED)
    for name in names[: world.rng.randint(6, len(names))]:
        if world.process is not None:
            world.ask(world.sessions[0], asks.DeclareQueue(name, QUEUES[name]))
        world.run_for(3)
    for command in needs_of(world.themes):
        if world.process is not None:
            world.ask(world.sessions[0], command)
        world.run_for(3)
    if world.seed % FLOODS_EVERY == 0 and world.process is not None:
        _flood(world, world.sessions[0])


def _flood(world: "World", session: Session) -> None:
    """Messages enough that what follows spans two pages of a queue, and is swept later."""
    world.publishes += 1
    world.ask(session, asks.DeclareQueue("plain", QUEUES["plain"]))
    bodies = [b"%d.%d|" % (world.publishes, at) for at in range(FLOOD_MESSAGES)]
    world.ask(session, asks.Publish(("plain",), bodies))
