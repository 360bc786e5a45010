"""A random life of three queues by seed, told as the digest of its journal."""

import random
import sys
from hashlib import sha256

from postroad.model import commands
from postroad.model.message import Delivery
from postroad.model.policy import RetryPolicy
from tests.unit.core.road import Road

NAMES = ("a", "b", "c")


def live(seed: int, steps: int) -> Road:
    """The same seed tells the same story."""
    dice = random.Random(seed)
    road = Road()
    road.declare(
        "a",
        lease_ms=50,
        retry=RetryPolicy("exponential", 20, 100),
        deliveries_max=3,
        dead_letter_queue="b",
    )
    road.declare("b", length_max=50, overflow="drop-oldest", ttl_ms=500)
    road.declare("c", bytes_max=200, overflow="dead-letter-oldest", dead_letter_queue="a")
    held: list[Delivery] = []
    for _ in range(steps):
        name = dice.choice(NAMES)
        kind = dice.randrange(8)
        if kind < 3:
            targets = tuple(dice.sample(NAMES, dice.randint(1, 3)))
            road.publish(*[dice.randbytes(9) for _ in range(dice.randint(1, 20))], to=targets)
        elif kind < 5:
            held.extend(road.receive(name, dice.randint(1, 9)))
        elif kind == 5 and held:
            dice.shuffle(held)
            road.settle([held.pop()], dice.choice((commands.ACK, commands.RETRY, commands.REJECT)))
        elif kind == 6:
            road.ask(commands.StartMoveTask("b", None, dice.choice((None, 20))))
        else:
            road.wait(dice.choice((1, 20, 100)))
        road.settle_down()
    return road


def digest(road: Road) -> str:
    """All steps of a life, as one number."""
    return sha256(b"".join(road.steps)).hexdigest()


if __name__ == "__main__":
    print(digest(live(int(sys.argv[1]), int(sys.argv[2]))))
