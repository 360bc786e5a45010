"""The remembered state: everything that replaying the journal rebuilds, in one view.

One rule: only apply changes it; reading never creates.
"""

from bisect import bisect_right, insort

import msgspec

from postroad.core.audit import check_queue
from postroad.core.exchanges.state import Exchanges
from postroad.core.fanouts.state import Fanouts
from postroad.core.history import MovePlanned
from postroad.core.kv.state import KvRealm
from postroad.core.ledger import Ledger, Row
from postroad.core.queue import Queue
from postroad.core.realm import Realm
from postroad.core.schedules.state import Schedules
from postroad.core.schemas.state import Schemas
from postroad.core.settled import more_rows
from postroad.core.shelf import Freed, Shelf
from postroad.core.topics.state import Topics
from postroad.model.policy import QueueSettings

CATALOG_KEY = b"c"


class Catalog(Row):
    """The data directory's own facts: its salt and the next numbers."""

    def __init__(self) -> None:
        super().__init__(CATALOG_KEY)
        self.salt = b""
        self.born_ms = 0
        self.next_id = 1
        self.next_task = 1

    def encode(self) -> bytes:
        """The row of the catalog."""
        return msgspec.msgpack.encode([self.salt, self.born_ms, self.next_id, self.next_task])


class RouteSet(Row):
    """A number that stands for several queues, whose shelf holds what they get together."""

    def __init__(self, id: int, queues: list[int]) -> None:
        super().__init__(b"r" + id.to_bytes(8, "big"))
        self.id = id
        self.queues = queues

    def encode(self) -> bytes:
        """The row of a route set."""
        return msgspec.msgpack.encode([self.queues])


class MoveTask(Row):
    """A background move from one queue, and how far it is."""

    def __init__(self, id: int, fields: list[int], started_ms: int) -> None:
        super().__init__(b"t" + id.to_bytes(8, "big"))
        self.id = id
        self.source, self.target, self.per_second, self.before, self.total = fields
        self.started_ms = started_ms
        self.status = "running"
        self.failure = ""
        self.moved = 0
        self.after = 0
        self.due_ms = started_ms
        self.plan: MovePlanned | None = None

    def encode(self) -> bytes:
        """The row of a task."""
        fields = [self.source, self.target, self.per_second, self.before, self.total]
        progress = [self.status, self.failure, self.moved, self.after, self.due_ms]
        packed = [fields, self.started_ms, progress]
        if self.plan is not None:
            packed.append(self.plan)
        return msgspec.msgpack.encode(packed)


