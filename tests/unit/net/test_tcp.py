import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from postroad.limits import ASKS_WAITING_MAX, CLOSE_TICKS_MAX, STALLED_TICKS_MAX
from postroad.model.commands import DescribeQueue, ListQueues
from postroad.model.replies import Done, Listed
from postroad.protocols.interface import Output
from tests.unit.net.transports import ObedientSession, Wired, turn

ASK = ListQueues()


def run(body: Callable[[Wired], Awaitable[None]], connections_max: int = 10) -> Wired:
    """Run a test's body in a loop around one wired connection."""

    async def inside() -> Wired:
        wired = Wired(connections_max)
        await body(wired)
        return wired

    return asyncio.run(inside())


def asks(first: int, count: int) -> Output:
    return Output(asks=tuple((number, ASK) for number in range(first, first + count)))


def test_bytes_go_to_the_session_and_its_asks_to_the_engine() -> None:
    async def body(wired: Wired) -> None:
        wired.session.on_receive = Output(asks=((7, DescribeQueue("mail")),))
        wired.feed(b"describe mail")

    wired = run(body)
    assert wired.session.received == [b"describe mail"]
    assert [(number, command) for _, number, command in wired.road.asked] == [
        (7, DescribeQueue("mail"))
    ]


def test_all_that_happens_in_one_turn_is_one_write() -> None:
    async def body(wired: Wired) -> None:
        wired.session.on_receive = Output(send=b"a", asks=((1, ASK), (2, ASK)))
        wired.feed(b"?")
        wired.session.on_answer = Output(send=b"b")
        wired.road.answer(0, Listed([], more=False))
        wired.road.answer(1, Listed([], more=False))
        assert wired.transport.writes == []
        await turn()
        assert wired.transport.writes == [b"abb"]
        wired.session.on_receive = Output(send=b"c")
        wired.feed(b"?")
        await turn()

    wired = run(body)
    assert wired.transport.writes == [b"abb", b"c"]
    assert wired.hub.figures()["sent_bytes_total"] == 4


