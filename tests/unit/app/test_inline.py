"""An app under test runs its tasks where they are called, on a real broker in memory."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from postroad.app.app import App
from postroad.app.context import Context
from postroad.app.outcomes import BadBody, Reject, RetryAfter, RetryNow
from postroad.app.retry import Retry
from postroad.errors import BlocksLoop, JobFailed, NoResult
from postroad.testing import ClockedBroker


@dataclass
class Order:
    number: int
    lines: list[str]


def test_a_call_has_run_when_delay_returns() -> None:
    app = App()
    seen: list[Any] = []

    @app.worker("orders")
    def charge(order: Order) -> None:
        seen.append(order)

    with app.test() as tested:
        charge.delay(Order(1, ["tea"]))
        assert seen == [Order(1, ["tea"])]
        described = tested.broker.describe("orders")
        assert (described.ready, described.leased) == (0, 0)


def test_coroutines_run_too_and_may_call_others() -> None:
    app = App()
    seen: list[Any] = []

    @app.worker("first")
    async def first(number: int) -> None:
        await second.adelay(number + 1)
        seen.append(number)

    @app.worker("second")
    def second(number: int) -> None:
        if number < 4:
            second.delay(number + 1)
        seen.append(number)

    with app.test():
        first.delay(1)
    assert seen == [1, 2, 3, 4]


def test_what_a_task_raises_reaches_the_test_and_the_message_waits_for_its_retry() -> None:
    app = App()

    @app.worker("orders")
    def charge(order: int) -> None:
        raise KeyError(order)

    with app.test() as tested:
        with pytest.raises(KeyError):
            charge.delay(7)
        assert tested.broker.describe("orders").delayed == 1


def test_a_rejected_job_is_a_dead_letter_with_its_reason() -> None:
    app = App()

    @app.worker("orders")
    def charge(order: int) -> None:
        raise Reject("no card")

    with app.test() as tested:
        with pytest.raises(Reject, match="no card"):
            charge.delay(7)
        (dead,) = tested.broker.receive("orders.dead")
        assert dead.body == b"7"


def test_a_body_that_does_not_decode_is_a_dead_letter() -> None:
    app = App()

    @app.worker("orders")
    def charge(order: int) -> None:
        raise AssertionError

    with app.test(inline=False) as tested:
        tested.broker.publish("orders", b"seven")
        with pytest.raises(BadBody):
            tested.drain()
        assert tested.broker.describe("orders.dead").ready == 1


def test_a_task_that_asks_for_another_run_gets_it() -> None:
    app = App()
    attempts: list[int] = []

    @app.worker("orders")
    def charge(context: Context, order: int) -> None:
        attempts.append(context.attempt)
        if context.attempt == 1:
            raise RetryNow
        if context.attempt == 2:
            raise RetryAfter(60)

    with ClockedBroker.open() as broker, app.test(broker, inline=False) as tested:
        charge.delay(1)
        assert tested.drain() == 2
        broker.pass_time(59_000)
        assert tested.drain() == 0
        broker.pass_time(1_000)
        assert tested.drain() == 1
    assert attempts == [1, 2, 3]


def test_delayed_jobs_wait_for_their_time() -> None:
    app = App()
    seen: list[Any] = []

    @app.worker("mails")
    def send(text: str) -> None:
        seen.append(text)

    with ClockedBroker.open() as broker, app.test(broker) as tested:
        send.delay("later", delay_seconds=3_600)
        assert seen == []
        broker.pass_time(3_600_000)
        tested.drain()
        assert seen == ["later"]


def test_results_are_there_when_they_were_asked_for() -> None:
    app = App()

    @app.worker("sums", retry=Retry(attempts=1))
    def add(one: int, two: int) -> int:
        return one + two

    with app.test():
        job = add.delay(1, two=2, result=True)
        assert job.result(timeout_s=0) == 3
        assert app.job(job.id).result(timeout_s=0) == 3
        with pytest.raises(NoResult):
            add.delay(1, 2).result()


def test_a_job_that_failed_for_good_says_why() -> None:
    app = App()

    @app.worker("sums", retry=Retry(attempts=1))
    def divide(one: int, two: int) -> float:
        return one / two

    with app.test(inline=False) as tested:
        job = divide.delay(1, 0, result=True)
        with pytest.raises(ZeroDivisionError):
            tested.drain()
        with pytest.raises(JobFailed) as failed:
            job.result(timeout_s=0)
    assert failed.value.error == "ZeroDivisionError"
    assert "one / two" in failed.value.traceback


def test_on_a_running_loop_calls_are_awaited() -> None:
    app = App()
    seen: list[Any] = []

    @asynccontextmanager
    async def life() -> AsyncGenerator[dict[str, int]]:
        seen.append("begun")
        yield {"rate": 3}
        seen.append("ended")

    app.lifespan(life)

    @app.worker("sums")
    async def times(context: Context, one: int) -> int:
        return one * int(context.state["rate"])

    async def main() -> None:
        with pytest.raises(BlocksLoop), app.test():
            pass
        async with app.test() as tested:
            job = await times.adelay(2, result=True)
            assert await job.aresult(timeout_s=0) == 6
            with pytest.raises(BlocksLoop, match=r"await times.adelay"):
                times.delay(2)
            with pytest.raises(BlocksLoop):
                tested.drain()

    asyncio.run(main())
    assert seen == ["begun", "ended"]


def test_middleware_stands_around_the_tasks() -> None:
    app = App()
    seen: list[Any] = []

    class Noted:
        def before(self, context: Context) -> None:
            seen.append(f"before {context.queue}")

        def after(self, _: Context, result: object) -> None:
            seen.append(f"after {result}")

    app.use(Noted())

    @app.worker("sums")
    def add(one: int, two: int) -> int:
        return one + two

    with app.test():
        add.delay(1, 2)
    assert seen == ["before sums", "after 3"]


def test_afterwards_the_app_is_as_it_was() -> None:
    app = App()
    link = app.link
    with app.test():
        assert app.link is not link
    assert app.link is link
