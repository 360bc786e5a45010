"""What may be done with messages nobody has received: they are cancelled, or have another time."""

from typing import TYPE_CHECKING, Any

from postroad.model import replies
from postroad.model.history import Cancel, Cancelled, Reschedule
from tests.sim.checkers.watcher import Watcher
from tests.sim.copies import Asked, Copy, Fate, Violation
from tests.sim.workloads.past import LATER

if TYPE_CHECKING:
    from tests.sim.checker import Checker


class LaterRules(Watcher):
    """`not_before`: by copy, when it is ready at the earliest, where that is certain. `given`:
    the event that asked last for another time."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.not_before: dict[int, int] = {}
        self.given = 0

    def asked(self, ask: Asked) -> None:
        """Some end, or have no time that anybody knows."""
        command = ask.command
        if isinstance(command, Cancel):
            for copy in self._meant(command):
                copy.ends += 1
                ask.copies.append(copy)
        elif isinstance(command, Reschedule):
            self.given = ask.event
            self._forget_retries()
            for copy in self._meant(command):
                copy.delay_ms = 0
                self.not_before.pop(id(copy), None)
                ask.copies.append(copy)

    def answered(self, ask: Asked, reply: Any, now: int, event: int) -> None:
        """It is done, but to those that are missing."""
        command = ask.command
        if isinstance(reply, replies.Settled) and self.given > ask.event:
            self._forget_retries()
        elif isinstance(reply, replies.Received) and _queue_of(command) == LATER:
            self._received(reply, now)
        elif isinstance(command, Cancel) and isinstance(reply, Cancelled):
            self._cancelled(ask, reply, event)
        elif isinstance(command, Reschedule) and isinstance(reply, Cancelled):
            others = [one.command for one in self.checker.open.values() if one is not ask]
            if command.after_ms and not any(isinstance(one, Reschedule) for one in others):
                for copy in ask.copies:
                    if _is_done(command, copy, reply):
                        self.not_before[id(copy)] = ask.now + command.after_ms

    def _cancelled(self, ask: Asked, reply: Cancelled, event: int) -> None:
        """Of a copy whose publish was not answered yet nobody knows whether it was among them."""
        for copy in ask.copies:
            if _is_done(ask.command, copy, reply):
                copy.end(event)
            elif copy.spot is not None:
                copy.ends -= 1

    def _forget_retries(self) -> None:
        """What was to be tried again at an instant may be so at another."""
        for entry in self.checker.known.entries.values():
            if entry.copy.queue == LATER:
                entry.not_before = 0

    def _received(self, reply: replies.Received, now: int) -> None:
        for one in reply.messages:
            copy = self.checker.recognise(LATER, one)
            early = self.not_before.get(id(copy), 0) - now
            if early > 0:
                raise Violation(f"{copy} came {early} ms before the time it was given")

    def _meant(self, command: Cancel | Reschedule) -> list[Copy]:
        live = (Fate.ASKED, Fate.DOUBTFUL, Fate.THERE)
        return [
            copy
            for copy in self.checker.known.copies.values()
            if copy.queue == command.queue
            and copy.fate in live
            and (copy.spot is None or copy.spot[1] in command.offsets)
        ]


def _queue_of(command: Any) -> str | None:
    return getattr(command, "queue", None)


def _is_done(command: Cancel | Reschedule, copy: Copy, reply: Cancelled) -> bool:
    """Whether a copy is one of those that were meant, and were there."""
    offset = -1 if copy.spot is None else copy.spot[1]
    return offset in command.offsets and offset not in reply.missing