def test_who_has_too_many_asks_waiting_is_not_read_until_half_are_answered() -> None:
    async def body(wired: Wired) -> None:
        wired.session.on_receive = asks(0, ASKS_WAITING_MAX - 1)
        wired.feed(b"?")
        assert wired.transport.reading
        wired.session.on_receive = asks(ASKS_WAITING_MAX, 1)
        wired.feed(b"?")
        reading = [wired.transport.reading]
        for index in range(ASKS_WAITING_MAX // 2 + 1):
            wired.road.answer(index, Done())
            reading.append(wired.transport.reading)
        assert reading == [False] * (ASKS_WAITING_MAX // 2 + 1) + [True]

    run(body)


def test_a_second_answer_to_one_ask_makes_no_room() -> None:
    async def body(wired: Wired) -> None:
        wired.session.on_receive = asks(0, ASKS_WAITING_MAX)
        wired.feed(b"?")
        for _ in range(ASKS_WAITING_MAX):
            wired.road.answer(0, Done())
        assert not wired.transport.reading

    run(body)


def test_who_does_not_read_its_answers_is_not_read() -> None:
    async def body(wired: Wired) -> None:
        wired.connection.pause_writing()
        assert not wired.transport.reading
        wired.connection.resume_writing()
        assert wired.transport.reading

    run(body)


def test_who_does_not_read_for_a_minute_is_cut_off() -> None:
    async def body(wired: Wired) -> None:
        wired.connection.pause_writing()
        wired.pass_ticks(STALLED_TICKS_MAX - 1)
        assert not wired.transport.aborted
        wired.pass_ticks(1)
        assert wired.transport.aborted

    wired = run(body)
    assert wired.hub.figures()["connections_stalled_total"] == 1
    assert len(wired.road.forgotten) == 1


def test_a_closing_session_sends_its_last_answer_and_the_end_of_stream_first() -> None:
    async def body(wired: Wired) -> None:
        wired.session.on_receive = Output(send=b"go away", close=True)
        wired.feed(b"?")

    wired = run(body)
    assert wired.transport.writes == [b"go away"]
    assert wired.transport.ended
    assert not wired.transport.closed
    assert len(wired.road.forgotten) == 1


def test_what_a_peer_sends_after_the_close_is_dropped_and_it_is_cut_off_in_time() -> None:
    async def body(wired: Wired) -> None:
        wired.session.on_receive = Output(close=True)
        wired.feed(b"?")
        wired.feed(b"more")
        assert wired.session.received == [b"?"]
        wired.pass_ticks(CLOSE_TICKS_MAX - 1)
        assert not wired.transport.aborted
        wired.pass_ticks(1)
        assert wired.transport.aborted

    run(body)


def test_a_peer_that_is_gone_is_forgotten_at_once_and_only_once() -> None:
    async def body(wired: Wired) -> None:
        wired.session.on_receive = asks(0, 1)
        wired.feed(b"?")
        assert wired.connection.eof_received() is False
        assert len(wired.road.forgotten) == 1
        wired.road.answer(0, Done())
        wired.connection.connection_lost(None)

    wired = run(body)
    assert len(wired.road.forgotten) == 1
    assert wired.transport.writes == []
    assert len(wired.hub) == 0


def test_answers_collected_before_the_end_of_input_are_still_sent() -> None:
    async def body(wired: Wired) -> None:
        wired.session.on_receive = Output(send=b"yes")
        wired.feed(b"?")
        wired.connection.eof_received()

    assert run(body).transport.writes == [b"yes"]


@pytest.mark.parametrize("where", ["on_receive", "on_answer", "on_tick"])
def test_a_bug_in_a_session_ends_that_connection_only(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(wired: Wired) -> None:
        other_session, other_transport, other = wired.connect()
        wired.session.on_receive = asks(0, 1)
        setattr(wired.session, where, ValueError("a bug"))
        wired.feed(b"?")
        if wired.road.asked:
            wired.road.answer(0, Done())
        wired.connection.tick(0)
        assert wired.transport.aborted
        other_session.on_receive = Output(send=b"fine")
        wired.feed(b"?", other)
        await turn()
        assert other_transport.writes == [b"fine"]

    with caplog.at_level(logging.ERROR, "postroad.net"):
        wired = run(body)
    assert len(caplog.records) == 1
    assert wired.hub.figures()["connections_broken_total"] == 1
    assert len(wired.road.forgotten) == 1


def test_one_connection_too_many_is_turned_away() -> None:
    async def body(wired: Wired) -> None:
        _, transport, connection = wired.connect()
        assert transport.aborted
        connection.connection_lost(None)

    wired = run(body, connections_max=1)
    assert len(wired.hub) == 1
    assert wired.hub.figures()["connections_turned_away_total"] == 1
    assert wired.road.forgotten == []


def test_a_held_connection_is_not_read_but_answered() -> None:
    async def body(wired: Wired) -> None:
        wired.session.on_receive = asks(0, 1)
        wired.session.on_answer = Output(send=b"last")
        wired.feed(b"?")
        wired.hub.hold()
        assert not wired.transport.reading
        wired.road.answer(0, Done())
        await turn()
        assert wired.transport.writes == [b"last"]
        assert not wired.transport.reading

    run(body)


def test_a_session_sees_the_time_on_each_tick() -> None:
    async def body(wired: Wired) -> None:
        wired.pass_ticks(3)

    wired = run(body)
    assert wired.session.ticks == [1_234] * 3


def test_a_tick_may_close_an_idle_connection() -> None:
    async def body(wired: Wired) -> None:
        wired.session.on_tick = Output(close=True)
        wired.pass_ticks(1)
        assert wired.transport.ended

    run(body)


def test_sessions_of_the_tests_take_the_interface() -> None:
    from postroad.protocols.interface import Session

    session: Session = ObedientSession()
    assert session.receive(b"", 0) == Output()
