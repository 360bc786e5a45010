"""The asyncio driver shares its loop with whatever else runs on it."""

import asyncio

import pytest

import postroad
from postroad.engine.aio import AsyncDriver
from postroad.engine.jobs import Job, Lane

ROUNDS = 20
JOBS = 10


class Nothing:
    """A job that is done at once."""

    lane = Lane.KEEP

    def run(self) -> None:
        pass


class Busy:
    """An engine that always has more to do at once; its jobs end while it is at it."""

    def __init__(self) -> None:
        self.turns = 0
        self.ended = 0
        self.fault = None

    def stop_waiting(self) -> None:
        pass

    def turn(self, _now_ms: int) -> list[Job]:
        self.turns += 1
        return [Nothing() for _ in range(JOBS)] if self.turns == 1 else []

    def finished(self, _job: Job, _result: object) -> None:
        self.ended += 1

    def next_wake(self) -> int:
        return 1


async def round_of_the_loop() -> None:
    loop = asyncio.get_running_loop()
    passed = loop.create_future()
    loop.call_soon(passed.set_result, None)
    await passed


@pytest.mark.skipif(
    postroad.COMPILED, reason="what is compiled takes no other engine; the plain run shows it"
)
def test_a_busy_engine_takes_one_turn_a_round_of_the_loop_however_many_jobs_have_ended() -> None:
    async def body() -> int:
        driver = await AsyncDriver.open(None)
        engine, busy = driver.engine, Busy()
        driver.engine = busy  # type: ignore[assignment]
        driver.stop_waiting()
        while busy.ended < JOBS:
            await round_of_the_loop()
        before = busy.turns
        for _ in range(ROUNDS):
            await round_of_the_loop()
        turns = busy.turns - before
        driver.engine = engine
        await driver.close()
        return turns

    # The loop goes round once to set what is waited for, and once more to go on.
    assert ROUNDS <= asyncio.run(body()) <= 2 * ROUNDS
