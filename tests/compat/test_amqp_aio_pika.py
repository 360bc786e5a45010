"""aio-pika, as asyncio programs use RabbitMQ."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aio_pika.exceptions import DeliveryError, QueueEmpty
from aio_pika.patterns import RPC, Master

from tests.compat.amqp_clients import OTHER, WAIT_MS_MAX, Broker, fresh
from tests.compat.conftest import Serve

WAIT_S_MAX = WAIT_MS_MAX / 1_000
Story = Callable[[Any], Awaitable[None]]


def run(url: str, story: Story) -> None:
    """Tell a story to a robust connection, within the time there is."""

    async def told() -> None:
        connection = await aio_pika.connect_robust(url, reconnect_interval=0.1)
        async with connection:
            await story(connection)

    asyncio.run(asyncio.wait_for(told(), WAIT_S_MAX))


def text(body: str, **given: Any) -> aio_pika.Message:
    return aio_pika.Message(body.encode(), **given)


def test_a_queue_is_iterated_over(broker: Broker) -> None:
    async def story(connection: Any) -> None:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=10)
        queue = await channel.declare_queue(fresh(), durable=True)
        mode = aio_pika.DeliveryMode.PERSISTENT
        for number in range(50):
            message = text(str(number), delivery_mode=mode, headers={"n": number})
            confirmed = await channel.default_exchange.publish(message, queue.name)
            assert confirmed.name == "Basic.Ack"
        got = []
        async with queue.iterator() as messages:
            async for message in messages:
                async with message.process():
                    got.append((int(message.body), message.headers["n"]))
                if len(got) == 50:
                    break
        assert got == [(number, number) for number in range(50)]
        with pytest.raises(QueueEmpty):
            await queue.get(timeout=WAIT_S_MAX)

    run(broker.url, story)


def test_many_publishes_wait_for_their_confirms_together(broker: Broker) -> None:
    async def story(connection: Any) -> None:
        channel = await connection.channel(publisher_confirms=True)
        queue = await channel.declare_queue(fresh(), durable=True)
        publish = channel.default_exchange.publish
        await asyncio.gather(*(publish(text(str(number)), queue.name) for number in range(500)))
        assert (await queue.purge()).message_count == 500

    run(broker.url, story)


def test_an_unroutable_message_and_a_refused_one_are_errors(broker: Broker) -> None:
    async def story(connection: Any) -> None:
        channel = await connection.channel(on_return_raises=True)
        with pytest.raises(DeliveryError):
            await channel.default_exchange.publish(text("nowhere"), fresh())
        arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
        queue = await channel.declare_queue(fresh(), durable=True, arguments=arguments)
        await channel.default_exchange.publish(text("fits"), queue.name)
        with pytest.raises(DeliveryError):
            await channel.default_exchange.publish(text("does not"), queue.name)

    run(broker.url, story)


def test_a_failing_task_is_rejected_and_one_that_asks_comes_again(broker: Broker) -> None:
    async def story(connection: Any) -> None:
        channel = await connection.channel()
        queue = await channel.declare_queue(fresh(), durable=True)
        await channel.default_exchange.publish(text("try"), queue.name)
        first = await queue.get(timeout=WAIT_S_MAX)
        with pytest.raises(RuntimeError):
            async with first.process(requeue=True):
                raise RuntimeError
        again = await queue.get(timeout=WAIT_S_MAX, fail=True)
        assert again.redelivered
        await again.ack()

    run(broker.url, story)


def test_functions_are_called_and_their_errors_come_back(broker: Broker) -> None:
    name = fresh("multiply")

    async def multiply(*, x: int, y: int) -> int:
        return x * y

    async def story(connection: Any) -> None:
        channel = await connection.channel()
        rpc = await RPC.create(channel)
        await rpc.register(name, multiply, auto_delete=True)
        calls = (rpc.call(name, {"x": number, "y": number}) for number in range(20))
        assert await asyncio.gather(*calls) == [number * number for number in range(20)]
        with pytest.raises(TypeError):
            await rpc.call(name, {"z": 1})
        await rpc.close()

    run(broker.url, story)


def test_a_master_gives_tasks_to_workers(broker: Broker) -> None:
    name = fresh("task")

    async def story(connection: Any) -> None:
        done: list[int] = []
        all_done = asyncio.Event()

        async def work(*, number: int) -> None:
            done.append(number)
            if len(done) == 10:
                all_done.set()

        master = Master(await connection.channel())
        worker = await master.create_worker(name, work, durable=True)
        for number in range(10):
            await master.create_task(name, {"number": number})
        await all_done.wait()
        await worker.close()
        assert sorted(done) == list(range(10))

    run(broker.url, story)


@pytest.mark.skipif(bool(OTHER), reason="the other broker is not ours to kill")
def test_a_robust_connection_goes_on_after_the_server_was_killed(
    serve: Serve, tmp_path: Path
) -> None:
    served = serve()
    address = served.endpoints["amqp"]
    name = fresh()

    async def story(connection: Any) -> None:
        channel = await connection.channel()
        queue = await channel.declare_queue(name, durable=True)
        got: asyncio.Queue[bytes] = asyncio.Queue()

        async def take(message: Any) -> None:
            await got.put(message.body)
            await message.ack()

        await queue.consume(take)
        await channel.default_exchange.publish(text("before"), name)
        assert await got.get() == b"before"
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        back = asyncio.Event()
        connection.reconnect_callbacks.add(lambda *_: back.set())
        served.stop(signal.SIGKILL)
        await asyncio.to_thread(serve, "--amqp", address)
        await back.wait()
        await channel.ready()
        await channel.default_exchange.publish(text("after"), name)
        # An ack that the kill took brings its message back: at least once.
        while await got.get() != b"after":
            pass

    run(f"amqp://guest:guest@{address}/", story)
