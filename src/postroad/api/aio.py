"""The asyncio face: a broker in this process or behind a connection, for the tasks of one event
loop.

It stands over `AsyncDriver` and `AsyncRemote`. The rule kept here: the loop waits neither for the
disk nor for the network.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, Unpack

from postroad.api.asks import Asks
from postroad.api.drivers import LaterDriver, Opening, connect_later, connect_to_holder_later
from postroad.api.faces import awaited
from postroad.api.lists import AsyncList
from postroad.api.logs import AsyncConsumer, AsyncTopic
from postroad.api.operations import Operations
from postroad.api.options import BrokerOptions, engine_settings
from postroad.api.readers import ReaderOptions, reader_of
from postroad.api.rounds import AsyncGroup
from postroad.api.spaces import AsyncKv
from postroad.engine.aio import AsyncDriver
from postroad.engine.clock import Clock
from postroad.engine.recover import RecoveryReport
from postroad.errors import (
    AlreadyOpen,
    BrokerClosed,
    DirectoryLocked,
    ForeignLoop,
    Forked,
    LeaseLost,
    NotRemote,
)
from postroad.limits import CONSUME_WAIT_MS
from postroad.model.message import Delivery

R = TypeVar("R")


class AsyncBroker:
    """A data directory, open on this event loop, or a server that has one open. Close it, or use it
    in an `async with` statement.

    All methods may be awaited by many tasks at once; calls that arrive together share one sync, and
    one write to the connection. A call whose task is cancelled may or may not have happened.
    """

    def __init__(self, driver: LaterDriver) -> None:
        """Use `AsyncBroker.open` or `AsyncBroker.connect`."""
        self._driver = self._bare = driver
        self._operations = Operations()
        self._pid = os.getpid()
        self._loop = asyncio.get_running_loop()

    @classmethod
    def open(
        cls,
        directory: str | os.PathLike[str] | None,
        *,
        clock: Clock | None = None,
        **settings: Unpack[BrokerOptions],
    ) -> Opening:
        """Open a data directory, made when it is not there; `None`: in memory, gone at the close.

        Where a server on this machine holds it, connect to that one; the settings are the server's
        then. `clock`: where the time comes from, for tests. Raises `DirectoryLocked` where another
        process that is no server has it open, `AlreadyOpen` where this one has, `Corrupt` and its
        kin where it is damaged.
        """
        path = None if directory is None else Path(directory)
        engine = engine_settings(settings)

        async def begin() -> AsyncBroker:
            try:
                return cls(await AsyncDriver.open(path, engine, clock))
            except DirectoryLocked as error:
                if error.pid == os.getpid():
                    raise AlreadyOpen(error.pid, error.directory) from None
                if clock is not None:
                    raise
                return cls(await connect_to_holder_later(path, error))

        return Opening(begin)

    @classmethod
    def connect(cls, url: str, *, timeout_s: float | None = None) -> Opening:
        """Connect to a server: `postroad://user:password@host:7420`, or, on this machine,
        `postroad+unix:///data/postroad.sock`.

        `timeout_s`: how long a call waits for its reply, beyond the wait it asks for itself, 30 by
        default. A connection that is lost is made anew; what may be asked twice is asked again.
        Raises `NotConnected`, `NotWelcome`, `BadUrl`; and later calls `ConnectionLost`, `TimedOut`.
        """

        async def begin() -> AsyncBroker:
            return cls(await connect_later(url, timeout_s))

        return Opening(begin)

    @property
    def report(self) -> RecoveryReport:
        """What opening found: messages, queues, and what had to be replayed."""
        return self._driver.report

    @property
    def driver(self) -> AsyncDriver:
        """The engine's driver, for those who speak in commands and replies. Raises `NotRemote`."""
        if not isinstance(self._bare, AsyncDriver):
            raise NotRemote("an engine is at hand", "use the methods of the broker")
        return self._bare

    def watch(self, watch: Callable[[LaterDriver], LaterDriver]) -> None:
        """Put something between this broker and what carries its commands, such as spans."""
        self._driver = watch(self._driver)

    declare = awaited(Operations.declare)
    change = awaited(Operations.change)
    pause = awaited(Operations.pause)
    resume = awaited(Operations.resume)
    delete = awaited(Operations.delete)
    purge = awaited(Operations.purge)
    describe = awaited(Operations.describe)
    queues = awaited(Operations.queues)
    publish = awaited(Operations.publish)
    publish_many = awaited(Operations.publish_many)
    receive = awaited(Operations.receive)
    pop = awaited(Operations.pop)
    ack = awaited(Operations.ack)
    release = awaited(Operations.release)
    retry = awaited(Operations.retry)
    reject = awaited(Operations.reject)
    extend = awaited(Operations.extend)
    peek = awaited(Operations.peek)
    move = awaited(Operations.move)
    start_move = awaited(Operations.start_move)
    cancel_move = awaited(Operations.cancel_move)
    moves = awaited(Operations.moves)
    would_move = awaited(Operations.would_move)
    put_back = awaited(Operations.put_back)
    start_put_back = awaited(Operations.start_put_back)
    cancel = awaited(Operations.cancel)
    reschedule = awaited(Operations.reschedule)
    biography = awaited(Operations.biography)
    set_schema = awaited(Operations.set_schema)
    schemas = awaited(Operations.schemas)
    schedule = awaited(Operations.schedule)
    schedules = awaited(Operations.schedules)
    pause_schedule = awaited(Operations.pause_schedule)
    resume_schedule = awaited(Operations.resume_schedule)
    unschedule = awaited(Operations.unschedule)
    fire = awaited(Operations.fire)
    declare_exchange = awaited(Operations.declare_exchange)
    change_exchange = awaited(Operations.change_exchange)
    delete_exchange = awaited(Operations.delete_exchange)
    describe_exchange = awaited(Operations.describe_exchange)
    exchanges = awaited(Operations.exchanges)
    bind = awaited(Operations.bind)
    unbind = awaited(Operations.unbind)
    bind_topic = awaited(Operations.bind_topic)
    unbind_topic = awaited(Operations.unbind_topic)
    bindings = awaited(Operations.bindings)
    publish_to = awaited(Operations.publish_to)
    publish_many_to = awaited(Operations.publish_many_to)

    push = awaited(Operations.push)
    pushes = awaited(Operations.pushes)
    stop_push = awaited(Operations.stop_push)
    topics = awaited(Operations.topics)
    groups = awaited(Operations.groups)
    batch = awaited(Operations.batch)
    run = awaited(Operations.run)

    def topic(self, name: str) -> AsyncTopic:
        """A topic: a log in partitions that is read by offset, kept by time, size or key. It need
        not exist yet; its `declare` makes it.
        """
        return AsyncTopic(name, self._run, self._operations.learn)

    def consumer(
        self,
        topics: str | Sequence[str],
        *,
        group: str,
        idle_ms: int | None = None,
        **options: Unpack[ReaderOptions],
    ) -> AsyncConsumer:
        """A member of a group that shares out the partitions of topics among its members; iterate
        over it for messages. With `idle_ms` that ends when nothing came for so long.
        """
        return AsyncConsumer(reader_of(topics, group, options), self._run, idle_ms)

    def group(self, name: str) -> AsyncGroup:
        """A group of mode offset: what it committed, and its members where they share out among
        themselves.
        """
        return AsyncGroup(name, self._run)

    @property
    def later(self) -> Operations:
        """The operations as they are, to be done in a `batch` or by a program of `run`."""
        return self._operations

    async def do(self, operation: Asks[R]) -> R:
        """The result of an operation of `later`, done alone: for code that is written once for both
        faces.
        """
        return await self._run(operation)

    def kv(self, space: str = "default") -> AsyncKv:
        """The keys of a space: bytes, maps, sets and sorted sets, with times to live and
        compare-and-set. A space is made by the first write to it.
        """
        return AsyncKv(space, self._run)

    def receipt(self, message: Delivery) -> str:
        """A message's receipt as text: kept anywhere, it settles the message later, after a restart
        too.
        """
        return self._operations.receipt(message)

    async def consume(
        self,
        queue: str,
        *,
        credit: int = 1,
        lease_ms: int | None = None,
        idle_ms: int | None = None,
    ) -> AsyncGenerator[Delivery, None]:
        """Leased messages one after another, until the broker is closed, or nothing came for
        `idle_ms`.

        Up to `credit` are leased at a time; those not handed out when the loop is left go back (at
        once when it is left through `contextlib.aclosing`). Settling them is the caller's part.
        Raises as `receive` does.
        """
        wait_ms = CONSUME_WAIT_MS if idle_ms is None else idle_ms
        batch: list[Delivery] = []
        try:
            while True:
                try:
                    batch = await self.receive(queue, credit, wait_ms=wait_ms, lease_ms=lease_ms)
                except BrokerClosed:
                    return
                if not batch and idle_ms is not None:
                    return
                batch.reverse()
                while batch:
                    yield batch.pop()
        finally:
            if batch:
                with suppress(BrokerClosed, LeaseLost):
                    await self.release(batch)

    async def close(self) -> None:
        """Save everything and let go of the directory; calls that wait end empty. Closing again
        does nothing.
        """
        if os.getpid() == self._pid:
            await self._driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def list(self, name: str) -> AsyncList:
        """A queue seen as a list, with two ends and a middle. It need not exist: a push makes it,
        and then it goes when it is empty.
        """
        return AsyncList(name, self._run)

    async def _run(self, asks: Asks[R]) -> R:
        if os.getpid() != self._pid:
            raise Forked(self._pid)
        if asyncio.get_running_loop() is not self._loop:
            raise ForeignLoop
        ask = self._driver.ask
        try:
            command = next(asks)
            while True:
                command = asks.send(await ask(command))
        except StopIteration as end:
            result: R = end.value
            return result
