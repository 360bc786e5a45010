"""What a face needs of whatever carries its commands: an engine in this process, or a connection.

It stands between the faces and the drivers. The rule kept here: a face cannot tell which it is.
"""

from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from postroad.engine.recover import RecoveryReport
from postroad.errors import BadSettings, DirectoryLocked, NotConnected, PostroadError
from postroad.limits import DURATION_MS_MAX, NATIVE_TIMEOUT_MS
from postroad.model.commands import Command
from postroad.model.replies import Reply

if TYPE_CHECKING:
    from types import TracebackType

    from postroad.api.aio import AsyncBroker
    from postroad.remote.aio import AsyncRemote
    from postroad.remote.blocking import BlockingRemote


class Driver(Protocol):
    """What carries the commands of threads."""

    @property
    def report(self) -> RecoveryReport:
        """What opening found."""

    def ask(self, command: Command) -> Reply:
        """Ask, and wait for the reply."""

    def close(self) -> None:
        """Let go."""


class LaterDriver(Protocol):
    """What carries the commands of tasks."""

    @property
    def report(self) -> RecoveryReport:
        """What opening found."""

    async def ask(self, command: Command) -> Reply:
        """Ask; the reply is awaited."""

    async def close(self) -> None:
        """Let go."""


class Opening:
    """A broker that is being opened: await it, or use it in an `async with` statement, which closes
    it.
    """

    def __init__(self, begin: "Callable[[], Awaitable[AsyncBroker]]") -> None:
        self._begin = begin
        self._broker: AsyncBroker | None = None

    def __await__(self) -> "Generator[object, None, AsyncBroker]":
        return self._open().__await__()

    async def __aenter__(self) -> "AsyncBroker":
        self._broker = await self._open()
        return self._broker

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        if self._broker is not None:
            await self._broker.close()

    async def _open(self) -> "AsyncBroker":
        return await self._begin()


# Sockets are imported where they are used: a program that embeds its broker needs none.


def connect(url: str, timeout_s: float | None) -> "BlockingRemote":
    """Connect for threads. Raises `BadUrl`, `NotConnected`, `NotWelcome`."""
    from postroad.remote.blocking import BlockingRemote
    from postroad.remote.url import endpoint_of

    return BlockingRemote.connect(endpoint_of(url), _timeout_ms(timeout_s))


async def connect_later(url: str, timeout_s: float | None) -> "AsyncRemote":
    """Connect for tasks. Raises as `connect` does."""
    from postroad.remote.aio import AsyncRemote
    from postroad.remote.url import endpoint_of

    return await AsyncRemote.connect(endpoint_of(url), _timeout_ms(timeout_s))


def connect_to_holder(directory: Path | None, locked: DirectoryLocked) -> "BlockingRemote":
    """Connect to the server that holds a directory. Raises `locked` where none listens in it."""
    from postroad.remote.blocking import BlockingRemote
    from postroad.remote.url import socket_of

    if directory is None:
        raise locked
    try:
        return BlockingRemote.connect(socket_of(directory), _timeout_ms(None))
    except NotConnected:
        raise locked from None


async def connect_to_holder_later(directory: Path | None, locked: PostroadError) -> "AsyncRemote":
    """The same for tasks."""
    from postroad.remote.aio import AsyncRemote
    from postroad.remote.url import socket_of

    if directory is None:
        raise locked
    try:
        return await AsyncRemote.connect(socket_of(directory), _timeout_ms(None))
    except NotConnected:
        raise locked from None


def _timeout_ms(timeout_s: float | None) -> int:
    if timeout_s is None:
        return NATIVE_TIMEOUT_MS
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
        raise BadSettings(f"`timeout_s` is a number of seconds, not {type(timeout_s).__name__}")
    if not 0 < timeout_s <= DURATION_MS_MAX / 1_000:
        raise BadSettings("`timeout_s` is a number of seconds above 0")
    return max(1, int(timeout_s * 1_000))
