"""Messages by where they go: what goes to the same queues is one publish.

One rule: no queue gets two messages in another order than they were given. Compiled by mypyc where
possible.
"""

from collections.abc import Sequence

from postroad.core.exchanges.routes import Route
from postroad.core.queue import Queue
from postroad.core.topics.topic import Topic
from postroad.model.commands import Publish
from postroad.model.exchanges import PublishTo


class Group:
    """Messages that go to the same queues. `indexes`: which of the command's; `None`: all. `sifts`:
    it is one queue, which takes no message twice."""

    __slots__ = ("indexes", "publish", "route", "sifts")

    def __init__(self, route: Route, indexes: list[int] | None) -> None:
        self.route = route
        self.indexes = indexes
        self.publish: Publish | None = None
        self.sifts = False


class Plan:
    """What goes where: messages by the queues they go to, those for each topic (`None`: all), and
    those that nobody wants. `routes`: of each message; `refused`: by index, the queues that are
    left out because they refuse it. `source`: the exchange or topic they come by, 0 for none."""

    __slots__ = ("groups", "refused", "routes", "source", "topics", "unroutable")

    def __init__(self, routes: list[Route]) -> None:
        self.routes = routes
        self.source = 0
        self.refused: dict[int, list[str]] = {}
        self.groups: list[Group] = []
        self.topics: dict[Topic, list[int] | None] = {}
        self.unroutable: list[int] = []


def plan_all(route: Route, count: int) -> Plan:
    """All messages go one way."""
    plan = Plan([route] * count)
    if route.ids:
        plan.groups.append(Group(route, None))
    for topic in route.topics:
        plan.topics[topic] = None
    if not route.ids and not route.topics:
        plan.unroutable.extend(range(count))
    return plan


def plan_each(routes: list[Route]) -> Plan:
    """Each message goes its own way. It joins an earlier group of its route unless a later one has
    a queue of it."""
    plan = Plan(routes)
    groups = plan.groups
    latest: dict[int, int] = {}
    group_of: dict[tuple[int, ...], int] = {}
    previous: Route | None = None
    for index in range(len(routes)):
        route = routes[index]
        for topic in route.topics:
            known = plan.topics.get(topic)
            if known is None:
                plan.topics[topic] = [index]
            else:
                known.append(index)
        if not route.ids:
            if not route.topics:
                plan.unroutable.append(index)
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
    if len(groups) == 1 and len(groups[0].indexes or ()) == len(routes):
        groups[0].indexes = None
    return plan


def _none_later(route: Route, latest: dict[int, int], at: int) -> bool:
    return all(latest[id] == at for id in route.ids)


def publish_of(command: PublishTo, group: Group, delays: Sequence[int | None] | None) -> Publish:
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
            command.repeated_ms,
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
        command.repeated_ms,
    )


def apart(
    command: PublishTo,
    groups: list[Group],
    delays: Sequence[int | None] | None,
    version: int,
) -> list[Group]:
    """The groups with each queue that takes no message twice in one of its own: what it gets rests
    on its own shelf, and what it knows is looked up once."""
    sifting: dict[int, list[int]] = {}
    queues: dict[int, Queue] = {}
    for group in groups:
        for queue in group.route.terms(version).sifting:
            queues[queue.id] = queue
            which = group.indexes or range(len(command.bodies))
            sifting.setdefault(queue.id, []).extend(which)
    if not sifting:
        return groups
    apart: list[Group] = []
    for group in groups:
        rest = [queue for queue in group.route.queues if queue.id not in queues]
        if rest:
            group.route = Route(rest, [])
            apart.append(group)
    for id, which in sifting.items():
        alone = Group(Route([queues[id]], []), sorted(which))
        alone.publish = publish_of(command, alone, delays)
        alone.sifts = True
        apart.append(alone)
    return apart
