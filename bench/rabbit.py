"""RabbitMQ in a process of its own, and the clients that both servers are measured with.

The rule kept here: both get the same programs, a durable queue, persistent messages, confirms and
an ack for each message.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aio_pika
import pika

from bench.broker import scratch

START_S = 90
SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
PERSISTENT = pika.BasicProperties(delivery_mode=2)
CONF = """listeners.tcp.local = 127.0.0.1:{port}
log.file.level = warning
disk_free_limit.absolute = 100MB
"""


def found() -> bool:
    """Whether RabbitMQ is installed."""
    return Path(SERVER).exists()


@contextmanager
def rabbitmq() -> Iterator[tuple[str, int, int]]:
    """RabbitMQ with its defaults: host, port, process id."""
    with scratch() as path:
        port, dist, mapper = free_port(), free_port(), free_port()
        (path / "rabbitmq.conf").write_text(CONF.format(port=port), encoding="utf-8")
        environment = {
            **os.environ,
            "HOME": str(path),
            "RABBITMQ_NODENAME": f"bench{port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(path),
            "RABBITMQ_LOG_BASE": str(path),
            "RABBITMQ_CONFIG_FILE": str(path / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(path / "plugins"),
            "RABBITMQ_PID_FILE": str(path / "pid"),
            "RABBITMQ_DIST_PORT": str(dist),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(mapper),
        }
        epmd = shutil.which("epmd") or "epmd"
        names = _start([epmd, "-address", "127.0.0.1", "-port", str(mapper)], environment)
        server = _start([SERVER], environment)
        try:
            _until_open(port, server)
            yield "127.0.0.1", port, server.pid
        finally:
            _stop(server)
            _stop(names)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    null = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=null, stderr=null, env=environment)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _until_open(port: int, server: subprocess.Popen[bytes]) -> None:
    """RabbitMQ listens before it answers, so the handshake is what counts."""
    end = time.monotonic() + START_S
    while True:
        if server.poll() is not None or time.monotonic() > end:
            raise RuntimeError("RabbitMQ did not come up")
        try:
            blocking("127.0.0.1", port).close()
        except (OSError, pika.exceptions.AMQPError):
            time.sleep(0.5)
        else:
            return


def blocking(host: str, port: int) -> pika.BlockingConnection:
    """A connection of pika's."""
    return pika.BlockingConnection(pika.ConnectionParameters(host, port, heartbeat=0))


def one_by_one(host: str, port: int, count: int, body: bytes) -> list[float]:
    """pika, one confirm at a time: how long each publish took, in seconds."""
    connection = blocking(host, port)
    channel = connection.channel()
    channel.queue_declare("one-by-one", durable=True)
    channel.confirm_delivery()
    took = []
    for _ in range(count):
        begin = time.perf_counter()
        channel.basic_publish("", "one-by-one", body, PERSISTENT)
        took.append(time.perf_counter() - begin)
    channel.queue_delete("one-by-one")
    connection.close()
    return took


def outstanding(host: str, port: int, count: int, body: bytes, window: int) -> tuple[float, float]:
    """aio-pika, `window` confirms outstanding, then consume with an ack each: both rates."""
    return asyncio.run(_outstanding(f"amqp://guest:guest@{host}:{port}/", count, body, window))


async def _outstanding(url: str, count: int, body: bytes, window: int) -> tuple[float, float]:
    connection = await aio_pika.connect(url)
    channel = await connection.channel(publisher_confirms=True)
    await channel.set_qos(prefetch_count=window)
    queue = await channel.declare_queue("many", durable=True)
    exchange = channel.default_exchange

    async def publish(share: int) -> None:
        for _ in range(share):
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await exchange.publish(message, "many")

    begin = time.perf_counter()
    await asyncio.gather(*[publish(count // window) for _ in range(window)])
    published_s = time.perf_counter() - begin
    left = count // window * window
    total = left
    done = asyncio.Event()

    async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        nonlocal left
        await message.ack()
        left -= 1
        if not left:
            done.set()

    begin = time.perf_counter()
    consumer = await queue.consume(take)
    await asyncio.wait_for(done.wait(), 120)
    await channel.declare_queue("many", passive=True)
    consumed_s = time.perf_counter() - begin
    await queue.cancel(consumer)
    await queue.delete()
    await connection.close()
    return total / published_s, total / consumed_s
