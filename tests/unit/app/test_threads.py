"""Threads of plain functions that take too long, and those that never come back."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from postroad.app.retry import Retry
from postroad.app.threads import Threads
from postroad.errors import BadWorker
from tests.unit.app.shop import Shop, on_a_loop, turns
from tests.unit.app.topics import passes

WITHIN_S = 20.0


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.app.threads.WORKER_THREADS_LOST_MAX", 1)


async def given_up(threads: Threads, call: Callable[[], object], begun: threading.Event) -> None:
    task = asyncio.ensure_future(threads.run(call))
    await asyncio.to_thread(begun.wait, WITHIN_S)
    task.cancel()
    await asyncio.wait((task,))


def slow(begun: threading.Event, go_on: threading.Event) -> Callable[[], object]:
    def call() -> None:
        begun.set()
        go_on.wait(WITHIN_S)

    return call


def test_a_thread_that_comes_back_late_is_not_lost() -> None:
    async def main() -> None:
        threads = Threads(1, "late")
        for _ in range(5):
            begun, go_on = threading.Event(), threading.Event()
            await given_up(threads, slow(begun, go_on), begun)
            assert threads.lost == 1
            go_on.set()
            assert await threads.run(lambda: "next") == "next"
            async with asyncio.timeout(WITHIN_S):
                while threads.lost:
                    await asyncio.to_thread(int)
        assert threads.places == 1
        threads.stop()

    asyncio.run(main())


def test_what_waits_for_a_place_gets_that_of_a_thread_that_comes_back() -> None:
    async def main() -> None:
        threads, go_on = Threads(1, "hung"), threading.Event()
        for _ in range(2):
            begun = threading.Event()
            await given_up(threads, slow(begun, go_on), begun)
        assert threads.places == 0
        waiting = asyncio.ensure_future(threads.run(lambda: "run"))
        await asyncio.to_thread(int)
        assert not waiting.done()
        go_on.set()
        assert await asyncio.wait_for(waiting, WITHIN_S) == "run"
        threads.stop()

    asyncio.run(main())


def test_a_worker_whose_runs_never_end_stops_and_blames_no_message() -> None:
    async def story(shop: Shop) -> None:
        go_on = threading.Event()

        @shop.app.worker("orders", concurrency=1, timeout_s=1, retry=Retry(attempts=2, base_s=1))
        def charge(number: int) -> None:
            go_on.wait(WITHIN_S)

        await charge.adelay_many(range(5))

        async def work() -> None:
            async with shop.at_work() as running:
                while not running.shifts[0].broken.done():
                    shop.clock.advance(1_000)
                    running.shifts[0].tick()
                    await turns()

        with pytest.raises(BadWorker, match="never ended"):
            await work()
        go_on.set()
        # Two runs were begun and failed once; nobody else is to blame.
        await passes(shop, 5_000)
        counts = [one.delivery_count for one in await shop.broker.receive("orders", 10)]
        assert len(counts) == 5
        assert sum(count - 1 for count in counts) == 2
        assert (await shop.broker.describe("orders.dead")).ready == 0

    on_a_loop(story)
