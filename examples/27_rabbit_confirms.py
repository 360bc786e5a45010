"""Publisher confirms with asyncio: many at once, each durable when its await returns."""

import asyncio

import aio_pika
from served import served

MANY = 1_000


async def main(url: str) -> None:
    """Publish many, then more than a queue takes."""
    connection = await aio_pika.connect_robust(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        queue = await channel.declare_queue("confirmed", durable=True)
        publish = channel.default_exchange.publish
        bodies = (str(number).encode() for number in range(MANY))
        sent = await asyncio.gather(
            *(publish(aio_pika.Message(body), queue.name) for body in bodies)
        )
        print("confirmed:", sum(one is not None for one in sent))
        print("purged:", (await queue.purge()).message_count)

        arguments = {"x-max-length": 2, "x-overflow": "reject-publish"}
        small = await channel.declare_queue("small", durable=True, arguments=arguments)
        for number in range(3):
            try:
                await publish(aio_pika.Message(b"x"), small.name)
                print(number, "taken")
            except aio_pika.exceptions.DeliveryError:
                print(number, "refused: the queue is full")


with served("confirms-data") as endpoints:
    asyncio.run(main(f"amqp://guest:guest@{endpoints['amqp']}/"))
