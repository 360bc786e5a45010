"""Which part of a publish becomes a fan-out.

One rule: no queue gets two messages of one publish in another order than they were given: what
follows a fan-out in a queue of it is one too.
"""

from collections.abc import Sequence

from postroad.core import records as facts
from postroad.core.decide.load import Load, chunk_records
from postroad.core.decision import World
from postroad.core.fanouts.records import FanoutBegan
from postroad.core.queue import Queue
from postroad.limits import ROUTE_SETS_MAX


class Spreading:
    """The groups of one publish, one after another: which are too many queues for one turn."""

    __slots__ = ("_behind", "_left", "_may")

    def __init__(self, world: World, may: bool) -> None:
        self._may = may and not world.at_once
        self._left = world.fanout_queues_max
        self._behind: set[int] = set() if world.behind is None else world.behind

    def takes(self, ids: Sequence[int]) -> bool:
        """Whether the next group, to these queues, is a fan-out."""
        if not self._may:
            return False
        alone = len(ids) == 1
        if (alone or len(ids) <= self._left) and self._behind.isdisjoint(ids):
            self._left -= 0 if alone else len(ids)
            return False
        self._behind.update(ids)
        return True


def begin_records(
    world: World, queues: list[Queue], load: Load, now: int
) -> tuple[int, list[facts.Record]] | None:
    """The number and the facts of a fan-out to queues that were named; `None` where they get it at
    once, as for a program, which is told where."""
    state = world.state
    if len(queues) <= world.fanout_queues_max or world.at_once or world.behind is not None:
        return None
    ids = sorted([queue.id for queue in queues])
    records: list[facts.Record] = []
    shelf = state.route_of.get(tuple(ids), 0)
    number = state.catalog.next_id
    first = 0
    if shelf:
        first = state.shelves[shelf].next
    elif len(state.routes) >= ROUTE_SETS_MAX and not state.idle_routes:
        return None
    else:
        shelf = number
        number += 1
        records.append(facts.RouteSetDefined(shelf, ids))
    records.append(FanoutBegan(number, shelf, first, len(load.bodies), 0))
    records.extend(chunk_records(shelf, first, load, now))
    return number, records
