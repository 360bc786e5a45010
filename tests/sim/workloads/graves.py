"""What clients do with queues whose dead letters go through exchanges: let messages die of too many
deliveries, of age, of a full queue; take the way out away, and give it back."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from postroad.model import commands as asks
from postroad.model import exchanges as x
from postroad.model.policy import OVERFLOW_REJECT_DEAD_LETTER, QueueSettings

if TYPE_CHECKING:
    from tests.sim.workload import Session

GRAVES = "graves"
LATE = "late"
JOBS, PAUSE, NARROW = "jobs", "pause", "narrow"
ROUND, AROUND = "round", "around"
TOMB = "tomb"
QUEUES = {
    JOBS: QueueSettings(
        lease_ms=300,
        deliveries_max=2,
        dead_letter_exchange=GRAVES,
        dead_letter_routing_key=LATE,
        dead_letter_strict=True,
    ),
    PAUSE: QueueSettings(
        lease_ms=400,
        ttl_ms=600,
        dead_letter_exchange="",
        dead_letter_routing_key=JOBS,
        dead_letter_strict=True,
    ),
    NARROW: QueueSettings(
        lease_ms=500,
        length_max=6,
        overflow=OVERFLOW_REJECT_DEAD_LETTER,
        dead_letter_exchange=GRAVES,
        dead_letter_routing_key=LATE,
        dead_letter_strict=True,
    ),
    ROUND: QueueSettings(
        lease_ms=200, ttl_ms=500, dead_letter_exchange="", dead_letter_routing_key=AROUND
    ),
    AROUND: QueueSettings(
        lease_ms=200, ttl_ms=400, dead_letter_exchange="", dead_letter_routing_key=ROUND
    ),
    TOMB: QueueSettings(lease_ms=700, length_max=60),
}
WAYS = (x.DeclareExchange(GRAVES), x.Bind(GRAVES, TOMB, LATE))
NEEDS = (*(asks.DeclareQueue(name, settings) for name, settings in QUEUES.items()), *WAYS)


def led_to(settings: QueueSettings) -> set[str]:
    """Where the dead of a queue with these settings may go through its exchange."""
    if settings.dead_letter_exchange is None:
        return set()
    return {TOMB} if settings.dead_letter_exchange else {settings.dead_letter_routing_key or ""}


def next_of_graves(session: "Session", publish: int) -> Any:
    """Something to ask."""
    rng = session.rng
    chance = rng.random()
    name = rng.choice((JOBS, JOBS, PAUSE, NARROW, ROUND))
    if chance < 0.34:
        command = session.publish(publish)
        return replace(
            command,
            queues=(name,),
            delays_ms=None,
            ttls_ms=None,
            keys=None,
            priorities=None,
            dedup_ids=None,
        )
    if chance < 0.5:
        return asks.Receive(JOBS, rng.choice((1, 5, 40)), rng.choice((None, 40)), 0)
    if chance < 0.64:
        wait = rng.choice((0, 300))
        return asks.Receive(rng.choice((TOMB, TOMB, NARROW, ROUND, AROUND)), 30, None, wait)
    if chance < 0.7:
        return rng.choice((*WAYS, x.Unbind(GRAVES, TOMB, LATE)))
    if chance < 0.72:
        return rng.choice(NEEDS)
    return session.settle(0)
