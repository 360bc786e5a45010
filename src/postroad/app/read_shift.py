"""One member of a reader at work: reads a batch, runs the function, commits, and tells it lives.

It stands between a run of the app and the topics of a group. The rule kept here: a message is
committed after the function returned, or with its dead letter, and never after one that is neither.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from postroad.api.aio import AsyncBroker
from postroad.api.topics import TopicMessage
from postroad.app.batches import BatchContext, Part, Parts
from postroad.app.commits import Commits
from postroad.app.failing import told
from postroad.app.outcomes import JobTimedOut, Reject
from postroad.app.readers import SKIP, STOP, TopicReader
from postroad.app.threads import Threads
from postroad.errors import (
    BadWorker,
    ConnectionLost,
    Fenced,
    MemberNotFound,
    NotConnected,
    PostroadError,
    TimedOut,
)
from postroad.limits import (
    HEARTBEAT_SHARE,
    READER_LEAVE_S,
    READER_WAIT_MS,
    WORKER_AGAIN_MS,
)
from postroad.model.commands import Command

_log = logging.getLogger("postroad.app")
_AGAIN = (ConnectionLost, NotConnected, TimedOut)


class ReadCounts:
    """What a member did: `read` messages that were committed, `failed` runs, `dead` messages that
    were given up, and `lost` ones that others read again."""

    def __init__(self) -> None:
        self.read = 0
        self.failed = 0
        self.dead = 0
        self.lost = 0


class _Stopped(Exception):  # noqa: N818  (no error: it was told to stop)
    """A run failed, and there is no time for another."""


class ReadShift:
    """A member's run, from its first read to its last commit."""

    def __init__(
        self,
        reader: TopicReader[Any, Any],
        broker: AsyncBroker,
        state: Any,
        now_ms: Callable[[], int],
    ) -> None:
        """`state`: what the app's lifespan yielded."""
        self.reader = reader
        self.counts = ReadCounts()
        self._broker = broker
        self._state = state
        self._now_ms = now_ms
        self._loop = asyncio.get_running_loop()
        self._member = reader.member()
        self._lock = asyncio.Lock()
        self._commits = Commits(reader, broker, self._member, self._lock)
        self._threads: Threads | None = None
        self._told = asyncio.Event()
        self._is_waiting = False
        self._timer: asyncio.TimerHandle | None = None
        self._beating: asyncio.Task[None] | None = None
        self.broken: asyncio.Future[BaseException] = self._loop.create_future()

    @property
    def assignment(self) -> list[tuple[str, int]]:
        """The (topic, partition) pairs it reads now."""
        return self._member.assignment

    async def start(self) -> None:
        """Begin."""
        if not self.reader.is_coroutine:
            self._threads = Threads(1, f"postroad-{self.reader.group}")
        name = f"read {self.reader.group}"
        self._task = self._loop.create_task(self._read(), name=name)
        self.tick()

    def tick(self) -> None:
        """Tell that the member lives, while its function runs; and again when it is time."""
        if self._timer is not None:
            self._timer.cancel()
        # Whoever has the lock is telling it, or reading, which tells it too.
        idle = self._beating is None or self._beating.done()
        if idle and not self._lock.locked():
            self._beating = self._loop.create_task(self._beat())
        wait_s = self.reader.options.session_s / HEARTBEAT_SHARE
        self._timer = self._loop.call_later(wait_s, self.tick)

    async def stop(self, stop_s: float) -> None:
        """Read nothing more, and wait so long for the batch that runs; then it is given up, and
        comes again. Let the others have the partitions.
        """
        self._told.set()
        if not self._is_waiting:
            await asyncio.wait((self._task,), timeout=stop_s)
        self._task.cancel()
        # A function that will not end is not waited for: its messages come again anyway.
        await asyncio.wait((self._task,), timeout=1.0)
        if self._timer is not None:
            self._timer.cancel()
        if self._threads is not None:
            self._threads.stop()
        with suppress(PostroadError, TimeoutError):
            async with asyncio.timeout(READER_LEAVE_S), self._lock:
                await self._broker.do(self._member.leave())

    def hurry(self) -> None:
        """Give up what runs at once: a stop that waits for it is over soon."""
        self._told.set()
        self._task.cancel()

    async def _read(self) -> None:
        try:
            while not self._told.is_set():
                self._is_waiting = True
                batch = await self._gather()
                self._is_waiting = False
                if batch:
                    await self._work(batch)
        except _Stopped:
            return
        except Exception as error:  # noqa: BLE001  (raised again by the run, after its stop)
            if not self.broken.done():
                self.broken.set_result(error)

    async def _gather(self) -> list[TopicMessage]:
        """The next batch: full, or what came in its time."""
        try:
            async with self._lock:
                found = await self._broker.do(self._member.poll(READER_WAIT_MS))
            return await self._filled(found)
        except (Fenced, MemberNotFound) as error:
            _log.warning("group `%s`: joining again: %s", self.reader.group, error)
            self._member.forget()
            return []
        except _AGAIN as error:
            _log.warning("group `%s`: reading again: %s", self.reader.group, error)
            await self._pause(WORKER_AGAIN_MS / 1_000)
            return []

    async def _filled(self, found: list[TopicMessage]) -> list[TopicMessage]:
        """A batch with what comes in its time; nothing where the member is out meanwhile."""
        options = self.reader.options
        until_ms = self._now_ms() + round(options.wait_s * 1_000)
        while found and len(found) < options.batch:
            left_ms = until_ms - self._now_ms()
            if left_ms <= 0:
                break
            more = self._member.more(options.batch - len(found), left_ms)
            try:
                async with self._lock:
                    found.extend(await self._broker.do(more))
            except _AGAIN as error:
                # The member stands behind what it has read: who forgets that passes it over.
                _log.warning("group `%s`: reading no more: %s", self.reader.group, error)
                break
            if not self._member.generation:
                return []
        return found

    async def _work(self, batch: list[TopicMessage]) -> None:
        parts = Parts(self.reader.codec.parts(batch))
        while (part := parts.take()) is not None:
            part = self._ours(part)
            if self._threads is not None and self._threads.is_spent:
                # What is not run at all must not be taken for what failed.
                raise BadWorker(f"{self.reader.name}: too many of its runs never ended")
            if not part.messages:
                continue
            if part.is_empty:
                await self._done(part, [])
                continue
            error = part.bad or await self._tries(part)
            if error is None:
                continue
            if len(part.messages) > 1 and self.reader.options.failing != STOP:
                parts.halve(part)
            else:
                await self._give_up(part, error)

    async def _tries(self, part: Part) -> Exception | None:
        """Run the function until it succeeds, or has failed too often: with what."""
        attempts = part.attempts or self.reader.options.retry.attempts
        attempt = 1
        while True:
            context = BatchContext(
                part.messages, self.reader.group, attempt, self._state, self._broker.later
            )
            error = await self._try(part, context)
            if error is None:
                return None
            self.counts.failed += 1
            if isinstance(error, Reject) or attempt >= attempts:
                return error
            _log.warning(
                "%s: a batch of %d failed (%d of %d): %r",
                self.reader.name,
                len(part.messages),
                attempt,
                attempts,
                error,
            )
            await self._pause(self.reader.wait_s(attempt, error))
            if self._told.is_set():
                raise _Stopped
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
        return await self._done(part, context.asked)

    async def _call(self, part: Part, context: BatchContext) -> None:
        reader, timeout_s = self.reader, self.reader.options.timeout_s
        arguments = reader.codec.arguments(part, context)
        try:
            async with asyncio.timeout(timeout_s) as limit:
                if self._threads is None:
                    await reader.function(*arguments)
                else:
                    await self._threads.run(lambda: reader.function(*arguments))
        except TimeoutError:
            if timeout_s is None or not limit.expired():
                raise
            raise JobTimedOut(timeout_s) from None

    async def _done(self, part: Part, asked: Sequence[Command]) -> Exception | None:
        """Commit; what was refused of that which was to be done with it."""
        try:
            if await self._commits.commit(part.messages, asked):
                self.counts.read += len(part.messages)
            else:
                self._lost(part)
        except PostroadError as error:
            if not asked:
                raise
            return error
        return None

    async def _give_up(self, part: Part, error: Exception) -> None:
        """A message failed for good, or, where its reader stops then, a batch did."""
        options = self.reader.options
        message = part.messages[0]
        place = (self.reader.name, message.topic, message.partition, message.offset)
        if options.failing == STOP:
            _log.error("%s: stops at `%s` %d:%d", *place)
            raise error
        _log.error("%s: `%s` %d:%d failed for good", *place, exc_info=error)
        if options.failing == SKIP:
            is_done = await self._commits.commit([message], [])
        else:
            failure = f"bad body: {part.bad}" if part.bad is not None else told(error)
            is_done = await self._commits.bury(message, failure)
        if is_done:
            self.counts.dead += 1
        else:
            self._lost(part)

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

    def _lost(self, part: Part) -> None:
        self.counts.lost += len(part.messages)
        _log.warning(
            "group `%s`: %d messages were not committed, for the member was out; they come again",
            self.reader.group,
            len(part.messages),
        )

    async def _beat(self) -> None:
        try:
            async with self._lock:
                await self._broker.do(self._member.beat())
        except PostroadError as error:
            _log.warning("group `%s`: no heartbeat: %s", self.reader.group, error)

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until told to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()
