"""The joins of a run: one per workflow that this process works for.

It stands between a run of the app and its joiners. The rule kept here: whoever runs a step of a
workflow joins its flows too, so that nothing else has to be started for them.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from postroad.api.aio import AsyncBroker
from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.app.flows.joiner import Joiner
from postroad.app.flows.joins import joining, receiving, ringing
from postroad.app.flows.names import CANVAS, alarms_of, queue_of
from postroad.errors import PostroadError, QueueNotFound
from postroad.limits import FLOW_JOINERS_MAX, FLOW_LOT

if TYPE_CHECKING:
    from postroad.app.app import App
    from postroad.app.worker import Worker

_log = logging.getLogger("postroad.app")


class Joins:
    """The joiners of a run. `broken`: what made it impossible for one of them to go on."""

    def __init__(
        self, app: "App", broker: AsyncBroker, workers: "Sequence[Worker[Any, Any]]"
    ) -> None:
        """`workers`: those at work here."""
        self._app = app
        self._broker = broker
        self._workers = workers
        self._loop = asyncio.get_running_loop()
        self._joiners: dict[str, Joiner] = {}
        self._starting: set[asyncio.Task[None]] = set()
        self.broken: asyncio.Future[BaseException] = self._loop.create_future()

    async def start(self) -> None:
        """Begin with the workflows known so far. Raises `BadWorker` where one cannot work."""
        queues = {worker.queue for worker in self._workers}
        for workflow in self._app.workflows.values():
            if queues & set(workflow.queues):
                workflow.plan()
                await self._begin(workflow.name)
        # Chains of earlier lives may have all their jobs behind them and wait for a join.
        if queue_of(CANVAS) in await self._broker.queues(queue_of(CANVAS)):
            await self._begin(CANVAS)
        self._app.arrivals.heard.append(self._heard)

    async def stop(self, stop_s: float) -> None:
        """Take nothing more."""
        if self._heard in self._app.arrivals.heard:
            self._app.arrivals.heard.remove(self._heard)
        while self._starting:
            await asyncio.wait(self._starting)
        await asyncio.gather(*(joiner.stop(stop_s) for joiner in self._joiners.values()))

    def hurry(self) -> None:
        """Nothing here takes long."""

    def _heard(self, workflow: str) -> None:
        """Work was done here for a workflow, if what a message says of itself is true."""
        count = len(self._joiners) + len(self._starting)
        if workflow not in self._joiners and count < FLOW_JOINERS_MAX:
            task = self._loop.create_task(self._begin(workflow))
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _begin(self, name: str) -> None:
        if name in self._joiners:
            return
        workflow = self._app.workflows.get(name)
        workers = self._app.workers if workflow is None else workflow.queues
        dead = [worker.dead_letter_queue for worker in workers.values()]
        joiner = Joiner(self._broker, name, dead)
        self._joiners[name] = joiner
        is_ours = workflow is not None or name == CANVAS
        joiner.broken.add_done_callback(self._break if is_ours else self._leave)
        try:
            await joiner.start()
        except PostroadError as error:
            if not joiner.broken.done():
                joiner.broken.set_result(error)

    def _leave(self, broken: "asyncio.Future[BaseException]") -> None:
        """A workflow that a message named and this app does not know: it stops nobody."""
        if not broken.cancelled():
            _log.error("flows of a workflow of others are not joined here: %s", broken.result())

    def _break(self, broken: "asyncio.Future[BaseException]") -> None:
        if not self.broken.done() and not broken.cancelled():
            self.broken.set_result(broken.result())


def joined_here(later: Operations, workflow: str) -> Asks[int]:
    """Tell flows all that has arrived for them so far; how much it was: for tests, which join where
    they call.
    """
    try:
        late = yield from later.receive(alarms_of(workflow), FLOW_LOT, wait_ms=0)
        if late:
            yield from ringing(later, workflow, late)
        arrived = yield from receiving(later, workflow, 0)
    except QueueNotFound:
        return 0
    for id, messages in arrived.items():
        yield from joining(later, workflow, id, messages)
    return len(late) + len(arrived)
