"""What stories are about besides queues: one row a theme, which says which seeds have it."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.sim.workloads import (
    crews,
    graves,
    limits,
    lists,
    lives,
    mates,
    past,
    rounds,
    schedules,
    schemas,
    ways,
)
from tests.sim.workloads.again import AgainWork
from tests.sim.workloads.batches import next_of_batches
from tests.sim.workloads.exchanges import next_of_exchanges
from tests.sim.workloads.fields import FieldWork
from tests.sim.workloads.kv import KvWork
from tests.sim.workloads.topics import TopicWork
from tests.sim.workloads.work import Forgetful, Work

if TYPE_CHECKING:
    from tests.sim.workload import Session

LARGE = 0.7
SMALL = 0.35


@dataclass(frozen=True, slots=True)
class Theme:
    """`begin` makes a session's part in it. `seeds`: remainders by `SEEDS_EVERY` of the seeds whose
    stories have it, in no other row. `needs`: asked first. `share`: how much of what is asked is
    about themes; `weight`: how many times another theme's asks are about this one."""

    begin: Callable[["Session"], Work]
    seeds: tuple[int, ...] = ()
    needs: tuple[Any, ...] = ()
    share: float = LARGE
    weight: int = 3


def by_chance(ask: Callable[["Session", int], Any]) -> Callable[["Session"], Work]:
    """A theme of which nobody remembers anything."""
    return lambda _: Forgetful(ask)


SEEDS_EVERY = 40
BESIDES = ("batch", "kv")
"""What any story may be about besides, by chance."""
THEMES = {
    "batch": Theme(by_chance(next_of_batches), share=SMALL, weight=1),
    "kv": Theme(KvWork, share=SMALL, weight=1),
    "again": Theme(AgainWork, (11,), share=0.5),
    "topics": Theme(TopicWork, (3, 7, 15, 39), share=SMALL, weight=2),
    "exchanges": Theme(by_chance(next_of_exchanges), (1, 5, 9, 13, 17), share=SMALL, weight=2),
    "past": Theme(past.PastWork, (2, 12, 22, 33), past.NEEDS),
    "schemas": Theme(schemas.SchemaWork, (6, 26), schemas.NEEDS),
    "limits": Theme(by_chance(limits.next_limited), (10, 21, 30, 37), limits.NEEDS),
    "lives": Theme(lives.LifeWork, (14, 23, 34, 36), lives.NEEDS),
    "lists": Theme(lists.ListWork, (20, 24, 28, 29), lists.NEEDS),
    "fields": Theme(FieldWork, (16, 32)),
    "ways": Theme(by_chance(ways.next_way), (18, 38), ways.NEEDS),
    "crews": Theme(crews.CrewWork, (25,), crews.NEEDS),
    "graves": Theme(by_chance(graves.next_of_graves), (8,), graves.NEEDS),
    "mates": Theme(mates.MateWork, (4,), mates.NEEDS),
    "rounds": Theme(rounds.RoundWork, (31, 35), rounds.NEEDS),
    "schedules": Theme(by_chance(schedules.next_of_schedules), (19, 27), schedules.NEEDS),
}
"""A seed that is in no row has queues alone: to add a theme, take some that are free, and the
stories of all other themes stay as they are."""
AT = {seed: name for name, theme in THEMES.items() for seed in theme.seeds}


def themes_of(seed: int, rng: random.Random) -> tuple[str, ...]:
    """What the story of a seed is about besides queues, each as often as it has weight."""
    besides = rng.sample(BESIDES, rng.choice((0, 1, 1, 2)))
    mine = AT.get(seed % SEEDS_EVERY)
    return (*besides, *([mine] * THEMES[mine].weight if mine else ()))


def share_of(themes: tuple[str, ...]) -> float:
    """How much of what is asked is about the themes."""
    return max((THEMES[name].share for name in themes), default=0.0)


def needs_of(themes: tuple[str, ...]) -> list[Any]:
    """What is asked first."""
    return [command for name in dict.fromkeys(themes) for command in THEMES[name].needs]
