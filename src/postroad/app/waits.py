"""Who waits for a result, and the queue on which this process is told that there is one.

It stands beside the jobs. The rule kept here: being told is a hint and no more: whoever waits looks
for the result itself, and looks again every so often where nobody told it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from math import inf
from secrets import token_hex
from threading import Event, Lock, Thread
from time import monotonic
from types import TracebackType
from typing import Self

from postroad.app.link import Link
from postroad.errors import PostroadError, QueueNotFound
from postroad.limits import RESULT_LOOK_S, WAKE_QUEUE_MS, WAKES_READ, WAKES_WAIT_MS

Wake = Callable[[], object]


class Waits:
    """Those of one process that wait for results of one app."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lock = Lock()
        self._sleepers: dict[str, list[Wake]] = {}
        self._reader: Thread | None = None
        self._declared = False
        self.queue = f"postroad.wakes.{token_hex(8)}"
        """Its name; it goes by itself when nobody waits there for some minutes."""

    def declare(self, names: tuple[str, str]) -> None:
        """Make the queue, before the first job that names it; `names`: as in `Link.do`."""
        if not self._declared:
            self._link.do(lambda ops: ops.declare(self.queue, expires_ms=WAKE_QUEUE_MS), names)
            self._declared = True

    async def adeclare(self) -> None:
        """As `declare`, for a running loop."""
        if not self._declared:
            await self._link.ado(lambda ops: ops.declare(self.queue, expires_ms=WAKE_QUEUE_MS))
            self._declared = True

    def sleep(self, id: str, timeout_s: float | None) -> "Sleep":
        """Somebody who waits for the result of a job."""
        return Sleep(self, id, timeout_s)

    def add(self, id: str, wake: Wake) -> None:
        """Call `wake`, from another thread, when there is a result."""
        with self._lock:
            self._sleepers.setdefault(id, []).append(wake)

    def remove(self, id: str, wake: Wake) -> None:
        """Nobody waits there any more."""
        with self._lock:
            wakes = self._sleepers[id]
            wakes.remove(wake)
            if not wakes:
                del self._sleepers[id]

    def read(self) -> None:
        """Let somebody read the queue as long as anybody waits."""
        with self._lock:
            if self._declared and (self._reader is None or not self._reader.is_alive()):
                self._reader = Thread(target=self._reading, name="postroad-wakes", daemon=True)
                self._reader.start()

    def _reading(self) -> None:
        while self._sleepers:
            # The broker is closed, or its loop is: whoever waits finds that out itself.
            with suppress(PostroadError, CancelledError, RuntimeError):
                self._tell(self._pop())
                continue
            return

    def _pop(self) -> list[bytes]:
        link, names = self._link, ("", "")
        try:
            found = link.do(
                lambda ops: ops.pop(self.queue, WAKES_READ, wait_ms=WAKES_WAIT_MS), names
            )
        except QueueNotFound:
            link.do(lambda ops: ops.declare(self.queue, expires_ms=WAKE_QUEUE_MS), names)
            return []
        return [one.body for one in found]

    def _tell(self, ids: list[bytes]) -> None:
        with self._lock:
            wakes = [wake for id in ids for wake in self._sleepers.get(id.decode(), ())]
        for wake in wakes:
            wake()


class Sleep:
    """One wait for one job, on a thread or a loop."""

    def __init__(self, waits: Waits, id: str, timeout_s: float | None) -> None:
        self._waits = waits
        self._id = id
        self._until_s = inf if timeout_s is None else monotonic() + timeout_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: Event | asyncio.Event = Event()

    def __enter__(self) -> Self:
        self._waits.add(self._id, self._wake)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._waits.remove(self._id, self._wake)

    def wait(self) -> bool:
        """Until told, or until it is time to look again; false when the time is over."""
        assert isinstance(self._told, Event)
        left_s = self._until_s - monotonic()
        if left_s <= 0:
            return False
        self._waits.read()
        self._told.wait(min(left_s, RESULT_LOOK_S))
        self._told.clear()
        return True

    async def await_(self) -> bool:
        """As `wait`, for a running loop."""
        left_s = self._until_s - monotonic()
        if left_s <= 0:
            return False
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._told = asyncio.Event()
        assert isinstance(self._told, asyncio.Event)
        self._waits.read()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._told.wait(), min(left_s, RESULT_LOOK_S))
        self._told.clear()
        return True

    def _wake(self) -> None:
        loop = self._loop
        if loop is None:
            self._told.set()
        else:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._told.set)
