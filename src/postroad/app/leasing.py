"""How a worker comes by messages: it leases as many as it wants, as long as there is a queue.

It stands inside a shift, between its hands and the queue. The rule kept here: nothing that becomes
of the queue ends the worker; what was leased from a queue that is gone is never taken for a message
of the one that got its name.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from postroad.api.aio import AsyncBroker
from postroad.app.again import CUT_OFF, Again, passed
from postroad.app.declare import declaring
from postroad.app.hands import Hands
from postroad.app.rate import Bucket, per_second_of
from postroad.app.worker import Worker
from postroad.errors import QueueNotFound, Refusal
from postroad.limits import WORKER_AGAIN_MS, WORKER_WAIT_MS
from postroad.model.message import Delivery
from postroad.model.policy import QueueSettings

_log = logging.getLogger("postroad.app")


class Takes(Protocol):
    """Who works on what was leased."""

    hands: Hands
    now_ms: Callable[[], int]

    async def take(self, messages: Sequence[Delivery]) -> None:
        """These were leased."""

    def give_back(self, messages: Sequence[Delivery]) -> None:
        """These were leased, and come again."""

    def orphan(self) -> int:
        """The queue of all that is in hand is gone; how many messages that was."""

    def adopt(self, settings: QueueSettings) -> None:
        """This is how the queue is now. Nothing of it is in hand."""

    def broke(self, error: BaseException) -> None:
        """The worker itself is broken."""


class Leasing:
    """The leases of one worker."""

    def __init__(self, worker: Worker[Any, Any], broker: AsyncBroker, takes: Takes) -> None:
        self._worker = worker
        self._queue = worker.queue
        self._broker = broker
        self._takes = takes
        self._loop = asyncio.get_running_loop()
        self._room: asyncio.Future[None] | None = None
        self._number = 0
        self._is_gone = False
        self._again = Again()
        rate = worker.options.rate
        needs_bucket = rate is not None and per_second_of(rate) is None
        self._bucket = Bucket(rate, takes.now_ms()) if rate is not None and needs_bucket else None

    def start(self, number: int) -> None:
        """Begin. `number`: of the queue as it is now."""
        self._number = number
        self._task = self._loop.create_task(self._fetch(), name=f"lease {self._queue}")

    async def stop(self) -> None:
        """Lease nothing more."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    def look(self) -> None:
        """Something in hand has come to its end: cheap, for it is told after each run."""
        if self._room is not None and self._takes.hands.is_low() and not self._room.done():
            self._room.set_result(None)

    async def _fetch(self) -> None:
        takes = self._takes
        try:
            while True:
                count = takes.hands.wanted(takes.now_ms())
                if count == 0:
                    self._room = self._loop.create_future()
                    await self._room
                    self._room = None
                    continue
                await self._lease(count)
        except Exception as error:  # noqa: BLE001  (raised again by the run, after its stop)
            takes.broke(error)

    async def _lease(self, count: int) -> None:
        """Lease up to so many, waiting for the first of them."""
        bucket = self._bucket
        if bucket is not None:
            count = bucket.take(count, self._takes.now_ms())
            if count == 0:
                await passed(self._loop, bucket.wait_ms())
                return
        messages = await self._leased(count)
        if bucket is not None:
            bucket.give_back(count - len(messages))
        if messages:
            await self._takes.take(messages)

    async def _leased(self, count: int) -> list[Delivery]:
        """What was leased; nothing where that did not go, after a while."""
        try:
            if self._is_gone:
                await self._come_back()
            messages = await self._broker.receive(self._queue, count, wait_ms=WORKER_WAIT_MS)
        except CUT_OFF as error:
            _log.warning("queue `%s`: leasing again: %s", self._queue, error)
            await passed(self._loop, WORKER_AGAIN_MS)
        except QueueNotFound as error:
            self._lose(str(error))
            await passed(self._loop, self._again.next_ms())
        except Refusal as error:
            if self._again.is_news(error):
                _log.error("queue `%s`: nothing is leased, and tried again: %s", self._queue, error)
            await passed(self._loop, self._again.next_ms())
        else:
            if self._again.is_needed:
                self._again.went()
            if not messages or messages[0].queue == self._number:
                return messages
            self._takes.give_back(messages)
            self._lose("another has its name now")
        return []

    def _lose(self, why: str) -> None:
        """The queue is gone."""
        if self._is_gone:
            return
        self._is_gone = True
        what = (self._queue, self._takes.orphan(), why)
        _log.error("queue `%s` is gone, with %d messages in hand, and declared anew: %s", *what)

    async def _come_back(self) -> None:
        """Make the queue exist as at the start of the run, or find it made by others."""
        await self._broker.do(declaring(self._broker.later, self._worker))
        described = await self._broker.describe(self._queue)
        self._is_gone = False
        self._number = described.queue
        self._again.went()
        self._takes.adopt(described.settings)
        _log.warning("queue `%s` is there again", self._queue)
