"""What is not decided, or not now: asks that nobody can read, of those who may not, out of turn, or
too long for a turn.

It stands before the deciders. The rule kept here: whoever is turned away is told at once, and
nothing was changed. Compiled by mypyc where possible.
"""

from postroad.core.batch import Batches
from postroad.core.decision import Answer, Step
from postroad.core.life import Life
from postroad.core.lines import Lines
from postroad.core.purges import Purges
from postroad.model.ask import Ask, Caller
from postroad.model.replies import Refused, Why
from postroad.model.sound import unsound


class Door:
    """Looks at each ask first."""

    def __init__(self, life: Life, purges: Purges, batches: Batches) -> None:
        self.lines = Lines()
        self._life = life
        self._purges = purges
        self._batches = batches

    def stop(self, ask: Ask) -> Step | None:
        """The step of an ask that goes no further; `None`: it is to be decided."""
        wrong = unsound(ask.command)
        if wrong is not None:
            return Step([], [Answer(ask, Refused(Why.BAD_COMMAND, wrong), 0)], False)
        locked = self._life.refusal(ask) if self._life.owner_of else None
        refused = locked or self.lines.refusal(ask)
        if refused is not None:
            return Step([], [Answer(ask, refused, 0)], False)
        if not self._batches.busy and self._purges.begin(ask):
            return Step([], [], False)
        return None

    def forget(self, caller: Caller) -> None:
        """A caller is gone."""
        self.lines.forget(caller)
        self._purges.forget(caller)
