"""DeleteMessage, ChangeMessageVisibility and their batches.

The rule kept here: no command is asked for a handle that is not ours, and each names the queue its
handles are of.
"""

from collections.abc import Sequence

from postroad.limits import SQS_LEASE_S_MAX
from postroad.model.commands import ACK, RETRY, Command
from postroad.model.replies import Refused, Settled, Why
from postroad.protocols.aws.faults import Fault, invalid
from postroad.protocols.aws.session import Script, Shape
from postroad.protocols.sqs.actions.call import (
    Call,
    bad_batch,
    bad_handle,
    batch_answer,
    done,
    failed_entry,
    is_of_another_queue,
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
from postroad.protocols.sqs.ordering import expired, expired_entry, is_fifo
from postroad.protocols.sqs.receipts import Receipt
from postroad.protocols.sqs.validation import check

_Held = tuple[str, str, Receipt]
"""An entry of a batch: its id, its handle and what that says."""


def delete_message(call: Call, given: DeleteMessage) -> Script:
    """Done with a message. One that was received again since stays, and that is no error."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    receipt = open_receipt(call, name, given.ReceiptHandle)
    if isinstance(receipt, Fault):
        return receipt
    reply = yield settle(name, (receipt,), ACK)
    if is_of_another_queue(reply):
        return bad_handle(given.ReceiptHandle)
    _forget(call, name, (receipt,))
    if is_fifo(name) and isinstance(reply, Settled) and reply.failed:
        return expired(given.ReceiptHandle)
    return done(reply)


def delete_message_batch(call: Call, given: DeleteMessageBatch) -> Script:
    """Done with up to ten messages."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    wrong = bad_batch("DeleteMessageBatchRequestEntry", [entry.Id for entry in given.Entries])
    if wrong is not None:
        return wrong
    groups: dict[int, list[_Held]] = {}
    successful: list[Shape] = []
    failed: list[Shape] = []
    for entry in given.Entries:
        receipt = check(entry) or open_receipt(call, name, entry.ReceiptHandle)
        if isinstance(receipt, Fault):
            failed.append(failed_entry(entry.Id, receipt))
        else:
            held = (entry.Id, entry.ReceiptHandle, receipt)
            groups.setdefault(receipt.queue, []).append(held)
    for group in groups.values():
        receipts = [receipt for _, _, receipt in group]
        reply = yield settle(name, receipts, ACK)
        if is_of_another_queue(reply):
            failed.extend(_bad_entries(group))
            continue
        if isinstance(reply, Refused):
            return refusal(reply)
        assert isinstance(reply, Settled), reply
        _forget(call, name, receipts)
        # A standard queue keeps a message that was received again, and that is no error.
        failures = dict(reply.failed) if is_fifo(name) else {}
        _sort(name, group, failures, successful, failed)
    return batch_answer(successful, failed)


def change_message_visibility(call: Call, given: ChangeMessageVisibility) -> Script:
    """Another end for a lease; 0 ends it now, and the receive stays counted."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    receipt = open_receipt(call, name, given.ReceiptHandle)
    if isinstance(receipt, Fault):
        return receipt
    timeout_s = given.VisibilityTimeout or 0
    wrong = _too_far(call, receipt, timeout_s)
    if wrong is not None:
        return wrong
    reply = yield _change(name, (receipt,), timeout_s)
    if is_of_another_queue(reply):
        return bad_handle(given.ReceiptHandle)
    _forget(call, name, (receipt,))
    if isinstance(reply, Settled) and reply.failed:
        late = expired(given.ReceiptHandle)
        return late if is_fifo(name) else refusal(Refused(reply.failed[0][1]))
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
    groups: dict[tuple[int, int], list[_Held]] = {}
    failed: list[Shape] = []
    for entry in given.Entries:
        receipt = check(entry) or _open_entry(call, name, entry)
        if isinstance(receipt, Fault):
            failed.append(failed_entry(entry.Id, receipt))
        else:
            held = (entry.Id, entry.ReceiptHandle, receipt)
            groups.setdefault((entry.VisibilityTimeout or 0, receipt.queue), []).append(held)
    successful: list[Shape] = []
    for (timeout_s, _), group in groups.items():
        receipts = [receipt for _, _, receipt in group]
        reply = yield _change(name, receipts, timeout_s)
        if is_of_another_queue(reply):
            failed.extend(_bad_entries(group))
            continue
        if isinstance(reply, Refused):
            return refusal(reply)
        assert isinstance(reply, Settled), reply
        _forget(call, name, receipts)
        _sort(name, group, dict(reply.failed), successful, failed)
    return batch_answer(successful, failed)


def _bad_entries(group: Sequence[_Held]) -> list[Shape]:
    return [failed_entry(entry_id, bad_handle(handle)) for entry_id, handle, _ in group]


def _open_entry(call: Call, name: str, entry: VisibilityEntry) -> Receipt | Fault:
    receipt = open_receipt(call, name, entry.ReceiptHandle)
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


def _forget(call: Call, name: str, receipts: Sequence[Receipt]) -> None:
    """A receive cannot be repeated once its messages were changed."""
    if is_fifo(name):
        call.config.memory.attempts.forget(receipts)


def _sort(
    name: str,
    held: Sequence[_Held],
    failures: dict[int, Why],
    successful: list[Shape],
    failed: list[Shape],
) -> None:
    for index, (entry_id, _, _) in enumerate(held):
        why = failures.get(index)
        if why is None:
            successful.append({"Id": entry_id})
        else:
            late = expired_entry() if is_fifo(name) else refusal(Refused(why))
            failed.append(failed_entry(entry_id, late))
