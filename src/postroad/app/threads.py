"""Threads for plain functions: so many of them, and one more for each that never comes back.

It stands between the slots of a worker and functions that block. The rule kept here: a thread
cannot be stopped, so a run that took too long is given up, and its thread is replaced.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import Any

from postroad.limits import WORKER_THREADS_LOST_MAX


class Errand:
    """One call on a thread."""

    __slots__ = ("answer", "begun", "call", "context", "ended", "error", "given_up", "result")

    def __init__(self, call: Callable[[], Any], answer: "asyncio.Future[Any]") -> None:
        self.call = call
        self.answer = answer
        self.context: Context = copy_context()
        self.begun = False
        self.ended = False
        self.given_up = False
        self.result: Any = None
        self.error: BaseException | None = None


class Threads:
    """The threads of one worker, made as they are needed."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._todo: SimpleQueue[Errand | None] = SimpleQueue()
        self._done: deque[Errand] = deque()
        self._told = False
        self._stopped = False
        self._lock = threading.Lock()
        self._at_work = 0
        self._threads = 0
        self.lost = 0
        """Threads whose call was given up and has not ended."""

    @property
    def places(self) -> int:
        """How many threads there may be beside those that are lost; 0: nothing is run any more."""
        return max(0, self._count - max(0, self.lost - WORKER_THREADS_LOST_MAX))

    @property
    def is_spent(self) -> bool:
        """Whether more threads are lost than a program may lose: what is begun now might never be
        run, and must not be taken for what failed."""
        return self.lost > WORKER_THREADS_LOST_MAX

    async def run(self, call: Callable[[], Any]) -> Any:
        """The result of a call on one of the threads. When the waiting task is cancelled, the call
        goes on and nobody hears of it.
        """
        answer: asyncio.Future[Any] = self._loop.create_future()
        errand = Errand(call, answer)
        self._at_work += 1
        self._todo.put(errand)
        self._fill()
        try:
            return await answer
        except asyncio.CancelledError:
            self._give_up(errand)
            raise
        finally:
            self._at_work -= 1

    def stop(self) -> None:
        """End the threads that have nothing to do, and the others after their call."""
        self._stopped = True
        for _ in range(self._threads):
            self._todo.put(None)
        self._threads = 0

    def _fill(self) -> None:
        while not self._stopped and self._threads < min(self._at_work, self.places):
            self._threads += 1
            threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _give_up(self, errand: Errand) -> None:
        with self._lock:
            errand.given_up = True
            lost = errand.begun and not errand.ended
            self.lost += lost
        self._threads -= lost

    def _work(self) -> None:
        while (errand := self._todo.get()) is not None:
            if not self._begin(errand):
                continue
            try:
                errand.result = errand.context.run(errand.call)
            except BaseException as error:  # noqa: BLE001  (raised again where it is awaited)
                errand.error = error
            if self._is_given_up(errand):
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    self._loop.call_soon_threadsafe(self._fill)
                return  # another thread has its place
            self._done.append(errand)
            if not self._told:
                self._told = True
                try:
                    self._loop.call_soon_threadsafe(self._collect)
                except RuntimeError:
                    return  # the loop is closed: nobody waits any more

    def _begin(self, errand: Errand) -> bool:
        with self._lock:
            errand.begun = not errand.given_up
            return errand.begun

    def _is_given_up(self, errand: Errand) -> bool:
        with self._lock:
            errand.ended = True
            self.lost -= errand.given_up
            return errand.given_up

    def _collect(self) -> None:
        # Before the look, so that what comes after it is told anew.
        self._told = False
        while self._done:
            errand = self._done.popleft()
            if errand.answer.done():
                continue
            if errand.error is None:
                errand.answer.set_result(errand.result)
            elif isinstance(errand.error, StopIteration):
                errand.answer.set_exception(RuntimeError(f"the task raised {errand.error!r}"))
            else:
                errand.answer.set_exception(errand.error)
