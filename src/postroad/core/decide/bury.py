"""Dead messages on their way through an exchange: each routed at the moment it leaves, published
there and dropped here in one step.

One rule: messages for the same queues are one publish; and what would go round by itself, come back
to a queue it died in though nobody rejected it, goes there no more. Compiled by mypyc where
possible.
"""

from array import array

from postroad.core import records as facts
from postroad.core.bits import PAGE, pack_mask
from postroad.core.decide.carry import fetch
from postroad.core.decide.deaths import died, is_circle, keys_of, way_of
from postroad.core.decide.load import Load, chunk_records
from postroad.core.decide.overflow import (
    has_room,
    keeps_refused,
    refused_records,
    weight_in,
)
from postroad.core.decision import Missing, World
from postroad.core.exchanges.append import packed_key
from postroad.core.exchanges.binding import Exchange
from postroad.core.exchanges.groups import plan_each
from postroad.core.exchanges.publish import delay_in, route_by_name
from postroad.core.exchanges.routes import Keys, Route
from postroad.core.exchanges.shelves import Shelves
from postroad.core.exchanges.walk import route_by_keys, route_of_message
from postroad.core.handout import Bodies, Piece
from postroad.core.page import Page
from postroad.core.queue import Queue
from postroad.core.state import State
from postroad.core.topics.append import append_load, key_hashes, refusal_of
from postroad.core.topics.topic import Topic
from postroad.limits import DURATION_MS_MAX, ROUTED_ENTRIES_MAX
from postroad.model.filters import Content
from postroad.model.message import OWN_KEY, Note, own_of
from postroad.model.names import named_in, namespace_of
from postroad.model.policy import OVERFLOWS_REFUSING
from postroad.model.topics import Append

NO_TOPICS: dict[int, Topic] = {}


class Buried:
    """The facts of a burial, and `after`: the offset up to which the dead were looked at, whether
    they leave or stay."""

    __slots__ = ("after", "records")

    def __init__(self, records: list[facts.Record], after: int) -> None:
        self.records = records
        self.after = after


def bury_records(world: World, queue: Queue, page: Page, mask: int, now: int) -> Buried | Missing:
    """The facts that take dead messages of one page, or the first of them, through the queue's
    dead-letter exchange; none of those that have to stay."""
    name = queue.settings.dead_letter_exchange
    assert name is not None, "asked only of queues with a dead-letter exchange"
    exchange = world.state.exchanges.by_name.get(name)
    if (name and exchange is None) or _leads_nowhere(world, queue, exchange):
        if queue.settings.dead_letter_strict:
            return Buried([], queue.next_offset)
        stop = page.base + mask.bit_length()
        return Buried([_dropped(queue, page, mask, facts.DEAD)], stop)
    fetched = fetch(world, queue, [(page, mask)])
    if isinstance(fetched, Missing):
        return fetched
    funeral = Funeral(world, queue, exchange, page)
    after = page.base
    for piece, bodies in fetched:
        for at in range(piece.count):
            if funeral.entries > ROUTED_ENTRIES_MAX:
                break
            funeral.add(piece, bodies, at, now)
            after = piece.offset + at + 1
    return Buried(funeral.records(now), after)


def _leads_nowhere(world: World, queue: Queue, exchange: Exchange | None) -> bool:
    """Whether one routing key for all has nobody who wants it, so that nothing need be read."""
    key = queue.settings.dead_letter_routing_key
    if key is None:
        return False
    route = _by_keys(world, queue, exchange, (key,))
    return route is not None and not route.ids and not route.topics


def _by_keys(world: World, queue: Queue, exchange: Exchange | None, keys: Keys) -> Route | None:
    """Where keys alone lead from an exchange, `None` being the default one."""
    if exchange is None:
        return _default(world.state, queue, keys)
    return route_by_keys(world.state.exchanges, exchange.id, keys)


def _default(
    state: State, queue: Queue, keys: Keys, content: Content | None = None
) -> Route | None:
    """To what has the names of the keys, where the queue itself is."""
    space = namespace_of(queue.name)
    return route_by_name(state, tuple([named_in(space, key) for key in keys]), content)


