"""Commits whose connection breaks: what came of them is looked up before they are asked again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from postroad import App, AsyncBroker
from postroad.api.readers import Reader
from postroad.api.topics import TopicMessage
from postroad.app.commits import Commits
from postroad.errors import ConnectionLost, QueueNotFound
from postroad.limits import MESSAGE_BYTES_MAX
from postroad.model.commands import Command


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("postroad.app.commits.WORKER_AGAIN_MS", 1)
    caplog.set_level(logging.CRITICAL, "postroad.app")


class Torn:
    """A broker whose connection breaks at one batch, before it is done or after."""

    def __init__(self, broker: AsyncBroker, *, done: bool) -> None:
        self._broker = broker
        self._done = done
        self.breaks = 1
        self.later = broker.later
        self.do = broker.do

    async def batch(self, operations: list[Any]) -> list[Any]:
        if self.breaks and not self._done:
            self.breaks -= 1
            raise ConnectionLost("it broke", "ask again")
        results = await self._broker.batch(operations)
        if self.breaks:
            self.breaks -= 1
            raise ConnectionLost("it broke", "ask again")
        return results


Story = Callable[
    [AsyncBroker, Reader, list[TopicMessage], Callable[[Any], Commits]], Awaitable[None]
]


def with_a_member(story: Story) -> None:
    async def run() -> None:
        async with AsyncBroker.open(None) as broker:
            app = App.of(broker)
            reader = app.reader("events", group="sums")(print)
            member = reader.member()
            await broker.declare("sums.dead")
            await broker.topic("events").declare()
            await broker.topic("events").publish_many(["0", "1", "2"])
            messages = await broker.do(member.poll(0))

            def commits(through: Any) -> Commits:
                return Commits(reader, through, member, asyncio.Lock())

            await asyncio.wait_for(story(broker, member, messages, commits), 20)

    asyncio.run(run())


async def committed(broker: AsyncBroker) -> int:
    return (await broker.topic("events").group("sums")).parts[0].offset


@pytest.mark.parametrize("done", [True, False])
def test_what_goes_with_a_commit_is_done_once_though_its_answer_was_lost(done: bool) -> None:
    async def story(
        broker: AsyncBroker,
        member: Reader,
        messages: list[TopicMessage],
        commits: Callable[[Any], Commits],
    ) -> None:
        torn = Torn(broker, done=done)
        one = commits(torn)
        assert await one.commit(messages[:2], one.dead_letter(messages[1], "why"))
        assert torn.breaks == 0
        assert await committed(broker) == 2
        assert (await broker.describe("sums.dead")).ready == 1
        assert await one.commit(messages[2:], [])
        assert await committed(broker) == 3

    with_a_member(story)


def test_a_member_that_is_out_commits_nothing_and_nothing_goes_with_it() -> None:
    async def story(
        broker: AsyncBroker,
        member: Reader,
        messages: list[TopicMessage],
        commits: Callable[[Any], Commits],
    ) -> None:
        one = commits(broker)
        await broker.do(Reader(("events",), "sums", member.member).leave())
        asked: list[Command] = one.dead_letter(messages[0], "why")
        member.forget()
        assert not await one.commit(messages, asked)
        assert not await one.commit(messages, [])
        assert (await broker.describe("sums.dead")).ready == 0
        assert await committed(broker) == 0

    with_a_member(story)


def test_what_is_refused_of_that_which_goes_with_a_commit_is_raised_and_nothing_is_done() -> None:
    async def story(
        broker: AsyncBroker,
        member: Reader,
        messages: list[TopicMessage],
        commits: Callable[[Any], Commits],
    ) -> None:
        one = commits(broker)
        asked = one.dead_letter(messages[0], "why")
        await broker.delete("sums.dead")
        with pytest.raises(QueueNotFound):
            await one.commit(messages, asked)
        assert await committed(broker) == 0
        assert await one.commit(messages, [])

    with_a_member(story)


def test_a_dead_letter_that_is_too_large_says_where_its_message_is() -> None:
    async def story(
        broker: AsyncBroker,
        member: Reader,
        messages: list[TopicMessage],
        commits: Callable[[Any], Commits],
    ) -> None:
        large = msgspec.structs.replace(messages[0], body=b"x" * MESSAGE_BYTES_MAX)
        assert await commits(broker).bury(large, "why")
        (dead,) = await broker.receive("sums.dead")
        assert dead.body == b""
        assert dead.headers == {
            "postroad-topic": "events",
            "postroad-partition": 0,
            "postroad-offset": 0,
            "postroad-group": "sums",
            "postroad-failure": "why",
        }
        assert await committed(broker) == 1

    with_a_member(story)
