"""Whoever stops waiting leaves nothing leased behind."""

import asyncio

from postroad.engine.aio import AsyncDriver
from postroad.model.ask import Ask
from postroad.model.commands import DeclareQueue, DescribeQueue, Publish, Receive
from postroad.model.replies import Described


async def turn_of_the_loop() -> None:
    """Let everything that is ready on the loop run once."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_soon(over.set_result, None)
    await over


async def leased_after_cancelling(turns: int) -> tuple[bool, int]:
    """Cancel a waiting receive turns after a publish: whether it was, and what is leased."""
    driver = await AsyncDriver.open(None)
    try:
        await driver.ask(DeclareQueue("mail"))
        receive = asyncio.create_task(driver.ask(Receive("mail", wait_ms=60_000)))
        await driver.ask(DescribeQueue("mail"))
        publish = asyncio.create_task(driver.ask(Publish(("mail",), [b"hello"])))
        for _ in range(turns):
            await turn_of_the_loop()
        receive.cancel()
        got = await asyncio.gather(receive, return_exceptions=True)
        await publish
        described = await driver.ask(DescribeQueue("mail"))
        assert isinstance(described, Described)
        assert described.ready + described.leased == 1
        return isinstance(got[0], asyncio.CancelledError), described.leased
    finally:
        await driver.close()


def test_a_receive_cancelled_at_any_turn_gives_its_message_back() -> None:
    ways = [asyncio.run(leased_after_cancelling(turns)) for turns in range(12)]
    assert set(ways) == {(True, 0), (False, 1)}, "both a cancelled and a finished receive were seen"


async def leased_when_the_answer_comes_after_the_cancel() -> int:
    """Cancel a receive, and let its answer come before its task knows."""
    driver = await AsyncDriver.open(None)
    try:
        await driver.ask(DeclareQueue("mail"))
        receive = asyncio.create_task(driver.ask(Receive("mail", wait_ms=60_000)))
        await driver.ask(DescribeQueue("mail"))
        receive.cancel()
        engine = driver.engine
        sender = driver.caller(lambda _number, _reply: None)
        engine.submit(Ask(sender, 0, Publish(("mail",), [b"hello"])))
        for job in engine.turn(driver.clock.now_ms()):
            engine.finished(job, job.run())
        await asyncio.gather(receive, return_exceptions=True)
        described = await driver.ask(DescribeQueue("mail"))
        assert isinstance(described, Described)
        return described.leased
    finally:
        await driver.close()


def test_an_answer_between_a_cancel_and_its_task_is_not_lost() -> None:
    assert asyncio.run(leased_when_the_answer_comes_after_the_cancel()) == 0
