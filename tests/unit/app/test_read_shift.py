"""A member whose connection breaks, or who is put out, while its batch is being filled."""

import asyncio
import logging
from typing import Any

import pytest

from postroad import App, AsyncBroker
from postroad.app.hooks import Hooks
from postroad.app.read_shift import ReadShift
from postroad.errors import ConnectionLost, NoSpace, PostroadError
from postroad.model.groups import LeaveGroup
from tests.unit.app.shop import turns

SECOND_READ = 3
"""Asked of the broker: the beat at the start, the first read, and the one that fills the batch."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("postroad.app.again.WORKER_AGAIN_MS", 2)
    caplog.set_level(logging.CRITICAL, "postroad.app")


class Torn:
    """A broker to which something happens before one operation."""

    def __init__(self, broker: AsyncBroker, error: PostroadError | None) -> None:
        self._broker = broker
        self._error = error
        self._count = 0
        self.member = ""
        self.later = broker.later
        self.batch = broker.batch

    async def do(self, operation: Any) -> Any:
        self._count += 1
        if self._count == SECOND_READ:
            if self._error is not None:
                raise self._error
            await self._broker.driver.ask(LeaveGroup("sums", self.member))
        return await self._broker.do(operation)


async def has_read(broker: AsyncBroker, batches: list[list[int]]) -> bool:
    return bool(batches) and not (await broker.topic("events").group("sums")).parts[0].lag


async def filled(error: PostroadError | None) -> list[list[int]]:
    """The batches of a member to whom it happened while its first one was filled: an error, or it
    is put out.
    """
    batches: list[list[int]] = []
    async with AsyncBroker.open(None) as broker:
        app = App.of(broker)

        @app.reader("events", group="sums", batch=5, wait_s=0.05)
        async def add(numbers: list[int]) -> None:
            batches.append(numbers)

        topic = broker.topic("events")
        await topic.declare()
        await topic.publish_many(["0", "1", "2"])
        torn = Torn(broker, error)
        loop = asyncio.get_running_loop()

        def now_ms() -> int:
            return round(loop.time() * 1_000)

        shift = ReadShift(add, torn, (Hooks([], batches=True), None), now_ms)  # type: ignore[arg-type]
        torn.member = shift._member.member
        await shift.start()
        try:
            # Until the caller's time is over: it takes real time to be a member again.
            while not await has_read(broker, batches):
                await turns()
        finally:
            await shift.stop(0)
    return batches


def test_a_connection_that_breaks_while_a_batch_is_filled_passes_over_no_message() -> None:
    batches = asyncio.run(asyncio.wait_for(filled(ConnectionLost("it broke", "ask again")), 10))
    assert batches == [[0, 1, 2]]


def test_a_member_that_is_put_out_while_a_batch_is_filled_reads_it_again() -> None:
    batches = asyncio.run(asyncio.wait_for(filled(None), 10))
    assert batches == [[0, 1, 2]]


def test_a_read_that_is_refused_is_begun_anew_and_passes_over_no_message() -> None:
    batches = asyncio.run(asyncio.wait_for(filled(NoSpace("the disk is full")), 10))
    assert batches == [[0, 1, 2]]
