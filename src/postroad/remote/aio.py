"""The driver of a connected broker for asyncio: one connection on the loop, no thread.

It stands between the asyncio face and the sans-IO client. The rule kept here: what the tasks of one
turn of the loop ask leaves in one write.
"""

import asyncio
import random
from typing import Self, cast

from postroad.engine.recover import RecoveryReport
from postroad.errors import PostroadError
from postroad.limits import NATIVE_CLOSE_MS, NATIVE_DIAL_MS, NATIVE_UNSENT_BYTES_MAX
from postroad.model.commands import Command
from postroad.model.replies import Reply
from postroad.protocols.native.client import DOWN, GREETING, Client
from postroad.protocols.native.requests import Outcome
from postroad.remote.dial import keep_alive, short_path, words
from postroad.remote.told import no_connection, report_of, terms_of
from postroad.remote.url import Endpoint


class AsyncRemote:
    """A server, as the tasks of one event loop see it. All methods are the loop's own."""

    def __init__(self, endpoint: Endpoint, timeout_ms: int) -> None:
        """Use `connect`."""
        self._endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        self._client = Client(terms_of(endpoint, timeout_ms), random.random)
        self._link: _Link | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._flush_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0
        self._greeted: asyncio.Future[str] | None = None
        self._quiet: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] | None = None

    @classmethod
    async def connect(cls, endpoint: Endpoint, timeout_ms: int) -> Self:
        """Connect once. Raises `NotConnected`, `NotWelcome`."""
        remote = cls(endpoint, timeout_ms)
        remote._greeted = greeted = remote._loop.create_future()
        try:
            await remote._dial()
            why = await greeted
        except BaseException:
            remote._drop()
            raise
        if why:
            remote._drop()
            raise no_connection(remote._client, endpoint, why)
        return remote

    @property
    def report(self) -> RecoveryReport:
        """What the server's start found."""
        return report_of(self._client)

    async def ask(self, command: Command) -> Reply:
        """Ask, and wait for the reply. Raises `BrokerClosed`, `ConnectionLost`, `TimedOut`,
        `NotRemote`, `NotWelcome`.
        """
        call = _Call(self._loop.create_future())
        request = self._client.ask(command, call.take, self._now_ms())
        self._need_flush()
        try:
            outcome = await call.answer
        except asyncio.CancelledError:
            # The reply may have come in this moment, or just before: nobody works on it.
            if call.outcome is not None:
                self._client.give_back(request, call.outcome, self._now_ms())
            else:
                self._client.abandon(request)
            self._need_flush()
            raise
        if isinstance(outcome, PostroadError):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Let calls that wait end empty, take the replies that are on their way, and leave."""
        if self._closed is not None:
            await asyncio.shield(self._closed)
            return
        self._closed = self._loop.create_future()
        try:
            self._client.close()
            self._need_flush()
            await self._until_quiet()
        finally:
            self._client.finish()
            self._drop()
            self._closed.set_result(None)

    async def _until_quiet(self) -> None:
        if self._link is None or self._client.is_quiet():
            return
        self._quiet = self._loop.create_future()
        await asyncio.wait((self._quiet,), timeout=NATIVE_CLOSE_MS / 1_000)

    def _now_ms(self) -> int:
        return int(self._loop.time() * 1_000)

    def _need_flush(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Send what this turn asked; see that somebody looks when time alone has something to
        do.
        """
        self._flush_is_due = False
        client, link = self._client, self._link
        now_ms = self._now_ms()
        if link is not None and not link.is_full:
            data = client.collect(now_ms, link.unsent_bytes())
            if data:
                link.write(data)
            if client.has_more() and not link.is_full:
                self._need_flush()
        elif link is None and client.wants_connection():
            self._dial_soon(now_ms)
        self._tell_if_quiet()
        self._set_timer(now_ms)

    def _tell_if_quiet(self) -> None:
        quiet = self._quiet
        if quiet is not None and not quiet.done() and self._client.is_quiet():
            quiet.set_result(None)

    def _set_timer(self, now_ms: int) -> None:
        wake_ms = self._client.next_wake()
        if not wake_ms or (self._timer is not None and now_ms < self._timer_ms <= wake_ms):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ms = wake_ms
        self._timer = self._loop.call_later(max(1, wake_ms - now_ms) / 1_000, self._timer_rings)

    def _timer_rings(self) -> None:
        self._timer = None
        why = self._client.tick(self._now_ms())
        if why:
            self._lose(why)
        self._need_flush()

    # The connection.

    def _dial_soon(self, now_ms: int) -> None:
        if self._dialling is None and self._closed is None:
            wait_ms = max(0, self._client.retry_at_ms - now_ms)
            self._dialling = self._loop.create_task(self._dial_after(wait_ms))

    async def _dial_after(self, wait_ms: int) -> None:
        waited = self._loop.create_future()
        timer = self._loop.call_later(wait_ms / 1_000, waited.set_result, None)
        try:
            await waited
            await self._dial()
        finally:
            timer.cancel()
            self._dialling = None
            self._need_flush()

    async def _dial(self) -> None:
        try:
            async with asyncio.timeout(NATIVE_DIAL_MS / 1_000):
                await self._open()
        except TimeoutError:
            self._lose(f"no answer within {NATIVE_DIAL_MS:,} ms")
        except OSError as error:
            self._lose(words(error))

    async def _open(self) -> None:
        endpoint = self._endpoint
        if endpoint.path:
            with short_path(endpoint.path) as path:
                await self._loop.create_unix_connection(lambda: _Link(self), path)
        else:
            host, port = endpoint.host, endpoint.port
            await self._loop.create_connection(lambda: _Link(self), host, port)

    def opened(self, link: "_Link") -> None:
        """A connection is there."""
        if self._link is not None or (self._closed is not None and self._client.is_quiet()):
            link.abort()
            return
        self._link = link
        self._client.connected(self._now_ms())
        self._need_flush()

    def heard(self, link: "_Link", data: bytes) -> None:
        """Bytes came in."""
        if link is not self._link:
            return
        client = self._client
        was_greeting = client.state == GREETING
        why = client.received(data, self._now_ms())
        if why:
            self._lose(why)
        elif was_greeting and client.state != GREETING:
            self._greet("")
        if client.has_more() or self._quiet is not None:
            self._need_flush()

    def has_room(self) -> None:
        """The socket took what was written."""
        self._need_flush()

    def ended(self, link: "_Link", why: str) -> None:
        """The other side is gone."""
        if link is self._link:
            self._lose(why)

    def _lose(self, why: str) -> None:
        """Give up the connection, or the try to have one."""
        link, self._link = self._link, None
        if link is not None:
            link.abort()
        self._client.lost(why, self._now_ms())
        self._greet(why)
        self._need_flush()

    def _greet(self, why: str) -> None:
        if self._greeted is not None and not self._greeted.done():
            self._greeted.set_result(why)

    def _drop(self) -> None:
        """Leave for good."""
        if self._timer is not None:
            self._timer.cancel()
        if self._dialling is not None:
            self._dialling.cancel()
        link, self._link = self._link, None
        if link is not None:
            link.leave(self._client.farewell())
        self._client.state = DOWN


