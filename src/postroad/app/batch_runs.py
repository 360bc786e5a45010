"""The runs of a reader's batches: again, in halves, and what fails for good put aside.

It stands between the messages that were read and a reader's function. The rule kept here: a message
is committed after the function returned, or with its dead letter, and never after one that is
neither.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from postroad.api.readers import Reader
from postroad.api.topics import TopicMessage
from postroad.app.again import Again
from postroad.app.batches import BatchContext, Part, Parts
from postroad.app.commits import Commits, Does
from postroad.app.failing import told
from postroad.app.hooks import Hooks
from postroad.app.outcomes import JobTimedOut, Reject
from postroad.app.readers import SKIP, STOP, TopicReader
from postroad.errors import (
    GroupNotFound,
    PartitionNotFound,
    PostroadError,
    Refusal,
    TopicNotFound,
)
from postroad.model.commands import Command

_log = logging.getLogger("postroad.app")


class ReadCounts:
    """What a member did: `read` messages that were committed, `failed` runs, `dead` messages that
    were given up, `lost` ones that others read again, and `refused` dead letters: their messages
    are kept until their queue takes them."""

    def __init__(self) -> None:
        self.read = 0
        self.failed = 0
        self.dead = 0
        self.lost = 0
        self.refused = 0


class Ends(Exception):  # noqa: N818  (it ends the reader, and is no error of its own)
    """A reader that stops at what fails has come to such a message: `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Hosts(Protocol):
    """Where the function runs, and who says when."""

    def check(self) -> None:
        """Raise what makes it impossible to run anything more."""

    async def call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Run the function."""

    async def pause(self, seconds: float) -> None:
        """Let so much time go by before the same is run again; raises where there is none."""

    async def refused(self, error: Refusal, place: str, again: Again, /) -> None:
        """The dead letter of a message was refused: let some time go by before it is tried again,
        or raise."""


class BatchRuns:
    """The runs of one member's batches."""

    def __init__(
        self,
        reader: TopicReader[Any, Any],
        broker: Does,
        member: Reader,
        around: tuple[Hooks, Any],
        host: Hosts,
    ) -> None:
        """`around`: the hooks of batches and the state of the app."""
        self.counts = ReadCounts()
        self.lock = asyncio.Lock()
        """Held while the member tells the broker anything."""
        self.failures: list[Exception] = []
        """Why messages of the batch that runs were given up."""
        self._reader = reader
        self._broker = broker
        self._member = member
        self._hooks, self._state = around
        self._host = host
        self._commits = Commits(reader, broker, member, self.lock)

    async def work(self, batch: list[TopicMessage]) -> None:
        """Run a batch, until each of its messages is committed or another's. Raises `Ends` where
        the reader stops at what fails.
        """
        self.failures = []
        parts = Parts(self._reader.codec.parts(batch))
        while (part := parts.take()) is not None:
            part = self._ours(part)
            # What is not run at all must not be taken for what failed.
            self._host.check()
            if not part.messages:
                continue
            if part.is_empty:
                await self._done(part, [])
                continue
            error = part.bad or await self._tries(part)
            if error is None:
                continue
            if len(part.messages) > 1 and self._reader.options.failing != STOP:
                parts.halve(part)
            else:
                await self._give_up(part, error)

    async def _tries(self, part: Part) -> Exception | None:
        """Run the function until it succeeds, or has failed too often: with what."""
        reader = self._reader
        attempts = part.attempts or reader.options.retry.attempts
        attempt = 1
        while True:
            context = BatchContext(
                part.messages, reader.group, attempt, self._state, self._broker.later
            )
            error = await self._try(part, context)
            if error is None:
                return None
            self.counts.failed += 1
            if isinstance(error, Reject) or attempt >= attempts:
                return error
            what = (reader.name, len(part.messages), attempt, attempts, error)
            _log.warning("%s: a batch of %d failed (%d of %d): %r", *what)
            await self._host.pause(reader.wait_s(attempt, error))
            attempt += 1

    async def _try(self, part: Part, context: BatchContext) -> Exception | None:
        """Run the function once, and commit; what went wrong."""
        try:
            await self._call(part, context)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever it raises)
            return error if isinstance(error, Exception) else RuntimeError(f"it raised {error!r}")
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return RuntimeError(f"it raised {error!r}")
        return await self._done(part, context.asked, context)

    async def _call(self, part: Part, context: BatchContext) -> None:
        reader, timeout_s = self._reader, self._reader.options.timeout_s
        arguments = reader.codec.arguments(part, context)
        try:
            async with asyncio.timeout(timeout_s) as limit:
                if self._hooks.any:
                    call = self._host.call
                    await self._hooks.run(context, lambda: call(reader.function, arguments))
                else:
                    await self._host.call(reader.function, arguments)
        except TimeoutError:
            if timeout_s is None or not limit.expired():
                raise
            raise JobTimedOut(timeout_s) from None

    async def _done(
        self, part: Part, asked: Sequence[Command], context: BatchContext | None = None
    ) -> Exception | None:
        """Commit; what was refused of that which was to be done with it."""
        try:
            if await self._commits.commit(part.messages, asked):
                self.counts.read += len(part.messages)
            else:
                await self._lost(part, context)
        except PostroadError as error:
            if not asked:
                raise
            return error
        return None

    async def _give_up(self, part: Part, error: Exception) -> None:
        """A message failed for good, or, where its reader stops then, a batch did."""
        failing, message = self._reader.options.failing, part.messages[0]
        place = (self._reader.name, message.topic, message.partition, message.offset)
        if failing == STOP:
            _log.error("%s: stops at `%s` %d:%d", *place)
            raise Ends(error)
        _log.error("%s: `%s` %d:%d failed for good", *place, exc_info=error)
        self.failures.append(error)
        if failing == SKIP:
            is_done = await self._commits.commit([message], [])
        else:
            failure = f"bad body: {part.bad}" if part.bad is not None else told(error)
            is_done = await self._bury(message, failure)
        if is_done:
            self.counts.dead += 1
        else:
            await self._lost(part, None)

    async def _bury(self, message: TopicMessage, failure: str) -> bool:
        """Commit a message with its dead letter, as soon as there is a place for that."""
        again = Again()
        while True:
            try:
                return await self._commits.bury(message, failure)
            except (TopicNotFound, PartitionNotFound, GroupNotFound):
                # The message is gone, and no waiting brings back what was to be committed.
                raise
            except Refusal as error:
                self.counts.refused += 1
                place = f"`{message.topic}` {message.partition}:{message.offset}"
                await self._host.refused(error, place, again)

    def _ours(self, part: Part) -> Part:
        """What of a part was not lost to other members meanwhile."""
        is_ours = self._member.is_ours
        if all(map(is_ours, part.messages)):
            return part
        if part.bad is not None:
            return Part([], [], part.bad)
        kept = [at for at, message in enumerate(part.messages) if is_ours(message)]
        messages = [part.messages[at] for at in kept]
        return Part(messages, [part.values[at] for at in kept], None, part.attempts)

    async def _lost(self, part: Part, context: BatchContext | None) -> None:
        self.counts.lost += len(part.messages)
        _log.warning(
            "group `%s`: %d messages were not committed, for the member was out; they come again",
            self._reader.group,
            len(part.messages),
        )
        if context is not None:
            await self._hooks.tell_lost(context)
