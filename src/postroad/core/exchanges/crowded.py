"""Publishes that leave out queues which are full, or refuse for another reason, message by message.

One rule: each message is looked at in its turn, as if it came alone; what one queue refuses the
others get all the same. Compiled by mypyc where possible.
"""

from postroad.core.decide.overflow import has_room, keeps_refused, weight_in
from postroad.core.decision import World
from postroad.core.exchanges.groups import Plan
from postroad.core.exchanges.routes import Route
from postroad.core.queue import Queue
from postroad.core.schemas.fit import misfit_of
from postroad.core.state import State
from postroad.limits import MESSAGE_BYTES_MAX
from postroad.model.exchanges import PublishTo
from postroad.model.policy import OVERFLOWS_REFUSING


class Crowded:
    """What refusing queues leave of a publish. `routes`: where each message goes all the same;
    `full`: which messages some queue has no room for; `dying`: of queues that refuse to their dead
    letters, by number, which messages those are; `refused`: by index, the names of queues that
    refuse it (`skip_refusing`)."""

    __slots__ = ("dying", "full", "refused", "routes")

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.full: list[int] = []
        self.dying: dict[int, list[int]] = {}
        self.refused: dict[int, list[str]] = {}


def is_crowded(state: State, plan: Plan, command: PublishTo) -> bool:
    """Whether any queue of a plan may have to be left out: it has no room for all it would get, or
    a message may be none that it takes."""
    version = state.exchanges.routes.version
    coming: dict[int, tuple[int, int]] = {}
    for group in plan.groups:
        which = range(len(command.bodies)) if group.indexes is None else group.indexes
        terms = group.route.terms(version)
        if command.skip_refusing:
            active = state.schemas.active
            if active and any(id in active for id in group.route.ids):
                return True
            if max([_size_of(command, at) for at in which]) > terms.bytes_max:
                return True
        for queue in terms.choosy:
            if not _may_refuse(queue):
                continue
            count, size = coming.get(queue.id, (0, 0))
            size += sum([_weight_of(queue, command, at) for at in which])
            coming[queue.id] = (count + len(which), size)
            if not has_room(queue, count + len(which), size):
                return True
    return False


def leave_out(world: World, routes: list[Route], command: PublishTo) -> Crowded:
    """The routes without the queues that refuse a message when its turn comes."""
    realm = world.state.exchanges.routes
    crowded = Crowded()
    taken: dict[int, tuple[int, int]] = {}
    for at, route in enumerate(routes):
        misfits = _misfits(world, route, command, at) if command.skip_refusing else {}
        choosy = [one for one in route.terms(realm.version).choosy if one.id not in misfits]
        full = _without_room(choosy, taken, command, at)
        if not full and not misfits:
            crowded.routes.append(route)
            continue
        left_out = [*misfits.values(), *full]
        crowded.routes.append(realm.without(route, tuple([one.id for one in left_out])))
        if full:
            crowded.full.append(at)
        if command.skip_refusing:
            crowded.refused[at] = [one.name for one in left_out]
            continue
        for queue in full:
            if keeps_refused(queue):
                crowded.dying.setdefault(queue.id, []).append(at)
    return crowded


def _without_room(
    queues: list[Queue], taken: dict[int, tuple[int, int]], command: PublishTo, at: int
) -> list[Queue]:
    """Those of some queues that have no room for one more message; by the others it is taken."""
    full: list[Queue] = []
    for queue in queues:
        if not _may_refuse(queue):
            continue
        count, held = taken.get(queue.id, (0, 0))
        held += _weight_of(queue, command, at)
        if has_room(queue, count + 1, held):
            taken[queue.id] = (count + 1, held)
        else:
            full.append(queue)
    return full


def _misfits(world: World, route: Route, command: PublishTo, at: int) -> dict[int, Queue]:
    """The queues of a route that a message is too large for, or no fit, by number: there may be
    ten thousand of them, and as many that are looked up here."""
    state = world.state
    found: dict[int, Queue] = {}
    size = _size_of(command, at)
    if size > route.terms(state.exchanges.routes.version).bytes_max:
        for queue in route.queues:
            if size > _largest_for(queue):
                found[queue.id] = queue
    active = state.schemas.active
    if active:
        body = command.bodies[at]
        for queue in route.queues:
            if queue.id in active and queue.id not in found:
                wrong = misfit_of(world, (queue.id, queue.name), [body], queue.touched)
                if wrong is not None:
                    found[queue.id] = queue
    return found


def _largest_for(queue: Queue) -> int:
    most = queue.settings.message_bytes_max
    return MESSAGE_BYTES_MAX if most is None else min(most, MESSAGE_BYTES_MAX)


def _may_refuse(queue: Queue) -> bool:
    """Whether a queue has bounds and refuses what is beyond; where it takes no message twice that
    is known only when new messages are told from known ones."""
    settings = queue.settings
    if settings.length_max is None and settings.bytes_max is None:
        return False
    return settings.overflow in OVERFLOWS_REFUSING and settings.dedup_window_ms is None


def _weight_of(queue: Queue, command: PublishTo, at: int) -> int:
    """What a message weighs in a queue with bounds."""
    heads = command.heads
    return weight_in(queue, len(command.bodies[at]), 0 if heads is None else len(heads[at]))


def _size_of(command: PublishTo, at: int) -> int:
    heads = command.heads
    return len(command.bodies[at]) + (0 if heads is None else len(heads[at]))
