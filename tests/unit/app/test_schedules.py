"""Schedules of workers: declared when the app is run, fired by the broker."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from postroad.app.app import App
from postroad.app.context import Context
from postroad.errors import BadSettings, BadWorker
from tests.unit.app.shop import Shop, on_a_loop


def test_a_worker_is_called_at_its_times() -> None:
    async def story(shop: Shop) -> None:
        ran: list[tuple[str, int, str | None]] = []
        enough = asyncio.Event()

        @shop.app.every("50ms", missed="all", args=("eu",), kwargs={"depth": 2})
        @shop.app.worker("reports")
        async def report(context: Context, region: str, depth: int) -> None:
            name = context.message.headers["postroad-schedule"]
            ran.append((region, depth, str(name)))
            if len(ran) == 3:
                enough.set()

        async with shop.at_work():
            [one] = await shop.broker.schedules()
            shop.clock.advance(200)
            await shop.broker.describe("reports")
            await enough.wait()
        assert ran[0] == ("eu", 2, report.name)
        assert (one.name, one.settings.every_ms) == (report.name, 50)

    on_a_loop(story)


def test_a_run_says_again_what_the_code_says_and_leaves_the_others() -> None:
    async def story(shop: Shop) -> None:
        await shop.broker.declare("other")
        await shop.broker.schedule("old", queue="other", every="1h")

        @shop.app.cron("0 3 * * *", zone="Europe/Paris", name="nightly")
        @shop.app.every(timedelta(hours=1), name="hourly")
        @shop.app.worker("reports")
        async def report() -> None:
            """Nothing to do."""

        for _ in range(2):
            async with shop.at_work():
                found = await shop.broker.schedules()
            assert [one.name for one in found] == ["hourly", "nightly", "old"]
        assert found[1].settings.zone == "Europe/Paris"
        shop.app.plans.clear()
        shop.app.cron("0 4 * * *", name="nightly")(report)
        async with shop.at_work():
            found = await shop.broker.schedules()
        assert [one.name for one in found] == ["hourly", "nightly", "old"]
        assert (found[1].settings.cron, found[1].settings.zone) == ("0 4 * * *", "UTC")

    on_a_loop(story)


def test_what_is_said_of_its_messages_is_declared_too() -> None:
    async def story(shop: Shop) -> None:
        @shop.app.every("1h", jitter_ms=60_000, ttl_ms=3_600_000, priority=3, key="eu")
        @shop.app.worker("reports")
        async def report() -> None:
            """Nothing to do."""

        async with shop.at_work():
            [one] = await shop.broker.schedules()
        told = one.settings
        assert (told.jitter_ms, told.ttl_ms, told.priority, told.key) == (
            *(60_000, 3_600_000, 3),
            "eu",
        )

    on_a_loop(story)


def test_a_run_of_some_queues_declares_their_schedules_alone() -> None:
    async def story(shop: Shop) -> None:
        for queue in ("a", "b"):

            async def work() -> None:
                """Nothing to do."""

            work.__qualname__ = queue
            shop.app.every("1h", name=queue)(shop.app.worker(queue)(work))
        running = shop.app.running(queues=["b"])
        run = asyncio.create_task(running.run())
        await running.started.wait()
        assert [one.name for one in await shop.broker.schedules()] == ["b"]
        running.stop()
        await run

    on_a_loop(story)


def test_what_makes_no_sense_is_refused_where_it_is_written() -> None:
    app = App()

    @app.worker("reports")
    def report() -> None:
        """Nothing to do."""

    with pytest.raises(BadWorker, match="write it above"):
        app.every("5m")(report.function)  # type: ignore[type-var]
    with pytest.raises(BadSettings, match="`every` is a time"):
        app.every("soon")(report)
    with pytest.raises(BadWorker, match="no option `colour`"):
        app.every("5m", colour="red")  # type: ignore[call-arg]
    app.every("5m")(report)
    with pytest.raises(BadWorker, match="two schedules"):
        app.every("6m")(report)
    app.worker("reports")(report.function)
    app.every("6m")(app.workers["reports"])
    assert app.plans[report.name].times == {"every": "6m"}


@pytest.mark.parametrize(
    ("every", "wrong"),
    [
        (0, {}),
        ("5m", {"zone": 5}),
        ("5m", {"missed": "sometimes"}),
        ("5m", {"anchor_ms": -1}),
        ("5m", {"name": 5}),
        ("5m", {"key": 5}),
        ("5m", {"jitter_ms": -1}),
        ("5m", {"ttl_ms": 0}),
        ("5m", {"ttl_ms": "1m"}),
        ("5m", {"priority": 256}),
        ("5m", {"priority": "high"}),
        ("5m", {"args": 5}),
        ("5m", {"args": "eu"}),
        ("5m", {"kwargs": 5}),
    ],
)
def test_options_that_no_schedule_has_are_refused_where_they_are_written(
    every: Any, wrong: dict[str, Any]
) -> None:
    app = App()

    @app.worker("reports")
    def report() -> None:
        pass

    with pytest.raises((BadSettings, BadWorker), match="schedule `"):
        app.every(every, **wrong)(report)
    assert not app.plans


def test_arguments_that_the_task_does_not_take_end_the_start_of_the_run() -> None:
    async def story(shop: Shop) -> None:
        @shop.app.every("1h", args=(1, 2))
        @shop.app.worker("reports")
        async def report() -> None:
            """Nothing to do."""

        with pytest.raises(TypeError):
            async with shop.at_work():
                pass
        assert await shop.broker.schedules() == []

    on_a_loop(story)
