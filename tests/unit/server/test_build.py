import asyncio
from collections.abc import Callable

import pytest

from postroad.metrics import METRICS
from postroad.model.commands import ListQueues
from postroad.model.replies import Listed, Reply
from postroad.net.listener import CannotListen
from postroad.protocols.interface import Output, Session
from postroad.server import build
from postroad.server.build import Parts, Server
from postroad.server.config import load
from tests.unit.server.fakes import ScriptedDriver

PORT_0 = load({"sqs": "127.0.0.1:0", "amqp": "off"}, {})


class LineSession:
    """Each line is a question; the answer is the names of all queues."""

    def receive(self, data: bytes, now_ms: int) -> Output:  # noqa: ARG002
        return Output(asks=((1, ListQueues(data.decode().strip())),))

    def answer(self, number: int, reply: Reply, now_ms: int) -> Output:  # noqa: ARG002
        assert isinstance(reply, Listed)
        return Output(send=" ".join(reply.names).encode() + b"\n")

    def tick(self, now_ms: int) -> Output:  # noqa: ARG002
        return Output()


def line_sessions(parts: Parts) -> Callable[[], Session]:
    assert parts.pages.keys() == {"/health/live", "/health/ready", "/metrics"}
    return LineSession


@pytest.fixture(autouse=True)
def plain_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(build.PROTOCOLS, "sqs", line_sessions)


def test_a_client_is_answered_by_the_engine() -> None:
    async def body() -> bytes:
        driver = ScriptedDriver({ListQueues: Listed(["a", "b"], more=False)})
        server = await Server.open(PORT_0, driver.open)
        address = server.addresses["sqs"]
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"pre\n")
        line = await asyncio.wait_for(reader.readline(), 5)
        assert server.not_ready() == ""
        assert server.figures().keys() <= METRICS.keys()
        await server.close()
        assert driver.asked == [ListQueues("pre")]
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert driver.closed == 1
        assert server.not_ready() == "stopping"
        return line

    assert asyncio.run(body()) == b"a b\n"


def test_what_is_off_does_not_listen() -> None:
    async def body() -> None:
        server = await Server.open(load({"sqs": "off", "amqp": "off"}, {}), ScriptedDriver().open)
        assert server.addresses == {}
        await server.close()

    asyncio.run(body())


def test_a_port_in_use_closes_the_directory_again() -> None:
    async def body() -> ScriptedDriver:
        first = await Server.open(PORT_0, ScriptedDriver().open)
        taken = load({"sqs": str(first.addresses["sqs"]), "amqp": "off"}, {})
        second = ScriptedDriver()
        with pytest.raises(CannotListen):
            await Server.open(taken, second.open)
        await first.close()
        return second

    assert asyncio.run(body()).closed == 1


def test_a_server_whose_journal_failed_is_not_ready() -> None:
    async def body() -> str:
        driver = ScriptedDriver()
        server = await Server.open(PORT_0, driver.open)
        driver.failed.set_result("no sync")
        why = server.not_ready()
        await server.close()
        return why

    assert asyncio.run(body()) == "failed"
