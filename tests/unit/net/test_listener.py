import asyncio

import pytest

from postroad.net.hub import Hub
from postroad.net.listener import Address, CannotListen, open_listener
from postroad.protocols.interface import Output
from tests.unit.net.transports import CollectingRoad, ObedientSession

HERE = Address("127.0.0.1", 0)


def test_an_address_of_ip_version_6_is_written_in_brackets() -> None:
    assert str(Address("::1", 9324)) == "[::1]:9324"
    assert str(Address("127.0.0.1", 9324)) == "127.0.0.1:9324"


def test_port_0_picks_a_free_port_and_a_client_is_answered_there() -> None:
    async def body() -> tuple[int, bytes]:
        hub = Hub(CollectingRoad(), lambda: 0)
        session = ObedientSession()
        session.on_receive = Output(send=b"hello", close=True)
        listener = await open_listener(hub, "sqs", HERE, lambda: session)
        port = listener.address.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"who is there")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        listener.close()
        await hub.close(5_000)
        return port, answer

    port, answer = asyncio.run(body())
    assert port > 0
    assert answer == b"hello"


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("taken", "another program uses that port; stop it or choose another with `--sqs "),
        ("203.0.113.7", "this machine has no address `203.0.113.7`"),
        ("no.such.host.invalid", "this machine has no address `no.such.host.invalid`"),
    ],
)
def test_a_port_that_cannot_be_had_is_one_clear_line(host: str, says: str) -> None:
    async def body() -> str:
        hub = Hub(CollectingRoad(), lambda: 0)
        listener = await open_listener(hub, "sqs", HERE, ObedientSession)
        wanted = listener.address if host == "taken" else Address(host, 0)
        with pytest.raises(CannotListen) as caught:
            await open_listener(hub, "sqs", wanted, ObedientSession)
        listener.close()
        return str(caught.value)

    message = asyncio.run(body())
    assert says in message
    assert "\n" not in message