def _dropped(queue: Queue, page: Page, mask: int, why: int) -> facts.Dropped:
    first, span, packed = pack_mask(mask)
    return facts.Dropped(queue.id, page.base + first, span, packed, why)


class Funeral:
    """Dead messages of one page: where each goes, and what becomes of those that go nowhere.

    `moved`, `lost`: their slots; `entries`: how many queues get something. `taken`: messages and
    bytes that bounded queues have of this step already. `crowded`: by queue without room for them,
    those that die there too.
    """

    def __init__(self, world: World, queue: Queue, exchange: Exchange | None, page: Page) -> None:
        self.world = world
        self.queue = queue
        self.exchange = exchange
        self.page = page
        self.strict = queue.settings.dead_letter_strict
        self.moved = 0
        self.lost = 0
        self.entries = 0
        self.taken: dict[int, tuple[int, int]] = {}
        self.crowded: dict[int, list[int]] = {}
        self.routes: list[Route] = []
        self.bodies: list[bytes] = []
        self.heads: list[bytes] = []
        self.notes: list[Note] = []
        self.keys: array[int] = array("Q")
        self.dues: array[int] = array("Q")
        self.levels = bytearray()

    def add(self, piece: Piece, bodies: Bodies, at: int, now: int) -> None:
        """One more message: it goes, is lost, or where nothing may be lost stays."""
        slot = (piece.offset + at) & (PAGE - 1)
        head = b"" if bodies.heads is None else bodies.heads[at]
        body = bodies.bodies[at]
        count = 0 if piece.counts is None else piece.counts[at]
        note = self._noted(piece.offset + at, bodies, at)
        way = way_of(self.queue, note, head)
        keys = keys_of(self.queue, way)
        note.deaths = died(self.queue, self.page.deaths[slot], count, note, head, now)
        note.deaths[-1].failure = self.page.failure_of(slot)
        note.exchange = self.queue.settings.dead_letter_exchange
        note.keys = keys
        route = self._route(keys, head, body)
        if not route.ids and not route.topics and self.strict:
            return
        willing = self._willing(route, head, body)
        if len(willing) < len(route.topics) and self.strict:
            return
        route = self._without_circles(route, note, willing)
        size = (len(body), len(head))
        full = [one for one in route.queues if not self._has_room(one, size)]
        if full and self.strict:
            return
        if full:
            route = self._without_full(route, full)
        if not route.ids and not route.topics and not full:
            self.lost |= 1 << slot
            return
        self.moved |= 1 << slot
        self.entries += len(route.ids) + len(route.topics)
        self._count_in(route, size)
        self.routes.append(route)
        self.bodies.append(body)
        self.heads.append(head)
        self.notes.append(note)
        self.keys.append(self.page.key_number(slot))
        self.levels.append(self.page.priority_of(slot))
        self.dues.append(self._due(head, way[0], now))

    def _noted(self, offset: int, bodies: Bodies, at: int) -> Note:
        """The note it leaves with; who died of what comes later."""
        source = self.queue.id
        earlier = None if bodies.notes is None else bodies.notes[at]
        if earlier is None:
            return Note(source, offset, bodies.times[at], source, [])
        note = earlier
        return Note(
            note.queue,
            note.offset,
            note.published_ms,
            source,
            note.deaths,
            note.exchange,
            note.keys,
        )

    def _route(self, keys: Keys, head: bytes, body: bytes) -> Route:
        route = _by_keys(self.world, self.queue, self.exchange, keys)
        if route is not None:
            return route
        state = self.world.state
        if self.exchange is not None:
            return route_of_message(state.exchanges, self.exchange.id, keys, head, body)
        route = _default(state, self.queue, keys, Content(head, body))
        assert route is not None, "with a message to look at there is a route"
        return route

    def _willing(self, route: Route, head: bytes, body: bytes) -> dict[int, Topic]:
        """The topics that take a message."""
        if not route.topics:
            return NO_TOPICS
        key = own_of(head, OWN_KEY)
        keys = None if key is None else [packed_key(key)]
        found: dict[int, Topic] = {}
        for topic in route.topics:
            if refusal_of(self.world, topic, Append(topic.name, [body], [head], keys)) is None:
                found[topic.id] = topic
        return found

    def _without_circles(self, route: Route, note: Note, topics: dict[int, Topic]) -> Route:
        """The route without queues that would close a circle, and to those topics alone."""
        kept = {one.id: one for one in route.queues if not is_circle(note.deaths, one.title)}
        if len(kept) == len(route.ids) and len(topics) == len(route.topics):
            return route
        return self.world.state.exchanges.routes.route(kept, topics)

    def _without_full(self, route: Route, full: list[Queue]) -> Route:
        """What those have no room for is lost to them, or dies there too."""
        for queue in full:
            if keeps_refused(queue):
                self.crowded.setdefault(queue.id, []).append(len(self.bodies))
        kept = {one.id: one for one in route.queues if one not in full}
        topics = {topic.id: topic for topic in route.topics}
        return self.world.state.exchanges.routes.route(kept, topics)

    def _has_room(self, queue: Queue, size: tuple[int, int]) -> bool:
        if queue.settings.overflow not in OVERFLOWS_REFUSING:
            return True
        count, held = self.taken.get(queue.id, (0, 0))
        return has_room(queue, count + 1, held + weight_in(queue, *size))

    def _count_in(self, route: Route, size: tuple[int, int]) -> None:
        for queue in route.queues:
            settings = queue.settings
            if settings.length_max is not None or settings.bytes_max is not None:
                count, held = self.taken.get(queue.id, (0, 0))
                self.taken[queue.id] = (count + 1, held + weight_in(queue, *size))

    def _due(self, head: bytes, came_by: str | None, now: int) -> int:
        """When it is ready at its targets: a delayed exchange lets it wait, once."""
        if self.exchange is None or not self.exchange.settings.delayed:
            return 0
        earlier = self.world.state.exchanges.by_name.get(came_by or "")
        if earlier is not None and earlier.settings.delayed:
            return 0
        # Nobody refuses here what would have been too long for a publish.
        delay = min(delay_in(head) or 0, DURATION_MS_MAX)
        return now + delay if delay else 0

    def records(self, now: int) -> list[facts.Record]:
        """A publish for each route, and the drops."""
        records: list[facts.Record] = []
        if self.moved:
            self._add_publishes(records, now)
            records.append(_dropped(self.queue, self.page, self.moved, facts.MOVED))
        if self.lost:
            records.append(_dropped(self.queue, self.page, self.lost, facts.DEAD))
        return records

    def _add_publishes(self, records: list[facts.Record], now: int) -> None:
        state = self.world.state
        load = self._load()
        plan = plan_each(self.routes)
        shelves = Shelves(state, len(plan.groups))
        offsets: dict[int, int] = {}
        for group in plan.groups:
            part = load if group.indexes is None else load.part(group.indexes)
            count = len(part.bodies)
            for shelf in shelves.take(group.route, records):
                first = shelves.next_of(shelf, count)
                records.extend(chunk_records(shelf, first, part, now))
            for queue in group.route.queues:
                offsets[queue.id] = offsets.get(queue.id, queue.next_offset) + count
        for id, which in self.crowded.items():
            queue = state.queues[id]
            part = load.part(which)
            first = shelves.next_of(id, len(which))
            offset = offsets.get(id, queue.next_offset)
            records.extend(refused_records(queue, part, first, offset, now))
        for topic, indexes in plan.topics.items():
            self._append(topic, indexes, load, records, now)

    def _load(self) -> Load:
        load = Load(self.bodies)
        load.heads = self.heads
        load.notes = self.notes
        if any(self.keys):
            load.keys = self.keys
        if any(self.levels):
            load.priorities = bytes(self.levels)
        if any(self.dues):
            load.dues = self.dues
        return load

    def _append(
        self,
        topic: Topic,
        indexes: list[int] | None,
        load: Load,
        records: list[facts.Record],
        now: int,
    ) -> None:
        """What a topic gets: the messages as they are, each under its own key."""
        part = load if indexes is None else load.part(indexes)
        taken = Load(part.bodies)
        taken.heads, taken.notes = part.heads, part.notes
        keys = [own_of(head, OWN_KEY) for head in part.heads or ()]
        if any(keys):
            packed = [None if key is None else packed_key(key) for key in keys]
            taken.keys = key_hashes(self.world, Append(topic.name, part.bodies, keys=packed))
        records.extend(append_load(self.world, topic, None, taken, now).records)
