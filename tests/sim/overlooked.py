"""Consumers that ready messages wait for though nothing is in the way: there are none once the core
has served everybody."""

from postroad.core.machine import Core
from postroad.core.queue import Queue
from postroad.core.ring import Consumer


def overlooked(core: Core) -> list[tuple[str, int]]:
    """By queue and number."""
    found: list[tuple[str, int]] = []
    for queue in core.state.queues.values():
        ring = core.demand.consumers.get(queue.id)
        if ring is not None and _gives(queue):
            found += [(queue.name, one.number) for one in ring.consumers if _is_free(one)]
    return found


def _gives(queue: Queue) -> bool:
    """Whether a queue may lease all it has; of those with limits nobody knows from outside."""
    settings = queue.settings
    limits = (settings.leased_max, settings.per_second, settings.key_leased_max)
    if settings.paused or settings.single_active_consumer or any(limits):
        return False
    return queue.pages.ready > 0 and queue.pages.lanes is None


def _is_free(one: Consumer) -> bool:
    if one.credit <= 0 or one.bytes_left() <= 0:
        return False
    return not one.leased or one.pool is None or one.pool.room(1) > 0
