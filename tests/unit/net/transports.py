"""A transport that only remembers, an engine that only collects, a session that does as told."""

# ruff: noqa: ARG002  (fakes take what the real ones take)

import asyncio
from collections.abc import Callable

from postroad.model.ask import Caller
from postroad.model.commands import Command
from postroad.model.replies import Reply
from postroad.net.hub import Hub
from postroad.net.tcp import Connection
from postroad.protocols.interface import Output


class RememberingTransport(asyncio.Transport):
    """Keeps each write apart, so that a test can count them."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.reading = True
        self.ended = False
        self.closed = False
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended, "nothing is written after the end of stream"
        self.writes.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True


class CollectingRoad:
    """Takes asks; the test answers them."""

    def __init__(self) -> None:
        self.asked: list[tuple[Caller, int, Command]] = []
        self.forgotten: list[Caller] = []
        self.cancelled: list[int] = []

    def caller(self, sink: Callable[[int, Reply], None]) -> Caller:
        return Caller(len(self.asked) + 1, sink)

    def submit(self, caller: Caller, number: int, command: Command) -> None:
        self.asked.append((caller, number, command))

    def cancel(self, caller: Caller, number: int) -> None:
        self.cancelled.append(number)

    def forget(self, caller: Caller) -> None:
        self.forgotten.append(caller)

    def answer(self, index: int, reply: Reply) -> None:
        caller, number, _ = self.asked[index]
        caller.sink(number, reply)


class ObedientSession:
    """Returns the output that the test put there; raises it when it is an error."""

    def __init__(self) -> None:
        self.on_receive: Output | Exception = Output()
        self.on_answer: Output | Exception = Output()
        self.on_tick: Output | Exception = Output()
        self.received: list[bytes] = []
        self.ticks: list[int] = []

    def receive(self, data: bytes, now_ms: int) -> Output:
        self.received.append(data)
        return self._give(self.on_receive)

    def answer(self, number: int, reply: Reply, now_ms: int) -> Output:
        return self._give(self.on_answer)

    def tick(self, now_ms: int) -> Output:
        self.ticks.append(now_ms)
        return self._give(self.on_tick)

    def _give(self, output: Output | Exception) -> Output:
        if isinstance(output, Exception):
            raise output
        return output


class Wired:
    """One connection with everything around it in the test's hands."""

    def __init__(self, connections_max: int = 10) -> None:
        self.road = CollectingRoad()
        self.hub = Hub(self.road, lambda: 1_234, connections_max)
        self.session, self.transport, self.connection = self.connect()

    def connect(self) -> tuple[ObedientSession, RememberingTransport, Connection]:
        session, transport = ObedientSession(), RememberingTransport()
        connection = Connection(self.hub, session)
        connection.connection_made(transport)
        return session, transport, connection

    def feed(self, data: bytes, connection: Connection | None = None) -> None:
        connection = connection or self.connection
        connection.get_buffer(-1)[: len(data)] = data
        connection.buffer_updated(len(data))

    def pass_ticks(self, count: int) -> None:
        """What the hub's timer does, without the timer."""
        for _ in range(count):
            self.hub.beat += 1
            self.connection.tick(self.hub.now_ms())


async def turn() -> None:
    """Let the loop run what was put off to the end of this turn."""
    passed = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(passed.set_result, None)
    await passed
