"""Tasks of one event loop share a broker; the loop never waits for the disk."""

import asyncio
from contextlib import aclosing

from postroad import AsyncBroker

COUNT = 200


async def work(broker: AsyncBroker) -> int:
    """Take messages as they come, until none came for a while."""
    done = 0
    async with aclosing(broker.consume("mail", credit=20, idle_ms=1_000)) as messages:
        async for message in messages:
            await broker.ack(message)
            done += 1
    return done


async def main() -> None:
    """Publish from many tasks at once, while two others work."""
    async with AsyncBroker.open("asyncio-data") as broker:
        await broker.declare("mail")
        workers = [asyncio.create_task(work(broker)) for _ in range(2)]
        await asyncio.gather(*(broker.publish("mail", f"letter {at}") for at in range(COUNT)))
        print("published:", COUNT)
        print("done:", sum(await asyncio.gather(*workers)))
        print("fewer appends than messages:", broker.driver.engine.groups_written < COUNT)


asyncio.run(main())
