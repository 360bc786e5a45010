"""An app at work on a broker in memory, whose time passes when a test says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from postroad.api.aio import AsyncBroker
from postroad.app.app import App
from postroad.app.retry import Retry
from postroad.app.running import Running
from postroad.testing import ManualClock

NO_WAIT = Retry(attempts=3, backoff="none")


class Shop:
    """An app on a broker in memory, and its run."""

    def __init__(self, broker: AsyncBroker, clock: ManualClock) -> None:
        self.broker = broker
        self.clock = clock
        self.app = App.of(broker)

    @asynccontextmanager
    async def at_work(self, stop_s: float = 30.0) -> AsyncIterator[Running]:
        running = Running(self.app, stop_s=stop_s, now_ms=self.clock.now_ms)
        run = asyncio.create_task(running.run())
        started = asyncio.create_task(running.started.wait())
        await asyncio.wait((run, started), return_when=asyncio.FIRST_COMPLETED)
        if run.done():
            started.cancel()
            await run
        try:
            yield running
        finally:
            if not running.is_stopping:
                running.stop()
            await asyncio.wait_for(run, 10)

    async def dead(self, queue: str) -> list[Any]:
        return await self.broker.receive(f"{queue}.dead", 10, wait_ms=5_000)


def on_a_loop(test: Callable[[Shop], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = ManualClock()
        async with AsyncBroker.open(None, clock=clock) as broker:
            await asyncio.wait_for(test(Shop(broker, clock)), 20)

    asyncio.run(run())


async def turns(count: int = 30) -> None:
    for _ in range(count):
        passed = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(passed.set_result, None)
        await passed


async def left(shop: Shop, queue: str) -> tuple[int, int]:
    found = await shop.broker.describe(queue)
    return found.ready + found.delayed, found.leased
