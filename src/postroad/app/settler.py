"""What becomes of messages whose runs are over: acks, retries, rejects and releases, many in one
step.

It stands between a shift and the broker. The rule kept here: one step is under way at a time, and
all that is over meanwhile is the next; an ack that came too late is told, never dropped.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from postroad.api.aio import AsyncBroker
from postroad.api.asks import Asks
from postroad.app.jobs import result_operations, wake_operations
from postroad.app.outcomes import Outcome
from postroad.errors import ConnectionLost, LeaseLost, NotConnected, QueueNotFound, TimedOut
from postroad.limits import BATCH_COMMANDS_MAX, WORKER_AGAIN_MS
from postroad.model.message import Delivery
from postroad.model.value import value

_log = logging.getLogger("postroad.app")
_AGAIN = (ConnectionLost, NotConnected, TimedOut)

Lost = Callable[[Sequence[Delivery]], None]


@value
class Failing:
    """A message whose work failed: for good (`rejected`), or until `after_ms` (`None`: as its queue
    says)."""

    message: Delivery
    rejected: bool
    after_ms: int | None
    failure: str


class Settler:
    """The messages of one worker that are over, until that is durable."""

    def __init__(self, broker: AsyncBroker, queue: str, lost: Lost) -> None:
        """`lost` is told of messages whose leases were not ours any more."""
        self._broker = broker
        self._queue = queue
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._acks: list[Delivery] = []
        self._failing: list[Failing] = []
        self._released: list[Delivery] = []
        self._outcomes: list[tuple[Delivery, Outcome]] = []
        self._task: asyncio.Task[None] | None = None
        self.broken: asyncio.Future[BaseException] = self._loop.create_future()

    def ack(self, message: Delivery) -> None:
        """The work is done."""
        self._acks.append(message)
        if self._task is None:
            self._begin()

    def keep(self, message: Delivery, outcome: Outcome) -> None:
        """What came of a message is kept in the same step, where somebody asked for it."""
        self._outcomes.append((message, outcome))

    def fail(self, failing: Failing) -> None:
        """The work failed."""
        self._failing.append(failing)
        if self._task is None:
            self._begin()

    def release(self, messages: Sequence[Delivery]) -> None:
        """The work was not begun, or not done to its end, and the messages are not to blame."""
        self._released.extend(messages)
        if messages and self._task is None:
            self._begin()

    async def settled(self) -> None:
        """Wait until all of it is durable."""
        while self._task is not None:
            await asyncio.wait((self._task,))

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._settle(), name=f"settle {self._queue}")

    async def _settle(self) -> None:
        # Begun a turn later: what else is over in this turn comes along.
        try:
            while self._acks or self._failing or self._released:
                await self._step()
        except BaseException as error:
            if not self.broken.done():
                self.broken.set_result(error)
            raise
        finally:
            self._task = None

    async def _step(self) -> None:
        taken = (self._acks, self._failing, self._released, self._outcomes)
        self._acks, self._failing, self._released, self._outcomes = [], [], [], []
        try:
            await self._do(*taken)
        except _AGAIN as error:
            _log.warning("queue `%s`: settling again: %s", self._queue, error)
            self._acks[:0], self._failing[:0], self._released[:0], self._outcomes[:0] = taken
            await passed(self._loop, WORKER_AGAIN_MS)

    async def _do(
        self,
        acks: list[Delivery],
        failing: list[Failing],
        released: list[Delivery],
        outcomes: list[tuple[Delivery, Outcome]],
    ) -> None:
        if not failing and not released and not outcomes:
            try:
                await self._broker.ack(acks)
            except LeaseLost as error:
                self._tell_lost([error])
            return
        operations = self._operations(acks, failing, released)
        for message, outcome in outcomes:
            operations.extend(result_operations(message, outcome))
        for start in range(0, len(operations), BATCH_COMMANDS_MAX):
            part = operations[start : start + BATCH_COMMANDS_MAX]
            # Each stands for itself: one lease that was lost takes nothing from the others.
            self._tell_lost(await self._broker.batch(part, all_or_nothing=False))
        for queue, id in wake_operations([message for message, _ in outcomes]):
            with suppress(QueueNotFound):
                await self._broker.publish(queue, id)

    def _operations(
        self, acks: list[Delivery], failing: list[Failing], released: list[Delivery]
    ) -> list[Asks[Any]]:
        later = self._broker.later
        operations: list[Asks[Any]] = []
        if acks:
            operations.append(later.ack(acks))
        # What comes behind a failed one in its order goes back before it does.
        if released:
            operations.append(later.release(released))
        alike: dict[tuple[bool, int | None, str], list[Delivery]] = {}
        for one in failing:
            key = (one.rejected, one.after_ms, one.failure)
            alike.setdefault(key, []).append(one.message)
        for (rejected, after_ms, failure), messages in alike.items():
            if rejected:
                operations.append(later.reject(messages, failure=failure))
            else:
                operations.append(later.retry(messages, after_ms, failure=failure))
        return operations

    def _tell_lost(self, results: Sequence[object]) -> None:
        for one in results:
            if isinstance(one, LeaseLost):
                self._lost([each for each in one.failed if isinstance(each, Delivery)])
            elif isinstance(one, Exception):
                _log.error("queue `%s`: a message was not settled: %s", self._queue, one)


async def passed(loop: asyncio.AbstractEventLoop, ms: int) -> None:
    """Wait so many ms."""
    passed: asyncio.Future[None] = loop.create_future()
    timer = loop.call_later(ms / 1_000, passed.set_result, None)
    try:
        await passed
    finally:
        timer.cancel()
