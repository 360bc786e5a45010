"""Joins at work: what arrived for the flows of a workflow is told them, a lot at a time.

It stands between a run of the app and the queues of a workflow. The rule kept here: what was not
told comes again; a flow that cannot go on holds up no other.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from postroad.api.aio import AsyncBroker
from postroad.app.again import CUT_OFF, passed
from postroad.app.flows.graves import Graves
from postroad.app.flows.joins import PASSING, declaring_flows, joining, receiving, ringing
from postroad.app.flows.names import alarms_of
from postroad.errors import QueueNotFound
from postroad.limits import FLOW_LOOK_MS, FLOW_LOT, WORKER_AGAIN_MS, WORKER_WAIT_MS
from postroad.model.message import Delivery

_log = logging.getLogger("postroad.app")


class Joiner:
    """The joins of one workflow, in one process; others may do the same. `broken`: what made it
    impossible to go on."""

    def __init__(
        self, broker: AsyncBroker, workflow: str, dead: Sequence[str], look_ms: int = FLOW_LOOK_MS
    ) -> None:
        """`dead`: the dead-letter queues of its steps, looked at every `look_ms`."""
        self.workflow = workflow
        self._broker = broker
        self._graves = Graves(workflow, dead)
        self._look_ms = look_ms
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self._busy: set[asyncio.Task[object]] = set()
        self._stopping = False
        self._is_gone = False
        self.broken: asyncio.Future[BaseException] = self._loop.create_future()

    async def start(self) -> None:
        """Begin."""
        try:
            await self._broker.do(declaring_flows(self._broker.later, self.workflow))
        except CUT_OFF as error:
            _log.warning("workflow `%s`: declaring again: %s", self.workflow, error)
            self._is_gone = True
        for work in (self._join, self._ring, self._look):
            task = self._loop.create_task(self._keep(work), name=f"join {self.workflow}")
            self._tasks.append(task)

    async def stop(self, stop_s: float) -> None:
        """Take nothing more; what was taken is done, if that takes no longer."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._busy:
            await asyncio.wait(self._busy, timeout=stop_s)

    def hurry(self) -> None:
        """Nothing here takes long."""

    async def _keep(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do this over and over."""
        is_gone = self._is_gone
        while not self._stopping:
            try:
                if is_gone:
                    await self._broker.do(declaring_flows(self._broker.later, self.workflow))
                    is_gone = False
                await work()
            except (*CUT_OFF, *PASSING) as error:
                _log.warning("workflow `%s`: joining again: %s", self.workflow, error)
                await passed(self._loop, WORKER_AGAIN_MS)
            except QueueNotFound:
                is_gone = True
            except Exception as error:  # noqa: BLE001  (raised again by the run, after its stop)
                if not self.broken.done():
                    self.broken.set_result(error)
                return

    async def _join(self) -> None:
        later = self._broker.later
        arrived = await self._broker.do(receiving(later, self.workflow, WORKER_WAIT_MS))
        if arrived:
            # Each flow is a step of its own; they are under way together, and share syncs.
            await self._shielded(
                *(
                    self._broker.do(joining(later, self.workflow, id, messages))
                    for id, messages in arrived.items()
                )
            )

    async def _ring(self) -> None:
        queue = alarms_of(self.workflow)
        late: list[Delivery] = await self._broker.receive(queue, FLOW_LOT, wait_ms=WORKER_WAIT_MS)
        if late:
            later = self._broker.later
            await self._shielded(self._broker.do(ringing(later, self.workflow, late)))

    async def _look(self) -> None:
        await passed(self._loop, self._look_ms)
        await self._broker.do(self._graves.looking(self._broker.later))

    async def _shielded(self, *work: Awaitable[object]) -> None:
        """Let it come to its end though this is told to stop."""
        done: asyncio.Future[list[object]] = asyncio.gather(*work, return_exceptions=True)
        task: asyncio.Task[object] = self._loop.create_task(_awaited(done))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        for one in await asyncio.shield(done):
            if isinstance(one, BaseException):
                raise one


async def _awaited(done: "asyncio.Future[list[object]]") -> object:
    return await done
