"""Outgoing POSTs: the HTTP client, with bounds on time, places and what is read of an answer.

It stands at the other mouth of the road, where the broker calls and is not called. The rule kept
here: whatever the far end does, a call ends in time and comes back as a number, never as an error.
"""

import asyncio
import importlib
import io
import ipaddress
import logging
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

from postroad.limits import (
    PUSH_ANSWER_BYTES_MAX,
    PUSH_ANSWER_READ_MS,
    PUSH_STALE_MAX,
    PUSH_TIMEOUT_MS,
    PUSH_WHOLE_BYTES,
    PUSHES_MAX,
)
from postroad.model.value import value

if TYPE_CHECKING:
    import aiohttp

NO_ANSWER: Final = 0
"""In place of a status: there was no answer, or none in time."""

_READ_BYTES: Final = 8_192

_log = logging.getLogger("postroad.net")


class PrivateAddress(OSError):  # noqa: N818  (the name is the sentence)
    """The far end is on a network that calls are not allowed into."""


@value
class Answer:
    """What came of a POST. `status`: 0 where there was no answer; then `reason` says why.
    `retry_after`: the header of that name, as it came."""

    status: int
    reason: str = ""
    retry_after: str = ""


class Poster:
    """A client with one pool of connections; it is loaded with the first call."""

    def __init__(
        self,
        private: bool = True,
        timeout_ms: int = PUSH_TIMEOUT_MS,
        places: int = PUSHES_MAX,
    ) -> None:
        """`private`: whether addresses that are not public may be called; `places`: most calls
        under way at once."""
        self._private = private
        self._timeout_ms = timeout_ms
        self._places = places
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """POST, and return the status of the answer, or `NO_ANSWER`. Redirects are answers."""
        return (await self.send(url, headers, body)).status

    async def send(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int | None = None
    ) -> Answer:
        """POST, and return what came of it; `timeout_ms`: how long it may take, if not as usual."""
        session = self._session or await self._open()
        import aiohttp

        allowed_s = (timeout_ms or self._timeout_ms) / 1_000
        heard: list[Answer] = []
        try:
            # All of it, whatever the library waits for: what is not taken of a body, too.
            async with asyncio.timeout(allowed_s):
                return await _posted(session, url, headers, body, heard)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            if heard:
                # Only the rest of the answer did not come in time.
                return heard[0]
            # The library tells of a failed look-up in words of its own.
            told = error.__cause__ if isinstance(error.__cause__, PrivateAddress) else error
            reason = str(told) or f"it took longer than {allowed_s:g} s"
            _log.info("no answer to a POST: %s", reason)
            return Answer(NO_ANSWER, reason)

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _open(self) -> "aiohttp.ClientSession":
        # Loading the library takes a third of a second, which nobody else is to wait for.
        await asyncio.to_thread(importlib.import_module, "aiohttp")
        if self._session is None:
            self._session = self._new_session()
        return self._session

    def _new_session(self) -> "aiohttp.ClientSession":
        import aiohttp

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._places,
                resolver=None if self._private else _public_resolver(),
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            trace_configs=[self._tracing()],
        )

    def _tracing(self) -> "aiohttp.TraceConfig":
        """What is looked at in each call: its host as it is reached, and its connection."""
        import aiohttp

        async def begins(
            _session: object, _context: object, call: "aiohttp.TraceRequestStartParams"
        ) -> None:
            if not self._private:
                check_host(call.url.host or "")

        async def is_reused(_session: object, context: SimpleNamespace, _call: object) -> None:
            context.trace_request_ctx.is_reused = True

        tracing = aiohttp.TraceConfig()
        tracing.on_request_start.append(begins)
        tracing.on_connection_reuseconn.append(is_reused)
        return tracing


def check_host(host: str) -> None:
    """Addresses in a URL are resolved by nobody, so they are looked at here. Raises
    `PrivateAddress`.
    """
    try:
        is_public = ipaddress.ip_address(host).is_global
    except ValueError:
        # Numbers in other forms, such as 2130706433 or 127.1, are addresses to the system alone.
        is_public = not host.replace(".", "").isdigit() and "%" not in host
    if not is_public:
        raise PrivateAddress(f"`{host}` is no public address")


async def _posted(
    session: "aiohttp.ClientSession",
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    heard: list[Answer],
) -> Answer:
    """POST; `heard` gets the answer before its rest is read. Raises what the library does."""
    import aiohttp

    for left in reversed(range(PUSH_STALE_MAX)):
        call = SimpleNamespace(is_reused=False)
        # A large body at once would be copied in one turn of the loop.
        data = body if len(body) <= PUSH_WHOLE_BYTES else io.BytesIO(body)
        try:
            async with session.post(
                url, headers=headers, data=data, allow_redirects=False, trace_request_ctx=call
            ) as answer:
                heard.append(Answer(answer.status, "", answer.headers.get("Retry-After", "")))
                await _read_off(answer)
                return heard[0]
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # A connection that was kept may have been closed meanwhile: that is no answer of the
            # far end to this call.
            if heard or not (call.is_reused and left):
                raise
    raise AssertionError("the last try returns or raises")


def _public_resolver() -> "aiohttp.abc.AbstractResolver":
    """What finds addresses of names, and only public ones."""
    from aiohttp.abc import ResolveResult
    from aiohttp.resolver import ThreadedResolver

    class PublicResolver(ThreadedResolver):
        async def resolve(self, host: str, *args: object, **more: object) -> list[ResolveResult]:
            found = await super().resolve(host, *args, **more)  # type: ignore[arg-type]
            public = [one for one in found if ipaddress.ip_address(one["host"]).is_global]
            if not public:
                raise PrivateAddress(f"`{host}` has no public address")
            return public

    return PublicResolver()


async def _read_off(answer: "aiohttp.ClientResponse") -> None:
    """Read an answer to its end, so that the connection can be used again; one that is long, slow
    or broken ends it, and its status counts all the same.
    """
    import aiohttp

    left = PUSH_ANSWER_BYTES_MAX
    try:
        async with asyncio.timeout(PUSH_ANSWER_READ_MS / 1_000):
            while left > 0:
                data = await answer.content.read(_READ_BYTES)
                if not data:
                    return
                left -= len(data)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        _log.debug("the rest of an answer is not read: %r", error)
    answer.close()
