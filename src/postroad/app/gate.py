"""The gate before a task with an idempotency key: who comes in claims the key first.

It stands inside a shift, between its leases and its hands. The rule kept here: what has not claimed
its key does not run; claims of messages that came together are one step.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from postroad.api.aio import AsyncBroker
from postroad.app.again import CUT_OFF, passed
from postroad.app.claims import Claims
from postroad.app.company import asking
from postroad.app.hands import Hands
from postroad.app.large import told_keys
from postroad.limits import BATCH_COMMANDS_MAX, IDEMPOTENCY_LOOK_MS, WORKER_AGAIN_MS
from postroad.model.commands import Command
from postroad.model.message import Delivery
from postroad.model.replies import Refused, Reply
from postroad.model.value import value

if TYPE_CHECKING:
    from postroad.claimcheck import ClaimCheck

_log = logging.getLogger("postroad.app")


class Admits(Protocol):
    """Who has the messages that may run, and those that need not."""

    hands: Hands

    def begin(self, messages: Sequence[Delivery]) -> None:
        """These may run."""

    def duplicate(self, message: Delivery, result: bytes) -> None:
        """This is done already, and came to `result`."""

    def broke(self, error: BaseException) -> None:
        """The worker itself is broken."""


@value
class Guard:
    """What a gate needs to know of its worker."""

    queue: str
    broker: AsyncBroker
    claims: Claims
    ordered: bool
    check: "ClaimCheck | None"


class Gate:
    """The gate of one worker."""

    def __init__(self, guard: Guard, admits: Admits) -> None:
        self.claims = guard.claims
        self._guard = guard
        self._admits = admits
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[Delivery] = []
        self._keys: set[bytes] = set()

    async def admit(self, messages: Sequence[Delivery], now_ms: int) -> None:
        """Messages have come: let those run whose keys are free."""
        self._admits.hands.park(messages, now_ms)
        await self._sort(messages)

    def adopt(self, ordered: bool) -> None:
        """The queue is another one now."""
        self._guard = replace(self._guard, ordered=ordered)

    def over(self, key: bytes) -> None:
        """A run that held a key is over: whoever waits for it is looked at soon."""
        if key in self._keys:
            self._look_in(10)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    async def _sort(self, messages: Sequence[Delivery]) -> None:
        claims, hands = self.claims, self._admits.hands
        await told_keys(self._guard.check, claims, messages)
        asked = claims.claiming(messages)
        replies = await self._ask(asked)
        self._say_refused(replies)
        found = claims.sort(messages, replies)
        if self._guard.ordered:
            found = claims.in_order(found)
        here = hands.unpark([*found.run, *(one for one, _ in found.done)])
        kept = {id(one) for one in here}
        self._admits.begin([one for one in found.run if id(one) in kept])
        for message, result in found.done:
            if id(message) in kept:
                self._admits.duplicate(message, result)
        self._waiting.extend(found.wait)
        self._keys.update(found.keys)
        if found.wait:
            self._look_in(IDEMPOTENCY_LOOK_MS)
        lost = [one for one in found.run if id(one) not in kept]
        freed = [*found.freed, *claims.freeing_all(lost)]
        if freed:
            await self._ask(freed)

    async def _ask(self, commands: Sequence[Command]) -> list[Reply]:
        replies: list[Reply] = []
        while len(replies) < len(commands):
            part = commands[len(replies) : len(replies) + BATCH_COMMANDS_MAX]
            try:
                operations = list(map(asking, part))
                replies.extend(await self._guard.broker.batch(operations, all_or_nothing=False))
            except CUT_OFF as error:
                _log.warning("queue `%s`: claiming again: %s", self._guard.queue, error)
                await passed(self._loop, WORKER_AGAIN_MS)
        return replies

    def _say_refused(self, replies: Sequence[Reply]) -> None:
        refused = [one for one in replies if isinstance(one, Refused)]
        if refused:
            what = (self._guard.queue, len(refused), refused[0].text)
            _log.error("queue `%s`: %d messages wait, for keys cannot be claimed: %s", *what)

    def _look_in(self, ms: int) -> None:
        at = self._loop.time() + ms / 1_000
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._task is not None:
            self._look_in(IDEMPOTENCY_LOOK_MS)
            return
        kept = {id(one) for one in self._admits.hands.parked}
        waiting = [one for one in self._waiting if id(one) in kept]
        for one in self._waiting:
            if id(one) not in kept:
                self.claims.taken(one)
        self._waiting = []
        self._keys.clear()
        if waiting:
            waiting.sort(key=lambda one: one.offset)
            self._task = self._loop.create_task(self._look_again(waiting))

    async def _look_again(self, waiting: list[Delivery]) -> None:
        try:
            await self._sort(waiting)
        except Exception as error:  # noqa: BLE001  (told to the shift, which ends)
            self._admits.broke(error)
        finally:
            self._task = None
