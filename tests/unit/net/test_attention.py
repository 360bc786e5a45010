"""What a session hears of its connection beyond bytes and answers."""

import asyncio
from typing import Any

import pytest

from postroad.limits import ASKS_WAITING_MAX
from postroad.model.commands import ListQueues
from postroad.net.hub import Hub
from postroad.net.tcp import Connection
from postroad.protocols.interface import Output
from tests.unit.net.transports import (
    CollectingRoad,
    ObedientSession,
    RememberingTransport,
    Wired,
    turn,
)


class AttentiveSession(ObedientSession):
    """Keeps what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.loopback: bool | None = None
        self.stalls: list[bool] = []

    def met(self, *, loopback: bool) -> None:
        self.loopback = loopback

    def stall(self, full: bool, now_ms: int) -> Output:
        assert now_ms == 1_234
        self.stalls.append(full)
        return Output(asks=((9, ListQueues()),))

    def farewell(self, now_ms: int) -> Output:
        assert now_ms == 1_234
        return Output(send=b"bye")


class PeeredTransport(RememberingTransport):
    """Knows where its peer is."""

    def __init__(self, peer: object) -> None:
        super().__init__()
        self._peer = peer

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._peer if name == "peername" else default


def joined(peer: object = None) -> tuple[AttentiveSession, PeeredTransport, Connection]:
    session, transport = AttentiveSession(), PeeredTransport(peer)
    connection = Connection(Hub(CollectingRoad(), lambda: 1_234), session)
    connection.connection_made(transport)
    return session, transport, connection


@pytest.mark.parametrize(
    ("peer", "loopback"),
    [
        (("127.0.0.1", 5), True),
        (("127.8.8.8", 5), True),
        (("::1", 5, 0, 0), True),
        (("::ffff:127.0.0.1", 5, 0, 0), True),
        (("10.0.0.1", 5), False),
        (("::ffff:10.0.0.1", 5, 0, 0), False),
        (("fe80::1", 5, 0, 0), False),
        ("/run/postroad.sock", True),
        ("", True),
    ],
)
def test_a_session_is_told_whether_its_peer_is_on_this_machine(peer: Any, loopback: bool) -> None:
    session, _, _ = joined(peer)
    assert session.loopback is loopback


def test_a_session_is_told_when_its_peer_does_not_read_and_may_ask_then() -> None:
    session, _, connection = joined()
    connection.pause_writing()
    connection.resume_writing()
    assert session.stalls == [True, False]


def test_a_session_has_the_last_word_when_the_server_closes() -> None:
    async def body() -> None:
        _, transport, connection = joined()
        connection.close()
        connection.close()
        await turn()
        assert transport.writes == [b"bye"]
        assert transport.ended

    asyncio.run(body())


def test_a_session_that_closes_says_its_last_word_itself() -> None:
    async def body() -> None:
        session, transport, connection = joined()
        connection.eof_received()
        connection.pause_writing()
        connection.close()
        await turn()
        assert transport.writes == []
        assert session.stalls == []

    asyncio.run(body())


def test_a_busy_session_is_not_read() -> None:
    async def body() -> None:
        wired = Wired()
        wired.session.on_receive = Output(busy=True)
        wired.feed(b"?")
        assert not wired.transport.reading
        wired.session.on_tick = Output(busy=True)
        wired.pass_ticks(1)
        assert not wired.transport.reading
        wired.session.on_tick = Output()
        wired.pass_ticks(1)
        assert wired.transport.reading

    asyncio.run(body())


class WideSession(ObedientSession):
    """Takes more at once than others."""

    asks_max = 2 * ASKS_WAITING_MAX


def test_a_session_may_have_more_outstanding_than_others_and_cancels_what_it_waits_for() -> None:
    session, road, transport = WideSession(), CollectingRoad(), RememberingTransport()
    connection = Connection(Hub(road, lambda: 1_234), session)
    connection.connection_made(transport)

    def feed(output: Output) -> bool:
        session.on_receive = output
        connection.get_buffer(1)[:1] = b"?"
        connection.buffer_updated(1)
        return transport.reading

    many = 2 * ASKS_WAITING_MAX - 1
    assert feed(Output(asks=tuple((number, ListQueues()) for number in range(many))))
    assert feed(Output(cancels=(3, 5)))
    assert road.cancelled == [3, 5]
    assert not feed(Output(asks=((many, ListQueues()),)))


def test_how_much_a_session_may_have_outstanding_may_change() -> None:
    session, road, transport = WideSession(), CollectingRoad(), RememberingTransport()
    connection = Connection(Hub(road, lambda: 1_234), session)
    connection.connection_made(transport)
    session.asks_max = 2
    session.on_receive = Output(asks=((1, ListQueues()), (2, ListQueues())))
    connection.get_buffer(1)[:1] = b"?"
    connection.buffer_updated(1)
    assert not transport.reading
    session.asks_max = 8
    session.on_tick = Output()
    connection.tick(1_234)
    assert transport.reading
