"""One question on its way through the road: who asks, under which number, and what.

One rule: below the protocols nobody looks into a caller; it is only where the answer goes.
"""

from collections.abc import Callable

from postroad.model.commands import Command
from postroad.model.replies import Reply


class Caller:
    """One connection, task or thread that asks. `number` is its session's number (never used twice
    in the life of
    a data directory); `sink(ask number, reply)` takes its answers, in order."""

    __slots__ = ("number", "sink")

    def __init__(self, number: int, sink: Callable[[int, Reply], None]) -> None:
        self.number = number
        self.sink = sink


class Ask:
    """A command from a caller; `number` tells the caller which of its questions an answer is
    for."""

    __slots__ = ("caller", "command", "number")

    def __init__(self, caller: Caller, number: int, command: Command) -> None:
        self.caller = caller
        self.number = number
        self.command = command
