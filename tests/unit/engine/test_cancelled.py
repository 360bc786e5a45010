"""Whoever stops waiting leaves nothing leased behind."""

import asyncio
import threading

from postroad.engine.aio import AsyncDriver
from postroad.engine.settings import EngineSettings
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


async def answers_of_a_close_during_cold_reads() -> list[str]:
    """Close while receives wait for the disk: how each of them ended, and the threads left."""
    driver = await AsyncDriver.open(None, EngineSettings(cache_bytes=8_192))
    await driver.ask(DeclareQueue("mail"))
    for turn in range(60):
        await driver.ask(Publish(("mail",), [b"%d " % turn * 1_000]))
    gate = threading.Event()
    get = driver.engine.store.get

    def get_late(id: int, size: int) -> bytes:
        gate.wait()
        return get(id, size)

    driver.engine.store.get = get_late  # type: ignore[method-assign]
    receives = [asyncio.create_task(driver.ask(Receive("mail"))) for _ in range(60)]
    closing = asyncio.create_task(driver.close())
    for _ in range(10_000):
        await turn_of_the_loop()
    gate.set()
    await closing
    ended, waiting = await asyncio.wait(receives, timeout=0)
    left = [one.name for one in threading.enumerate() if one.name.startswith("postroad")]
    return [type(one.result()).__name__ for one in ended] + ["waits"] * len(waiting) + left


def test_a_close_answers_those_whose_messages_are_being_read() -> None:
    assert asyncio.run(answers_of_a_close_during_cold_reads()) == ["Received"] * 60
