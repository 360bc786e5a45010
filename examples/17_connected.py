"""Two programs share one server: the same methods as in process, by threads and by tasks."""

import asyncio

from served import served

from postroad import AsyncBroker, Broker


async def work(url: str) -> list[str]:
    """Take what another program published, until nothing came for a while."""
    done = []
    async with AsyncBroker.connect(url) as broker:
        async for message in broker.consume("orders", credit=10, idle_ms=500):
            done.append(message.body.decode())
            await broker.ack(message)
    return done


with served("connected-data") as endpoints:
    url = f"postroad://{endpoints['native']}"
    with Broker.connect(url, timeout_s=10) as broker:
        broker.declare("orders")
        broker.publish_many("orders", [f"order {number}" for number in range(3)])
        print("done:", asyncio.run(work(url)))

    # A directory that a server holds is reached through the server.
    with Broker.open("connected-data") as broker:
        print("left:", broker.describe("orders").ready)
