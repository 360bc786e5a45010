"""A whole broker in this process, for the tests of a project: every protocol on a free port, and a
clock that the test moves.

It stands over the server and the API. The rule kept here: the broker is the real one, on a loop and
a thread of its own, so that a test may block; `close` leaves no thread and no file behind.
"""

import asyncio
import os
import tempfile
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from postroad.api.broker import Broker
from postroad.engine.aio import AsyncDriver
from postroad.engine.recover import RecoveryReport
from postroad.errors import BrokerClosed
from postroad.model.commands import Command
from postroad.model.replies import Reply
from postroad.server.build import PROTOCOLS, Server, engine_settings, new_event_loop
from postroad.server.config import Settings, load
from postroad.server.driver import Driver
from postroad.testing.clock import ShiftedClock

T = TypeVar("T")

CATCH_UP_S: Final = 30
"""So long what became due may take; more is a fault of the broker."""
SMALL: Final = {
    "drain_ms": "1000",
    "segment_bytes": "4MiB",
    "journal_bytes": "64MiB",
    "reserve_bytes": "1MiB",
    "cache_bytes": "64MiB",
    "sync": "never",
}
"""Settings of a broker that lives for a moment: many may run beside each other."""


class LocalDriver:
    """The driver of a broker on another thread's loop, for threads that call and wait."""

    def __init__(self, driver: AsyncDriver, loop: asyncio.AbstractEventLoop) -> None:
        self._driver = driver
        self._loop = loop
        self.report: RecoveryReport = driver.report

    def ask(self, command: Command) -> Reply:
        """Ask, and wait for the answer. Raises `BrokerClosed`, `JournalFailed`."""
        if self._loop.is_closed():
            raise BrokerClosed
        return _wait(self._driver.ask(command), self._loop)

    def close(self) -> None:
        """The server closes what is its own."""


class LocalClock:
    """The broker's time: it runs, and a test lets hours of it pass at once."""

    def __init__(self, server: "LocalServer", clock: ShiftedClock) -> None:
        self._server = server
        self._clock = clock

    def now_ms(self) -> int:
        """The instant now, in ms since 1970."""
        return self._clock.now_ms()

    def advance(
        self, *, hours: float = 0, minutes: float = 0, seconds: float = 0, ms: int = 0
    ) -> None:
        """Let so much time pass. When it returns, all that time alone makes true is so: delays are
        over, leases lapsed, old messages gone, dead ones where they belong.

        Timers of the clients themselves and of their connections (heartbeats) do not notice.
        """
        passed = ms + round((hours * 3_600 + minutes * 60 + seconds) * 1_000)
        self._server.pass_time(passed)


class LocalServer:
    """A running broker. `broker`: all operations of the API; `clock`: its time."""

    def __init__(self, directory: str | os.PathLike[str] | None = None, **options: str) -> None:
        """Start a broker in memory, or in `directory`.

        `options`: settings by their names, as texts (`amqp="off"`, `sqs_region="eu-central-1"`);
        what listens does so on a free port of 127.0.0.1 unless it is named. Raises `PostroadError`.
        """
        self._clock = ShiftedClock()
        self.clock = LocalClock(self, self._clock)
        ports = dict.fromkeys(PROTOCOLS, "127.0.0.1:0")
        self._in_memory = directory is None
        # In memory too: keys that are made for signatures lie in the data directory.
        self._scratch = tempfile.TemporaryDirectory(prefix="postroad-test-")
        data = self._scratch.name if directory is None else os.fspath(directory)
        try:
            self._settings = load({**SMALL, **ports, "data": data, **options}, {})
        except BaseException:
            self._scratch.cleanup()
            raise
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._run, name="postroad-test", daemon=True)
        self._thread.start()
        try:
            self._server = _wait(Server.open(self._settings, self._open), self._loop)
        except BaseException:
            self._stop()
            raise
        assert isinstance(self._server.driver, AsyncDriver)
        self._driver = self._server.driver
        self.broker = Broker(LocalDriver(self._driver, self._loop))
        self.addresses = {name: str(one) for name, one in self._server.addresses.items()}
        """Protocol name -> "host:port"."""

    @property
    def sqs_url(self) -> str:
        """Where Amazon SQS and SNS are served."""
        return f"http://{self.addresses['sqs']}"

    @property
    def aws(self) -> dict[str, str]:
        """Arguments of `boto3.client` or `boto3.resource`, with keys that mean nothing."""
        return {
            "endpoint_url": self.sqs_url,
            "region_name": self._settings.sqs_region,
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }

    @property
    def amqp_url(self) -> str:
        """Where AMQP 0-9-1 is served."""
        return f"amqp://guest:guest@{self.addresses['amqp']}/"

    @property
    def url(self) -> str:
        """Where `Broker.connect` and `AsyncBroker.connect` find this broker."""
        return f"postroad://{self.addresses['native']}"

    def waiting(self, queue: str) -> list[bytes]:
        """The bodies of all messages of a queue that are not dead, whoever has them, in order.
        Raises `QueueNotFound`.
        """
        bodies: list[bytes] = []
        start, page = 0, 1_000
        states = ("ready", "delayed", "leased")
        while True:
            found = self.broker.peek(queue, start, page, states=states)
            bodies.extend(one.message.body for one in found)
            if len(found) < page:
                return bodies
            start = found[-1].message.offset + 1

    def expect(self, queue: str, *bodies: bytes | str) -> None:
        """Fail the test unless just these messages wait in a queue, in this order; none: it is
        empty. Raises `AssertionError`, `QueueNotFound`.
        """
        wanted = [one.encode() if isinstance(one, str) else one for one in bodies]
        found = self.waiting(queue)
        if found != wanted:
            raise AssertionError(f"queue `{queue}` holds {found!r}, and not {wanted!r}")

    def pass_time(self, ms: int) -> None:
        """Let so much time pass, as `clock.advance` does."""
        _wait(self._pass(ms), self._loop)

    def close(self) -> None:
        """Stop; connections are closed, and what is in memory is gone."""
        if self._loop.is_closed():
            return
        try:
            _wait(self._server.close(), self._loop)
        finally:
            self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def _open(self, settings: Settings) -> Driver:
        path = None if self._in_memory else settings.data
        return await AsyncDriver.open(path, engine_settings(settings), self._clock)

    async def _pass(self, ms: int) -> None:
        self._clock.shift(ms)
        await asyncio.wait_for(self._driver.catch_up(), CATCH_UP_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._scratch.cleanup()


def _wait(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    """Let a coroutine run on a loop of another thread, and wait for it."""
    future: Future[T] = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
