"""Publish through an exchange: messages by where they go, all of it or nothing.

One rule: messages for the same queues are one publish, so that bodies are stored once; and no queue
gets two messages in another order than they were given. Compiled by mypyc where possible.
"""

from collections.abc import Sequence

from postroad.core import records as facts
from postroad.core.decide.dedup import take
from postroad.core.decide.load import chunk_records, load_of
from postroad.core.decide.publish import UNEVEN, refusal_of
from postroad.core.decision import Decision, World, refuse
from postroad.core.exchanges.binding import Exchange
from postroad.core.exchanges.routes import Keys, Route
from postroad.core.exchanges.walk import route_by_keys, route_of_message
from postroad.core.queue import Queue
from postroad.core.state import State
from postroad.limits import PUBLISH_BYTES_MAX, ROUTE_SETS_MAX, ROUTED_ENTRIES_MAX
from postroad.model.commands import Publish
from postroad.model.exchanges import DELAY_HEADER, PublishTo, Routed, RoutedGroup
from postroad.model.message import headers_of
from postroad.model.replies import Why


class Group:
    """Messages that go to the same queues. `indexes`: which of the command's; `None`: all. `sifts`:
    it is one queue, which takes no message twice."""

    __slots__ = ("indexes", "publish", "route", "sifts")

    def __init__(self, route: Route, indexes: list[int] | None) -> None:
        self.route = route
        self.indexes = indexes
        self.publish: Publish | None = None
        self.sifts = False


def decide_publish_to(world: World, command: PublishTo, now: int) -> Decision:
    """One publish through an exchange."""
    realm = world.state.exchanges
    count = len(command.bodies)
    if not count or len(command.routing_keys) not in (1, count) or _uneven(command, count):
        return refuse(Why.BAD_COMMAND, UNEVEN)
    exchange = realm.by_name.get(command.exchange)
    if exchange is None and command.exchange:
        text = f"exchange `{command.exchange}` does not exist"
        return refuse(Why.NO_SUCH_EXCHANGE, text, world.state.changed)
    if exchange is not None and exchange.settings.internal:
        text = f"exchange `{exchange.name}` is for other exchanges only"
        return refuse(Why.EXCHANGE_INTERNAL, text, realm.touched)
    unroutable: list[int] = []
    groups = _groups(world.state, exchange, command, unroutable)
    if unroutable and command.mandatory:
        text = f"{len(unroutable):,} of {count:,} messages have no queue to go to"
        return refuse(Why.UNROUTABLE, text, world.state.changed)
    if not groups:
        return Decision([], Routed((), tuple(unroutable), now), world.state.changed)
    delays = command.delays_ms
    if exchange is not None and exchange.settings.delayed:
        delays = _header_delays(command)
    for group in groups:
        group.publish = _publish_of(command, group, delays)
    refusal = _refusal_of(world, groups)
    if refusal is not None:
        return refusal
    return _decided(world, _apart(command, groups, delays), unroutable, now)


def _uneven(command: PublishTo, count: int) -> bool:
    columns = (command.heads, command.delays_ms, command.more_keys)
    return any(column is not None and len(column) != count for column in columns)


def _groups(
    state: State, exchange: Exchange | None, command: PublishTo, unroutable: list[int]
) -> list[Group]:
    """The messages by route; entered in `unroutable` are those with none."""
    if len(command.routing_keys) == 1 and command.more_keys is None:
        keys = (command.routing_keys[0],)
        route = (
            _default(state, keys)
            if exchange is None
            else route_by_keys(state.exchanges, exchange, keys)
        )
        if route is not None and route.ids:
            return [Group(route, None)]
        if route is not None:
            unroutable.extend(range(len(command.bodies)))
            return []
    routes = _routes(state, exchange, command)
    groups = _in_order(routes, unroutable)
    if len(groups) == 1 and not unroutable:
        groups[0].indexes = None
    return groups


def _routes(state: State, exchange: Exchange | None, command: PublishTo) -> list[Route]:
    realm = state.exchanges
    same = len(command.routing_keys) == 1
    found: list[Route] = []
    for at in range(len(command.bodies)):
        keys: Keys = (command.routing_keys[0 if same else at],)
        if command.more_keys is not None:
            keys = tuple(dict.fromkeys((*keys, *command.more_keys[at])))
        if exchange is None:
            found.append(_default(state, keys))
            continue
        route = route_by_keys(realm, exchange, keys)
        if route is None:
            head = b"" if command.heads is None else command.heads[at]
            route = route_of_message(realm, exchange, keys, head, command.bodies[at])
        found.append(route)
    return found


