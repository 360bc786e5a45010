"""Publish through an exchange: messages by where they go, all of it or nothing.

One rule: messages for the same queues are one publish, so that bodies are stored once; and no queue
gets two messages in another order than they were given. Compiled by mypyc where possible.
"""

from collections.abc import Sequence

from postroad.core import records as facts
from postroad.core.decide.dedup import take
from postroad.core.decide.load import Load, chunk_records, load_of
from postroad.core.decide.overflow import refused_records, weight_in
from postroad.core.decide.publish import UNEVEN, longest, refusal_of
from postroad.core.decision import Decision, World, refuse
from postroad.core.exchanges.append import append_part
from postroad.core.exchanges.crowded import Crowded, is_crowded, leave_out
from postroad.core.exchanges.groups import Group, Plan, apart, plan_all, plan_each, publish_of
from postroad.core.exchanges.routes import Keys, Route, Terms
from postroad.core.exchanges.shelves import Shelves
from postroad.core.exchanges.walk import Walk, route_by_keys, route_of_message
from postroad.core.fanouts.begin import Spreading
from postroad.core.fanouts.records import FanoutBegan
from postroad.core.queue import Queue
from postroad.core.state import State
from postroad.core.topics.topic import Topic
from postroad.limits import PUBLISH_BYTES_MAX, ROUTED_ENTRIES_MAX
from postroad.model.commands import Publish
from postroad.model.exchanges import DELAY_HEADER, PublishTo, Routed, RoutedGroup
from postroad.model.filters import Content
from postroad.model.message import headers_of
from postroad.model.replies import Why

Delays = Sequence[int | None] | None


def decide_publish_to(world: World, command: PublishTo, now: int) -> Decision:
    """One publish through an exchange."""
    realm = world.state.exchanges
    exchange = realm.by_name.get(command.exchange)
    if exchange is None and command.exchange:
        text = f"exchange `{command.exchange}` does not exist"
        return refuse(Why.NO_SUCH_EXCHANGE, text, world.state.changed)
    if exchange is not None and exchange.settings.internal:
        text = f"exchange `{exchange.name}` is for other exchanges only"
        return refuse(Why.EXCHANGE_INTERNAL, text, realm.touched)
    if _uneven(command):
        return refuse(Why.BAD_COMMAND, UNEVEN)
    delays = command.delays_ms
    if exchange is not None and exchange.settings.delayed:
        delays = _header_delays(command)
    return decide_routed(world, 0 if exchange is None else exchange.id, command, delays, now)


def decide_routed(
    world: World, start: int, command: PublishTo, delays: Delays, now: int
) -> Decision:
    """A publish to whatever the bindings of an exchange or topic lead to. `start` 0: to the queues
    of the keys' names."""
    state = world.state
    plan = _plan(state, start, command)
    if plan.unroutable and command.mandatory:
        lost, count = len(plan.unroutable), len(command.bodies)
        text = f"{lost:,} of {count:,} messages have no queue to go to"
        return refuse(Why.UNROUTABLE, text, state.changed)
    late = _late_topic(plan, delays)
    if late is not None:
        return late
    crowded: Crowded | None = None
    skips = command.skip_full or command.skip_refusing
    if skips and is_crowded(state, plan, command):
        lost_ones = plan.unroutable
        crowded = leave_out(world, plan.routes, command)
        plan = plan_each(crowded.routes)
        plan.unroutable = lost_ones
        plan.refused = crowded.refused
    if command.repeated_ms is not None and plan.topics:
        return refuse(Why.CHANGED, "a topic cannot tell whether it has the messages already")
    for group in plan.groups:
        group.publish = publish_of(command, group, delays)
    refusal = _refusal_of(world, plan.groups)
    if refusal is not None:
        return refusal
    plan.source = start
    plan.groups = apart(command, plan.groups, delays, state.exchanges.routes.version)
    decision = _decided(world, plan, command, now)
    if crowded is not None and isinstance(decision.reply, Routed):
        return _with_the_refused(world, crowded, (command, delays, decision), now)
    return decision


def _late_topic(plan: Plan, delays: Delays) -> Decision | None:
    """The refusal of messages that would have to wait for a topic, which has no waiting ones:
    appended at once they would be read too early."""
    if delays is None:
        return None
    for topic, which in plan.topics.items():
        if any(delays if which is None else [delays[at] for at in which]):
            text = f"topic `{topic.name}` takes no message that is to wait"
            return refuse(Why.BAD_COMMAND, text, topic.touched)
    return None


def _with_the_refused(
    world: World, crowded: Crowded, told: tuple[PublishTo, Delays, Decision], now: int
) -> Decision:
    """The answer with those that full queues refused; where they do so to their dead letters, with
    these too, behind what the queues took."""
    command, delays, decision = told
    routed = decision.reply
    assert isinstance(routed, Routed), "a refused publish has no more to it"
    records = list(decision.records)
    state = world.state
    for id, which in crowded.dying.items():
        queue = state.queues[id]
        alone = Group(Route([queue], []), which)
        load = load_of(world, publish_of(command, alone, delays), now)
        first, offset = state.shelves[id].next, queue.next_offset
        for record in decision.records:
            if isinstance(record, facts.Published) and record.shelf == id:
                first += len(record.sizes) >> 2
        for group in routed.groups:
            for place, start in group.places:
                if place == id:
                    count = len(command.bodies if group.indexes is None else group.indexes)
                    offset = max(offset, start + count)
        records.extend(refused_records(queue, load, first, offset, now))
    full = tuple(sorted({*routed.full, *crowded.full}))
    reply = Routed(routed.groups, routed.unroutable, now, full, routed.refused_by)
    return Decision(records, reply, None if records else state.changed)


