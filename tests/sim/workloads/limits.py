"""What clients do with queues that hold messages back: so many a second, so many at once, none."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace as with_settings

from postroad.model import commands as asks
from postroad.model.policy import QueueSettings

SMS = "sms"
EACH = "each"
SLOTS = "slots"
VALVE = "valve"
QUEUES = {
    SMS: QueueSettings(lease_ms=400, per_second=8),
    EACH: QueueSettings(lease_ms=500, key_per_second=2, key_leased_max=3),
    SLOTS: QueueSettings(lease_ms=600, leased_max=3),
    VALVE: QueueSettings(lease_ms=500),
}
NEEDS = tuple(asks.DeclareQueue(name, settings) for name, settings in QUEUES.items())
FREED = tuple(
    asks.ChangeQueue(
        name,
        with_settings(settings, per_second=None, key_per_second=None, leased_max=None),
    )
    for name, settings in QUEUES.items()
)
"""Nothing is held back any more."""

if TYPE_CHECKING:
    from tests.sim.workload import Session


def next_limited(session: "Session", publish: int) -> Any:
    """Something to ask."""
    rng = session.rng
    chance = rng.random()
    name = rng.choice((*QUEUES, EACH, SMS))
    if chance < 0.24:
        command = session.publish(publish)
        keys = [rng.choice((None, "a", "b")) for _ in command.bodies] if name == EACH else None
        plain = replace(command, queues=(name,), delays_ms=None, ttls_ms=None, dedup_ids=None)
        return replace(plain, keys=keys, priorities=None)
    if chance < 0.54:
        wait = rng.choice((0, 0, 100, 600))
        return asks.Receive(name, rng.choice((1, 4, 30)), rng.choice((None, None, 40)), wait)
    if chance < 0.6:
        return asks.Pop(name, rng.randint(1, 20), rng.choice((0, 150)))
    if chance < 0.66:
        return attach(session, name)
    if chance < 0.7 and session.consumers:
        return asks.Detach(session.consumers.pop())
    if chance < 0.82:
        settings = with_settings(QUEUES[VALVE], paused=rng.random() < 0.5)
        return asks.ChangeQueue(VALVE, settings, only=("paused",))
    if chance < 0.84:
        return rng.choice(NEEDS)
    return session.settle(0)


def attach(session: "Session", name: str) -> asks.Attach:
    """A new consumer."""
    consumer = session.next_ask + 1
    session.consumers.append(consumer)
    leased = session.rng.random() < 0.8
    return asks.Attach(name, consumer, session.rng.randint(1, 12), None, leased)