def _default(state: State, keys: Keys) -> Route:
    """To the queues that have the names of the keys."""
    queues: dict[int, Queue] = {}
    for key in keys:
        queue = state.by_name.get(key)
        if queue is not None:
            queues[queue.id] = queue
    return state.exchanges.routes.route(queues)


def _in_order(routes: list[Route], unroutable: list[int]) -> list[Group]:
    """A message joins an earlier group of its route unless a later one has a queue of it."""
    groups: list[Group] = []
    latest: dict[int, int] = {}
    group_of: dict[tuple[int, ...], int] = {}
    previous: Route | None = None
    for index in range(len(routes)):
        route = routes[index]
        if not route.ids:
            unroutable.append(index)
            continue
        at = group_of.get(route.ids, -1)
        if at >= 0 and (route is previous or _none_later(route, latest, at)):
            joined = groups[at].indexes
            assert joined is not None, "a group lists its messages"
            joined.append(index)
        else:
            at = len(groups)
            group_of[route.ids] = at
            for id in route.ids:
                latest[id] = at
            groups.append(Group(route, [index]))
        previous = route
    return groups


def _none_later(route: Route, latest: dict[int, int], at: int) -> bool:
    return all(latest[id] == at for id in route.ids)


def _publish_of(command: PublishTo, group: Group, delays: Sequence[int | None] | None) -> Publish:
    """The publish that a group is."""
    names, which = group.route.names, group.indexes
    if which is None:
        return Publish(
            names,
            command.bodies,
            command.heads,
            delays,
            command.ttls_ms,
            command.keys,
            command.priorities,
            command.dedup_ids,
        )
    bodies = command.bodies
    heads, ttls, keys = command.heads, command.ttls_ms, command.keys
    priorities, ids = command.priorities, command.dedup_ids
    return Publish(
        names,
        [bodies[at] for at in which],
        None if heads is None else [heads[at] for at in which],
        None if delays is None else [delays[at] for at in which],
        None if ttls is None else [ttls[at] for at in which],
        None if keys is None else [keys[at] for at in which],
        None if priorities is None else [priorities[at] for at in which],
        None if ids is None else [ids[at] for at in which],
    )


def _header_delays(command: PublishTo) -> Sequence[int | None] | None:
    """How long each message waits on a delayed exchange, by its header, or as the command says."""
    own = command.delays_ms or [None] * len(command.bodies)
    if command.heads is None:
        return command.delays_ms
    known: dict[bytes, int | None] = {}
    delays: list[int | None] = []
    for at, head in enumerate(command.heads):
        if head not in known:
            known[head] = _delay_in(head)
        told = known[head]
        delays.append(own[at] if told is None else told)
    return delays if any(delays) else command.delays_ms


def _delay_in(head: bytes) -> int | None:
    told = headers_of(head).get(DELAY_HEADER)
    if isinstance(told, str) and told.isdecimal() and told.isascii() and len(told) <= 15:
        told = int(told)
    if isinstance(told, bool) or not isinstance(told, int):
        return None
    return max(0, told) or None


def _refusal_of(world: World, groups: list[Group]) -> Decision | None:
    """Why it cannot be, or `None`: any queue that refuses its part refuses all of it."""
    entries = 0
    total = 0
    ahead: dict[int, tuple[int, int]] = {}
    for group in groups:
        publish = group.publish
        assert publish is not None, "the columns are there"
        timed = publish.delays_ms is not None or publish.ttls_ms is not None
        entries += len(group.route.ids) * (len(publish.bodies) if timed else 1)
        if entries > ROUTED_ENTRIES_MAX:
            text = f"one publish makes at most {ROUTED_ENTRIES_MAX:,} entries in queues"
            return refuse(Why.TOO_LARGE, f"{text}; publish fewer messages at a time")
        refusal = _refused_group(world, group.route, publish, ahead)
        if refusal is not None:
            return refusal
        if len(groups) > 1:
            size = sum(map(len, publish.bodies))
            total += size
            if total > PUBLISH_BYTES_MAX:
                text = f"one publish has at most {PUBLISH_BYTES_MAX:,} bytes"
                return refuse(Why.TOO_LARGE, text)
            _count_in(ahead, group.route, publish, size)
    return None


def _refused_group(
    world: World, route: Route, publish: Publish, ahead: dict[int, tuple[int, int]]
) -> Decision | None:
    if not ahead:
        return refusal_of(world, publish, route.queues)
    for queue in route.queues:
        refusal = refusal_of(world, publish, [queue], ahead.get(queue.id, (0, 0)))
        if refusal is not None:
            return refusal
    return None


