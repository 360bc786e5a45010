"""Outgoing POSTs: the HTTP client, with bounds on time, places and what is read of an answer.

It stands at the other mouth of the road, where the broker calls and is not called. The rule kept
here: whatever the far end does, a call ends in time and comes back as a number, never as an error.
"""

import asyncio
import importlib
import ipaddress
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from postroad.limits import PUSH_ANSWER_BYTES_MAX, PUSH_TIMEOUT_MS, PUSHES_MAX
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
        self._opening: asyncio.Future[None] | None = None

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
        try:
            self._look_at(url)
            async with session.post(
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=allowed_s),
            ) as answer:
                await _read_off(answer)
                return Answer(answer.status, "", answer.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            reason = str(error) or f"it took longer than {allowed_s:g} s"
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
        )

    def _look_at(self, url: str) -> None:
        """Addresses in an URL are resolved by nobody, so they are looked at here."""
        if self._private:
            return
        host = urlsplit(url).hostname or ""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return
        if not address.is_global:
            raise PrivateAddress(f"`{host}` is no public address")


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
    """Read an answer to its end, so that the connection can be used again; a long one ends it."""
    left = PUSH_ANSWER_BYTES_MAX
    while left > 0:
        data = await answer.content.read(_READ_BYTES)
        if not data:
            return
        left -= len(data)
    answer.close()