class _Call:
    """One call: `outcome` is kept even where nobody waits for it any more."""

    __slots__ = ("answer", "outcome")

    def __init__(self, answer: "asyncio.Future[Outcome]") -> None:
        self.answer = answer
        self.outcome: Outcome | None = None

    def take(self, outcome: Outcome) -> None:
        """What came of it."""
        self.outcome = outcome
        if not self.answer.done():
            self.answer.set_result(outcome)


class _Link(asyncio.Protocol):
    """One connection. `is_full`: the socket does not take what was written."""

    def __init__(self, remote: AsyncRemote) -> None:
        self.is_full = False
        self._remote = remote
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=NATIVE_UNSENT_BYTES_MAX)
        made = transport.get_extra_info("socket")
        if isinstance(transport.get_extra_info("peername"), tuple):
            keep_alive(made)
        self._remote.opened(self)

    def data_received(self, data: bytes) -> None:
        """Hand over."""
        self._remote.heard(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so."""
        why = words(exc) if isinstance(exc, OSError) else "the server closed the connection"
        self._remote.ended(self, why)

    def pause_writing(self) -> None:
        """Write no more for now."""
        self.is_full = True

    def resume_writing(self) -> None:
        """There is room again."""
        self.is_full = False
        self._remote.has_room()

    def unsent_bytes(self) -> int:
        """What the socket has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Send."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def leave(self, last: bytes) -> None:
        """Send the last bytes and close."""
        if last:
            self.write(last)
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
