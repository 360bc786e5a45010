"""The places where tasks run: so many tasks of the loop, each with one run after another.

It stands inside a shift, between the messages in hand and the functions. The rule kept here: a
message costs no task and no timer of its own; a run that ends without waiting costs a call.
"""

import asyncio
import types
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Protocol

from postroad.app.hands import Hands, Run
from postroad.app.outcomes import JobTimedOut
from postroad.limits import WORKER_TURN_MS


class Works(Protocol):
    """Who does the work of a run, and hears what came of it."""

    hands: Hands
    now_ms: Callable[[], int]

    async def work(self, run: Run) -> Any:
        """Run the task; its result."""

    def succeeded(self, run: Run, result: Any) -> None:
        """The task returned."""

    def failed(self, run: Run, error: BaseException) -> None:
        """The task raised."""

    def left(self, run: Run) -> None:
        """The run was ended from outside, before its end."""

    def broke(self, error: BaseException) -> None:
        """The worker itself is broken."""


class Slots:
    """The slots of one worker."""

    def __init__(self, works: Works, count: int, timeout_s: float | None, name: str) -> None:
        self._works = works
        self._timeout_s = timeout_s or 0.0
        self._loop = asyncio.get_running_loop()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._stopping = False
        self._task_of: dict[int, asyncio.Task[None]] = {}
        self._tasks = [self._loop.create_task(self._slot(), name=name) for _ in range(count)]
        for task in self._tasks:
            task.add_done_callback(self._look)

    def wake(self) -> None:
        """Messages are waiting."""
        for _ in range(min(len(self._idle), len(self._works.hands.waiting))):
            idle = self._idle.popleft()
            if not idle.done():
                idle.set_result(None)

    def end(self, run: Run) -> None:
        """End a run that takes too long; its task sees a cancellation."""
        task = self._task_of.get(run.number)
        if task is not None and not run.is_late:
            run.is_late = True
            task.cancel()

    async def stop(self, stop_s: float) -> None:
        """Begin nothing more; wait so long for what runs, then end it."""
        self._stopping = True
        while self._idle:
            idle = self._idle.popleft()
            if not idle.done():
                idle.set_result(None)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=stop_s)
            self.end_all()
            if late:
                # A task that will not end is not waited for: its message comes back anyway.
                await asyncio.wait(late, timeout=1.0)

    def end_all(self) -> None:
        """End everything now."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()

    async def _slot(self) -> None:
        works = self._works
        hands, now_ms = works.hands, works.now_ms
        task = asyncio.current_task()
        assert task is not None, "a slot is a task"
        turn_ends_ms = now_ms() + WORKER_TURN_MS
        while not self._stopping:
            at_ms = now_ms()
            if at_ms >= turn_ends_ms:
                await _let_others()
                at_ms = now_ms()
                turn_ends_ms = at_ms + WORKER_TURN_MS
            run = hands.take(at_ms)
            if run is not None:
                await self._run(run, task)
                continue
            idle = self._loop.create_future()
            self._idle.append(idle)
            await idle
            turn_ends_ms = now_ms() + WORKER_TURN_MS

    async def _run(self, run: Run, task: "asyncio.Task[None]") -> None:
        works = self._works
        self._task_of[run.number] = task
        try:
            result = await works.work(run)
        except asyncio.CancelledError as error:
            if run.is_late:
                task.uncancel()
                works.failed(run, JobTimedOut(self._timeout_s))
            elif task.cancelling():
                works.left(run)
                raise
            else:
                works.failed(run, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever a task raises)
            works.failed(run, error)
        else:
            if run.is_late and task.cancelling():
                task.uncancel()
            works.succeeded(run, result)
        finally:
            del self._task_of[run.number]

    def _look(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._works.broke(error)


@types.coroutine
def _let_others() -> Generator[None, None, None]:
    """Come back in the next turn of the loop."""
    yield