def _uneven(command: PublishTo) -> bool:
    count = len(command.bodies)
    if not count or len(command.routing_keys) not in (1, count):
        return True
    times = (command.delays_ms, command.ttls_ms)
    own = (command.keys, command.priorities, command.dedup_ids)
    columns = (command.heads, command.more_keys, *times, *own)
    return any(column is not None and len(column) != count for column in columns)


def _plan(state: State, start: int, command: PublishTo) -> Plan:
    """The messages by route."""
    if len(command.routing_keys) == 1 and command.more_keys is None:
        keys = (command.routing_keys[0],)
        route = route_by_keys(state.exchanges, start, keys) if start else route_by_name(state, keys)
        if route is not None:
            return plan_all(route, len(command.bodies))
    return plan_each(_routes(state, start, command))


def _routes(state: State, start: int, command: PublishTo) -> list[Route]:
    realm = state.exchanges
    same = len(command.routing_keys) == 1
    found: list[Route] = []
    for at in range(len(command.bodies)):
        keys: Keys = (command.routing_keys[0 if same else at],)
        if command.more_keys is not None:
            keys = tuple(dict.fromkeys((*keys, *command.more_keys[at])))
        route = route_by_keys(realm, start, keys) if start else route_by_name(state, keys)
        if route is None:
            head = b"" if command.heads is None else command.heads[at]
            body = command.bodies[at]
            if start:
                route = route_of_message(realm, start, keys, head, body)
            else:
                route = route_by_name(state, keys, Content(head, body))
        assert route is not None, "with a message to look at there is a route"
        found.append(route)
    return found


def route_by_name(state: State, keys: Keys, content: Content | None = None) -> Route | None:
    """To the queues and topics that have the names of the keys, and on to where a topic leads;
    `None`: that a message must be looked at."""
    queues: dict[int, Queue] = {}
    topics: dict[int, Topic] = {}
    for key in keys:
        queue = state.by_name.get(key)
        if queue is not None:
            queues[queue.id] = queue
            continue
        topic = state.topics.by_name.get(key)
        if topic is None:
            continue
        topics[topic.id] = topic
        if topic.id in state.exchanges.from_source:
            walk = Walk(state.exchanges, keys, content)
            walk.go(topic.id)
            if walk.open:
                return None
            queues.update(walk.found)
            topics.update(walk.topics)
    return state.exchanges.routes.route(queues, topics)


def _header_delays(command: PublishTo) -> Delays:
    """How long each message waits on a delayed exchange, by its header, or as the command says."""
    own = command.delays_ms or [None] * len(command.bodies)
    if command.heads is None:
        return command.delays_ms
    known: dict[bytes, int | None] = {}
    delays: list[int | None] = []
    for at, head in enumerate(command.heads):
        if head not in known:
            known[head] = delay_in(head)
        told = known[head]
        delays.append(own[at] if told is None else told)
    return delays if any(delays) else command.delays_ms


def delay_in(head: bytes) -> int | None:
    """How long a message waits on a delayed exchange, in ms, by its header."""
    told = headers_of(head).get(DELAY_HEADER)
    if isinstance(told, str) and told.isdecimal() and told.isascii() and len(told) <= 15:
        told = int(told)
    if isinstance(told, bool) or not isinstance(told, int):
        return None
    return max(0, told) or None


def _refusal_of(world: World, groups: list[Group]) -> Decision | None:
    """Why it cannot be, or `None`: any queue that refuses its part refuses all of it."""
    entries = widest = 0
    total = 0
    ahead: dict[int, tuple[int, int]] = {}
    version = world.state.exchanges.routes.version
    for group in groups:
        publish = group.publish
        assert publish is not None, "the columns are there"
        entries += _entries(group.route, publish, version)
        widest = max(widest, len(group.route.ids))
        # What one message alone would make cannot be less.
        if entries > ROUTED_ENTRIES_MAX and entries > widest:
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
            _count_in(ahead, group.route.terms(version), publish, size)
    return None


def _entries(route: Route, publish: Publish, version: int) -> int:
    """How often a queue takes something: all messages of a group at once, or one by one where each
    has a time, a key or an id of its own, or counts by its size or its priority."""
    count, queues = len(publish.bodies), len(route.ids)
    own = (publish.delays_ms, publish.ttls_ms, publish.keys, publish.dedup_ids)
    if count == 1 or any(column is not None for column in own):
        return queues * count
    terms = route.terms(version)
    each = terms.each if publish.priorities is None else terms.each_leveled
    return queues + each * (count - 1)


