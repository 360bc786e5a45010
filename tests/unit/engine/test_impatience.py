"""Whoever does not want to wait any longer has the answer of the end of the wait at once."""

import asyncio

import pytest

from postroad.engine.aio import AsyncDriver
from postroad.engine.settings import EngineSettings
from postroad.model.ask import Ask
from postroad.model.commands import Command, DeclareQueue, DescribeQueue, Publish, Receive
from postroad.model.lists import ListItems, ListPop
from postroad.model.replies import Received, Reply
from postroad.model.topics import DeclareTopic, Fetch, Fetched, Span
from tests.unit.engine.rooms import Room

HOUR_MS = 3_600_000


async def answered(command: Command, ready: bool) -> list[tuple[int, Reply]]:
    """What two standing asks of one caller are told when the first is cancelled: at once with it,
    or (`ready`) when it waits already."""
    driver = await AsyncDriver.open(None)
    try:
        await driver.ask(DeclareQueue("mail"))
        await driver.ask(DeclareTopic("events", 1))
        answers: list[tuple[int, Reply]] = []
        caller = driver.caller(lambda number, reply: answers.append((number, reply)))
        other = driver.caller(lambda number, reply: answers.append((-number, reply)))
        driver.submit(caller, 1, command)
        driver.submit(caller, 2, command)
        driver.submit(other, 1, command)
        if ready:
            await driver.ask(DescribeQueue("mail"))
        driver.cancel(caller, 1)
        await driver.ask(DescribeQueue("mail"))
        await driver.ask(DescribeQueue("mail"))
        return list(answers)
    finally:
        await driver.close()


@pytest.mark.parametrize("ready", [False, True])
@pytest.mark.parametrize(
    ("command", "told"),
    [
        (Receive("mail", wait_ms=HOUR_MS), Received([])),
        (ListPop(("mail",), "left", wait_ms=HOUR_MS), ListItems("", [])),
    ],
)
def test_a_wait_that_nobody_wants_any_more_is_answered_as_its_end_would(
    command: Command, told: Reply, ready: bool
) -> None:
    assert asyncio.run(answered(command, ready)) == [(1, told)], "and no other wait is touched"


def test_a_fetch_that_nobody_wants_any_more_has_what_there_is() -> None:
    fetch = Fetch((Span("events", 0, 0),), wait_ms=HOUR_MS)
    ((number, reply),) = asyncio.run(answered(fetch, True))
    assert (number, type(reply)) == (1, Fetched)


def test_what_does_not_wait_is_not_touched() -> None:
    async def body() -> list[tuple[int, Reply]]:
        driver = await AsyncDriver.open(None)
        try:
            await driver.ask(DeclareQueue("mail"))
            answers: list[tuple[int, Reply]] = []
            caller = driver.caller(lambda number, reply: answers.append((number, reply)))
            driver.submit(caller, 1, Receive("mail", wait_ms=HOUR_MS))
            await driver.ask(Publish(("mail",), [b"hello"]))
            driver.cancel(caller, 1)
            driver.cancel(caller, 2)
            await driver.ask(DescribeQueue("mail"))
            return answers
        finally:
            await driver.close()

    ((number, reply),) = asyncio.run(body())
    assert number == 1
    assert isinstance(reply, Received)
    assert [one.body for one in reply.messages] == [b"hello"], "it had its answer before"


def test_a_wait_that_is_held_behind_a_publish_is_over_as_soon_as_it_would_begin() -> None:
    room = Room(EngineSettings(cache_bytes=4_096))
    room.ask(DeclareQueue("mail"))
    room.ask(DeclareQueue("empty"))
    engine = room.engine
    engine.submit(Ask(room.caller, 101, Publish(("mail",), [bytes(10_000)])))
    jobs = engine.turn(room.now_ms)
    assert engine.keeper.holds_back(), "no block is placed yet, and the cache is full"
    engine.submit(Ask(room.caller, 102, Publish(("mail",), [b"hello"])))
    engine.submit(Ask(room.caller, 103, Receive("empty", wait_ms=HOUR_MS)))
    jobs += engine.turn(room.now_ms)
    engine.cancel(room.caller, 103)
    jobs += engine.turn(room.now_ms)
    assert engine.inbox.held
    for job in jobs:
        engine.finished(job, job.run())
    room.rest()
    assert not engine.inbox.held
    assert room.said[-1] == Received([])
    assert not engine.core.demand.waiting
