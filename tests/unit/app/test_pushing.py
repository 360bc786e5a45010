"""An embedded broker pushes while a program wants it to."""

import asyncio
import logging
from pathlib import Path

import pytest

from postroad import AsyncBroker
from postroad.app.pushing import pushing
from tests.unit.net.hooks import Hook, hooked

WITHIN_S = 20.0


async def held(broker: AsyncBroker) -> int:
    found = await broker.describe("orders")
    return found.ready + found.delayed + found.leased


def test_an_embedded_broker_pushes_as_long_as_the_block_lasts() -> None:
    async def story(hook: Hook) -> None:
        async with AsyncBroker.open(None) as broker:
            await broker.declare("orders")
            await broker.push("orders", hook.url)
            await broker.publish("orders", b"one")
            assert hook.posts == []
            async with pushing(broker, look_ms=1):
                while await held(broker):
                    pass
            await broker.publish("orders", b"two")
            assert [one.body for one in await broker.pop("orders", 5)] == [b"two"]

    with hooked() as hook:
        asyncio.run(asyncio.wait_for(story(hook), WITHIN_S))
    assert hook.bodies == [b"one"]


def test_private_addresses_can_be_out_of_reach() -> None:
    async def story(hook: Hook) -> None:
        async with AsyncBroker.open(None) as broker:
            await broker.declare("dead")
            await broker.declare("orders", deliveries_max=1, dead_letter_queue="dead")
            await broker.push("orders", hook.url)
            await broker.publish("orders", b"one")
            async with pushing(broker, private=False, look_ms=1):
                (dead,) = await broker.receive("dead", wait_ms=20_000)
            assert dead.failure.endswith("`127.0.0.1` is no public address")

    with hooked() as hook:
        asyncio.run(asyncio.wait_for(story(hook), WITHIN_S))
    assert hook.posts == []


def test_so_many_queues_are_pushed_as_the_broker_was_opened_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with AsyncBroker.open(tmp_path) as broker:
            for queue in ("a", "b"):
                await broker.declare(queue)
                await broker.push(queue, "http://127.0.0.1:1/")
        async with AsyncBroker.open(tmp_path, pushes_max=1) as broker, pushing(broker, look_ms=1):
            while "1 queues are not pushed: 1 are at most" not in caplog.text:
                await broker.describe("a")

    with caplog.at_level(logging.WARNING):
        asyncio.run(asyncio.wait_for(story(), WITHIN_S))
