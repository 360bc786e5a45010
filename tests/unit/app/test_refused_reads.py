"""Readers whose dead letters, or whose reads, are refused: they keep what they read, and go on."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from postroad.app.batches import BatchContext
from postroad.errors import SettingsDiffer
from tests.unit.app.shop import NO_WAIT, Shop, on_a_loop, turns
from tests.unit.app.topics import lag, passes, publish, read_all, until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("postroad.app.again.WORKER_AGAIN_MS", 2)
    monkeypatch.setattr("postroad.app.again.WORKER_AGAIN_MS_MAX", 5)
    caplog.set_level(logging.WARNING, "postroad.app")


def waits(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
    return [one for one in said if "waits:" in one]


def test_a_message_whose_dead_letter_finds_no_room_is_kept_until_there_is_some(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(shop: Shop) -> None:
        done: list[int] = []
        others: list[int] = []
        more = asyncio.Event()

        @shop.app.reader("events", group="sums", retry=NO_WAIT, batch=2, dead_letter_queue="full")
        async def add(numbers: list[int]) -> None:
            if 3 in numbers:
                raise ValueError("not this one")
            done.extend(numbers)

        @shop.app.reader("events", group="others")
        async def count(numbers: list[int]) -> None:
            others.extend(numbers)

        @shop.app.worker("orders")
        async def charge(number: int) -> None:
            more.set()

        await shop.broker.declare("full", length_max=1, overflow="reject")
        await shop.broker.publish("full", b"an older one")
        await shop.broker.topic("events").declare()
        await publish(shop, range(8))
        async with shop.at_work() as running:
            while running.readings[0].counts.refused < 3:
                await turns()
            assert done == [0, 1, 2]
            assert await lag(shop) == 5, "it is not committed past the message"
            await charge.adelay(1)
            await more.wait()
            await until(lambda: _all_read(shop, "others"))
            (older,) = await shop.broker.receive("full")
            await shop.broker.ack(older)
            await read_all(shop)
            assert running.readings[0].counts.dead == 1
        assert done == [0, 1, 2, 4, 5, 6, 7]
        assert others == list(range(8))
        (letter,) = await shop.broker.receive("full")
        assert letter.body == b"3"

    on_a_loop(story)
    (said,) = waits(caplog)
    assert said.startswith("group `sums`: the dead letter of `events` 0:3 waits: ")


async def _all_read(shop: Shop, group: str) -> bool:
    return await lag(shop, group) == 0


def test_a_dead_letter_queue_that_is_deleted_is_declared_anew() -> None:
    async def story(shop: Shop) -> None:
        @shop.app.reader("events", group="sums", retry=NO_WAIT)
        async def add(numbers: list[int]) -> None:
            raise ValueError("none of them")

        await shop.broker.topic("events").declare()
        async with shop.at_work() as running:
            await shop.broker.delete("sums.dead")
            await publish(shop, range(3))
            await read_all(shop)
            assert running.readings[0].counts.dead == 3
        assert [one.body for one in await shop.dead("sums")] == [b"0", b"1", b"2"]

    on_a_loop(story)


def test_a_stop_while_a_dead_letter_waits_ends_the_run_and_the_message_comes_again() -> None:
    async def story(shop: Shop) -> None:
        @shop.app.reader("events", group="sums", retry=NO_WAIT, dead_letter_queue="full")
        async def add(numbers: list[int]) -> None:
            raise ValueError("not this one")

        await shop.broker.declare("full", length_max=1, overflow="reject")
        await shop.broker.publish("full", b"an older one")
        await shop.broker.topic("events").declare()
        await publish(shop, range(1))
        async with shop.at_work() as running:
            while not running.readings[0].counts.refused:
                await turns()
        assert await lag(shop) == 1
        await shop.broker.purge("full")
        async with shop.at_work():
            await read_all(shop)

    on_a_loop(story)


def test_a_topic_that_is_deleted_and_made_anew_is_read_from_its_beginning() -> None:
    async def story(shop: Shop) -> None:
        read: list[int] = []

        @shop.app.reader("events", group="sums", partitions=1)
        async def add(numbers: list[int]) -> None:
            read.extend(numbers)

        async def has_read() -> bool:
            await passes(shop, 1_000)
            return len(read) == 6

        async with shop.at_work():
            await publish(shop, range(3))
            await read_all(shop)
            await shop.broker.topic("events").delete()
            await passes(shop, 4_000)
            await shop.broker.topic("events").declare(2)
            await publish(shop, range(10, 13), 1)
            await until(has_read)
        assert read == [0, 1, 2, 10, 11, 12]

    on_a_loop(story)


def test_middleware_is_around_each_run_of_a_batch() -> None:
    async def story(shop: Shop) -> None:
        heard: list[object] = []

        class Log:
            def before(self, context: object) -> None:
                raise AssertionError(f"{context} is of no task")

            def before_batch(self, context: BatchContext) -> None:
                context.kept["at"] = context.attempt
                heard.append(("before", context.group, context.state))

            @asynccontextmanager
            async def around_batch(self, context: BatchContext) -> AsyncIterator[None]:
                heard.append(("in", len(context.messages)))
                yield
                heard.append(("out", context.kept["at"]))

            async def after_batch(self, context: BatchContext, result: object) -> None:
                heard.append(("after", context.attempt, result))

            def failed_batch(self, context: BatchContext, error: Exception) -> None:
                heard.append(("failed", context.attempt, str(error)))

        @shop.app.lifespan
        @asynccontextmanager
        async def life() -> AsyncIterator[str]:
            yield "state"

        @shop.app.reader("events", group="sums", retry=NO_WAIT)
        def add(context: BatchContext, numbers: list[int]) -> int:
            heard.append("run")
            if context.attempt == 1:
                raise ValueError("once")
            return sum(numbers)

        shop.app.use(Log())
        await shop.broker.topic("events").declare()
        await publish(shop, range(4))
        async with shop.at_work():
            await read_all(shop)
        begin = [("before", "sums", "state"), ("in", 4), "run"]
        failed = ("failed", 1, "once")
        assert heard == [*begin, failed, *begin, ("out", 2), ("after", 2, 6)]

    on_a_loop(story)


def test_a_middleware_fails_a_batch_before_it_and_not_after_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(shop: Shop) -> None:
        ran: list[list[int]] = []

        class Guard:
            def before_batch(self, context: BatchContext) -> None:
                if context.attempt == 1:
                    raise PermissionError("not yet")

            def after_batch(self, context: BatchContext, result: object) -> None:
                raise OSError(f"no room for {result} of {context.group}")

        @shop.app.reader("events", group="sums", retry=NO_WAIT)
        async def add(numbers: list[int]) -> None:
            ran.append(numbers)

        shop.app.use(Guard())
        await shop.broker.topic("events").declare()
        await publish(shop, range(2))
        async with shop.at_work() as running:
            await read_all(shop)
            assert running.readings[0].counts.failed == 1
        assert ran == [[0, 1]]

    on_a_loop(story)
    assert any("a middleware failed" in one.getMessage() for one in caplog.records)


def test_a_reader_that_stops_at_what_fails_ends_with_a_refusal_that_its_function_raised() -> None:
    async def story(shop: Shop) -> None:
        @shop.app.reader("events", group="sums", retry=NO_WAIT, failing="stop")
        async def add(numbers: list[int]) -> None:
            raise SettingsDiffer("a refusal of its own")

        await shop.broker.topic("events").declare()
        await publish(shop, range(2))
        with pytest.raises(SettingsDiffer, match="of its own"):
            async with shop.at_work() as running:
                await asyncio.wait_for(asyncio.shield(running.readings[0].broken), 10)

    on_a_loop(story)


def test_a_topic_that_goes_while_a_message_of_it_fails_holds_nothing_up() -> None:
    async def story(shop: Shop) -> None:
        read: list[int] = []
        began, go_on, more = asyncio.Event(), asyncio.Event(), asyncio.Event()

        @shop.app.reader("events", group="sums", retry=NO_WAIT)
        async def add(numbers: list[int]) -> None:
            if 0 in numbers:
                began.set()
                await go_on.wait()
                raise ValueError("not this one")
            read.extend(numbers)
            more.set()

        await shop.broker.topic("events").declare()
        async with shop.at_work():
            await publish(shop, range(1))
            await began.wait()
            await shop.broker.topic("events").delete()
            go_on.set()
            while "events" not in await shop.broker.topics():
                await turns()
            await publish(shop, range(10, 13))
            await more.wait()
        assert read == [10, 11, 12]

    on_a_loop(story)
