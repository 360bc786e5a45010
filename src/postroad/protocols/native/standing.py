"""Commands that wait, and replies that lease: what a client must know of what it carries.

It stands beside the client. The rule kept here: nobody else in the client looks into a command or
a reply.
"""

from dataclasses import replace
from typing import cast

from postroad.limits import WAIT_MS_MAX
from postroad.model import commands, groups, lists, rounds, topics
from postroad.model.batch import Batch, BatchDone
from postroad.model.commands import RELEASE, Command, Settle
from postroad.model.exchanges import PublishTo
from postroad.model.groups import share_name
from postroad.model.message import Delivery
from postroad.model.replies import Received, Refused, Reply, Why

_Waiting = (
    commands.Receive
    | commands.Pop
    | groups.ReceiveShare
    | lists.ListPop
    | lists.ListMove
    | topics.Fetch
)


def wait_ms_of(command: Command) -> int:
    """How long a command asks to wait; the longest there is where the queue's own wait is meant."""
    if isinstance(command, _Waiting):
        return WAIT_MS_MAX if command.wait_ms is None else max(0, command.wait_ms)
    if isinstance(command, rounds.EnterGroup):
        return command.gather_ms + command.rebalance_ms
    return WAIT_MS_MAX if isinstance(command, rounds.ShareOut) else 0


def shortened(command: Command, passed_ms: int) -> Command:
    """The same command, when some of its wait is over; a publish says that it is a second one."""
    if isinstance(command, Batch):
        return replace(command, commands=[shortened(one, passed_ms) for one in command.commands])
    if isinstance(command, commands.Publish | PublishTo):
        return replace(command, repeated_ms=passed_ms)
    if isinstance(command, _Waiting) and command.wait_ms:
        return cast("Command", replace(command, wait_ms=max(0, command.wait_ms - passed_ms)))
    return command


def is_doubtful(reply: Reply) -> bool:
    """Whether the answer to a command that was asked again leaves open what became of the first."""
    if isinstance(reply, BatchDone):
        return any(map(is_doubtful, reply.replies))
    return isinstance(reply, Refused) and reply.why is Why.CHANGED


def nothing_for(command: Command) -> Reply | None:
    """What a command that waits is told when nothing will come any more; `None`: it does not wait,
    or an empty answer would say something else.
    """
    if isinstance(command, commands.Receive | commands.Pop | groups.ReceiveShare):
        return Received([])
    if isinstance(command, lists.ListPop | lists.ListMove):
        return lists.ListItems("", [])
    if isinstance(command, topics.Fetch):
        return topics.Fetched([_nothing_of(span) for span in command.spans])
    return None


def releases(command: Command, reply: Reply) -> list[Settle]:
    """What gives back the messages of a reply that nobody takes.

    Those of a share in any partition are left to lapse: their queue's name is not known here.
    """
    if isinstance(command, Batch) and isinstance(reply, BatchDone):
        parts = zip(command.commands, reply.replies, strict=True)
        return [settle for one, its in parts for settle in releases(one, its)]
    if not isinstance(reply, Received) or not reply.messages:
        return []
    name = _queue_of(command)
    leased = [message for message in reply.messages if message.lease]
    return [_release(name, leased)] if name and leased else []


def _nothing_of(span: topics.Span) -> topics.FetchedPart:
    at = span.offset
    return topics.FetchedPart(span.topic, span.partition, at, at, at, [])


def _queue_of(command: Command) -> str:
    if isinstance(command, commands.Receive):
        return command.queue
    if isinstance(command, groups.ReceiveShare) and command.partition is not None:
        return share_name(command.topic, command.group, command.partition)
    return ""


def _release(name: str, leased: list[Delivery]) -> Settle:
    return Settle(
        name,
        [one.offset for one in leased],
        [one.lease for one in leased],
        [one.delivery_count for one in leased],
        RELEASE,
        queue_id=leased[0].queue,
    )
