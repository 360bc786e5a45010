"""How the calls of an app reach its broker: blocking, or awaited on a loop.

It stands between the app and the two faces. The rule kept here: a broker is opened once, when it is
first needed, and a call finds the one that is open, whichever thread or loop it comes from.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import TypeVar

from postroad.api.aio import AsyncBroker
from postroad.api.asks import Asks
from postroad.api.broker import Broker
from postroad.api.operations import Operations
from postroad.app.again import Again, passed
from postroad.errors import BlocksLoop, BrokerClosed, NotConnected, PostroadError

_log = logging.getLogger("postroad.app")

R = TypeVar("R")
B = TypeVar("B", Broker, AsyncBroker)

Target = str | os.PathLike[str] | None
"""Where the broker is: an address, a data directory, or nowhere but in memory."""


class Link:
    """The broker of an app."""

    def __init__(self, target: Target | Broker | AsyncBroker) -> None:
        """`target` may be a broker that is open: it stays open when the link is closed."""
        self._target = target if not isinstance(target, Broker | AsyncBroker) else None
        self._given = isinstance(target, Broker | AsyncBroker)
        self.declared: set[str] = set()
        """The queues whose workers have declared them here."""
        self._lock = Lock()
        self._blocking = target if isinstance(target, Broker) else None
        self._served: AsyncBroker | None = None
        self.watches: list[Callable[[Broker | AsyncBroker], None]] = []
        """What is done with each broker that is opened."""
        self._opening: asyncio.Task[AsyncBroker] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        if isinstance(target, AsyncBroker):
            self._served = target
            self._loop = asyncio.get_running_loop()

    def do(self, call: Callable[[Operations], Asks[R]], names: tuple[str, str]) -> R:
        """The result of an operation that `call` makes; waits for it. Raises `BlocksLoop` on a
        running loop, with the `names` of the call and of the one to await.
        """
        if _running_loop() is not None:
            raise BlocksLoop(*names)
        if not self._is_open():
            self._opened()
        return self.listen(call)

    def listen(self, call: Callable[[Operations], Asks[R]]) -> R:
        """As `do`, on a thread that waits for what comes as long as the broker is open: it opens
        none, which nobody would close. Raises `BrokerClosed`.
        """
        served, loop, blocking = self._served, self._loop, self._blocking
        if served is not None and loop is not None and not loop.is_closed():
            return asyncio.run_coroutine_threadsafe(served.do(call(served.later)), loop).result()
        if blocking is None:
            raise BrokerClosed
        return blocking.do(call(blocking.later))

    def _is_open(self) -> bool:
        if self._served is not None and self._loop is not None and not self._loop.is_closed():
            return True
        return self._blocking is not None

    async def ado(self, call: Callable[[Operations], Asks[R]]) -> R:
        """The result of an operation that `call` makes, on any loop."""
        if self._blocking is not None:
            broker = self._blocking
            return await asyncio.to_thread(lambda: broker.do(call(broker.later)))
        served, loop = await self._serving()
        if loop is asyncio.get_running_loop():
            return await served.do(call(served.later))
        later = asyncio.run_coroutine_threadsafe(served.do(call(served.later)), loop)
        return await asyncio.wrap_future(later)

    async def serve(self, patience_s: float | None = 0.0) -> AsyncBroker:
        """The broker for a run on this loop; calls from elsewhere go through it from now on.

        `patience_s`: a server that does not answer is asked again for so long; `None`: without
        end. Each try that failed is a line of the log. Raises what `AsyncBroker.connect` raises.
        """
        if self._blocking is not None and not self._given and self._target is not None:
            # A directory is open once: what a program called before it runs its workers is over.
            blocking, self._blocking = self._blocking, None
            blocking.close()
        loop, again = asyncio.get_running_loop(), Again()
        until_s = None if patience_s is None else loop.time() + patience_s
        while True:
            try:
                return (await self._serving())[0]
            except NotConnected as error:
                wait_ms = again.next_ms()
                if until_s is not None and loop.time() + wait_ms / 1_000 > until_s:
                    raise
                _log.warning("%s (next try in %.1f s)", error, wait_ms / 1_000)
                await passed(loop, wait_ms)

    def close(self) -> None:
        """Close the blocking broker, if it was opened here."""
        if self._blocking is not None and not self._given:
            blocking, self._blocking = self._blocking, None
            blocking.close()

    async def aclose(self) -> None:
        """Close whatever was opened here, or is being opened."""
        self.close()
        opening, self._opening = self._opening, None
        if opening is not None and opening.get_loop() is asyncio.get_running_loop():
            await _let_go(opening)
        if self._served is not None and not self._given:
            served, self._served, self._loop = self._served, None, None
            await served.close()

    async def _serving(self) -> tuple[AsyncBroker, asyncio.AbstractEventLoop]:
        if self._served is not None and self._loop is not None and not self._loop.is_closed():
            return self._served, self._loop
        loop = asyncio.get_running_loop()
        # Calls that come while it is being opened wait for the same one.
        if self._opening is None or self._opening.get_loop() is not loop:
            self._opening = loop.create_task(self._open_served())
        try:
            self._served, self._loop = await asyncio.shield(self._opening), loop
        finally:
            if self._opening is not None and self._opening.done():
                self._opening = None
        return self._served, self._loop

    async def _open_served(self) -> AsyncBroker:
        if isinstance(self._target, str) and "://" in self._target:
            return self._watched(await AsyncBroker.connect(self._target))
        return self._watched(await AsyncBroker.open(self._target))

    def _opened(self) -> Broker:
        with self._lock:
            if self._blocking is None:
                if isinstance(self._target, str) and "://" in self._target:
                    self._blocking = self._watched(Broker.connect(self._target))
                else:
                    self._blocking = self._watched(Broker.open(self._target))
            return self._blocking

    def watch(self, watch: Callable[[Broker | AsyncBroker], None]) -> None:
        """Do this with the broker, now if it is open, and whenever one is opened."""
        self.watches.append(watch)
        for open_one in (self._blocking, self._served):
            if open_one is not None:
                watch(open_one)

    def _watched(self, broker: B) -> B:
        for watch in self.watches:
            watch(broker)
        return broker


async def _let_go(opening: asyncio.Task[AsyncBroker]) -> None:
    """Nobody waits any more for a broker that is being opened."""
    opening.cancel()
    with suppress(asyncio.CancelledError, PostroadError, OSError):
        await (await opening).close()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
