"""The shelves that the groups of one step go to.

One rule: what a step says of a shelf must still be so when its facts are applied one after another.
Compiled by mypyc where possible.
"""

from postroad.core import records as facts
from postroad.core.exchanges.routes import Route
from postroad.core.state import State
from postroad.limits import ROUTE_SETS_MAX


class Shelves:
    """The shelves of one step. A fact about a new route set may push out one that nothing rests
    on; so where that may happen, none that this step knows already is used."""

    __slots__ = ("_crowded", "_defined", "_firsts", "_numbers", "_room", "_state")

    def __init__(self, state: State, groups: int) -> None:
        self._state = state
        self._room = ROUTE_SETS_MAX - len(state.routes) + len(state.idle_routes)
        self._crowded = groups > 1 and len(state.routes) + groups > ROUTE_SETS_MAX
        self._numbers = 0
        self._firsts: dict[int, int] = {}
        self._defined: dict[tuple[int, ...], int] = {}

    def have_room(self, groups: int) -> bool:
        """Whether each of so many groups can have a shelf of its route set."""
        return self._room >= groups and not self._crowded

    def number(self) -> int:
        """A number that nothing has yet."""
        self._numbers += 1
        return self._state.catalog.next_id + self._numbers - 1

    def take_set(self, route: Route, records: list[facts.Record]) -> int:
        """The shelf of a route set, be it of one queue; only where there is room."""
        ids = route.ids
        known = self._defined.get(ids) or self._state.route_of.get(ids)
        return self._define(ids, records) if known is None else known

    def take(self, route: Route, records: list[facts.Record]) -> list[int]:
        """The shelf for a group, or that of each of its queues; a new one's fact is entered."""
        state = self._state
        ids = route.ids
        if len(ids) == 1:
            return [ids[0]]
        known = self._defined.get(ids)
        if known is not None:
            return [known]
        known = state.route_of.get(ids)
        if known is not None:
            if self._crowded and known in state.idle_routes:
                return list(ids)
            return [known]
        if self._room <= 0:
            return list(ids)
        return [self._define(ids, records)]

    def _define(self, ids: tuple[int, ...], records: list[facts.Record]) -> int:
        self._room -= 1
        shelf = self.number()
        self._defined[ids] = shelf
        self._firsts[shelf] = 0
        records.append(facts.RouteSetDefined(shelf, list(ids)))
        return shelf

    def next_of(self, shelf: int, count: int) -> int:
        """The next index on a shelf, after which `count` messages come."""
        first = self._firsts.get(shelf, -1)
        if first < 0:
            first = self._state.shelves[shelf].next
        self._firsts[shelf] = first + count
        return first
