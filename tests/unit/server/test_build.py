import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from postroad.metrics import METRICS
from postroad.model.commands import ListQueues
from postroad.model.replies import Listed, Reply
from postroad.net.listener import CannotListen
from postroad.protocols.interface import Output, Session
from postroad.protocols.native.greeting import Hello, pack
from postroad.protocols.native.spec import MAGIC, Kind
from postroad.protocols.native.wire import frame
from postroad.server import build
from postroad.server.build import Parts, Server
from postroad.server.config import load
from tests.unit.server.fakes import ScriptedDriver

OTHERS_OFF = {"amqp": "off", "native": "off", "native_socket": "off", "push": "off"}
PORT_0 = load({"sqs": "127.0.0.1:0", **OTHERS_OFF}, {})


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


@pytest.mark.parametrize(("where", "pushes"), [("off", False), ("public", True)])
def test_a_server_pushes_queues_unless_it_was_told_not_to(where: str, pushes: bool) -> None:
    async def body() -> None:
        driver = ScriptedDriver({})
        server = await Server.open(
            load({"sqs": "127.0.0.1:0", **OTHERS_OFF, "push": where}, {}), driver.open
        )
        assert ("queue_pushes" in server.figures()) == pushes
        await server.close()

    asyncio.run(body())


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
        server = await Server.open(load({"sqs": "off", **OTHERS_OFF}, {}), ScriptedDriver().open)
        assert server.addresses == {}
        await server.close()

    asyncio.run(body())


def test_a_port_in_use_closes_the_directory_again() -> None:
    async def body() -> ScriptedDriver:
        first = await Server.open(PORT_0, ScriptedDriver().open)
        taken = load({"sqs": str(first.addresses["sqs"]), **OTHERS_OFF}, {})
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


def test_a_socket_that_cannot_be_had_is_a_remark_and_the_server_comes_up(tmp_path: Path) -> None:
    async def body(folder: Path) -> list[str]:
        options = {"data": str(folder), "sqs": "off", "amqp": "off", "native": "127.0.0.1:0"}
        server = await Server.open(load(options, {}), ScriptedDriver().open)
        await server.close()
        return server.remarks

    (line,) = asyncio.run(body(tmp_path / "not there"))
    assert line.startswith(f"no socket `{tmp_path / 'not there' / 'postroad.sock'}`: ")
    assert asyncio.run(body(tmp_path)) == []


@pytest.mark.parametrize("way", ["port", "socket"])
def test_users_are_asked_for_at_the_port_and_not_at_the_socket(tmp_path: Path, way: str) -> None:
    async def body() -> int:
        options = {"data": str(tmp_path), "sqs": "off", "amqp": "off", "native": "127.0.0.1:0"}
        settings = load(options, {"POSTROAD_NATIVE_USERS": "me:secret"})
        server = await Server.open(settings, ScriptedDriver().open)
        try:
            if way == "port":
                port = server.addresses["native"].port
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            else:
                file = str(tmp_path / "postroad.sock")
                reader, writer = await asyncio.open_unix_connection(file)
            writer.write(MAGIC + frame(Kind.HELLO, 0, pack(Hello(1))))
            head = await asyncio.wait_for(reader.readexactly(5), 5)
            writer.close()
            assert server.figures()["native_logins_refused_total"] == (way == "port")
            assert server.figures().keys() <= METRICS.keys()
        finally:
            await server.close()
        return head[4]

    assert asyncio.run(body()) == (Kind.FAULT if way == "port" else Kind.WELCOME)