def _refused_group(
    world: World, route: Route, publish: Publish, ahead: dict[int, tuple[int, int]]
) -> Decision | None:
    queues = _asked(world.state, route, publish)
    if not ahead or not queues:
        return refusal_of(world, publish, queues)
    for queue in queues:
        refusal = refusal_of(world, publish, [queue], ahead.get(queue.id, (0, 0)))
        if refusal is not None:
            return refusal
    return None


def _asked(state: State, route: Route, publish: Publish) -> list[Queue]:
    """The queues of a route that may refuse a publish."""
    if state.schemas.active or publish.repeated_ms is not None:
        return route.queues
    largest = longest(publish.bodies)
    if publish.heads is not None:
        largest += longest(publish.heads)
    terms = route.terms(state.exchanges.routes.version)
    return route.queues if largest > terms.bytes_max else terms.choosy


def _count_in(ahead: dict[int, tuple[int, int]], terms: Terms, publish: Publish, size: int) -> None:
    heads = 0 if publish.heads is None else sum(map(len, publish.heads))
    for queue in terms.bounded:
        count, held = ahead.get(queue.id, (0, 0))
        ahead[queue.id] = (count + len(publish.bodies), held + weight_in(queue, size, heads))


class Outcome:
    """What groups come to, one after another."""

    __slots__ = ("full", "records", "routed")

    def __init__(self) -> None:
        self.records: list[facts.Record] = []
        self.routed: list[RoutedGroup] = []
        self.full: set[int] = set()


def _decided(world: World, plan: Plan, command: PublishTo, now: int) -> Decision:
    state = world.state
    groups = plan.groups
    outcome = Outcome()
    records, routed = outcome.records, outcome.routed
    shelves = Shelves(state, len(groups))
    spreading = Spreading(world, shelves.have_room(len(groups)))
    offsets: dict[int, int] = {}
    for group in groups:
        publish = group.publish
        assert publish is not None, "the columns are there"
        load = load_of(world, publish, now)
        if group.sifts:
            refusal = _sift(world, plan, group, load, (command, now), outcome)
            if refusal is not None:
                return refusal
            continue
        count = len(publish.bodies)
        if spreading.takes(group.route.ids):
            shelf = shelves.take_set(group.route, records)
            first, number = shelves.next_of(shelf, count), shelves.number()
            records.append(FanoutBegan(number, shelf, first, count, plan.source))
            records.extend(chunk_records(shelf, first, load, now))
            # Where it comes to is known when it is there: the number of the fan-out stands for it.
            routed.append(RoutedGroup(group.indexes, ((-number, 0),)))
            continue
        for shelf in shelves.take(group.route, records):
            records.extend(chunk_records(shelf, shelves.next_of(shelf, count), load, now))
        queues = group.route.queues
        if len(groups) == 1:
            places = [(queue.id, queue.next_offset) for queue in queues]
        else:
            places = _places(queues, offsets, count)
        routed.append(RoutedGroup(group.indexes, tuple(places)))
    for topic, which in plan.topics.items():
        part = append_part(world, topic, command, which, now)
        if isinstance(part, Decision):
            return part
        records.extend(part.records)
        routed.extend(part.routed)
    refused_by = tuple([(at, tuple(names)) for at, names in sorted(plan.refused.items())])
    full = tuple(sorted(outcome.full))
    reply = Routed(tuple(routed), tuple(plan.unroutable), now, full, refused_by)
    return Decision(records, reply, None if records else state.changed)


def _places(queues: list[Queue], offsets: dict[int, int], count: int) -> list[tuple[int, int]]:
    """Where so many messages go in queues that may have got others in the same step."""
    places: list[tuple[int, int]] = []
    for queue in queues:
        offset = offsets.get(queue.id, queue.next_offset)
        places.append((queue.id, offset))
        offsets[queue.id] = offset + count
    return places


def _sift(
    world: World,
    plan: Plan,
    group: Group,
    load: Load,
    told: tuple[PublishTo, int],
    outcome: Outcome,
) -> Decision | None:
    """Messages for one queue that takes none twice; the refusal where it refuses all of it."""
    command, now = told
    taken = take(world, group.route.queues, load, now, command.skip_refusing)
    if taken.full and not (command.skip_full or command.skip_refusing):
        return refuse(Why.QUEUE_FULL, taken.full)
    which = list(range(len(load.bodies))) if group.indexes is None else group.indexes
    left_out = set(which if taken.full else [which[at] for at in taken.left_out])
    outcome.full.update(left_out)
    if command.skip_refusing:
        for index in sorted(left_out):
            plan.refused.setdefault(index, []).append(group.route.names[0])
    outcome.records.extend(taken.records)
    known = taken.offsets.get(group.route.ids[0])
    if not left_out:
        outcome.routed.append(RoutedGroup(group.indexes, taken.places, known))
    elif len(left_out) < len(which):
        assert known is not None, "where some are left out each has its offset"
        kept = [index for index in which if index not in left_out]
        places = tuple([offset for offset in known if offset >= 0])
        outcome.routed.append(RoutedGroup(kept, taken.places, places))
    return None
