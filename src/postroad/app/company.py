"""Company: what is done in the same step as the end of a message.

It stands between the runs of tasks and their settling. The rule kept here: a companion says what is
to be done and does none of it; it is done with the ack or not at all.
"""

import inspect
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from postroad.api.asks import Asks
from postroad.app.claims import Claim
from postroad.app.outcomes import Failing
from postroad.errors import BadCommand
from postroad.limits import COMPANY_OPERATIONS_MAX
from postroad.model.commands import Command
from postroad.model.message import Delivery
from postroad.model.replies import Reply
from postroad.model.value import value

if TYPE_CHECKING:
    from postroad.app.bodies import BodyCodec


@value
class Company:
    """What one companion wants done with the end of one message; operations of `later`.

    `with_ack`: done all or nothing with the ack (the retry, the reject) of the message. Where they
    are refused the run has failed, and the retry policy says what comes. `beside`: each stands for
    itself, in the step of the ack; one that is refused is logged and counted. `again`: where a
    condition of `with_ack` does not hold (`Changed`) the companion is asked once more, and not at
    once told that the run has failed.
    """

    with_ack: Sequence[Asks[Any]] = ()
    beside: Sequence[Asks[Any]] = ()
    again: bool = False


NOBODY = Company()
"""No company."""


class Companion(Protocol):
    """What may want something done with the end of a message. What it answers may be awaited."""

    def wants(self, message: Delivery) -> bool:
        """Whether it does; asked of each message that has headers, so it must be cheap: look for
        bytes in `message.head` before headers are parsed."""

    def succeeded(self, message: Delivery, result: Any) -> Company | Awaitable[Company]:
        """What goes with the ack. Asked again where the first answer could not be done, and nobody
        knows whether it was: after a lost connection the same is done again."""

    def failed(
        self, message: Delivery, error: BaseException, final: bool
    ) -> Company | Awaitable[Company]:
        """What goes with the retry, or (`final`) the reject, of a message."""


class Ending:
    """A message whose run is over, and who comes along.

    `failing`: what becomes of it where the run failed, with its `error`; `final`: for good.
    `asked`: commands of the task itself, to be done with the ack; `beside`: commands of the worker.
    `claim`: the idempotency key it holds, and `freeing` what gives it up. `is_duplicate`: it did
    not run here, for another had. `is_orphan`: its queue is gone, and there is nothing to settle.
    """

    __slots__ = (
        *("asked", "beside", "claim", "companions", "error", "failing", "final"),
        *("freeing", "is_duplicate", "is_orphan", "message", "result", "tries"),
    )

    def __init__(
        self,
        message: Delivery,
        companions: Sequence[Companion],
        asked: Sequence[Command] = (),
        result: Any = None,
    ) -> None:
        """A run that came to `result`."""
        self.message = message
        self.companions = companions
        self.asked = asked
        self.result = result
        self.beside: Sequence[Command] = ()
        self.freeing: Sequence[Command] = ()
        self.claim: Claim | None = None
        self.error: BaseException | None = None
        self.failing: Failing | None = None
        self.final = False
        self.is_duplicate = False
        self.is_orphan = False
        self.tries = 0

    def failed(self, error: BaseException, failing: Failing, final: bool) -> None:
        """The task raised, or what it wanted done was refused."""
        self.error, self.failing, self.final = error, failing, final
        self.asked = ()

    def was_done(self, result: bytes, codec: "BodyCodec") -> None:
        """Another run has done it, and came to `result`, in JSON; empty where that was not kept.
        `codec`: how the task says what it returns.
        """
        self.is_duplicate = True
        if result:
            with suppress(msgspec.DecodeError):
                self.result = _result(result, codec)
                return
        self.error = LookupError("another run has done this job, and its result was not kept")
        self.final = True


def _result(text: bytes, codec: "BodyCodec") -> Any:
    """What a task returned: bytes and dates are themselves again, where it is annotated so."""
    try:
        return codec.decode_result(text)
    except Exception:  # noqa: BLE001  (an annotation that is not true, or that nobody can read)
        return msgspec.json.decode(text)


@value
class Party:
    """A message and its company, as commands, so that they can be asked again."""

    ending: Ending
    with_ack: list[Command]
    beside: list[Command]
    again: bool


async def party_of(ending: Ending) -> Party:
    """The company of a message. Raises what a companion raises."""
    with_ack, beside, again = list(ending.asked), list(ending.beside), False
    for companion in ending.companions:
        if ending.error is None:
            answer = companion.succeeded(ending.message, ending.result)
        else:
            answer = companion.failed(ending.message, ending.error, ending.final)
        company = await answer if inspect.isawaitable(answer) else answer
        with_ack.extend(commands_of(company.with_ack))
        beside.extend(commands_of(company.beside))
        again = again or company.again
    check_count(len(with_ack) + len(beside))
    return Party(ending, with_ack, beside, again)


def commands_of(operations: Iterable[Asks[Any]]) -> list[Command]:
    """What operations ask. Raises `TypeError` where one is none, `BadCommand` where it has nothing
    to ask or was used before.
    """
    found: list[Any] = []
    for one in operations:
        if not inspect.isgenerator(one):
            kind = type(one).__name__
            raise TypeError(f"what goes with an ack is operations of `later`, not {kind}")
        if inspect.getgeneratorstate(one) != inspect.GEN_CREATED:
            raise BadCommand("an operation of `later` is done once; make another")
        try:
            found.append(next(one))
        except StopIteration:
            raise BadCommand("an operation that has nothing to do goes with no ack") from None
        one.close()
    return found


def check_count(count: int) -> None:
    """Raise `BadCommand` where a message has too much company."""
    if count > COMPANY_OPERATIONS_MAX:
        raise BadCommand(
            f"{count:,} operations are to go with one ack, and {COMPANY_OPERATIONS_MAX:,} do at"
            " most; put several keys, or messages, into one operation"
        )


def asking(command: Command) -> Asks[Reply]:
    """An operation that asks this and returns the bare answer."""
    return (yield command)


def bytes_of(commands: Iterable[Command]) -> int:
    """How long the texts of commands are together, about."""
    columns = [
        getattr(one, name, None) for one in commands for name in ("bodies", "values", "members")
    ]
    return sum(sum(map(len, column)) for column in columns if isinstance(column, list | tuple))
