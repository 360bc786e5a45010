"""Publishes that leave out queues which are full, message by message.

One rule: each message is looked at in its turn, as if it came alone; what one queue has no room for
the others get all the same. Compiled by mypyc where possible.
"""

from postroad.core.decide.overflow import has_room, keeps_refused
from postroad.core.exchanges.groups import Plan
from postroad.core.exchanges.routes import Route
from postroad.core.queue import Queue
from postroad.core.state import State
from postroad.model.exchanges import PublishTo
from postroad.model.policy import OVERFLOWS_REFUSING


class Crowded:
    """What full queues leave of a publish. `routes`: where each message goes all the same; `full`:
    which messages some queue has no room for; `dying`: of queues that refuse to their dead letters,
    by number, which messages those are."""

    __slots__ = ("dying", "full", "routes")

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.full: list[int] = []
        self.dying: dict[int, list[int]] = {}


def is_crowded(plan: Plan, command: PublishTo, version: int) -> bool:
    """Whether any queue of a plan has no room for all it would get."""
    coming: dict[int, tuple[int, int]] = {}
    for group in plan.groups:
        for queue in group.route.terms(version).choosy:
            if not _may_refuse(queue):
                continue
            which = group.indexes
            count, size = coming.get(queue.id, (0, 0))
            if which is None:
                which = list(range(len(command.bodies)))
            size += sum([_size_of(command, at) for at in which])
            coming[queue.id] = (count + len(which), size)
            if not has_room(queue, count + len(which), size):
                return True
    return False


def leave_out_full(state: State, routes: list[Route], command: PublishTo) -> Crowded:
    """The routes without the queues that are full when a message's turn comes."""
    crowded = Crowded()
    taken: dict[int, tuple[int, int]] = {}
    for at, route in enumerate(routes):
        size = _size_of(command, at)
        full: list[Queue] = []
        for queue in route.queues:
            if not _may_refuse(queue):
                continue
            count, held = taken.get(queue.id, (0, 0))
            if has_room(queue, count + 1, held + size):
                taken[queue.id] = (count + 1, held + size)
                continue
            full.append(queue)
            if keeps_refused(queue):
                crowded.dying.setdefault(queue.id, []).append(at)
        if full:
            crowded.full.append(at)
            rest = {queue.id: queue for queue in route.queues if queue not in full}
            topics = {topic.id: topic for topic in route.topics}
            crowded.routes.append(state.exchanges.routes.route(rest, topics))
        else:
            crowded.routes.append(route)
    return crowded


def _may_refuse(queue: Queue) -> bool:
    """Whether a queue has bounds and refuses what is beyond; where it takes no message twice that
    is known only when new messages are told from known ones."""
    settings = queue.settings
    if settings.length_max is None and settings.bytes_max is None:
        return False
    return settings.overflow in OVERFLOWS_REFUSING and settings.dedup_window_ms is None


def _size_of(command: PublishTo, at: int) -> int:
    heads = command.heads
    return len(command.bodies[at]) + (0 if heads is None else len(heads[at]))
