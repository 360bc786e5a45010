"""Members of a reader's group: what they share, how long they live, and how they stop."""

import asyncio
import logging

import pytest

from postroad.api.topics import TopicMessage
from postroad.app.batches import BatchContext
from tests.unit.app.shop import NO_WAIT, Shop, on_a_loop, turns
from tests.unit.app.topics import lag, passes, publish, read_all, until


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "postroad.app")


def test_members_share_the_partitions() -> None:
    async def story(shop: Shop) -> None:
        seen: list[int] = []

        @shop.app.reader("events", group="sums", partitions=4, members=2)
        def add(messages: list[TopicMessage]) -> None:
            seen.extend(int(one.body) for one in messages)

        async with shop.at_work() as running:

            async def shared() -> bool:
                await passes(shop, 500)
                return [len(one.assignment) for one in running.readings] == [2, 2]

            await until(shared)
            await publish(shop, range(100))
            await read_all(shop)
        assert sorted(seen) == list(range(100))

    on_a_loop(story)


def test_a_batch_of_ten_minutes_keeps_its_partitions_though_another_member_comes() -> None:
    async def story(shop: Shop) -> None:
        began, go_on = asyncio.Event(), asyncio.Event()
        runs: list[list[int]] = []

        @shop.app.reader("events", group="sums", session_s=30, partitions=2)
        async def add(numbers: list[int]) -> None:
            runs.append(numbers)
            began.set()
            await go_on.wait()

        await shop.broker.topic("events").declare(2)
        for partition in (0, 1):
            await publish(shop, range(3), partition)
        async with shop.at_work() as running:
            await began.wait()
            other = shop.broker.consumer("events", group="sums", session_ms=30_000)
            for _ in range(60):
                shop.clock.advance(10_000)
                running.readings[0].tick()
                await turns()
                assert await other.poll() == []
            go_on.set()
            await read_all(shop)
            await other.close()
            assert running.readings[0].counts.lost == 0
        assert runs == [[0, 1, 2, 0, 1, 2]]

    on_a_loop(story)


def test_what_a_member_did_that_was_out_meanwhile_is_not_committed() -> None:
    async def story(shop: Shop) -> None:
        began, go_on = asyncio.Event(), asyncio.Event()
        runs: list[list[int]] = []

        @shop.app.reader("events", group="sums", session_s=30)
        async def add(numbers: list[int]) -> None:
            runs.append(numbers)
            began.set()
            await go_on.wait()

        await shop.broker.topic("events").declare()
        await publish(shop, range(3))
        async with shop.at_work() as running:
            await began.wait()
            shop.clock.advance(31_000)
            go_on.set()
            await read_all(shop)
            assert running.readings[0].counts.lost == 3
        assert runs == [[0, 1, 2]] * 2

    on_a_loop(story)


def test_a_batch_that_is_not_full_waits_for_more() -> None:
    async def story(shop: Shop) -> None:
        batches: list[list[int]] = []

        @shop.app.reader("events", group="sums", batch=6, wait_s=20)
        async def add(numbers: list[int]) -> None:
            batches.append(numbers)

        async with shop.at_work():
            await publish(shop, range(2), 0)
            await turns()
            await publish(shop, range(2, 4), 0)
            await turns()
            assert batches == []
            await publish(shop, range(4, 7), 0)
            await turns()
            assert batches == [[0, 1, 2, 3, 4, 5]]
            for _ in range(4):
                await passes(shop, 6_000)
            await read_all(shop)
        assert batches == [[0, 1, 2, 3, 4, 5], [6]]

    on_a_loop(story)


def test_a_stop_lets_the_batch_that_runs_end_or_gives_it_up() -> None:
    async def story(shop: Shop) -> None:
        began, go_on = asyncio.Event(), asyncio.Event()

        @shop.app.reader("events", group="sums")
        async def add(numbers: list[int]) -> None:
            began.set()
            await go_on.wait()

        await shop.broker.topic("events").declare()
        await publish(shop, range(3))
        async with shop.at_work(stop_s=0):
            await began.wait()
        assert await lag(shop) == 3, "it comes again"
        began.clear()
        async with shop.at_work() as running:
            await began.wait()
            running.stop()
            await turns()
            go_on.set()
        assert await lag(shop) == 0

    on_a_loop(story)


def test_a_run_that_takes_too_long_is_ended_and_tried_again() -> None:
    async def story(shop: Shop) -> None:
        attempts: list[int] = []

        @shop.app.reader("events", group="sums", timeout_s=0.01, retry=NO_WAIT)
        async def add(context: BatchContext, numbers: list[int]) -> None:
            attempts.append(context.attempt)
            if context.attempt == 1:
                await asyncio.Event().wait()

        await shop.broker.topic("events").declare()
        await publish(shop, range(3))
        async with shop.at_work():
            async with asyncio.timeout(10):
                while len(attempts) < 2:
                    await turns()
            await read_all(shop)
        assert attempts == [1, 2]

    on_a_loop(story)
