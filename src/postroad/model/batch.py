"""Several commands as one step.

It stands beside the commands, which take these into their union. The rule kept here: what a batch
did is in the journal as a whole or not at all, whoever crashes when.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from postroad.model.value import value

if TYPE_CHECKING:
    from postroad.model.commands import Command
    from postroad.model.replies import Reply

Watched = tuple[str, int]
"""The name of a queue, and its change counter as `Described.changes` said it."""


class Asking(Protocol):
    """What a program is given: each command is done when `ask` returns, and the next sees it."""

    def ask(self, command: "Command") -> "Reply":
        """The answer to a command that neither waits nor hands out bodies; those of a list come
        where they are in memory."""


@value
class Batch:
    """Do several commands one after another, each seeing what those before it did, as one atomic
    step: publishes, settles, receives and pops that do not wait, kv, appends, declarations. Moves
    and peeks stand alone.

    `unchanged`: do it only if these queues were not changed since. `all_or_nothing`: nothing is
    done where any of the commands would be refused, could not settle a message, or has a condition
    that does not hold; such a batch has neither receives nor declarations, and no two commands
    whose outcomes depend on each other (the same lease, the same kv key). Answer: `BatchDone`, or
    `Refused`: CHANGED where a queue was changed, else the reason of the command that stood in the
    way.
    """

    commands: "Sequence[Command]"
    unchanged: Sequence[Watched] = ()
    all_or_nothing: bool = False


@value
class Run:
    """Run a program inside the broker, as one atomic step. It must not wait, and should be over
    within milliseconds: nobody else is served meanwhile. What it did before it raised stays done.
    Answer: `RunDone`, or `Refused` with what it raised.
    """

    program: Callable[[Asking], object]


@value
class BatchDone:
    """The answers to the commands, in their order."""

    replies: "list[Reply]"


@value
class RunDone:
    """What the program returned."""

    result: object
