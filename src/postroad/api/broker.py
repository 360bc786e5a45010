"""The blocking face: a broker in this process or behind a connection, shared by as many threads as
one likes.

It stands over `BlockingDriver` and `BlockingRemote`. The rule kept here: the calling thread does
the work, and no thread is left behind.
"""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, Unpack

from postroad.api.asks import Asks
from postroad.api.drivers import Driver, connect, connect_to_holder
from postroad.api.faces import blocking
from postroad.api.lists import List
from postroad.api.logs import Consumer, Topic
from postroad.api.operations import Operations
from postroad.api.options import BrokerOptions, engine_settings
from postroad.api.readers import ReaderOptions, reader_of
from postroad.api.rounds import Group
from postroad.api.spaces import Kv
from postroad.engine.blocking import BlockingDriver
from postroad.engine.clock import Clock
from postroad.engine.recover import RecoveryReport
from postroad.errors import (
    AlreadyOpen,
    BrokerClosed,
    DirectoryLocked,
    Forked,
    LeaseLost,
    NotRemote,
)
from postroad.limits import CONSUME_WAIT_MS
from postroad.model.message import Delivery

R = TypeVar("R")


class Broker:
    """A data directory, open in this process, or a server that has one open. Close it, or use it in
    a `with` statement.

    All methods may be called from many threads at once; calls that arrive together share one sync,
    and one write to the connection.
    """

    def __init__(self, driver: Driver) -> None:
        """Use `Broker.open` or `Broker.connect`."""
        self._driver = self._bare = driver
        self._operations = Operations()
        self._pid = os.getpid()

    @classmethod
    def open(
        cls,
        directory: str | os.PathLike[str] | None,
        *,
        clock: Clock | None = None,
        **settings: Unpack[BrokerOptions],
    ) -> Self:
        """Open a data directory, made when it is not there; `None`: in memory, gone at the close.

        Where a server on this machine holds it, connect to that one; the settings are the server's
        then. `clock`: where the time comes from, for tests. Raises `DirectoryLocked` where another
        process that is no server has it open, `AlreadyOpen` where this one has, `Corrupt` and its
        kin where it is damaged.
        """
        path = None if directory is None else Path(directory)
        try:
            return cls(BlockingDriver(path, engine_settings(settings), clock))
        except DirectoryLocked as error:
            if error.pid == os.getpid():
                raise AlreadyOpen(error.pid, error.directory) from None
            if clock is not None:
                raise
            return cls(connect_to_holder(path, error))

    @classmethod
    def connect(cls, url: str, *, timeout_s: float | None = None) -> Self:
        """Connect to a server: `postroad://user:password@host:7420`, or, on this machine,
        `postroad+unix:///data/postroad.sock`.

        `timeout_s`: how long a call waits for its reply, beyond the wait it asks for itself, 30 by
        default. A connection that is lost is made anew; what may be asked twice is asked again.
        Raises `NotConnected`, `NotWelcome`, `BadUrl`; and later calls `ConnectionLost`, `TimedOut`.
        """
        return cls(connect(url, timeout_s))

    @property
    def report(self) -> RecoveryReport:
        """What opening found: messages, queues, and what had to be replayed."""
        return self._driver.report

    @property
    def driver(self) -> BlockingDriver:
        """The engine's driver, for those who speak in commands and replies. Raises `NotRemote`."""
        if not isinstance(self._bare, BlockingDriver):
            raise NotRemote("an engine is at hand", "use the methods of the broker")
        return self._bare

    def watch(self, watch: Callable[[Driver], Driver]) -> None:
        """Put something between this broker and what carries its commands, such as spans."""
        self._driver = watch(self._driver)

    declare = blocking(Operations.declare)
    change = blocking(Operations.change)
    pause = blocking(Operations.pause)
    resume = blocking(Operations.resume)
    delete = blocking(Operations.delete)
    purge = blocking(Operations.purge)
    describe = blocking(Operations.describe)
    queues = blocking(Operations.queues)
    publish = blocking(Operations.publish)
    publish_many = blocking(Operations.publish_many)
    receive = blocking(Operations.receive)
    pop = blocking(Operations.pop)
    ack = blocking(Operations.ack)
    release = blocking(Operations.release)
    retry = blocking(Operations.retry)
    reject = blocking(Operations.reject)
    extend = blocking(Operations.extend)
    peek = blocking(Operations.peek)
    move = blocking(Operations.move)
    start_move = blocking(Operations.start_move)
    cancel_move = blocking(Operations.cancel_move)
    moves = blocking(Operations.moves)
    would_move = blocking(Operations.would_move)
    put_back = blocking(Operations.put_back)
    start_put_back = blocking(Operations.start_put_back)
    cancel = blocking(Operations.cancel)
    reschedule = blocking(Operations.reschedule)
    biography = blocking(Operations.biography)
    set_schema = blocking(Operations.set_schema)
    schemas = blocking(Operations.schemas)
    schedule = blocking(Operations.schedule)
    schedules = blocking(Operations.schedules)
    pause_schedule = blocking(Operations.pause_schedule)
    resume_schedule = blocking(Operations.resume_schedule)
    unschedule = blocking(Operations.unschedule)
    fire = blocking(Operations.fire)
    declare_exchange = blocking(Operations.declare_exchange)
    change_exchange = blocking(Operations.change_exchange)
    delete_exchange = blocking(Operations.delete_exchange)
    describe_exchange = blocking(Operations.describe_exchange)
    exchanges = blocking(Operations.exchanges)
    bind = blocking(Operations.bind)
    unbind = blocking(Operations.unbind)
    bind_topic = blocking(Operations.bind_topic)
    unbind_topic = blocking(Operations.unbind_topic)
    bindings = blocking(Operations.bindings)
    publish_to = blocking(Operations.publish_to)
    publish_many_to = blocking(Operations.publish_many_to)

    push = blocking(Operations.push)
    pushes = blocking(Operations.pushes)
    stop_push = blocking(Operations.stop_push)
    topics = blocking(Operations.topics)
    groups = blocking(Operations.groups)
    batch = blocking(Operations.batch)
    run = blocking(Operations.run)

    def topic(self, name: str) -> Topic:
        """A topic: a log in partitions that is read by offset, kept by time, size or key. It need
        not exist yet; its `declare` makes it.
        """
        return Topic(name, self._run, self._operations.learn)

    def consumer(
        self,
        topics: str | Sequence[str],
        *,
        group: str,
        idle_ms: int | None = None,
        **options: Unpack[ReaderOptions],
    ) -> Consumer:
        """A member of a group that shares out the partitions of topics among its members; iterate
        over it for messages. With `idle_ms` that ends when nothing came for so long.
        """
        return Consumer(reader_of(topics, group, options), self._run, idle_ms)

    def group(self, name: str) -> Group:
        """A group of mode offset: what it committed, and its members where they share out among
        themselves.
        """
        return Group(name, self._run)

    @property
    def later(self) -> Operations:
        """The operations as they are, to be done in a `batch` or by a program of `run`."""
        return self._operations

    def do(self, operation: Asks[R]) -> R:
        """The result of an operation of `later`, done alone: for code that is written once for both
        faces.
        """
        return self._run(operation)

    def kv(self, space: str = "default") -> Kv:
        """The keys of a space: bytes, maps, sets and sorted sets, with times to live and
        compare-and-set. A space is made by the first write to it.
        """
        return Kv(space, self._run)

    def receipt(self, message: Delivery) -> str:
        """A message's receipt as text: kept anywhere, it settles the message later, after a restart
        too.
        """
        return self._operations.receipt(message)

    def consume(
        self,
        queue: str,
        *,
        credit: int = 1,
        lease_ms: int | None = None,
        idle_ms: int | None = None,
    ) -> Generator[Delivery, None, None]:
        """Leased messages one after another, until the broker is closed, or nothing came for
        `idle_ms`.

        Up to `credit` are leased at a time; those not handed out when the loop is left go back.
        Settling them is the caller's part. Raises as `receive` does.
        """
        wait_ms = CONSUME_WAIT_MS if idle_ms is None else idle_ms
        batch: list[Delivery] = []
        try:
            while True:
                try:
                    batch = self.receive(queue, credit, wait_ms=wait_ms, lease_ms=lease_ms)
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
                    self.release(batch)

    def close(self) -> None:
        """Save everything and let go of the directory; calls that wait end empty. Closing again
        does nothing.
        """
        if os.getpid() == self._pid:
            self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def list(self, name: str) -> List:
        """A queue seen as a list, with two ends and a middle. It need not exist: a push makes it,
        and then it goes when it is empty.
        """
        return List(name, self._run)

    def _run(self, asks: Asks[R]) -> R:
        if os.getpid() != self._pid:
            raise Forked(self._pid)
        ask = self._driver.ask
        try:
            command = next(asks)
            while True:
                command = asks.send(ask(command))
        except StopIteration as end:
            result: R = end.value
            return result
