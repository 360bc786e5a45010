"""Lines of publishes: what one caller published one after another reaches its queues so.

It stands before the deciders. The rule kept here: where several messages of a line are refused
together, whoever published them asks again for a part of them; until it does, nothing that it had
asked for behind them is done, or it would overtake them. Volatile: a caller's lines end with it.
"""

from postroad.core.decision import Answer
from postroad.limits import LINES_BROKEN_MAX
from postroad.model.ask import Ask, Caller
from postroad.model.exchanges import PublishTo
from postroad.model.lines import is_asked_again
from postroad.model.replies import Refused, Why


class Lines:
    """By caller and line: how often it was broken."""

    def __init__(self) -> None:
        self.eras: dict[int, dict[int, int]] = {}

    def refusal(self, ask: Ask) -> Refused | None:
        """Why a publish is not done now: it came too early to know what was refused before it."""
        command = ask.command
        if not self.eras or not isinstance(command, PublishTo) or not command.line:
            return None
        era = self.eras.get(ask.caller.number, {}).get(command.line, 0)
        if command.era >= era:
            return None
        return Refused(Why.CHANGED, "an earlier publish of its line was refused")

    def heed(self, answer: Answer) -> None:
        """A publish was decided: where it will be asked for in parts its line is broken."""
        command = answer.ask.command
        if not isinstance(command, PublishTo) or not command.line:
            return
        if not is_asked_again(command, answer.reply):
            return
        eras = self.eras.setdefault(answer.ask.caller.number, {})
        eras.pop(command.line, None)
        eras[command.line] = command.era + 1
        if len(eras) > LINES_BROKEN_MAX:
            del eras[next(iter(eras))]

    def forget(self, caller: Caller) -> None:
        """A caller is gone."""
        self.eras.pop(caller.number, None)
