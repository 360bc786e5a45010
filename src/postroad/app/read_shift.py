"""One member of a reader at work: joins, reads a batch, has it run, and tells it lives.

It stands between a run of the app and the topics of a group. The rule kept here: nothing that the
broker refuses ends the reader; it begins anew with what was committed.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from postroad.api.aio import AsyncBroker
from postroad.api.topics import TopicMessage
from postroad.app.again import CUT_OFF, Again
from postroad.app.batch_runs import BatchRuns, Ends
from postroad.app.hooks import Hooks
from postroad.app.readers import TopicReader, declaring_topics
from postroad.app.threads import Threads
from postroad.errors import (
    BadWorker,
    Fenced,
    MemberNotFound,
    PostroadError,
    QueueNotFound,
    Refusal,
)
from postroad.limits import HEARTBEAT_SHARE, READER_LEAVE_S, READER_WAIT_MS, WORKER_AGAIN_MS

_log = logging.getLogger("postroad.app")


class Stopped(Exception):  # noqa: N818  (no error: it was told to stop)
    """There is no time for what was to come next."""


class ReadShift:
    """A member's run, from its first read to its last commit."""

    def __init__(
        self,
        reader: TopicReader[Any, Any],
        broker: AsyncBroker,
        around: tuple[Hooks, Any],
        now_ms: Callable[[], int],
    ) -> None:
        """`around`: the hooks of batches, and what the app's lifespan yielded."""
        self.reader = reader
        self._broker = broker
        self._now_ms = now_ms
        self._loop = asyncio.get_running_loop()
        self._member = reader.member()
        self._runs = BatchRuns(reader, broker, self._member, around, self)
        self._lock = self._runs.lock
        self.counts = self._runs.counts
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

    def check(self) -> None:
        """Raise `BadWorker` where too many runs never ended."""
        if self._threads is not None and self._threads.is_spent:
            raise BadWorker(f"{self.reader.name}: too many of its runs never ended")

    async def call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Run the function, on the loop or on the member's thread."""
        if self._threads is None:
            return await function(*arguments)
        return await self._threads.run(lambda: function(*arguments))

    async def pause(self, seconds: float) -> None:
        """Let so much time go by. Raises `Stopped` where it was told to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()
        if self._told.is_set():
            raise Stopped

    async def refused(self, error: Refusal, place: str, again: Again) -> None:
        """The dead letter of a message was refused: the message is kept, and nothing is read behind
        it until its queue takes it. A queue that is gone is declared anew."""
        group = self.reader.group
        if again.is_news(error):
            _log.error("group `%s`: the dead letter of %s waits: %s", group, place, error)
        await self.pause(again.next_ms() / 1_000)
        if isinstance(error, QueueNotFound):
            await self._declare(again)

    async def _read(self) -> None:
        again = Again()
        try:
            while not self._told.is_set():
                try:
                    await self._turn()
                except Refusal as error:
                    await self._put_off(error, again)
                else:
                    again.went()
        except Stopped:
            return
        except Ends as end:
            self._break(end.error)
        except Exception as error:  # noqa: BLE001  (raised again by the run, after its stop)
            self._break(error)

    def _break(self, error: Exception) -> None:
        if not self.broken.done():
            self.broken.set_result(error)

    async def _turn(self) -> None:
        self._is_waiting = True
        batch = await self._gather()
        self._is_waiting = False
        if batch:
            await self._runs.work(batch)

    async def _put_off(self, error: Refusal, again: Again) -> None:
        """Reading, or a commit, was refused, as where a topic is gone: begin anew with what was
        committed, after a while."""
        self._is_waiting = False
        if again.is_news(error):
            _log.error("group `%s`: reading waits: %s", self.reader.group, error)
        self._member.forget()
        await self.pause(again.next_ms() / 1_000)
        await self._declare(again)

    async def _declare(self, again: Again) -> None:
        """Make topics and the dead-letter queue exist as at the start of the run."""
        try:
            await self._broker.do(declaring_topics(self._broker.later, self.reader))
        except (*CUT_OFF, Refusal) as error:
            if again.is_news(error):
                _log.error("group `%s`: declaring again: %s", self.reader.group, error)

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
        except CUT_OFF as error:
            _log.warning("group `%s`: reading again: %s", self.reader.group, error)
            await self.pause(WORKER_AGAIN_MS / 1_000)
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
            except CUT_OFF as error:
                # The member stands behind what it has read: who forgets that passes it over.
                _log.warning("group `%s`: reading no more: %s", self.reader.group, error)
                break
            if not self._member.generation:
                return []
        return found

    async def _beat(self) -> None:
        try:
            async with self._lock:
                await self._broker.do(self._member.beat())
        except PostroadError as error:
            _log.warning("group `%s`: no heartbeat: %s", self.reader.group, error)
