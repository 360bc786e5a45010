"""The two faces of a topic and of a consumer of topics: blocking, and for asyncio.

It stands beside the faces of the broker. The rule kept here: a face adds no behaviour of a topic's
own, so that both have the same methods.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from types import TracebackType
from typing import Self

from postroad.api.asks import Asks
from postroad.api.crews import AsyncCrew, Crew, CrewOperations
from postroad.api.faces import Runs, RunsLater, awaited, blocking
from postroad.api.readers import Log, Reader
from postroad.api.topics import TopicMessage, TopicOperations
from postroad.errors import BrokerClosed, Fenced, MemberNotFound
from postroad.limits import CONSUME_WAIT_MS

_LOST = (BrokerClosed, Fenced, MemberNotFound)
"""Why a commit may not count: others read it again."""


class Topic:
    """One topic: partitions of messages that are read by offset and stay until they are too old,
    too many, or superseded by a later one of their key."""

    def __init__(self, name: str, run: Runs, learn: Callable[[int, str], None]) -> None:
        """Use `Broker.topic`."""
        self._operations = TopicOperations(name, learn)
        self._run = run
        self._learn = learn

    def crew(self, group: str, partition: int = 0) -> Crew:
        """The consumers of a group that leases, by their names; claims and lists are of one
        partition."""
        crew = CrewOperations(self._operations.topic, group, partition, self._learn)
        return Crew(crew, self._run)

    declare = blocking(TopicOperations.declare)
    change = blocking(TopicOperations.change)
    delete = blocking(TopicOperations.delete)
    describe = blocking(TopicOperations.describe)
    publish = blocking(TopicOperations.publish)
    publish_many = blocking(TopicOperations.publish_many)
    end_key = blocking(TopicOperations.end_key)
    read = blocking(TopicOperations.read)
    find = blocking(TopicOperations.find)
    cut = blocking(TopicOperations.cut)
    declare_group = blocking(TopicOperations.declare_group)
    receive = blocking(TopicOperations.receive)
    group = blocking(TopicOperations.group)
    groups = blocking(TopicOperations.groups)
    delete_group = blocking(TopicOperations.delete_group)
    reset_offsets = blocking(TopicOperations.reset_offsets)

    @property
    def later(self) -> TopicOperations:
        """The operations as they are, for `broker.batch` or a program of `broker.run`."""
        return self._operations


class AsyncTopic:
    """One topic, for the tasks of one event loop; as `Topic`."""

    def __init__(self, name: str, run: RunsLater, learn: Callable[[int, str], None]) -> None:
        """Use `AsyncBroker.topic`."""
        self._operations = TopicOperations(name, learn)
        self._run = run
        self._learn = learn

    def crew(self, group: str, partition: int = 0) -> AsyncCrew:
        """The consumers of a group that leases, by their names; claims and lists are of one
        partition."""
        crew = CrewOperations(self._operations.topic, group, partition, self._learn)
        return AsyncCrew(crew, self._run)

    declare = awaited(TopicOperations.declare)
    change = awaited(TopicOperations.change)
    delete = awaited(TopicOperations.delete)
    describe = awaited(TopicOperations.describe)
    publish = awaited(TopicOperations.publish)
    publish_many = awaited(TopicOperations.publish_many)
    end_key = awaited(TopicOperations.end_key)
    read = awaited(TopicOperations.read)
    find = awaited(TopicOperations.find)
    cut = awaited(TopicOperations.cut)
    declare_group = awaited(TopicOperations.declare_group)
    receive = awaited(TopicOperations.receive)
    group = awaited(TopicOperations.group)
    groups = awaited(TopicOperations.groups)
    delete_group = awaited(TopicOperations.delete_group)
    reset_offsets = awaited(TopicOperations.reset_offsets)

    @property
    def later(self) -> TopicOperations:
        """The operations as they are, for `broker.batch` or a program of `broker.run`."""
        return self._operations


class Consumer:
    """A member of a group: iterate over it for the messages of the partitions it is given.

    A message counts as done when the next one is asked for; what is done is committed a batch at a
    time, and when the consumer is closed. After a crash some messages come again, none is left out.
    Use it from one thread, in a `with` statement.
    """

    def __init__(self, reader: Reader, run: Runs, idle_ms: int | None) -> None:
        """Use `Broker.consumer`."""
        self._reader = reader
        self._run = run
        self._idle_ms = idle_ms

    @property
    def assignment(self) -> list[Log]:
        """The (topic, partition) pairs it reads now."""
        return self._reader.assignment

    def poll(self, wait_ms: int = 0) -> list[TopicMessage]:
        """What comes next, for programs that do without the iteration: they say themselves what is
        done, with `commit`."""
        return self._run(self._reader.poll(wait_ms))

    def commit(self, message: TopicMessage | None = None) -> None:
        """Remember for good what is done: up to a message and with it, or all that the iteration
        saw done. Raises `Fenced` or `MemberNotFound` where others read it now."""
        if message is not None:
            self._reader.finish(message)
        self._run(self._reader.commit())

    def commit_later(self, message: TopicMessage) -> Asks[None]:
        """The commit up to a message and with it, as an operation of `broker.batch`: what came of
        the message and that it was read become true together, or neither does. The batch raises
        `Fenced` or `MemberNotFound` where others read it now."""
        return self._reader.commit_with(message)

    def close(self) -> None:
        """Commit, and let the other members have the partitions."""
        with suppress(BrokerClosed):
            self._run(self._reader.leave())

    def __iter__(self) -> Generator[TopicMessage, None, None]:
        """Messages until the broker is closed, or nothing came for `idle_ms`."""
        wait_ms = CONSUME_WAIT_MS if self._idle_ms is None else self._idle_ms
        idle_ms = 0
        while True:
            try:
                batch = self.poll(wait_ms)
            except BrokerClosed:
                return
            for message in batch:
                yield message
                self._reader.finish(message)
            with suppress(*_LOST):
                self.commit()
            idle_ms = 0 if batch else idle_ms + self._reader.waited_ms
            if not batch and self._reader.was_idle_for(idle_ms, self._idle_ms):
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncConsumer:
    """A member of a group, for one task: iterate over it with `async for`; as `Consumer`."""

    def __init__(self, reader: Reader, run: RunsLater, idle_ms: int | None) -> None:
        """Use `AsyncBroker.consumer`."""
        self._reader = reader
        self._run = run
        self._idle_ms = idle_ms

    @property
    def assignment(self) -> list[Log]:
        """The (topic, partition) pairs it reads now."""
        return self._reader.assignment

    async def poll(self, wait_ms: int = 0) -> list[TopicMessage]:
        """What comes next, for programs that do without the iteration: they say themselves what is
        done, with `commit`."""
        return await self._run(self._reader.poll(wait_ms))

    async def commit(self, message: TopicMessage | None = None) -> None:
        """Remember for good what is done: up to a message and with it, or all that the iteration
        saw done. Raises `Fenced` or `MemberNotFound` where others read it now."""
        if message is not None:
            self._reader.finish(message)
        await self._run(self._reader.commit())

    def commit_later(self, message: TopicMessage) -> Asks[None]:
        """The commit up to a message and with it, as an operation of `broker.batch`: what came of
        the message and that it was read become true together, or neither does. The batch raises
        `Fenced` or `MemberNotFound` where others read it now."""
        return self._reader.commit_with(message)

    async def close(self) -> None:
        """Commit, and let the other members have the partitions."""
        with suppress(BrokerClosed):
            await self._run(self._reader.leave())

    async def __aiter__(self) -> AsyncGenerator[TopicMessage, None]:
        """Messages until the broker is closed, or nothing came for `idle_ms`."""
        wait_ms = CONSUME_WAIT_MS if self._idle_ms is None else self._idle_ms
        idle_ms = 0
        while True:
            try:
                batch = await self.poll(wait_ms)
            except BrokerClosed:
                return
            for message in batch:
                yield message
                self._reader.finish(message)
            with suppress(*_LOST):
                await self.commit()
            idle_ms = 0 if batch else idle_ms + self._reader.waited_ms
            if not batch and self._reader.was_idle_for(idle_ms, self._idle_ms):
                return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
