"""Commits of a reader's member: how far it is, with whatever is to become true together with that.

It stands between a member's run and the broker. The rule kept here: a commit that nobody knows the
end of is looked up before it is asked again, so that what goes with it is done once.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.api.readers import Reader
from postroad.api.topics import TopicMessage, TopicOperations
from postroad.app.again import CUT_OFF, passed
from postroad.app.company import asking, commands_of
from postroad.app.readers import TopicReader
from postroad.errors import (
    Fenced,
    MemberNotFound,
    MessageTooLarge,
)
from postroad.limits import WORKER_AGAIN_MS
from postroad.model.commands import Command
from postroad.model.message import FAILURE, HeaderValue

R = TypeVar("R")

_log = logging.getLogger("postroad.app")


class Does(Protocol):
    """A broker whose answers are awaited."""

    @property
    def later(self) -> Operations:
        """Its operations."""

    async def do(self, operation: Asks[R]) -> R:
        """The result of one of them."""

    async def batch(self, operations: Sequence[Asks[Any]]) -> list[Any]:
        """The results of several, done all or nothing."""


class Commits:
    """The commits of one member; `lock` is held while it tells the broker anything."""

    def __init__(
        self,
        reader: TopicReader[Any, Any],
        broker: Does,
        member: Reader,
        lock: asyncio.Lock,
    ) -> None:
        self._reader = reader
        self._broker = broker
        self._member = member
        self._lock = lock

    async def commit(self, messages: Sequence[TopicMessage], asked: Sequence[Command]) -> bool:
        """Commit up to these messages and with them, all or nothing with what is `asked` besides;
        false where others read them again, for this is no member any more. Raises what is refused
        of `asked`.
        """
        last = {(one.topic, one.partition): one for one in messages}
        while True:
            try:
                async with self._lock:
                    await self._do(list(last.values()), asked)
            except (Fenced, MemberNotFound):
                self._member.forget()
                return False
            except CUT_OFF as error:
                _log.warning("group `%s`: committing again: %s", self._reader.group, error)
                await passed(asyncio.get_running_loop(), WORKER_AGAIN_MS)
                if await self._is_done(messages[-1]):
                    return True
            else:
                return True

    async def bury(self, message: TopicMessage, failure: str) -> bool:
        """Commit up to a message and with it, together with its dead letter; false as `commit`.
        Where the two are more than a message holds, or its headers are nothing that can be passed
        on, the letter says where the message is and why it died, and no more.
        """
        try:
            return await self.commit([message], self.dead_letter(message, failure))
        except (MessageTooLarge, TypeError, ValueError) as error:
            _log.warning(
                "group `%s`: a dead letter goes without its body: %s", self._reader.group, error
            )
        bare = msgspec.structs.replace(message, body=b"", head=b"")
        return await self.commit([message], self.dead_letter(bare, failure))

    def dead_letter(self, message: TopicMessage, failure: str) -> list[Command]:
        """What makes a dead letter of a message: its body and headers, where it was, and why."""
        headers: dict[str, HeaderValue] = {
            **message.headers,
            "postroad-topic": message.topic,
            "postroad-partition": message.partition,
            "postroad-offset": message.offset,
            "postroad-group": self._reader.group,
            FAILURE: failure,
        }
        later, queue = self._broker.later, self._reader.dead_letter_queue
        return commands_of([later.publish(queue, message.body, headers=headers)])

    async def _do(self, last: list[TopicMessage], asked: Sequence[Command]) -> None:
        member = self._member
        if not asked and all(map(member.is_ours, last)):
            for message in last:
                member.finish(message)
            await self._broker.do(member.commit())
            return
        operations: list[Asks[Any]] = [member.commit_with(message) for message in last]
        operations.extend(asking(command) for command in asked)
        await self._broker.batch(operations)

    async def _is_done(self, message: TopicMessage) -> bool:
        """Whether the commit that failed was done all the same: it was all or nothing."""
        operations = TopicOperations(message.topic, self._broker.later.learn)
        try:
            parts = (await self._broker.do(operations.group(self._reader.group))).parts
        except CUT_OFF:
            return False
        place = (message.topic, message.partition)
        return any(
            (part.topic, part.partition) == place and part.offset > message.offset for part in parts
        )
