"""An engine that answers from a script, for tests of what is joined to it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from postroad.model.ask import Caller
from postroad.model.commands import Command
from postroad.model.replies import Done, Reply
from postroad.server.config import Settings


@dataclass
class ScriptedReport:
    groups: int = 12
    messages: int = 3_456
    torn_bytes: int = 0
    epoch: int = 7
    position: int = 3
    records: int = 40
    dropped: int = 0
    queues: int = 2


@dataclass
class ScriptedDriver:
    """`replies`: command type -> the answer, or the answers in turn."""

    replies: dict[type, Reply | list[Reply]] = field(default_factory=dict)
    report: ScriptedReport = field(default_factory=ScriptedReport)
    secret: bytes = b"secret"
    durability: str = "fdatasync before every acknowledgement"
    compiled: bool = False
    short_of_space: bool = False
    asked: list[Command] = field(default_factory=list)
    closed: int = 0
    counts: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._failed: asyncio.Future[str] | None = None

    @property
    def failed(self) -> asyncio.Future[str]:
        if self._failed is None:
            self._failed = asyncio.get_running_loop().create_future()
        return self._failed

    def caller(self, sink: Callable[[int, Reply], None]) -> Caller:
        return Caller(1, sink)

    def submit(self, caller: Caller, number: int, command: Command) -> None:
        self.asked.append(command)
        caller.sink(number, self._reply(command))

    def forget(self, caller: Caller) -> None:
        pass

    def cancel(self, caller: Caller, number: int) -> None:
        pass

    async def ask(self, command: Command) -> Reply:
        self.asked.append(command)
        return self._reply(command)

    def figures(self) -> dict[str, float]:
        return self.counts

    async def close(self) -> None:
        self.closed += 1

    async def open(self, settings: Settings) -> "ScriptedDriver":
        """Stand in for `open_engine`."""
        self.opened_with = settings
        return self

    def _reply(self, command: Command) -> Reply:
        reply = self.replies.get(type(command), Done())
        return reply.pop(0) if isinstance(reply, list) else reply
