"""Results of jobs that real workers run, beside those who wait for them."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest

from postroad import App, Reject, Retry
from postroad.errors import JobFailed
from postroad.limits import RESULT_LOOK_S


def over(app: App, asking: Coroutine[Any, Any, None]) -> None:
    """Let somebody ask while the workers of the app are at work."""

    async def main() -> None:
        workers = asyncio.create_task(app.serve())
        try:
            async with asyncio.timeout(30):
                await asking
        finally:
            workers.cancel()
            with suppress(asyncio.CancelledError):
                await workers
            await app.aclose()

    asyncio.run(main())


def test_hundreds_of_results_each_reach_who_asked_for_them() -> None:
    app = App(None)

    @app.worker("squares")
    async def square(number: int) -> int:
        return number * number

    async def asking() -> None:
        jobs = await square.adelay_many(range(300), result=True)
        results = await asyncio.gather(*(job.aresult(timeout_s=20) for job in jobs))
        assert results == [number * number for number in range(300)]

    over(app, asking())


def test_a_plain_function_may_wait_for_the_result_of_another_task() -> None:
    app = App(None)

    @app.worker("inner")
    def inner(number: int) -> int:
        return number + 1

    @app.worker("outer")
    def outer(number: int) -> int:
        return 10 * int(inner.delay(number, result=True).result(timeout_s=20))

    async def asking() -> None:
        job = await outer.adelay(1, result=True)
        assert await job.aresult(timeout_s=20) == 20

    over(app, asking())


def test_a_failure_is_told_when_it_is_final(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "postroad.app")
    app = App(None)
    runs: list[str] = []

    @app.worker("rejects")
    def reject(number: int) -> None:
        raise Reject("not today")

    @app.worker("fails", retry=Retry(attempts=3, backoff="none"))
    async def fail(name: str) -> None:
        runs.append(name)
        raise KeyError(name)

    async def asking() -> None:
        rejected = await reject.adelay(1, result=True)
        failed = await fail.adelay("a", result=True)
        with pytest.raises(JobFailed, match="Reject: not today"):
            await rejected.aresult(timeout_s=20)
        with pytest.raises(JobFailed, match="KeyError: 'a'") as told:
            await failed.aresult(timeout_s=20)
        assert "raise KeyError(name)" in told.value.traceback
        assert runs == ["a"] * 3

    over(app, asking())


def test_who_is_told_before_the_wait_begins_does_not_wait() -> None:
    waits = App(None).waits

    async def asking() -> float:
        loop = asyncio.get_running_loop()
        with waits.expect("a", monotonic() + 60) as waiting:
            (wake,) = waits._sleepers["a"]
            await asyncio.to_thread(wake)
            since_s = loop.time()
            assert await waiting.await_()
            return loop.time() - since_s

    assert asyncio.run(asking()) < RESULT_LOOK_S
