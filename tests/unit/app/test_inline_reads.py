"""Readers of an app under test: what was published is read where the test asks."""

import asyncio
import logging
from typing import Any

import pytest

from postroad import App, BatchContext, Retry
from postroad.api.broker import Broker
from postroad.errors import QueueFull
from postroad.testing import ClockedBroker


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "postroad.app")


def sums(app: App, **options: Any) -> list[list[int]]:
    batches: list[list[int]] = []

    @app.reader("events", group="sums", retry=Retry(attempts=2), **options)
    def add(numbers: list[int]) -> None:
        if 3 in numbers:
            raise ValueError("not this one")
        batches.append(numbers)

    return batches


def publish(broker: Broker, numbers: range) -> None:
    broker.topic("events").publish_many([str(number) for number in numbers])


def lag(broker: Broker) -> int:
    return sum(part.lag for part in broker.topic("events").group("sums").parts)


def test_a_published_batch_is_read_run_and_committed_by_drain() -> None:
    app = App()
    batches = sums(app, batch=3, partitions=1)
    with app.test() as tested:
        publish(tested.broker, range(10, 17))
        assert tested.drain() == 3
        assert batches == [[10, 11, 12], [13, 14, 15], [16]]
        assert lag(tested.broker) == 0
        assert tested.drain() == 0


def test_what_fails_for_good_is_a_dead_letter_and_reaches_the_test_when_the_rest_is_done() -> None:
    app = App()
    batches = sums(app)
    with app.test() as tested:
        publish(tested.broker, range(6))
        with pytest.raises(ValueError, match="not this one"):
            tested.drain()
        assert sorted(number for batch in batches for number in batch) == [0, 1, 2, 4, 5]
        assert lag(tested.broker) == 0
        (dead,) = tested.broker.receive("sums.dead")
        assert dead.body == b"3"
        assert "ValueError: not this one" in str(dead.headers["postroad-failure"])


def test_a_reader_that_stops_at_what_fails_stands_there() -> None:
    app = App()
    batches = sums(app, failing="stop")
    with app.test() as tested:
        publish(tested.broker, range(5))
        for _ in range(2):
            with pytest.raises(ValueError, match="not this one"):
                tested.drain()
        assert (batches, lag(tested.broker)) == ([], 5)


def test_a_dead_letter_that_is_refused_is_told_to_the_test_and_keeps_its_message() -> None:
    app = App()
    sums(app, dead_letter_queue="full")
    with app.test() as tested:
        tested.broker.change("full", length_max=1)
        tested.broker.publish("full", b"an older one")
        publish(tested.broker, range(5))
        with pytest.raises(QueueFull):
            tested.drain()
        assert lag(tested.broker) == 2


def test_jobs_and_readers_call_each_other_until_nothing_is_left() -> None:
    app = App()
    charged: list[int] = []

    @app.reader("events", group="sums")
    async def add(context: BatchContext, numbers: list[int]) -> None:
        assert context.state is None
        await charge.adelay(sum(numbers))
        context.also(context.later.publish("totals", str(sum(numbers))))

    @app.worker("orders")
    def charge(number: int) -> None:
        charged.append(number)
        if number < 20:
            tested.broker.topic("events").publish(str(number + 10))

    with app.test() as tested:
        tested.broker.declare("totals")
        publish(tested.broker, range(3))
        assert tested.drain() == 6
        assert charged == [3, 13, 23]
        bodies = [one.body for one in tested.broker.receive("totals", 5)]
        assert bodies == [b"3", b"13", b"23"]


def test_a_group_that_begins_at_the_end_reads_what_comes_in_the_test() -> None:
    app = App()
    batches = sums(app, start="latest")
    with ClockedBroker.open() as broker:
        broker.topic("events").declare()
        publish(broker, range(10, 12))
        with app.test(broker) as tested:
            publish(broker, range(12, 14))
            tested.drain()
            assert batches == [[12, 13]]
            broker.pass_time(60_000)
            app.replay("events", group="sums", to="earliest")
            tested.drain()
            assert batches == [[12, 13], [10, 11, 12, 13]]


def test_middleware_and_a_running_loop_see_what_is_read() -> None:
    app = App()
    batches = sums(app)
    heard: list[tuple[str, int]] = []

    class Watch:
        def before_batch(self, context: BatchContext) -> None:
            heard.append((context.group, len(context.messages)))

    app.use(Watch())

    async def story() -> None:
        async with app.test() as tested:
            publish(tested.broker, range(10, 12))
            assert await tested.adrain() == 1

    asyncio.run(story())
    assert batches == [[10, 11]]
    assert heard == [("sums", 2)]
