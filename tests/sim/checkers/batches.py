"""What batches and programs promise: all of it is there after a crash, or nothing."""

from typing import TYPE_CHECKING, Any

from postroad.model import kv
from postroad.model.batch import Batch, BatchDone, Run, RunDone
from postroad.model.commands import Publish, Settle
from postroad.model.replies import Refused, Why
from tests.sim.copies import Asked, Fate, Violation

if TYPE_CHECKING:
    from tests.sim.checker import Checker

MARKS = "marks"
"""The space where each batch sets a key of its own, which nobody touches again."""


class BatchRules:
    """A batch is as many asks as it has commands. `doubtful`: those nobody heard the end of.
    `acked`: the places of messages that were acked all or nothing with the rest of a batch."""

    asks = (Batch, Run)

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.doubtful: list[Asked] = []
        self.acked: set[tuple[int, int]] = set()

    def asked(self, ask: Asked) -> None:
        """A batch is asked."""
        for command in commands_of(ask.command):
            part = Asked(ask.session, ask.number, command, ask.now, ask.event)
            ask.parts.append(part)
            self.checker.expect(part)

    def answered(self, ask: Asked, reply: Any, now: int, _event: int) -> None:
        """A batch is answered."""
        if isinstance(reply, Refused):
            self._refuse(ask, now)
            return
        answers: Any
        if isinstance(reply, BatchDone):
            answers = reply.replies
        else:
            assert isinstance(reply, RunDone), f"{reply} to a program"
            answers = reply.result
        for part, answer in zip(ask.parts, answers, strict=True):
            refused = isinstance(answer, Refused)
            whole = getattr(ask.command, "all_or_nothing", False)
            if refused and whole:
                raise Violation(f"a part of all or nothing was refused: {answer}")
            if whole and isinstance(part.command, Settle):
                self._acked_once(part.command)
            self.checker.hear(part, answer, now)

    def _acked_once(self, ack: Settle) -> None:
        """What goes with an ack is done once, whoever comes late."""
        queue = max(i for i, name in self.checker.tap.names.items() if name == ack.queue)
        for offset in ack.offsets:
            if (queue, offset) in self.acked:
                raise Violation(f"the message at {offset} of `{ack.queue}` was acked whole twice")
            self.acked.add((queue, offset))

    def unknown(self, ask: Asked, until: int) -> None:
        """Nobody will tell what became of it."""
        for part in ask.parts:
            self.checker.doubt(part, until)
        self.doubtful.append(ask)

    def audit(self, read: Any, now: int, event: int) -> None:
        """All is quiet: the key of its own tells whether a batch was done."""
        for ask in self.doubtful:
            key = mark_of(ask)
            done = read(kv.KvGet(MARKS, (key,))).values[0] is not None
            if done:
                self._believe(ask, event)
            elif not self.checker.space_was_short:
                self._refuse(ask, now)
        self.doubtful.clear()

    def _believe(self, ask: Asked, event: int) -> None:
        """It was done. Where each part stands alone, some may have been refused."""
        if not getattr(ask.command, "all_or_nothing", False):
            return
        for part in ask.parts:
            if type(part.command) in self.checker.kv.asks:
                self.checker.kv.prove(part, event, done=True)
            elif isinstance(part.command, Publish):
                for copy in part.copies:
                    if copy.fate is Fate.DOUBTFUL:
                        copy.fate = Fate.THERE

    def _refuse(self, ask: Asked, now: int) -> None:
        for part in ask.parts:
            if type(part.command) in self.checker.kv.asks:
                self.checker.kv.prove(part, self.checker.event, done=False)
            else:
                self.checker.hear(part, Refused(Why.CHANGED, "with its batch"), now)


def commands_of(command: Any) -> list[Any]:
    """What a batch or a program of a story does."""
    if isinstance(command, Run):
        return list(command.program.commands)  # type: ignore[attr-defined]
    return list(command.commands)


def mark_of(ask: Asked) -> bytes:
    """The key a batch sets for itself alone."""
    for part in ask.parts:
        if isinstance(part.command, kv.KvSet) and part.command.space == MARKS:
            return part.command.keys[0]
    raise AssertionError("each batch of a story has its mark")
