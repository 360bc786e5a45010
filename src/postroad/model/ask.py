"""One question on its way through the road: who asks, under which number, and what.

One rule: below the protocols nobody looks into a caller; it is only where the answer goes.
"""

from collections.abc import Callable

from postroad.model.commands import Command
from postroad.model.replies import Reply


class Caller:
    """One connection, task or thread that asks. `number` is never used twice in the life of a data
    directory; `sink(ask number, reply)` takes its answers, in order. `session`: the number of the
    session it is part of, 0 where it is one of its own; what is exclusive is a session's."""

    __slots__ = ("number", "session", "sink")

    def __init__(self, number: int, sink: Callable[[int, Reply], None], session: int = 0) -> None:
        self.number = number
        self.sink = sink
        self.session = session


class Ask:
    """A command from a caller; `number` tells the caller which of its questions an answer is
    for."""

    __slots__ = ("caller", "command", "number")

    def __init__(self, caller: Caller, number: int, command: Command) -> None:
        self.caller = caller
        self.number = number
        self.command = command
