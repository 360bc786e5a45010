"""What clients do with exchanges of every kind, behind each other and with topics at both ends."""

from typing import TYPE_CHECKING, Any

from postroad.model import commands as asks
from postroad.model import exchanges as x
from postroad.model import topics
from postroad.model.message import plain_head
from postroad.model.policy import QueueSettings

HEADS, HASH, SLOW, FIRST, REST, FRONT = "heads", "spread", "slowly", "first", "rest", "front"
EXCHANGES = {
    HEADS: x.ExchangeSettings(x.HEADERS),
    HASH: x.ExchangeSettings(x.CONSISTENT_HASH),
    SLOW: x.ExchangeSettings(x.FANOUT, delayed=True),
    REST: x.ExchangeSettings(x.FANOUT),
    FIRST: x.ExchangeSettings(x.DIRECT, alternate=REST),
    FRONT: x.ExchangeSettings(x.FANOUT),
}
STREAM = "stream"
TARGETS = ("north", "south", "east")
KEYS = ("a", "b", "c", "d")
MATCHES: tuple[dict[str, Any], ...] = (
    {"kind": "a"},
    {"kind": "b", "size": 1},
    {"x-match": "any", "kind": "a", "size": 2},
)
NEEDS = (
    *(asks.DeclareQueue(name, QueueSettings(lease_ms=900)) for name in TARGETS),
    topics.DeclareTopic(STREAM, 2),
    *(x.DeclareExchange(name, settings) for name, settings in EXCHANGES.items()),
)

if TYPE_CHECKING:
    from tests.sim.workload import Session


def next_way(session: "Session", publish: int) -> Any:
    """Something to ask."""
    rng = session.rng
    chance = rng.random()
    if chance < 0.04:
        return rng.choice(NEEDS)
    if chance < 0.3:
        return _binding(session)
    if chance < 0.4:
        return asks.Receive(rng.choice(TARGETS), 20, None, 0)
    if chance < 0.55:
        return session.settle(0)
    if chance < 0.62:
        bodies = [b"%d.%d|" % (publish, at) + b"s" * 60 for at in range(rng.choice((1, 4)))]
        return topics.Append(STREAM, bodies)
    return _publish(session, publish)


def _binding(session: "Session") -> Any:
    rng = session.rng
    make = x.Bind if rng.random() < 0.7 else x.Unbind
    source = rng.choice((*EXCHANGES, STREAM))
    target = rng.choice(TARGETS)
    if source == HEADS:
        return make(source, target, arguments=rng.choice(MATCHES))
    if source == HASH:
        return make(source, target, rng.choice(("1", "3")))
    if source == FIRST:
        return make(source, target, rng.choice(KEYS))
    if source == STREAM:
        return make(source, target, source_kind=x.OF_TOPIC)
    if source == FRONT and rng.random() < 0.6:
        return make(source, rng.choice((HEADS, FIRST, SLOW)), target_kind=x.TO_EXCHANGE)
    if source in (REST, FRONT) and rng.random() < 0.4:
        return make(source, STREAM, target_kind=x.TO_TOPIC)
    return make(source, target)


def _publish(session: "Session", publish: int) -> x.PublishTo:
    rng = session.rng
    count = rng.choice((1, 2, 5, 12))
    bodies = [b"%d.%d|" % (publish, at) + b"w" * rng.choice((3, 300)) for at in range(count)]
    name = rng.choice(tuple(EXCHANGES))
    headers = [
        {"kind": rng.choice("abc"), "size": rng.randint(1, 2), x.DELAY_HEADER: rng.choice((0, 400))}
        for _ in bodies
    ]
    heads = [plain_head(dict(one)) for one in headers]
    keys = [rng.choice(KEYS) for _ in range(rng.choice((1, count)))]
    return x.PublishTo(name, keys, bodies, heads, mandatory=rng.random() < 0.1)
