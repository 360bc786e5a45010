"""What a FIFO topic takes once, and the numbers of what it takes.

The rule kept here: whether a message came before is known to the topic and not to its
subscriptions, so that all of them get it, or none, and the answer is that of the first.
"""

from collections.abc import Sequence
from typing import Final

from postroad.limits import SNS_DEDUP_WINDOW_MS
from postroad.model.batch import Asking
from postroad.model.kv import KvDelete, KvGet, KvIncrement, KvSet
from postroad.model.kv_replies import KvGot, KvNumber
from postroad.model.replies import Refused
from postroad.protocols.aws.faults import Fault
from postroad.protocols.sns.errors import refusal
from postroad.protocols.sns.names import sequence_number

SPACE: Final = "sns"
"""The space that ids and numbers are kept in."""


def sequence_key(exchange: int) -> bytes:
    """The key of the last number of a topic."""
    return b"%d" % exchange


def known(tx: Asking, exchange: int, id: str) -> tuple[str, str] | None:
    """MessageId and SequenceNumber of the message that came with this id lately."""
    reply = tx.ask(KvGet(SPACE, [_key(exchange, id)]))
    kept = reply.values[0] if isinstance(reply, KvGot) else None
    if kept is None:
        return None
    message_id, _, number = kept.decode().partition(" ")
    return message_id, number


def take(tx: Asking, exchange: int, id: str, message_id: str) -> str | Fault:
    """The SequenceNumber of a message that did not come before; from now on it did."""
    counted = tx.ask(KvIncrement(SPACE, sequence_key(exchange)))
    if isinstance(counted, Refused):
        return refusal(counted)
    assert isinstance(counted, KvNumber), counted
    number = sequence_number(counted.number)
    kept = f"{message_id} {number}".encode()
    reply = tx.ask(KvSet(SPACE, [_key(exchange, id)], [kept], ttl_ms=SNS_DEDUP_WINDOW_MS))
    return refusal(reply) if isinstance(reply, Refused) else number


def forget(tx: Asking, exchange: int, ids: Sequence[str]) -> None:
    """The messages of these ids were not taken after all."""
    if ids:
        tx.ask(KvDelete(SPACE, [_key(exchange, id) for id in ids]))


def _key(exchange: int, id: str) -> bytes:
    return f"{exchange}:{id}".encode("utf-8", "surrogatepass")
