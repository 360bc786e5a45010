"""A run of an app: queues declared, lifespans entered, all workers at work until told to stop.

It stands over the shifts. The rule kept here: the first stop lets what runs come to its end, the
second ends it at once.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeVar

from postroad.api.aio import AsyncBroker
from postroad.app.again import CUT_OFF, Again, passed
from postroad.app.declare import declaring
from postroad.app.flows.working import Joins
from postroad.app.functions import Functions
from postroad.app.hooks import Hooks
from postroad.app.read_shift import ReadShift
from postroad.app.readers import TopicReader, declaring_topics
from postroad.app.schedules import scheduling
from postroad.app.shift import Shift
from postroad.app.worker import Worker
from postroad.errors import BadWorker
from postroad.limits import WORKER_STOP_S

if TYPE_CHECKING:
    from postroad.app.app import App

_log = logging.getLogger("postroad.app")

R = TypeVar("R")

Chosen = tuple[list[Worker[Any, Any]], list[TopicReader[Any, Any]]]


class Running:
    """One run of the workers and readers of an app."""

    def __init__(
        self,
        app: "App",
        *,
        queues: Sequence[str] | None = None,
        stop_s: float = WORKER_STOP_S,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        """`queues`: those alone, and readers of these groups. `stop_s`: what runs has so long to
        end after `stop`. `now_ms`: a clock, for tests. Raises `BadWorker` where one of them has
        neither worker nor reader.
        """
        self._app = app
        self._workers, self._readers = _chosen(app, queues)
        self._stop_s = stop_s
        self._now_ms = now_ms or _monotonic_ms
        self._told = asyncio.Event()
        self._hurried = False
        self.started = asyncio.Event()
        self.shifts: list[Shift] = []
        self.readings: list[ReadShift] = []
        self._joins: list[Joins] = []
        self._begun: list[Shift | ReadShift | Joins] = []

    async def run(self) -> None:
        """Work until `stop` is called. Raises what made it impossible to go on."""
        broker = await self._unless_told(self._reach())
        if broker is None:
            return
        hooks = Hooks(self._app.middleware)
        of_batches = Hooks(self._app.middleware, batches=True)
        async with AsyncExitStack() as stack:
            state: Any = None
            for lifespan in self._app.lifespans:
                state = await stack.enter_async_context(lifespan())
            for worker in self._workers:
                functions = Functions(worker)
                stack.callback(functions.stop)
                function = functions.coroutine()
                shift = Shift(worker, broker, function, (hooks, state), self._now_ms)
                self.shifts.append(shift)
            for reader in self._readers:
                for _ in range(reader.options.members):
                    around = (of_batches, state)
                    self.readings.append(ReadShift(reader, broker, around, self._now_ms))
            self._joins.append(Joins(self._app, broker, self._workers))
            await self._work()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._told.is_set()

    def stop(self) -> None:
        """Lease nothing more, and end when what runs has ended; called again: now."""
        if self._told.is_set():
            self._hurried = True
            for shift in self._begun:
                shift.hurry()
        self._told.set()

    async def _reach(self) -> AsyncBroker:
        """The broker, once it is there, and knows what there is to work on."""
        broker = await self._app.link.serve(self._app.connect_timeout_s)
        await self._until_it_goes(lambda: self._declare(broker))
        return broker

    async def _declare(self, broker: AsyncBroker) -> None:
        for worker in self._workers:
            await broker.do(declaring(broker.later, worker))
            self._app.link.declared.add(worker.queue)
        for plan in self._app.plans.values():
            if plan.worker in self._workers:
                await broker.do(scheduling(broker.later, plan))
        for reader in self._readers:
            await broker.do(declaring_topics(broker.later, reader))

    async def _until_it_goes(self, call: Callable[[], Awaitable[None]]) -> None:
        """Do what may be done twice, again where the connection broke meanwhile."""
        again = Again()
        while True:
            try:
                return await call()
            except CUT_OFF as error:
                _log.warning("starting again: %s", error)
                await passed(asyncio.get_running_loop(), again.next_ms())

    async def _begin(self, shift: Shift | ReadShift | Joins) -> None:
        if isinstance(shift, Joins):
            self._begun.append(shift)  # it can be stopped before all of it has begun
        await self._until_it_goes(shift.start)
        if not isinstance(shift, Joins):
            self._begun.append(shift)

    async def _unless_told(self, work: Coroutine[Any, Any, R]) -> R | None:
        """What it comes to, or `None` where the run is told to stop first."""
        task, told = asyncio.create_task(work), asyncio.create_task(self._told.wait())
        try:
            await asyncio.wait((task, told), return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            is_over = task.done()
            if not is_over:
                task.cancel()
                await asyncio.wait((task,))
        return task.result() if is_over else None

    async def _work(self) -> None:
        shifts: list[Shift | ReadShift | Joins] = [*self._joins, *self.shifts, *self.readings]
        broken = [shift.broken for shift in shifts]
        told = asyncio.create_task(self._told.wait())
        try:
            for shift in shifts:
                await self._unless_told(self._begin(shift))
                if self._told.is_set():
                    break
            self.started.set()
            waited: list[asyncio.Future[Any]] = [told, *broken]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            stop_s = 0.0 if self._hurried else self._stop_s
            await asyncio.gather(*(shift.stop(stop_s) for shift in self._begun))
        for one in broken:
            if one.done():
                raise one.result()


def _chosen(app: "App", queues: Sequence[str] | None) -> Chosen:
    if not app.workers and not app.readers:
        raise BadWorker("the app has no workers; declare one with `@app.worker(...)`")
    if queues is None:
        return list(app.workers.values()), list(app.readers.values())
    unknown = [name for name in queues if name not in app.workers and name not in app.readers]
    if unknown:
        known = ", ".join(f"`{name}`" for name in [*app.workers, *app.readers])
        raise BadWorker(f"queue `{unknown[0]}` has no worker in this app; it has {known}")
    names = dict.fromkeys(queues)
    workers = [app.workers[name] for name in names if name in app.workers]
    return workers, [app.readers[name] for name in names if name in app.readers]


def _monotonic_ms() -> int:
    return int(time.monotonic() * 1_000)