def _count_in(ahead: dict[int, tuple[int, int]], route: Route, publish: Publish, size: int) -> None:
    heads = 0 if publish.heads is None else sum(map(len, publish.heads))
    for queue in route.queues:
        settings = queue.settings
        if settings.length_max is not None or settings.bytes_max is not None:
            count, held = ahead.get(queue.id, (0, 0))
            ahead[queue.id] = (count + len(publish.bodies), held + size + heads)


def _apart(
    command: PublishTo, groups: list[Group], delays: Sequence[int | None] | None
) -> list[Group]:
    """The groups with each queue that takes no message twice in one of its own: what it gets rests
    on its own shelf, and what it knows is looked up once."""
    sifting: dict[int, list[int]] = {}
    queues: dict[int, Queue] = {}
    for group in groups:
        for queue in group.route.queues:
            if queue.settings.dedup_window_ms is not None:
                queues[queue.id] = queue
                which = group.indexes or range(len(command.bodies))
                sifting.setdefault(queue.id, []).extend(which)
    if not sifting:
        return groups
    apart: list[Group] = []
    for group in groups:
        rest = [queue for queue in group.route.queues if queue.id not in queues]
        if rest:
            group.route = Route(rest)
            apart.append(group)
    for id, which in sifting.items():
        alone = Group(Route([queues[id]]), sorted(which))
        alone.publish = _publish_of(command, alone, delays)
        alone.sifts = True
        apart.append(alone)
    return apart


def _decided(world: World, groups: list[Group], unroutable: list[int], now: int) -> Decision:
    state = world.state
    records: list[facts.Record] = []
    routed: list[RoutedGroup] = []
    shelves = Shelves(state, groups)
    offsets: dict[int, int] = {}
    for group in groups:
        publish = group.publish
        assert publish is not None, "the columns are there"
        count = len(publish.bodies)
        load = load_of(world, publish, now)
        if group.sifts:
            taken = take(world, group.route.queues, load, now)
            if taken.full:
                text = f"queue `{taken.full}` can remember no more deduplication ids"
                return refuse(Why.QUEUE_FULL, text)
            records.extend(taken.records)
            routed.append(RoutedGroup(group.indexes, taken.places, taken.offsets))
            continue
        for shelf in shelves.take(group.route, records):
            records.extend(chunk_records(shelf, shelves.next_of(shelf, count), load, now))
        places: list[tuple[int, int]] = []
        for queue in group.route.queues:
            offset = offsets.get(queue.id, queue.next_offset)
            places.append((queue.id, offset))
            if len(groups) > 1:
                offsets[queue.id] = offset + count
        routed.append(RoutedGroup(group.indexes, tuple(places)))
    group_read = None if records else state.changed
    return Decision(records, Routed(tuple(routed), tuple(unroutable), now), group_read)


def published_to(state: State, records: list[facts.Record]) -> tuple[str, ...]:
    """The names of the queues that something was published to."""
    shelves = dict.fromkeys([one.shelf for one in records if isinstance(one, facts.Published)])
    queues = [queue for shelf in shelves for queue in state.targets_of(shelf)]
    return tuple(dict.fromkeys([queue.name for queue in queues]))


class Shelves:
    """The shelves of one step. A fact about a new route set may push out one that nothing rests
    on; so where that may happen, none that this step knows already is used."""

    __slots__ = ("_crowded", "_defined", "_firsts", "_room", "_state")

    def __init__(self, state: State, groups: list[Group]) -> None:
        self._state = state
        self._room = ROUTE_SETS_MAX - len(state.routes) + len(state.idle_routes)
        self._crowded = len(groups) > 1 and len(state.routes) + len(groups) > ROUTE_SETS_MAX
        self._firsts: dict[int, int] = {}
        self._defined: dict[tuple[int, ...], int] = {}

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
        self._room -= 1
        shelf = state.catalog.next_id + len(self._defined)
        self._defined[ids] = shelf
        self._firsts[shelf] = 0
        records.append(facts.RouteSetDefined(shelf, list(ids)))
        return [shelf]

    def next_of(self, shelf: int, count: int) -> int:
        """The next index on a shelf, after which `count` messages come."""
        first = self._firsts.get(shelf, -1)
        if first < 0:
            first = self._state.shelves[shelf].next
        self._firsts[shelf] = first + count
        return first
