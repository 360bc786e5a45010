# ruff: noqa: ARG002  (a fake takes what the real one takes)
import asyncio

from postroad.limits import TICK_SLICE
from postroad.net.hub import Hub
from tests.unit.net.transports import CollectingRoad, Wired, turn


class CountingMember:
    """A connection that only counts what the hub does to it."""

    def __init__(self) -> None:
        self.ticks = 0
        self.closed = False
        self.aborted = False

    def flush(self) -> None:
        raise AssertionError("nothing to flush")

    def tick(self, now_ms: int) -> None:
        self.ticks += 1

    def hold(self) -> None:
        raise AssertionError("nobody stops")

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


def test_a_tick_of_very_many_connections_is_cut_into_several_turns() -> None:
    async def body() -> tuple[int, int]:
        hub = Hub(CollectingRoad(), lambda: 0, TICK_SLICE + 1)
        members = [CountingMember() for _ in range(TICK_SLICE + 1)]
        for member in members:
            assert hub.enter(member)
        hub.start()
        hub._tick()
        first = sum(member.ticks for member in members)
        await turn()
        await hub.close(0)
        return first, sum(member.ticks for member in members)

    assert asyncio.run(body()) == (TICK_SLICE, TICK_SLICE + 1)


def test_closing_waits_for_the_last_connection_to_leave() -> None:
    async def body() -> CountingMember:
        hub = Hub(CollectingRoad(), lambda: 0)
        member = CountingMember()
        hub.enter(member)
        asyncio.get_running_loop().call_soon(hub.leave, member)
        await hub.close(60_000)
        return member

    member = asyncio.run(body())
    assert member.closed
    assert not member.aborted


def test_closing_cuts_off_who_does_not_leave_in_time() -> None:
    async def body() -> CountingMember:
        hub = Hub(CollectingRoad(), lambda: 0)
        member = CountingMember()
        hub.enter(member)
        await hub.close(0)
        return member

    assert asyncio.run(body()).aborted


def test_the_longest_lag_is_told_once() -> None:
    async def body() -> None:
        wired = Wired()
        wired.hub.traffic.lag_ms_max = 12.0
        assert wired.hub.figures()["loop_lag_ms_max"] == 12.0
        assert wired.hub.figures()["loop_lag_ms_max"] == 0.0

    asyncio.run(body())
