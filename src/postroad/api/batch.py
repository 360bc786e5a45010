"""Several operations as one step, and programs that run inside the broker.

It stands between the faces and the model. The rule kept here: what is batched are the operations
themselves, so there is no second way to say what a publish or an ack is.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from postroad.api.asks import Asks
from postroad.api.collections import SpaceOperations
from postroad.api.refusals import expect
from postroad.errors import BadCommand
from postroad.limits import BATCH_COMMANDS_MAX
from postroad.model.batch import Asking, Batch, BatchDone, Run, RunDone
from postroad.model.commands import Command
from postroad.model.replies import Reply

R = TypeVar("R")


class Steps:
    """What a program that runs inside the broker does its operations with."""

    def __init__(self, tx: Asking) -> None:
        self._tx = tx

    def do(self, operation: Asks[R]) -> R:
        """The result of an operation, done when this returns."""
        try:
            command = next(operation)
            while True:
                command = operation.send(self._tx.ask(command))
        except StopIteration as done:
            result: R = done.value
            return result


class BatchOperations:
    """What makes one step of several operations."""

    def space(self, name: str = "default") -> SpaceOperations:
        """The operations on the keys of a space, as `kv(name).later` has them."""
        return SpaceOperations(name)

    def batch(
        self,
        operations: Sequence[Asks[Any]],
        *,
        unchanged: Sequence[tuple[str, int]] = (),
        all_or_nothing: bool = True,
    ) -> Asks[list[Any]]:
        """Do several operations (of `broker.later`, `kv.later`) as one atomic step; their results,
        in order.

        All of it is done or, where one operation would be refused, nothing, and that refusal is
        raised; with `all_or_nothing=False` what can be done is done, each seeing those before it,
        and a refusal stands in the place of the result. `unchanged`: names of queues and their
        `changes` as `describe` said them; raises `Changed` where one was changed since. Raises
        `BadCommand` for operations that stand alone, or could undo each other.
        """
        firsts = [_first(operation) for operation in operations]
        commands = [one for first in firsts for one in _parts(first)]
        command = Batch(commands, tuple(unchanged), all_or_nothing)
        answers = iter(expect((yield command), BatchDone).replies)
        results: list[Any] = []
        for operation, first in zip(operations, firsts, strict=True):
            replies = [next(answers) for _ in _parts(first)]
            reply: Reply = BatchDone(replies) if isinstance(first, Batch) else replies[0]
            results.append(_result(operation, reply))
        return results

    def run(self, program: Callable[[Steps], R]) -> Asks[R]:
        """Run a program inside the broker as one atomic step: nobody else is served between its
        operations, so it must be over within milliseconds.

        Its operations are those of `broker.later`, `kv.later` and the like, done by
        `steps.do(...)`. It is handed no messages but those of lists. Raises `ProgramFailed` with
        what the program raised; what it did before stays done.
        """

        def inside(tx: Asking) -> R:
            return program(Steps(tx))

        result: R = expect((yield Run(inside)), RunDone).result  # type: ignore[assignment]
        return result


def ask_all(commands: Sequence[Command]) -> Asks[list[Reply]]:
    """The answers to commands that belong together, asked as one step."""
    if len(commands) == 1:
        return [(yield commands[0])]
    answers: list[Reply] = []
    for start in range(0, len(commands), BATCH_COMMANDS_MAX):
        part = Batch(commands[start : start + BATCH_COMMANDS_MAX])
        answers.extend(expect((yield part), BatchDone).replies)
    return answers


def _parts(first: Command) -> Sequence[Command]:
    """The commands an operation begins with: what belongs together becomes part of the whole."""
    return first.commands if isinstance(first, Batch) else [first]


def _first(operation: Asks[Any]) -> Command:
    try:
        return next(operation)
    except StopIteration:
        text = "an operation that has nothing to do is no part of a batch"
        raise BadCommand(text) from None


def _result(operation: Asks[Any], reply: Reply) -> Any:
    """What an operation makes of its answer; its refusal, where it raises one."""
    try:
        operation.send(reply)
    except StopIteration as done:
        return done.value
    except Exception as refusal:  # noqa: BLE001  (it stands in the place of the result)
        return refusal
    raise BadCommand("an operation of several commands is no part of a batch")
