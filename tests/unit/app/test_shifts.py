"""Leases, times and stops of workers, on a clock that the tests move."""

import asyncio
import threading

from postroad.app.context import Context
from postroad.app.outcomes import JobTimedOut, Reject
from postroad.app.retry import Retry
from tests.unit.app.shop import NO_WAIT, Shop, left, on_a_loop, turns


def test_a_task_of_ten_minutes_runs_once_on_a_lease_of_thirty_seconds() -> None:
    async def story(shop: Shop) -> None:
        began, go_on = asyncio.Event(), asyncio.Event()
        runs: list[int] = []

        @shop.app.worker("films", lease_s=30)
        async def cut(number: int) -> None:
            runs.append(number)
            began.set()
            await go_on.wait()

        await cut.adelay(1)
        async with shop.at_work() as running:
            await began.wait()
            for _ in range(60):
                shop.clock.advance(10_000)
                running.shifts[0].tick()
                await turns()
                assert await shop.broker.receive("films", 1, wait_ms=0) == []
            go_on.set()
        assert runs == [1]
        assert await left(shop, "films") == (0, 0)

    on_a_loop(story)


def test_a_coroutine_over_its_time_is_cancelled_and_its_message_tried_again() -> None:
    async def story(shop: Shop) -> None:
        began = asyncio.Event()
        cancelled: list[int] = []

        @shop.app.worker("films", timeout_s=5, retry=NO_WAIT)
        async def cut(context: Context, number: int) -> None:
            if context.attempt > 1:
                raise Reject("enough")
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(number)
                raise

        await cut.adelay(1)
        async with shop.at_work() as running:
            await began.wait()
            shop.clock.advance(4_999)
            running.shifts[0].tick()
            await turns()
            assert cancelled == []
            shop.clock.advance(1)
            running.shifts[0].tick()
            await shop.dead("films")
        assert cancelled == [1]
        assert running.shifts[0].counts.failed == 2

    on_a_loop(story)


def test_a_thread_over_its_time_is_given_up_and_its_place_is_free() -> None:
    async def story(shop: Shop) -> None:
        loop, began = asyncio.get_running_loop(), asyncio.Event()
        go_on = threading.Event()
        runs: list[int] = []

        @shop.app.worker("films", concurrency=1, timeout_s=5, retry=Retry(1))
        def cut(number: int) -> None:
            runs.append(number)
            loop.call_soon_threadsafe(began.set)
            if number == 1:
                go_on.wait(20)

        await cut.adelay(1)
        async with shop.at_work() as running:
            await began.wait()
            shop.clock.advance(5_000)
            running.shifts[0].tick()
            (letter,) = await shop.dead("films")
            began.clear()
            await cut.adelay(2)
            await began.wait()
            go_on.set()
        assert JobTimedOut.__name__ in letter.note.deaths[-1].failure
        assert runs == [1, 2]

    on_a_loop(story)


def test_a_stop_lets_what_runs_end_and_gives_back_what_waits() -> None:
    async def story(shop: Shop) -> None:
        began, go_on = asyncio.Event(), asyncio.Event()
        runs: list[int] = []

        @shop.app.worker("orders", concurrency=1, prefetch=5)
        async def charge(number: int) -> None:
            began.set()
            await go_on.wait()
            runs.append(number)

        await charge.adelay_many(range(4))
        async with shop.at_work() as running:
            await began.wait()
            running.stop()
            await turns()
            go_on.set()
        assert runs == [0]
        assert await left(shop, "orders") == (3, 0)
        (back,) = await shop.broker.receive("orders")
        assert back.delivery_count == 1

    on_a_loop(story)


def test_what_does_not_end_in_time_goes_back_uncounted() -> None:
    async def story(shop: Shop) -> None:
        began = asyncio.Event()

        @shop.app.worker("orders")
        async def charge(number: int) -> None:
            began.set()
            await asyncio.Event().wait()

        await charge.adelay(1)
        async with shop.at_work(stop_s=0.01):
            await began.wait()
        assert await left(shop, "orders") == (1, 0)

    on_a_loop(story)


def test_an_ack_that_finds_its_lease_lost_is_told() -> None:
    async def story(shop: Shop) -> None:
        began, go_on, told = asyncio.Event(), asyncio.Event(), asyncio.Event()
        lost: list[int] = []

        class Watch:
            async def lost(self, context: Context) -> None:
                lost.append(context.message.offset)
                told.set()

        @shop.app.worker("orders", lease_s=30)
        async def charge(number: int) -> None:
            began.set()
            await go_on.wait()

        shop.app.use(Watch())
        await charge.adelay(1)
        async with shop.at_work() as running:
            await began.wait()
            shop.clock.advance(31_000)
            assert len(await shop.broker.receive("orders", 1, wait_ms=1_000)) == 1
            go_on.set()
            await told.wait()
        assert running.shifts[0].counts.lost == 1
        assert lost == [0]

    on_a_loop(story)
