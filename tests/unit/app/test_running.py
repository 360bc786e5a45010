"""Workers at work on a broker in memory, with a clock that the tests move."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from postroad.api.aio import AsyncBroker
from postroad.app.app import App
from postroad.app.context import Context
from postroad.app.outcomes import JobTimedOut, Reject, RetryNow
from postroad.app.retry import Retry
from postroad.app.running import Running
from postroad.errors import BadWorker, SettingsDiffer
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


def test_a_task_runs_for_each_message_and_acks_it_afterwards() -> None:
    async def story(shop: Shop) -> None:
        ran: list[int] = []
        enough = asyncio.Event()

        @shop.app.worker("orders")
        async def charge(number: int) -> None:
            ran.append(number)
            if len(ran) == 500:
                enough.set()

        await charge.adelay_many(range(500))
        async with shop.at_work():
            await enough.wait()
        assert sorted(ran) == list(range(500))
        assert await left(shop, "orders") == (0, 0)

    on_a_loop(story)


def test_a_plain_function_runs_on_a_thread() -> None:
    async def story(shop: Shop) -> None:
        names: list[str] = []
        enough, loop = asyncio.Event(), asyncio.get_running_loop()

        @shop.app.worker("orders", concurrency=3)
        def charge(number: int) -> None:
            names.append(threading.current_thread().name)
            if len(names) == 50:
                loop.call_soon_threadsafe(enough.set)

        await charge.adelay_many(range(50))
        async with shop.at_work():
            await enough.wait()
        assert set(names) == {"postroad-orders"}
        assert await left(shop, "orders") == (0, 0)

    on_a_loop(story)


@pytest.mark.parametrize("plain", [False, True])
def test_what_fails_for_good_is_a_dead_letter_with_its_traceback(plain: bool) -> None:
    async def story(shop: Shop) -> None:
        attempts: list[int] = []

        def fail(number: int, context: Context) -> None:
            attempts.append(context.attempt)
            raise ValueError(f"no card {number}")

        async def fail_later(number: int, context: Context) -> None:
            fail(number, context)

        worker = shop.app.worker("orders", retry=NO_WAIT)(fail if plain else fail_later)
        await worker.adelay(7)
        async with shop.at_work():
            (letter,) = await shop.dead("orders")
        assert attempts == [1, 2, 3]
        assert letter.body == b"7"
        failure = letter.note.deaths[-1].failure
        assert failure.endswith("ValueError: no card 7")
        assert "in fail" in failure

    on_a_loop(story)


def test_a_body_that_does_not_decode_is_a_dead_letter_at_once_and_stops_nothing() -> None:
    async def story(shop: Shop) -> None:
        done = asyncio.Event()

        @shop.app.worker("orders")
        async def charge(number: int) -> None:
            done.set()

        async with shop.at_work():
            await shop.broker.publish("orders", b"{")
            await shop.broker.publish("orders", b"7")
            (letter,) = await shop.dead("orders")
            await done.wait()
        assert letter.delivery_count == 1
        assert letter.note.deaths[-1].failure.startswith("bad body: ")

    on_a_loop(story)


def test_a_task_rejects_and_another_tries_again_at_once() -> None:
    async def story(shop: Shop) -> None:
        seen: list[int] = []
        done = asyncio.Event()

        @shop.app.worker("orders")
        async def charge(number: int, context: Context) -> None:
            seen.append(number)
            if number == 1:
                raise Reject("no such order")
            if context.attempt == 1:
                raise RetryNow
            done.set()

        await charge.adelay_many([1, 2])
        async with shop.at_work():
            (letter,) = await shop.dead("orders")
            await done.wait()
        assert "no such order" in letter.note.deaths[-1].failure
        assert sorted(seen) == [1, 2, 2]

    on_a_loop(story)


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
        async def cut(number: int, context: Context) -> None:
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


def test_middleware_and_lifespan_are_around_every_task() -> None:
    async def story(shop: Shop) -> None:
        heard: list[object] = []
        done = asyncio.Event()

        class Log:
            def before(self, context: Context) -> None:
                heard.append(("before", context.state))

            @asynccontextmanager
            async def around(self, context: Context) -> AsyncIterator[None]:
                heard.append(("in", context.attempt))
                yield
                heard.append(("out", context.attempt))

            async def after(self, context: Context, result: object) -> None:
                heard.append(("after", context.queue, result))
                done.set()

            def failed(self, context: Context, error: Exception) -> None:
                heard.append(("failed", context.queue, str(error)))

        @shop.app.lifespan
        @asynccontextmanager
        async def life() -> AsyncIterator[str]:
            heard.append("open")
            yield "state"
            heard.append("close")

        @shop.app.worker("orders", retry=NO_WAIT)
        async def charge(number: int, context: Context) -> int:
            heard.append("run")
            if context.attempt == 1:
                raise ValueError("once")
            return number

        shop.app.use(Log())
        await charge.adelay(5)
        async with shop.at_work():
            await done.wait()
        first = ["open", ("before", "state"), ("in", 1), "run", ("failed", "orders", "once")]
        again = [("before", "state"), ("in", 2), "run", ("out", 2), ("after", "orders", 5)]
        assert heard == [*first, *again, "close"]

    on_a_loop(story)


def test_messages_of_one_ordering_key_run_in_their_order_one_at_a_time() -> None:
    async def story(shop: Shop) -> None:
        seen: list[int] = []
        done = asyncio.Event()
        at_once = 0

        @shop.app.worker("orders", settings={"kind": "fifo"}, retry=NO_WAIT)
        async def charge(number: int, context: Context) -> None:
            nonlocal at_once
            at_once += 1
            assert at_once == 1
            await turns(2)
            at_once -= 1
            if number == 3 and context.attempt == 1:
                raise ValueError("once")
            seen.append(number)
            if number == 9:
                done.set()

        for number in range(10):
            await charge.adelay(number, key="k")
        async with shop.at_work():
            await done.wait()
        assert seen == list(range(10))

    on_a_loop(story)


def test_a_queue_with_other_settings_is_refused_unless_it_is_to_be_changed() -> None:
    async def story(shop: Shop) -> None:
        await shop.broker.declare("orders", lease_ms=5_000)
        shop.app.worker("orders")(print_nothing)
        with pytest.raises(SettingsDiffer, match="update=True"):
            async with shop.at_work():
                pass
        shop.app.workers.clear()
        shop.app.worker("orders", update=True)(print_nothing)
        async with shop.at_work():
            settings = (await shop.broker.describe("orders")).settings
            assert settings.lease_ms == 30_000
            assert settings.dead_letter_queue == "orders.dead"

    on_a_loop(story)


async def print_nothing(number: int) -> None:
    """A task."""


def test_a_queue_has_one_worker_and_a_run_names_those_there_are() -> None:
    app = App(None)
    app.worker("orders")(print_nothing)
    with pytest.raises(BadWorker, match="give each its own queue"):
        app.worker("orders")(on_a_loop)
    with pytest.raises(BadWorker, match="it has `orders`"):
        Running(app, queues=["ordres"])
    with pytest.raises(BadWorker, match="has no workers"):
        Running(App(None))
    with pytest.raises(BadWorker, match="in no process"):
        app.worker("films", executor="process")(print_nothing)
    for wrong in ({"concurrency": 0}, {"prefetch": -1}, {"lease_s": 0}, {"executor": "cloud"}):
        with pytest.raises(BadWorker):
            app.worker("films", **wrong)(print_nothing)
