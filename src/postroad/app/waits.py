"""Who waits for a result or a reply, and the queue on which this process hears of both.

It stands beside the jobs and the requests. The rule kept here: being told of a result is a hint and
no more: whoever waits looks for the result itself, and looks again every so often where nobody told
it. A reply is what was waited for; one that nobody waits for any more is dropped.
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

from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.app.link import Link
from postroad.app.replies import CORRELATION_ID
from postroad.errors import PostroadError, QueueNotFound
from postroad.limits import (
    REPLY_LEASE_MS,
    RESULT_LOOK_S,
    WAKE_QUEUE_MS,
    WAKES_READ,
    WAKES_WAIT_MS,
)
from postroad.model.message import Delivery

Wake = Callable[[], object]


class Waits:
    """Those of one process that wait for results and replies of one app."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lock = Lock()
        self._sleepers: dict[str, list[Wake]] = {}
        self._reader: Thread | None = None
        self._declared_s = -inf
        self._replies: dict[str, Delivery] = {}
        self.queue = f"postroad.wakes.{token_hex(8)}"
        """Its name; it goes by itself when nobody waits there for some minutes."""

    def declare(self, names: tuple[str, str]) -> None:
        """Make the queue, before the first message that names it, and again where it may have gone
        for nobody waited there; `names`: as in `Link.do`.
        """
        if self._may_be_gone():
            self._link.do(self._declaring, names)
            self._declared_s = monotonic()

    async def adeclare(self) -> None:
        """As `declare`, for a running loop."""
        if self._may_be_gone():
            await self._link.ado(self._declaring)
            self._declared_s = monotonic()

    def sleep(self, id: str, timeout_s: float | None) -> "Sleep":
        """Somebody who waits for the result of a job."""
        return Sleep(self, id, inf if timeout_s is None else monotonic() + timeout_s)

    def expect(self, id: str, until_s: float) -> "Sleep":
        """Somebody who waits for the reply to a request, until then."""
        return Sleep(self, id, until_s)

    def reply(self, id: str) -> Delivery | None:
        """The reply to a request, if it has come."""
        with self._lock:
            return self._replies.pop(id, None)

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
                self._replies.pop(id, None)

    def read(self) -> None:
        """Let somebody read the queue as long as anybody waits."""
        with self._lock:
            if self._declared_s >= 0 and (self._reader is None or not self._reader.is_alive()):
                self._reader = Thread(target=self._reading, name="postroad-wakes", daemon=True)
                self._reader.start()

    def _reading(self) -> None:
        while self._is_awaited():
            # The broker is closed, or its loop is: whoever waits finds that out itself.
            with suppress(PostroadError, CancelledError, RuntimeError):
                found = self._receive()
                self._tell(found)
                if found:
                    self._link.listen(lambda ops: ops.ack(found))  # noqa: B023  (called here)
                continue
            return

    def _is_awaited(self) -> bool:
        with self._lock:
            if not self._sleepers:
                # Whoever comes from now on starts another.
                self._reader = None
            return bool(self._sleepers)

    def _receive(self) -> list[Delivery]:
        """What has come. It is leased, so that a connection that breaks loses none of it."""
        self._declared_s = monotonic()
        try:
            return self._link.listen(
                lambda ops: ops.receive(
                    self.queue, WAKES_READ, wait_ms=WAKES_WAIT_MS, lease_ms=REPLY_LEASE_MS
                )
            )
        except QueueNotFound:
            self._link.listen(self._declaring)
            return []

    def _tell(self, messages: list[Delivery]) -> None:
        wakes: list[Wake] = []
        with self._lock:
            for message in messages:
                id = _id_of(message)
                if id not in self._sleepers:
                    continue
                wakes.extend(self._sleepers[id])
                if message.head:
                    self._replies[id] = message
        for wake in wakes:
            wake()

    def _may_be_gone(self) -> bool:
        return monotonic() - self._declared_s > WAKE_QUEUE_MS / 4_000

    def _declaring(self, later: Operations) -> Asks[bool]:
        return later.declare(self.queue, expires_ms=WAKE_QUEUE_MS)


def _id_of(message: Delivery) -> str:
    """Whom a message is for: replies say it in a header, and word of results is nothing else."""
    if message.head:
        return str(message.headers.get(CORRELATION_ID))
    return message.body.decode(errors="replace")


class Sleep:
    """One wait for one job or reply, on a thread or a loop."""

    def __init__(self, waits: Waits, id: str, until_s: float) -> None:
        self._waits = waits
        self._id = id
        self._until_s = until_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: Event | asyncio.Event = Event()

    def __enter__(self) -> Self:
        # From now on it may be told, though it does not wait yet.
        with suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
            self._told = asyncio.Event()
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
