"""What clients do with exchanges: bind, unbind, publish."""

import random
from typing import TYPE_CHECKING, Any

from postroad.model import exchanges as x
from postroad.model.filters import ATTRIBUTES
from tests.sim.checkers.exchanges import DIRECT, FANOUT, TARGETS, TOPIC

if TYPE_CHECKING:
    from tests.sim.workload import Session

KINDS = {FANOUT: x.FANOUT, DIRECT: x.DIRECT, TOPIC: x.TOPIC}
WORDS = ("eu", "us", "new")
PATTERNS = ("eu.#", "*.new", "#", "us.new")
SPARE = "spare"


def next_of_exchanges(session: "Session", publish: int) -> Any:
    """Something about exchanges."""
    return next_routed(session.rng, publish, session.bindings)


def next_routed(rng: random.Random, publish: int, bindings: list[int]) -> Any:
    """Something about exchanges; `bindings`: numbers of some that were made."""
    chance = rng.random()
    name = rng.choice(tuple(KINDS))
    if chance < 0.1:
        return x.DeclareExchange(name, x.ExchangeSettings(KINDS[name]))
    if chance < 0.35:
        key = {FANOUT: "", DIRECT: rng.choice(WORDS), TOPIC: rng.choice(PATTERNS)}[name]
        return (x.Bind if rng.random() < 0.7 else x.Unbind)(name, rng.choice(TARGETS), key)
    if chance < 0.45:
        return _spare(rng, bindings)
    count = rng.choice((1, 2, 5, 20))
    bodies = [b"%d.%d|" % (publish, at) + b"e" * rng.choice((3, 90, 900)) for at in range(count)]
    keys = [rng.choice(WORDS) for _ in range(rng.choice((1, count)))]
    if name == TOPIC:
        keys = [f"{key}.{rng.choice(WORDS)}" for key in keys]
    return x.PublishTo(name, keys, bodies)


def _spare(rng: random.Random, bindings: list[int]) -> Any:
    """An exchange that nothing is published to: it comes, changes and goes."""
    kind = rng.randrange(6)
    if kind < 2:
        return x.DeclareExchange(SPARE)
    if kind == 2:
        return x.ChangeExchange(SPARE, None, {"note": str(rng.randrange(9))})
    if kind == 3 and bindings:
        return x.ChangeBinding(rng.choice(bindings), None, ATTRIBUTES, {"note": "n"})
    if kind == 4:
        return x.DeleteExchange(SPARE)
    return x.Bind(SPARE, "plain", rng.choice(WORDS))
