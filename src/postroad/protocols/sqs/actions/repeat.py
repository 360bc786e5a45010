"""A receive of a FIFO queue asked for once more, by its ReceiveRequestAttemptId.

The rule kept here: it is answered as it was, handles and all, or not at all; bodies are read again,
for nobody keeps them.
"""

from collections.abc import Generator, Sequence

from postroad.limits import SQS_ATTEMPT_MS
from postroad.model.commands import Command, Peek
from postroad.model.message import Delivery
from postroad.model.replies import Peeked, Refused, Reply, Settled, Why
from postroad.protocols.aws.faults import Fault
from postroad.protocols.sqs.actions.call import Call, describe
from postroad.protocols.sqs.attempts import Attempt
from postroad.protocols.sqs.errors import refusal
from postroad.protocols.sqs.mapping import extend
from postroad.protocols.sqs.receipts import Receipt


def keep(call: Call, name: str, attempt_id: str, deliveries: Sequence[Delivery]) -> None:
    """A receive of this id was answered with messages."""
    received_s = call.now_ms // 1_000
    attempt = Attempt(
        tuple(
            Receipt(one.queue, one.offset, one.lease, one.delivery_count, received_s)
            for one in deliveries
        ),
        tuple(one.first_received_ms for one in deliveries),
        call.now_ms + SQS_ATTEMPT_MS,
    )
    call.config.memory.attempts.keep(name, attempt_id, attempt, call.now_ms)


def repeat(
    call: Call, name: str, attempt_id: str, lease_ms: int | None
) -> Generator[Command, Reply, tuple[list[Delivery], int] | Fault | None]:
    """The messages of the receive of this id, their leases begun anew, and when they were received
    in s; `None` where there was none, or its messages are not all as they were."""
    attempts = call.config.memory.attempts
    attempt = attempts.find(name, attempt_id, call.now_ms)
    if attempt is None:
        return None
    receipts = attempt.receipts
    if lease_ms is None:
        described = yield from describe(name)
        if isinstance(described, Fault):
            return described
        lease_ms = described.settings.lease_ms
    reply = yield extend(name, receipts, lease_ms)
    deliveries: list[Delivery] | Fault = []
    if isinstance(reply, Refused) and reply.why is not Why.NO_SUCH_LEASE:
        return refusal(reply)
    if isinstance(reply, Settled) and not reply.failed:
        deliveries = yield from _look(name, attempt)
    if isinstance(deliveries, Fault):
        return deliveries
    if len(deliveries) < len(receipts):
        attempts.forget(receipts)
        return None
    return deliveries, receipts[0].received_s


def _look(name: str, attempt: Attempt) -> Generator[Command, Reply, list[Delivery] | Fault]:
    """The messages as they were delivered, up to the first that is not leased any more."""
    found: list[Delivery] = []
    for receipt, first_ms in zip(attempt.receipts, attempt.firsts_ms, strict=True):
        reply = yield Peek(name, receipt.offset, 1, ("leased",))
        if isinstance(reply, Refused):
            return refusal(reply)
        assert isinstance(reply, Peeked), reply
        if not reply.messages or reply.messages[0].message.offset != receipt.offset:
            break
        delivery = reply.messages[0].message
        delivery.lease = receipt.lease
        delivery.delivery_count = receipt.count
        delivery.first_received_ms = first_ms
        found.append(delivery)
    return found
