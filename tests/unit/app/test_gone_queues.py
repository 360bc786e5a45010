"""Queues that are deleted under their workers, which go on when there is one of that name again."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from postroad.api.options import QueueOptions
from postroad.app.context import Context
from tests.unit.app.shop import Shop, left, on_a_loop, turns


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("postroad.app.again.WORKER_AGAIN_MS", 2)
    monkeypatch.setattr("postroad.app.again.WORKER_AGAIN_MS_MAX", 5)
    caplog.set_level(logging.WARNING, "postroad.app")


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


def test_a_queue_that_is_deleted_is_declared_anew_and_the_other_workers_notice_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(shop: Shop) -> None:
        ran: list[str] = []
        more = asyncio.Semaphore(0)

        @shop.app.worker("orders", lease_s=7)
        async def charge(number: int) -> None:
            ran.append(f"order {number}")
            more.release()

        @shop.app.worker("mails")
        async def send(number: int) -> None:
            ran.append(f"mail {number}")
            more.release()

        async with shop.at_work() as running:
            await charge.adelay(1)
            await more.acquire()
            await shop.broker.delete("orders")
            await shop.broker.delete("orders.dead")
            await send.adelay(1)
            await more.acquire()
            while "orders" not in await shop.broker.queues():
                await turns()
            await charge.adelay(2)
            await more.acquire()
            assert running.shifts[0].counts.gone == 1
            assert running.shifts[1].counts.gone == 0
        assert ran == ["order 1", "mail 1", "order 2"]
        assert (await shop.broker.describe("orders")).settings.lease_ms == 7_000
        assert "orders.dead" in await shop.broker.queues()
        assert await left(shop, "orders") == (0, 0)

    on_a_loop(story)
    (said,) = errors(caplog)
    assert said.startswith("queue `orders` is gone, with 0 messages in hand, and declared anew")


def test_what_waited_in_hand_does_not_run_and_what_ran_is_told_as_lost() -> None:
    async def story(shop: Shop) -> None:
        ran: list[int] = []
        lost: list[int] = []
        began, go_on, again = asyncio.Event(), asyncio.Event(), asyncio.Event()

        class Watch:
            def lost(self, context: Context) -> None:
                lost.append(int(context.message.body))

        shop.app.use(Watch())

        @shop.app.worker("orders", concurrency=2, prefetch=3)
        async def charge(number: int) -> None:
            ran.append(number)
            if number == 100:
                again.set()
                return
            if number == 1:
                began.set()
            await go_on.wait()

        await charge.adelay_many(range(4))
        async with shop.at_work() as running:
            await began.wait()
            await shop.broker.delete("orders")
            # It has enough in hand and leases nothing: its heartbeat finds out.
            shop.clock.advance(10_000)
            running.shifts[0].tick()
            while "orders" not in await shop.broker.queues():
                await turns()
            assert running.shifts[0].counts.lost == 2
            go_on.set()
            await charge.adelay(100)
            await again.wait()
        counts = running.shifts[0].counts
        assert ran == [0, 1, 100]
        assert sorted(lost) == [0, 1, 2, 3]
        assert (counts.succeeded, counts.lost, counts.gone) == (3, 4, 1)
        assert await left(shop, "orders") == (0, 0)

    on_a_loop(story)


def test_a_run_of_a_queue_that_is_gone_keeps_its_key_and_no_lease() -> None:
    async def story(shop: Shop) -> None:
        began, go_on, again = asyncio.Event(), asyncio.Event(), asyncio.Event()

        @shop.app.worker("orders", idempotency_key="number", lease_s=30)
        async def charge(number: int) -> None:
            if began.is_set():
                again.set()
                return
            began.set()
            await go_on.wait()

        await charge.adelay(1)
        async with shop.at_work() as running:
            await began.wait()
            await shop.broker.delete("orders")
            while "orders" not in await shop.broker.queues():
                await turns()
            await charge.adelay(2)
            await again.wait()
            for _ in range(6):
                shop.clock.advance(10_000)
                running.shifts[0].tick()
                await turns()
            assert await shop.broker.kv("idempotency").get("orders:1") is not None
            go_on.set()
            while running.shifts[0].counts.lost != 1:
                await turns()
        assert await shop.broker.kv("idempotency").get("orders:1") == b"done null"

    on_a_loop(story)


def test_a_queue_that_others_made_with_other_settings_is_waited_for_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(shop: Shop) -> None:
        done = asyncio.Event()

        @shop.app.worker("orders")
        async def charge(number: int) -> None:
            done.set()

        async with shop.at_work():
            await shop.broker.delete("orders")
            await shop.broker.declare("orders", lease_ms=5_000)
            while len(errors(caplog)) < 2:
                await turns()
            await shop.broker.change("orders", **charge.queue_options())
            await charge.adelay(1)
            await done.wait()

    on_a_loop(story)
    gone, differs = errors(caplog)
    assert gone.startswith("queue `orders` is gone")
    assert differs.startswith("queue `orders`: nothing is leased, and tried again: ")
    assert "update=True" in differs


def test_a_queue_that_got_its_name_while_nobody_looked_is_another_one() -> None:
    async def story(shop: Shop) -> None:
        ran: list[int] = []
        began, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

        @shop.app.worker("orders", concurrency=1, prefetch=0)
        async def charge(number: int) -> None:
            ran.append(number)
            if number == 1:
                began.set()
                await go_on.wait()
            if number == 3:
                done.set()

        await charge.adelay(1)
        async with shop.at_work() as running:
            await began.wait()
            options: QueueOptions = {**charge.queue_options(), "kind": "fifo"}
            await shop.broker.delete("orders")
            await shop.broker.declare("orders", **options)
            for number in (2, 3):
                await charge.adelay(number, key="a")
            go_on.set()
            await done.wait()
            assert running.shifts[0].counts.gone == 1
        assert ran == [1, 2, 3]
        assert await left(shop, "orders") == (0, 0)

    on_a_loop(story)


def test_a_stop_while_the_queue_is_away_ends_the_run() -> None:
    async def story(shop: Shop) -> None:
        @shop.app.worker("orders")
        async def charge(number: int) -> None:
            """A task."""

        async with shop.at_work() as running:
            await shop.broker.delete("orders")
            await shop.broker.declare("orders", lease_ms=5_000)
            while not running.shifts[0].counts.gone:
                await turns()
        assert running.shifts[0].counts.gone == 1

    on_a_loop(story)


def test_a_queue_that_is_deleted_before_its_worker_has_begun_is_declared_anew() -> None:
    async def story(shop: Shop) -> None:
        done = asyncio.Event()

        @shop.app.worker("orders")
        async def charge(number: int) -> None:
            done.set()

        @shop.app.lifespan
        @asynccontextmanager
        async def deleting() -> AsyncIterator[None]:
            await shop.broker.delete("orders")
            yield

        async with shop.at_work():
            await charge.adelay(1)
            await done.wait()

    on_a_loop(story)


def test_a_run_that_leaves_no_room_to_lease_keeps_its_key_when_its_queue_is_gone() -> None:
    async def story(shop: Shop) -> None:
        began, go_on = asyncio.Event(), asyncio.Event()

        @shop.app.worker("orders", idempotency_key="number", concurrency=1, prefetch=0)
        async def charge(number: int) -> None:
            began.set()
            await go_on.wait()

        await charge.adelay(1)
        async with shop.at_work() as running:
            await began.wait()
            await shop.broker.delete("orders")
            for _ in range(6):
                shop.clock.advance(10_000)
                running.shifts[0].tick()
                await turns()
                assert await shop.broker.kv("idempotency").get("orders:1") is not None
            go_on.set()

    on_a_loop(story)
