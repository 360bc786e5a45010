"""Readers of an app under test: what was published is read, run and committed where a test asks.

It stands in for a member at work. The rule kept here: nothing is waited for; a batch that fails is
run again at once, and what would make a member wait is told to the test.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from postroad.api.asks import Asks
from postroad.api.broker import Broker
from postroad.api.operations import Operations
from postroad.api.readers import Reader
from postroad.app.again import Again
from postroad.app.batch_runs import BatchRuns, Ends
from postroad.app.hooks import Hooks
from postroad.app.readers import TopicReader, declaring_topics
from postroad.errors import Fenced, MemberNotFound, Refusal

R = TypeVar("R")


class InlineReads:
    """One reader of an app under test."""

    def __init__(self, reader: TopicReader[Any, Any], broker: Broker) -> None:
        """Its topics exist from now on, and its group begins where it says."""
        self._reader = reader
        self._broker = broker
        self._runs = 0
        broker.do(declaring_topics(broker.later, reader))
        member = reader.member()
        broker.do(member.poll(0))
        broker.do(member.leave())

    async def read(self, hooks: Hooks, state: Any) -> int:
        """Run all there is to read; how many runs it took. Raises what a message failed with for
        good, after the rest of its batch was done.
        """
        self._runs = 0
        member = self._reader.member()
        runs = BatchRuns(self._reader, _Awaited(self._broker), member, (hooks, state), self)
        try:
            while batch := self._broker.do(member.poll(0)):
                await runs.work(batch)
                if runs.failures:
                    raise runs.failures[0]
        except Ends as end:
            raise end.error from None
        finally:
            # Without a member the group can be told to read anew, and reads on where it was.
            self._leave(member)
        return self._runs

    def check(self) -> None:
        """Anything may be run."""

    async def call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Run the function; a plain one on a thread, so that what blocks may do so."""
        self._runs += 1
        if self._reader.is_coroutine:
            return await function(*arguments)
        return await asyncio.to_thread(function, *arguments)

    async def pause(self, seconds: float) -> None:
        """In a test no time goes by."""

    async def refused(self, error: Refusal, place: str, _again: Again) -> None:
        """In a test nobody makes room for a dead letter: the message stays where it is."""
        error.add_note(f"it was the dead letter of {place}; the message is not committed")
        raise error

    def _leave(self, member: Reader) -> None:
        try:
            self._broker.do(member.leave())
        except (Fenced, MemberNotFound):
            member.forget()


class _Awaited:
    """A blocking broker whose answers are awaited, and are there at once."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    @property
    def later(self) -> Operations:
        """Its operations."""
        return self._broker.later

    async def do(self, operation: Asks[R]) -> R:
        """The result of one of them."""
        return self._broker.do(operation)

    async def batch(self, operations: Sequence[Asks[Any]]) -> list[Any]:
        """The results of several, done all or nothing."""
        return self._broker.batch(operations)
