"""Connections that come to nothing, end, or begin anew, with both faces."""

import asyncio
import socket
from pathlib import Path

import pytest

from postroad import AsyncBroker, Broker
from postroad.engine.settings import EngineSettings
from postroad.errors import BadSettings, BrokerClosed, NotConnected, TimedOut
from tests.unit.api.serving import ServerHere


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def test_where_no_server_is_the_caller_is_told_at_once() -> None:
    url = f"postroad://127.0.0.1:{free_port()}"
    with pytest.raises(NotConnected, match="refused"):
        Broker.connect(url)

    async def body() -> None:
        with pytest.raises(NotConnected, match="refused"):
            await AsyncBroker.connect(url)

    asyncio.run(body())


def test_where_no_socket_is_the_caller_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(NotConnected):
        Broker.connect(f"postroad+unix://{tmp_path}/{'long' * 40}/postroad.sock")


@pytest.mark.parametrize("timeout_s", [0, -1, "5", True])
def test_a_timeout_is_a_number_of_seconds(timeout_s: float) -> None:
    with pytest.raises(BadSettings, match="timeout_s"):
        Broker.connect("postroad://127.0.0.1:1", timeout_s=timeout_s)


def test_a_server_that_is_gone_for_longer_than_the_timeout_is_said_to_be() -> None:
    server = ServerHere(None, EngineSettings())
    with Broker.connect(server.url, timeout_s=0.3) as broker:
        broker.declare("q")
        server.stop()
        with pytest.raises(TimedOut):
            broker.describe("q")


def test_a_closed_broker_takes_no_calls_and_may_be_closed_again() -> None:
    server = ServerHere(None, EngineSettings())
    broker = Broker.connect(server.url)
    broker.close()
    broker.close()
    with pytest.raises(BrokerClosed):
        broker.queues()
    server.stop()


def test_a_cancelled_receive_leases_nothing() -> None:
    server = ServerHere(None, EngineSettings())

    async def body() -> None:
        async with AsyncBroker.connect(server.url) as broker:
            await broker.declare("q", lease_ms=60_000)
            waiting = asyncio.create_task(broker.receive("q", wait_ms=60_000))
            await broker.queues()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await broker.publish("q", "a")
            (message,) = await broker.receive("q", wait_ms=5_000)
            assert message.body == b"a"

    asyncio.run(body())
    server.stop()
