"""A caller that cannot take its answer harms nobody else."""

import asyncio

import pytest

from postroad.engine.aio import AsyncDriver
from postroad.engine.blocking import BlockingDriver
from postroad.model.ask import Ask, Caller
from postroad.model.commands import DeclareQueue, DescribeQueue, Publish, Receive
from postroad.model.replies import Described, Reply


def breaks(_number: int, _reply: Reply) -> None:
    raise LookupError("no such tab")


def test_a_sink_that_raises_is_told_of_and_the_engine_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def body() -> tuple[float, int]:
        driver = await AsyncDriver.open(None)
        try:
            await driver.ask(DeclareQueue("mail"))
            broken = driver.caller(breaks)
            driver.submit(broken, 1, Receive("mail", wait_ms=60_000))
            driver.submit(broken, 2, DescribeQueue("none"))
            await driver.ask(Publish(("mail",), [b"one", b"two"]))
            described = await driver.ask(DescribeQueue("mail"))
            assert isinstance(described, Described)
            return driver.figures()["sinks_failed_total"], described.leased
        finally:
            await driver.close()

    assert asyncio.run(body()) == (2, 1)
    assert [record.name for record in caplog.records] == ["postroad.engine"] * 2
    assert "no such tab" in caplog.text


def test_a_sink_that_raises_stops_no_thread_that_waits_for_its_own_answer() -> None:
    driver = BlockingDriver(None)
    try:
        driver.ask(DeclareQueue("mail"))
        driver.engine.submit(Ask(Caller(7, breaks), 1, Receive("mail", wait_ms=60_000)))
        driver.ask(Publish(("mail",), [b"one", b"two"]))
        described = driver.ask(DescribeQueue("mail"))
        assert isinstance(described, Described)
        assert described.leased == 1
    finally:
        driver.close()
