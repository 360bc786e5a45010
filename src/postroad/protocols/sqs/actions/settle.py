"""DeleteMessage, ChangeMessageVisibility and their batches.

The rule kept here: no command is asked for a handle that is not ours and of this queue.
"""

from collections.abc import Generator, Sequence

from postroad.limits import SQS_LEASE_S_MAX
from postroad.model.commands import ACK, RETRY, Command
from postroad.model.replies import Refused, Reply, Settled, Why
from postroad.protocols.aws.faults import Fault, invalid
from postroad.protocols.sqs.actions.call import (
    Call,
    Script,
    bad_batch,
    batch_answer,
    done,
    failed_entry,
    open_receipt,
)
from postroad.protocols.sqs.errors import refusal
from postroad.protocols.sqs.inputs import (
    ChangeMessageVisibility,
    ChangeMessageVisibilityBatch,
    DeleteMessage,
    DeleteMessageBatch,
    VisibilityEntry,
)
from postroad.protocols.sqs.mapping import extend, settle
from postroad.protocols.sqs.receipts import Receipt
from postroad.protocols.sqs.validation import check
from postroad.protocols.sqs.wire import Shape

_Held = tuple[str, Receipt]


def delete_message(call: Call, given: DeleteMessage) -> Script:
    """Done with a message. One that was received again since stays, and that is no error."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    receipt = yield from open_receipt(call, name, given.ReceiptHandle)
    if isinstance(receipt, Fault):
        return receipt
    reply = yield settle(name, (receipt,), ACK)
    return done(reply)


def delete_message_batch(call: Call, given: DeleteMessageBatch) -> Script:
    """Done with up to ten messages."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    wrong = bad_batch("DeleteMessageBatchRequestEntry", [entry.Id for entry in given.Entries])
    if wrong is not None:
        return wrong
    held: list[_Held] = []
    failed: list[Shape] = []
    for entry in given.Entries:
        receipt = check(entry) or (yield from open_receipt(call, name, entry.ReceiptHandle))
        if isinstance(receipt, Fault):
            failed.append(failed_entry(entry.Id, receipt))
        else:
            held.append((entry.Id, receipt))
    if held:
        reply = yield settle(name, [receipt for _, receipt in held], ACK)
        if isinstance(reply, Refused):
            return refusal(reply)
    return batch_answer([{"Id": entry_id} for entry_id, _ in held], failed)


def change_message_visibility(call: Call, given: ChangeMessageVisibility) -> Script:
    """Another end for a lease; 0 ends it now, and the receive stays counted."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    receipt = yield from open_receipt(call, name, given.ReceiptHandle)
    if isinstance(receipt, Fault):
        return receipt
    timeout_s = given.VisibilityTimeout or 0
    wrong = _too_far(call, receipt, timeout_s)
    if wrong is not None:
        return wrong
    reply = yield _change(name, (receipt,), timeout_s)
    if isinstance(reply, Settled) and reply.failed:
        return refusal(Refused(reply.failed[0][1]))
    return done(reply)


def change_message_visibility_batch(call: Call, given: ChangeMessageVisibilityBatch) -> Script:
    """Another end for up to ten leases; one command for all that get the same."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    entry_name = "ChangeMessageVisibilityBatchRequestEntry"
    wrong = bad_batch(entry_name, [entry.Id for entry in given.Entries])
    if wrong is not None:
        return wrong
    groups: dict[int, list[_Held]] = {}
    failed: list[Shape] = []
    for entry in given.Entries:
        receipt = check(entry) or (yield from _open_entry(call, name, entry))
        if isinstance(receipt, Fault):
            failed.append(failed_entry(entry.Id, receipt))
        else:
            groups.setdefault(entry.VisibilityTimeout or 0, []).append((entry.Id, receipt))
    successful: list[Shape] = []
    for timeout_s, held in groups.items():
        reply = yield _change(name, [receipt for _, receipt in held], timeout_s)
        if isinstance(reply, Refused):
            return refusal(reply)
        assert isinstance(reply, Settled), reply
        _sort(held, dict(reply.failed), successful, failed)
    return batch_answer(successful, failed)


def _open_entry(
    call: Call, name: str, entry: VisibilityEntry
) -> Generator[Command, Reply, Receipt | Fault]:
    receipt = yield from open_receipt(call, name, entry.ReceiptHandle)
    if isinstance(receipt, Fault):
        return receipt
    return _too_far(call, receipt, entry.VisibilityTimeout or 0) or receipt


def _too_far(call: Call, receipt: Receipt, timeout_s: int) -> Fault | None:
    held_s = max(0, call.now_ms // 1_000 - receipt.received_s)
    if timeout_s == 0 or held_s + timeout_s <= SQS_LEASE_S_MAX:
        return None
    return invalid(
        "VisibilityTimeout",
        timeout_s,
        f"Total VisibilityTimeout for the message is beyond the limit [{SQS_LEASE_S_MAX} seconds].",
    )


def _change(name: str, receipts: Sequence[Receipt], timeout_s: int) -> Command:
    if timeout_s == 0:
        return settle(name, receipts, RETRY)
    return extend(name, receipts, timeout_s * 1_000)


def _sort(
    held: Sequence[_Held], failures: dict[int, Why], successful: list[Shape], failed: list[Shape]
) -> None:
    for index, (entry_id, _) in enumerate(held):
        why = failures.get(index)
        if why is None:
            successful.append({"Id": entry_id})
        else:
            failed.append(failed_entry(entry_id, refusal(Refused(why))))
