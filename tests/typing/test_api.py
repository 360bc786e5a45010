"""What a type checker sees of the public API; run, too, so that it stays true."""

from contextlib import aclosing
from typing import assert_type

from postroad import AsyncBroker, Broker, Message, Outgoing
from postroad.api.places import Place
from postroad.model.replies import Described, PeekedMessage, TaskInfo


def test_the_blocking_face_is_typed() -> None:
    with Broker.open(None, sync="never", cache_bytes=1 << 20) as broker:
        assert_type(broker, Broker)
        assert_type(broker.declare("a", lease_ms=5_000), bool)
        assert_type(broker.declare("b"), bool)
        assert_type(broker.publish("a", b"x", headers={"n": 1}), Place)
        assert_type(broker.publish(["a", "b"], "x"), list[Place])
        assert_type(broker.publish_many("a", [b"x", "y", Outgoing("z")]), Place)
        assert_type(broker.publish_many(("a", "b"), [b"x"]), list[Place])
        messages = broker.receive("a", 10, wait_ms=0)
        assert_type(messages, list[Message])
        assert_type(broker.receipt(messages[0]), str)
        broker.extend(messages, 5_000)
        broker.ack(messages[0])
        broker.release([messages[1], broker.receipt(messages[2])])
        assert_type(broker.describe("a"), Described)
        assert_type(broker.peek("a"), list[PeekedMessage])
        assert_type(broker.queues("a"), list[str])
        assert_type(broker.move("a", "b"), int)
        assert_type(broker.moves("a"), list[TaskInfo])
        for message in broker.consume("a", idle_ms=0):
            assert_type(message, Message)
            assert_type(message.body, bytes)


async def asyncio_face() -> None:
    async with AsyncBroker.open(None) as broker:
        assert_type(broker, AsyncBroker)
        assert_type(await broker.declare("a", lease_ms=5_000), bool)
        assert_type(await broker.publish("a", b"x"), Place)
        assert_type(await broker.receive("a"), list[Message])
        async with aclosing(broker.consume("a", idle_ms=0)) as messages:
            async for message in messages:
                assert_type(message, Message)
