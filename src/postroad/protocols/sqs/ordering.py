"""What FIFO queues add: groups, deduplication ids, sequence numbers.

It is a part of the border to the core, where a group is an ordering key. The rule kept here: to SQS
a queue is FIFO by its name, so that nobody has to be asked what it is.
"""

from typing import Final

from postroad.limits import SQS_FIFO_ID_CHARS_MAX
from postroad.model.message import OWN_DEDUP, OWN_KEY
from postroad.protocols.aws.faults import INVALID_PARAMETER, Fault, invalid, missing
from postroad.protocols.sqs.errors import fault
from postroad.protocols.sqs.inputs import SendEntry, SendMessage

FIFO_SUFFIX: Final = ".fifo"
GROUP: Final = "MessageGroupId"
DEDUP: Final = "MessageDeduplicationId"
ATTEMPT: Final = "ReceiveRequestAttemptId"

_SEQUENCE_BASE: Final = 10**19
"""Sequence numbers have 20 digits from the first on, and begin with no zero that reading them as
numbers would lose; the largest offset still fits in 64 bits with it."""
_ID_CHARS: Final = frozenset(chr(code) for code in range(0x21, 0x7F))
_WRONG_KIND: Final = "The request include parameter that is not valid for this queue type."
_EXPIRED: Final = "The receipt handle has expired."


def is_fifo(name: str) -> bool:
    """Whether SQS takes the queue of this name for a FIFO queue."""
    return name.endswith(FIFO_SUFFIX)


def sequence_number(offset: int) -> str:
    """The SequenceNumber of the message at this offset of a FIFO queue."""
    return str(_SEQUENCE_BASE + offset + 1)


def bad_ids(given: SendMessage | SendEntry) -> Fault | None:
    """What is wrong with the ids of a message, whatever its queue is."""
    for parameter, text in ((GROUP, given.MessageGroupId), (DEDUP, given.MessageDeduplicationId)):
        if text is not None:
            wrong = _bad_id(parameter, text)
            if wrong is not None:
                return wrong
    return None


def bad_for_queue(name: str, given: SendMessage | SendEntry) -> Fault | None:
    """What a message says that the queue of this name does not take; a group that is missing is
    told apart, see `without_group`."""
    if not is_fifo(name):
        dedup_id = given.MessageDeduplicationId
        return None if dedup_id is None else invalid(DEDUP, dedup_id, _WRONG_KIND)
    if given.DelaySeconds:
        return invalid("DelaySeconds", given.DelaySeconds, _WRONG_KIND)
    return None


def without_group(name: str, given: SendMessage | SendEntry) -> Fault | None:
    """The fault of a message for a FIFO queue that has no group."""
    return missing(GROUP) if is_fifo(name) and given.MessageGroupId is None else None


def without_id() -> Fault:
    """The fault of a message that neither an id nor its content tells from others."""
    return Fault(
        INVALID_PARAMETER,
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId"
        " provided explicitly",
    )


def bad_attempt(name: str, attempt_id: str) -> Fault | None:
    """What is wrong with the id of a receive."""
    if not is_fifo(name):
        return invalid(ATTEMPT, attempt_id, _WRONG_KIND)
    return _bad_id(ATTEMPT, attempt_id)


def expired(handle: str) -> Fault:
    """The fault for a handle of a FIFO queue whose lease is over."""
    return invalid("ReceiptHandle", handle, _EXPIRED)


def expired_entry() -> Fault:
    """The same in a batch, where the service says it with another code."""
    return fault("ReceiptHandleIsInvalid", _EXPIRED)


def own_names(given: SendMessage | SendEntry) -> dict[str, tuple[str, str | bytes]]:
    """What a head keeps of a message's ids."""
    kept: dict[str, tuple[str, str | bytes]] = {}
    if given.MessageGroupId is not None:
        kept[OWN_KEY] = ("String", given.MessageGroupId)
    if given.MessageDeduplicationId is not None:
        kept[OWN_DEDUP] = ("String", given.MessageDeduplicationId)
    return kept


def _bad_id(parameter: str, text: str) -> Fault | None:
    if 0 < len(text) <= SQS_FIFO_ID_CHARS_MAX and _ID_CHARS.issuperset(text):
        return None
    return invalid(
        parameter,
        text,
        f"{parameter} can only include alphanumeric and punctuation characters. 1 to"
        f" {SQS_FIFO_ID_CHARS_MAX} in length.",
    )
