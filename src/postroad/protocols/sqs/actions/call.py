"""What every action has at hand: the call it serves, and the steps many of them share.

The rule kept here: an action asks only through its yields; nothing is done behind its back.
"""

from collections.abc import Generator, Sequence
from typing import Final

from postroad.limits import SQS_BATCH_ENTRIES_MAX, SQS_BATCH_ID_CHARS_MAX
from postroad.model.commands import Command, DescribeQueue
from postroad.model.replies import Described, Refused, Reply, Why
from postroad.protocols.aws.faults import Fault
from postroad.protocols.aws.session import Shape
from postroad.protocols.aws.signature import region_of
from postroad.protocols.http.wire import Request
from postroad.protocols.sqs.addresses import arn_of, queue_of, url_of
from postroad.protocols.sqs.config import SqsConfig
from postroad.protocols.sqs.errors import fault, refusal
from postroad.protocols.sqs.receipts import Receipt

_ID_CHARS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


class Call:
    """One request being served. `now_ms` is moved on with each reply."""

    __slots__ = ("config", "now_ms", "request")

    def __init__(self, config: SqsConfig, request: Request, now_ms: int) -> None:
        self.config = config
        self.request = request
        self.now_ms = now_ms

    @property
    def region(self) -> str:
        """The region the client speaks to; the server's own where it names none."""
        return region_of(self.request) or self.config.region

    def queue(self, url: str) -> str | Fault:
        """The name of the queue at an address."""
        return queue_of(self.config, url)

    def url(self, name: str) -> str:
        """The address of a queue, at the host the client used."""
        host = self.request.headers.get(b"host", b"").decode("latin-1")
        return url_of(self.config, host, name)

    def arn(self, name: str) -> str:
        """The ARN of a queue."""
        return arn_of(self.config, self.region, name)


def describe(name: str) -> Generator[Command, Reply, Described | Fault]:
    """A queue's settings and counts."""
    reply = yield DescribeQueue(name)
    if isinstance(reply, Refused):
        return refusal(reply)
    assert isinstance(reply, Described), reply
    return reply


def done(reply: Reply) -> Shape | Fault:
    """The answer of an action that answers nothing."""
    return refusal(reply) if isinstance(reply, Refused) else {}


def open_receipt(call: Call, name: str, handle: str) -> Receipt | Fault:
    """What a handle of a queue of this name says. That it is the queue of today the command itself
    makes sure of, see `is_of_another_queue`."""
    return call.config.names.open(name, handle) or bad_handle(handle)


def is_of_another_queue(reply: Reply) -> bool:
    """Whether receipts were of an earlier queue of the same name, whose offsets say nothing now."""
    return isinstance(reply, Refused) and reply.why is Why.NO_SUCH_LEASE


def bad_handle(handle: str) -> Fault:
    """The fault for a handle that is none of ours, or of another queue."""
    return fault(
        "ReceiptHandleIsInvalid", f'The input receipt handle "{handle[:128]}" is not a valid one.'
    )


def bad_batch(entry_name: str, ids: Sequence[str]) -> Fault | None:
    """What is wrong with a batch as a whole, judged by the ids of its entries."""
    if not ids:
        return fault(
            "EmptyBatchRequest", f"There should be at least one {entry_name} in the request."
        )
    if len(ids) > SQS_BATCH_ENTRIES_MAX:
        return fault(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {SQS_BATCH_ENTRIES_MAX}."
            f" You have sent {len(ids)}.",
        )
    for one in ids:
        if not 0 < len(one) <= SQS_BATCH_ID_CHARS_MAX or not _ID_CHARS.issuperset(one):
            return fault(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and"
                f" underscores. It can be at most {SQS_BATCH_ID_CHARS_MAX} letters long.",
            )
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        return fault("BatchEntryIdsNotDistinct", f"Id {twice} repeated.")
    return None


def failed_entry(entry_id: str, why: Fault) -> Shape:
    """An entry of a batch that was not done."""
    return {
        "Id": entry_id,
        "SenderFault": why.kind.sender,
        "Code": why.kind.code,
        "Message": why.text,
    }


def batch_answer(successful: list[Shape], failed: list[Shape]) -> Shape:
    """The answer of a batch; a list with nothing in it is still there in `Successful`."""
    answer: Shape = {"Successful": successful}
    if failed:
        answer["Failed"] = failed
    return answer
