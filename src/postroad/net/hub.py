"""What all connections of a process share: the engine, the read buffer, one flush a turn, a tick.

It stands between the connections and the engine. The rule kept here: what many connections need is
done once for all of them, so that an idle connection costs nothing but its tick.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from postroad.limits import CONNECTIONS_MAX, READ_BUFFER_BYTES, TICK_MS, TICK_SLICE
from postroad.model.ask import Caller
from postroad.model.commands import Command
from postroad.model.replies import Reply


class Road(Protocol):
    """The engine's face as the sockets need it."""

    def caller(self, sink: Callable[[int, Reply], None]) -> Caller:
        """Make somebody who may ask; `sink(number, reply)` takes the answers."""

    def submit(self, caller: Caller, number: int, command: Command) -> None:
        """Put a question; its answer comes through the caller's sink."""

    def forget(self, caller: Caller) -> None:
        """The caller is gone: end what it waits for and what is bound to it."""

    def cancel(self, caller: Caller, number: int) -> None:
        """The caller does not want to wait for one of its questions: it is answered now."""


class Member(Protocol):
    """A connection as the hub sees it."""

    def flush(self) -> None:
        """Write what was collected in this turn."""

    def tick(self, now_ms: int) -> None:
        """About a second went by."""

    def hold(self) -> None:
        """Take no more requests: the process is stopping."""

    def close(self) -> None:
        """Send what is left, then end."""

    def abort(self) -> None:
        """End now."""


@dataclass(slots=True)
class Traffic:
    """Counts of what the sockets did since the start; `lag_ms_max`: the latest a tick came."""

    accepted: int = 0
    turned_away: int = 0
    broken: int = 0
    stalled: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    lag_ms_max: float = 0.0


class Hub:
    """All open connections, whichever port they came in by."""

    def __init__(
        self, road: Road, now_ms: Callable[[], int], connections_max: int = CONNECTIONS_MAX
    ) -> None:
        """`now_ms` reads the wall clock; `connections_max` bounds all ports together."""
        self.road = road
        self.now_ms = now_ms
        self.traffic = Traffic()
        # One buffer for all: a read fills it and hands it on within one call, so no two can meet.
        self.buffer = memoryview(bytearray(READ_BUFFER_BYTES))
        self.beat = 0
        """Ticks since the start: the clock of coarse deadlines."""
        self._connections_max = connections_max
        self._members: set[Member] = set()
        self._dirty: list[Member] = []
        self._timer: asyncio.TimerHandle | None = None
        self._all_left: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self._members)

    def enter(self, member: Member) -> bool:
        """Count a new connection in; false when there are too many, and it is to be cut off."""
        if len(self._members) >= self._connections_max:
            self.traffic.turned_away += 1
            return False
        self.traffic.accepted += 1
        self._members.add(member)
        return True

    def leave(self, member: Member) -> None:
        """A connection is closed."""
        self._members.discard(member)
        if self._all_left is not None and not self._members:
            self._all_left.set()

    def flush_soon(self, member: Member) -> None:
        """Let a connection write once, after all that happens in this turn of the loop."""
        self._dirty.append(member)
        if len(self._dirty) == 1:
            asyncio.get_running_loop().call_soon(self._flush)

    def start(self) -> None:
        """Begin to tick."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(loop.time() + TICK_MS / 1_000, self._tick)

    def hold(self) -> None:
        """Read no more requests from anybody; answers still go out."""
        for member in tuple(self._members):
            member.hold()

    async def close(self, wait_ms: int) -> None:
        """Close each connection after its last answer; cut off who is not gone in `wait_ms`."""
        self._all_left = asyncio.Event()
        for member in tuple(self._members):
            member.close()
        if self._members:
            try:
                await asyncio.wait_for(self._all_left.wait(), wait_ms / 1_000)
            except TimeoutError:
                for member in tuple(self._members):
                    member.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def figures(self) -> dict[str, float]:
        """Gauges and counters by the names of `postroad.metrics`."""
        traffic = self.traffic
        lag_ms_max, traffic.lag_ms_max = traffic.lag_ms_max, 0.0
        return {
            "connections": len(self._members),
            "connections_accepted_total": traffic.accepted,
            "connections_turned_away_total": traffic.turned_away,
            "connections_broken_total": traffic.broken,
            "connections_stalled_total": traffic.stalled,
            "received_bytes_total": traffic.bytes_in,
            "sent_bytes_total": traffic.bytes_out,
            "loop_lag_ms_max": lag_ms_max,
        }

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for member in dirty:
            member.flush()

    def _tick(self) -> None:
        assert self._timer is not None
        loop = asyncio.get_running_loop()
        late_ms = (loop.time() - self._timer.when()) * 1_000
        self.traffic.lag_ms_max = max(self.traffic.lag_ms_max, late_ms)
        self.beat += 1
        self._timer = loop.call_at(loop.time() + TICK_MS / 1_000, self._tick)
        self._tick_slice(list(self._members))

    def _tick_slice(self, members: list[Member]) -> None:
        """Ten thousand connections in one go would be a long turn."""
        now_ms = self.now_ms()
        for member in members[:TICK_SLICE]:
            member.tick(now_ms)
        if len(members) > TICK_SLICE:
            asyncio.get_running_loop().call_soon(self._tick_slice, members[TICK_SLICE:])
