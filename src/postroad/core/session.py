"""One caller, as far as waiting goes: what it waits for, and what it holds.

It stands under `Demand`, which alone changes it. The rule kept here: what nothing is left of is
over, and forgotten. Compiled by mypyc where possible.
"""

from postroad.core.ring import Consumer, Meter, Pool
from postroad.limits import HELD_GONE_MAX
from postroad.model.ask import Ask


class Waiter:
    """A receive or pop that found nothing and waits until an instant. `lists`: the names of the
    lists it waits for, in place of a queue. `turn`: who began to wait earlier has a lower one."""

    __slots__ = (
        "ask",
        "count",
        "lease_ms",
        "leased",
        "lists",
        "over",
        "queue",
        "turn",
        "until_ms",
    )

    def __init__(
        self, ask: Ask, queue: int, count: int, lease_ms: int | None, leased: bool
    ) -> None:
        self.ask = ask
        self.queue = queue
        self.count = count
        self.lease_ms = lease_ms
        self.leased = leased
        self.lists: tuple[str, ...] = ()
        self.turn = 0
        self.until_ms = 0
        self.over = False


class Session:
    """What one caller waits for and holds. `holders`: (queue, holder) of all leases it may have;
    `own`: queue -> holder of what it received without a consumer; `own_max`: with more of these it
    is time to see which queues are gone. `pools`: what its consumers share, by number; `meter`:
    what is on its way to those that have a window."""

    __slots__ = ("consumers", "holders", "meter", "own", "own_max", "pools", "waiters")

    def __init__(self) -> None:
        self.waiters: list[Waiter] = []
        self.consumers: dict[int, Consumer] = {}
        self.holders: list[tuple[int, int]] = []
        self.own: dict[int, int] = {}
        self.own_max = HELD_GONE_MAX
        self.pools: dict[int, Pool] = {}
        self.meter: Meter | None = None

    def is_over(self) -> bool:
        """Whether nothing is left to remember."""
        if self.waiters or self.consumers or self.holders or self.pools:
            return False
        return self.meter is None or not self.meter.on_way
