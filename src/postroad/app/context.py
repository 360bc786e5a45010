"""What a running task may know of its message, and do with it.

It stands between the run and the functions. The rule kept here: one context is of one delivery, and
is of no use after it.
"""

from typing import Any, Protocol

from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.app.company import check_count, commands_of
from postroad.app.flows.names import Place, place_of
from postroad.app.outcomes import Reject, RetryAfter, RetryNow
from postroad.model.commands import Command
from postroad.model.message import Delivery, HeaderValue


class Holds(Protocol):
    """Who has the lease."""

    @property
    def later(self) -> Operations:
        """The operations of the broker."""

    def fence_of(self, message: Delivery) -> int:
        """A number that grows with each right to work on what the message asks for."""

    async def extend(self, message: Delivery, seconds: float) -> None:
        """Let the lease of a message end so many seconds from now."""


class Context:
    """One delivery of one message to a task.

    `message`: as it was delivered. `queue`: its queue's name. `state`: what the app's lifespan
    yielded, else `None`. `kept`: a dictionary for middleware and the task, of this delivery alone.
    """

    __slots__ = ("_holder", "_kept", "asked", "message", "queue", "state")

    def __init__(self, message: Delivery, queue: str, state: Any, holder: Holds) -> None:
        self.message = message
        self.queue = queue
        self.state = state
        self._holder = holder
        self._kept: dict[str, Any] | None = None
        self.asked: list[Command] = []

    @property
    def attempt(self) -> int:
        """Which delivery of the message this is, from 1."""
        return self.message.delivery_count

    @property
    def headers(self) -> dict[str, HeaderValue]:
        """The message's headers."""
        return self.message.headers

    @property
    def flow(self) -> Place | None:
        """Of which flow this job is: its `workflow`, `id` and `step`; `None`: of none."""
        return place_of(self.message)

    @property
    def kept(self) -> dict[str, Any]:
        """What was kept for this delivery."""
        if self._kept is None:
            self._kept = {}
        return self._kept

    @property
    def later(self) -> Operations:
        """The operations of the broker, for `also`."""
        return self._holder.later

    @property
    def fence(self) -> int:
        """A number that is greater for whoever had the right to work on this later: on the
        idempotency key of the message, else on the message. A store that refuses numbers below
        the highest it has seen is safe from runs that do not know yet that their lease is lost.
        """
        return self._holder.fence_of(self.message)

    def also(self, *operations: Asks[Any]) -> None:
        """Have operations of `later` done in the step that acks the message, all or nothing with
        it: `context.also(context.later.publish("next", body))`. Where the task fails, or the lease
        is lost, none of them is done; where one is refused the run has failed, and is retried.

        Raises `BadCommand` and `TypeError` for what cannot go with an ack.
        """
        commands = commands_of(operations)
        check_count(len(self.asked) + len(commands))
        self.asked.extend(commands)

    async def extend(self, seconds: float) -> None:
        """Let the lease end so many seconds from now; while a task runs, its worker does so by
        itself. Raises `LeaseLost`."""
        await self._holder.extend(self.message, seconds)

    def reject(self, reason: str = "") -> Reject:
        """What to raise when the work cannot be done."""
        return Reject(reason)

    def retry(self, after_s: float | None = None, reason: str = "") -> RetryAfter:
        """What to raise when the work is to be done again, at once or after so many seconds."""
        return RetryNow(reason) if after_s is None else RetryAfter(after_s, reason)