class State:
    """All entities of a shard.

    `hidden`: queues that groups on topics have, by name; they are in no listing.
    `freed`: blocks nobody wants any more, since the engine last took them. `realms`: all kinds of
    entities but queues.
    `group`: ordinal of the group the engine builds now; `changed`: of the last
    change that is no lease; `durable`: of the last durable one; `facts`: how many were about queues
    since the start; `unnamed`: a name is nobody's dead-letter queue any more. These are volatile.
    `idle_routes`: route sets on whose shelf nothing is wanted; `closed_routes`: those that had a
    queue that is deleted; `routes_with`: by queue; `dead_from`: dead-letter queue -> who names it,
    whether or not it is there. These are derived.
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.catalog = Catalog()
        self.queues: dict[int, Queue] = {}
        self.by_name: dict[str, Queue] = {}
        self.names: list[str] = []
        self.dead_from: dict[str, dict[int, None]] = {}
        self.buried: dict[int, Queue] = {}
        self.shelves: dict[int, Shelf] = {}
        self.routes: dict[int, RouteSet] = {}
        self.route_of: dict[tuple[int, ...], int] = {}
        self.routes_with: dict[int, dict[int, None]] = {}
        self.idle_routes: dict[int, None] = {}
        self.closed_routes: dict[int, None] = {}
        self.tasks: dict[int, MoveTask] = {}
        self.freed: list[Freed] = []
        self.kv = KvRealm(self.ledger, self.catalog)
        self.schemas = Schemas(self.ledger)
        self.schedules = Schedules(self.ledger)
        self.hidden: dict[str, Queue] = {}
        self.topics = Topics(self.ledger, self.shelves, self.queues)
        self.exchanges = Exchanges(self.ledger, self.queues, self.topics.all)
        self.fanouts = Fanouts(self.ledger, self.shelves, self.routes)
        self.realms: list[Realm] = [
            *(self.exchanges, self.kv, self.topics, self.schemas),
            *(self.schedules, self.fanouts),
        ]
        self.group = 0
        self.changed = 0
        self.durable = 0
        self.facts = 0
        self.unnamed = False

    def add_queue(self, queue: Queue) -> None:
        """Enter a queue under its name and number."""
        self.queues[queue.id] = queue
        self._name_dead_letters(queue)
        if queue.borrowed:
            self.hidden[queue.name] = queue
            return
        self.by_name[queue.name] = queue
        insort(self.names, queue.name)

    def remove_queue(self, queue: Queue) -> None:
        """Take a queue out of sight; it stays buried until it is swept."""
        del self.queues[queue.id]
        self.buried[queue.id] = queue
        self._forget_dead_letters(queue)
        if queue.borrowed:
            del self.hidden[queue.name]
            return
        del self.by_name[queue.name]
        self.names.remove(queue.name)

    def change_queue(self, queue: Queue, settings: QueueSettings) -> None:
        """Other settings; what they mean for its messages is its caller's."""
        self._forget_dead_letters(queue)
        queue.settings = settings
        self.exchanges.routes.version += 1
        self._name_dead_letters(queue)

    def _name_dead_letters(self, queue: Queue) -> None:
        name = queue.settings.dead_letter_queue
        if name is not None:
            self.dead_from.setdefault(name, {})[queue.id] = None

    def _forget_dead_letters(self, queue: Queue) -> None:
        name = queue.settings.dead_letter_queue
        if name is not None:
            named = self.dead_from[name]
            del named[queue.id]
            if not named:
                del self.dead_from[name]
                self.unnamed = True

    def find(self, name: str) -> Queue | None:
        """A queue that may be received from: a declared one, or a group's."""
        return self.by_name.get(name) or self.hidden.get(name)

    def add_route(self, route: RouteSet) -> None:
        """Enter a route set, whose shelf is there."""
        self.routes[route.id] = route
        shelf = self.shelves[route.id]
        shelf.targets = len(route.queues)
        shelf.idle = self.idle_routes
        shelf.say_if_idle()
        for id in route.queues:
            self.routes_with.setdefault(id, {})[route.id] = None
        if all(id in self.queues for id in route.queues):
            self.route_of[tuple(route.queues)] = route.id
        else:
            self.closed_routes[route.id] = None

    def close_routes(self, queue: int) -> None:
        """A queue is deleted: nothing is published any more to the route sets it was in."""
        for id in self.routes_with.get(queue, ()):
            self.route_of.pop(tuple(self.routes[id].queues), None)
            self.closed_routes[id] = None

    def remove_route(self, route: RouteSet) -> None:
        """Forget a route set; its shelf is its caller's."""
        del self.routes[route.id]
        self.route_of.pop(tuple(route.queues), None)
        self.idle_routes.pop(route.id, None)
        self.closed_routes.pop(route.id, None)
        for id in route.queues:
            routes = self.routes_with[id]
            del routes[route.id]
            if not routes:
                del self.routes_with[id]

    def names_after(self, after: str, prefix: str) -> int:
        """Where the names after `after` that may start with `prefix` begin."""
        low = bisect_right(self.names, after) if after else 0
        if prefix > after:
            low = max(low, bisect_right(self.names, prefix))
            if low and self.names[low - 1] == prefix:
                low -= 1
        return low

    def targets_of(self, shelf: int) -> list[Queue]:
        """The queues, alive or buried, whose messages may rest on a shelf."""
        route = self.routes.get(shelf)
        ids = [shelf] if route is None else route.queues
        found: list[Queue] = []
        for id in ids:
            queue = self.queues.get(id) or self.buried.get(id)
            if queue is not None:
                found.append(queue)
        return found

    def touch_everything(self) -> None:
        """The next checkpoint writes every row."""
        self.ledger.give_up()
        self.ledger.touch(self.catalog)
        for queue in [*self.queues.values(), *self.buried.values()]:
            self.ledger.touch(queue)
            for page in queue.pages.all.values():
                self.ledger.touch(page)
            for segment in queue.leases.segments.values():
                self.ledger.touch(segment)
            for kept in more_rows(queue):
                self.ledger.touch(kept)
        for shelf in self.shelves.values():
            self.ledger.touch(shelf)
            for group in shelf.groups:
                self.ledger.touch(group)
        for row in [*self.routes.values(), *self.tasks.values()]:
            self.ledger.touch(row)
        for realm in self.realms:
            for one in realm.rows():
                self.ledger.touch(one)

    def check(self) -> None:
        """Everything that must hold between steps."""
        named = 0
        for queue in self.queues.values():
            check_queue(queue)
            name = queue.settings.dead_letter_queue
            if name is not None:
                named += 1
                assert queue.id in self.dead_from[name]
        assert named == sum(map(len, self.dead_from.values()))
        for realm in self.realms:
            realm.check()
