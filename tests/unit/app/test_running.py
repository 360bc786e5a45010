"""Workers at work: what runs, what becomes of what fails, and what is around it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from postroad.app.app import App
from postroad.app.context import Context
from postroad.app.outcomes import Reject, RetryNow
from postroad.app.retry import Retry
from postroad.app.running import Running
from postroad.errors import BadSettings, BadWorker, SettingsDiffer
from tests.unit.app.shop import NO_WAIT, Shop, left, on_a_loop, turns


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

        def fail(context: Context, number: int) -> None:
            attempts.append(context.attempt)
            raise ValueError(f"no card {number}")

        async def fail_later(context: Context, number: int) -> None:
            fail(context, number)

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
        async def charge(context: Context, number: int) -> None:
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
        async def charge(context: Context, number: int) -> int:
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
        async def charge(context: Context, number: int) -> None:
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


@pytest.mark.parametrize("name", ["concurrency", "prefetch", "timeout_s", "lease_s", "retry"])
def test_a_text_where_a_number_belongs_is_told_by_its_option(name: str) -> None:
    wrong: Any = {name: "5"}
    with pytest.raises(BadWorker, match=f"`{name}` is "):
        App(None).worker("films", **wrong)(print_nothing)


@pytest.mark.parametrize("wrong", [{"attempts": "5"}, {"base_s": "1"}, {"max_s": None}])
def test_a_text_in_a_retry_is_told_by_its_option(wrong: Any) -> None:
    with pytest.raises(BadSettings, match=f"`{next(iter(wrong))}`"):
        App(None).worker("films", retry=Retry(**wrong))(print_nothing)
