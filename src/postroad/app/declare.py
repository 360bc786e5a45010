"""The queues of workers, made before they are needed.

It stands between the app and its broker. The rule kept here: a queue is what the code says it is,
and where it is something else that is said, not changed, unless the code asks for that.
"""

from typing import TYPE_CHECKING, Any

from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.errors import QueueNotFound, SettingsDiffer
from postroad.model.replies import Described

if TYPE_CHECKING:
    from postroad.app.worker import Worker


def declaring(later: Operations, worker: "Worker[Any, Any]") -> Asks[None]:
    """Make a worker's queue and its dead-letter queue exist. Raises `SettingsDiffer` where the
    queue has other settings and the worker does not say `update`.
    """
    yield from later.declare(worker.dead_letter_queue)
    options = worker.queue_options()
    try:
        yield from later.declare(worker.queue, **options)
    except SettingsDiffer as error:
        if not worker.options.update:
            raise SettingsDiffer(
                f"{error}; say so in the worker `{worker.name}`, or let it change them with"
                " `update=True`",
                worker.queue,
            ) from None
        yield from later.change(worker.queue, **options)


def describing(later: Operations, worker: "Worker[Any, Any]") -> Asks[Described]:
    """How a worker's queue is; made again where somebody deleted it since it was declared. Raises
    as `declaring`.
    """
    try:
        return (yield from later.describe(worker.queue))
    except QueueNotFound:
        yield from declaring(later, worker)
        return (yield from later.describe(worker.queue))
