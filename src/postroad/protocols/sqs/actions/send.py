"""SendMessage and SendMessageBatch.

The rule kept here: one publish per call, and what is wrong with one entry of a batch is told of
that entry alone; but as the service has it, one without what a FIFO queue needs fails them all.
"""

from collections.abc import Generator, Sequence

from postroad.limits import SQS_BATCH_BYTES_MAX, SQS_MESSAGE_BYTES_MAX
from postroad.model.commands import Command, Publish
from postroad.model.replies import Published, Refused, Reply, Why
from postroad.protocols.aws.faults import INVALID_PARAMETER, Fault, missing
from postroad.protocols.aws.session import Script, Shape
from postroad.protocols.sqs.actions.call import (
    Call,
    bad_batch,
    batch_answer,
    describe,
    failed_entry,
)
from postroad.protocols.sqs.attributes import Prepared, prepare
from postroad.protocols.sqs.errors import fault, refusal
from postroad.protocols.sqs.inputs import SendEntry, SendMessage, SendMessageBatch
from postroad.protocols.sqs.ordering import (
    bad_for_queue,
    is_fifo,
    sequence_number,
    without_group,
    without_id,
)
from postroad.protocols.sqs.validation import check

ENTRY = "SendMessageBatchRequestEntry"
_Ready = tuple[str, Prepared]


def send_message(call: Call, given: SendMessage) -> Script:
    """One message."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    wrong = without_group(name, given) or bad_for_queue(name, given)
    if wrong is not None:
        return wrong
    ready = prepare(given)
    if isinstance(ready, Fault):
        return ready
    if ready.size_bytes > SQS_MESSAGE_BYTES_MAX:
        return _too_long(SQS_MESSAGE_BYTES_MAX)
    if ready.dedup_id is None and is_fifo(name):
        wrong = yield from _without_id(name)
        if wrong is not None:
            return wrong
    reply = yield _publish_one(name, ready)
    if isinstance(reply, Refused):
        return refusal(reply)
    assert isinstance(reply, Published), reply
    queue, offset = reply.places[0]
    return _sent(call, name, ready, (queue, offset))


def send_message_batch(call: Call, given: SendMessageBatch) -> Script:
    """Up to ten messages; those that are well are sent in one step."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    entries = given.Entries
    wrong = bad_batch(ENTRY, [entry.Id for entry in entries]) or _without_body(entries)
    wrong = wrong or _without_group(name, entries)
    if wrong is not None:
        return wrong
    ready, failed = _prepared(name, entries)
    size_bytes = sum(one.size_bytes for _, one in ready)
    if size_bytes > SQS_BATCH_BYTES_MAX:
        return fault(
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {SQS_BATCH_BYTES_MAX} bytes."
            f" You have sent {size_bytes} bytes.",
        )
    if is_fifo(name) and any(one.dedup_id is None for _, one in ready):
        wrong = yield from _without_id(name)
        if wrong is not None:
            return wrong
    return (yield from _send_ready(call, name, ready, failed))


def _without_id(name: str) -> Generator[Command, Reply, Fault | None]:
    """What is wrong with messages that have no deduplication id of their own."""
    described = yield from describe(name)
    if isinstance(described, Fault):
        return described
    return None if described.settings.dedup_by_content else without_id()


def _without_group(name: str, entries: Sequence[SendEntry]) -> Fault | None:
    for entry in entries:
        wrong = without_group(name, entry)
        if wrong is not None:
            # In a batch the service has another code for it.
            return Fault(INVALID_PARAMETER, wrong.text)
    return None


def _without_body(entries: Sequence[SendEntry]) -> Fault | None:
    for number, entry in enumerate(entries, 1):
        if not entry.MessageBody:
            return missing(f"{ENTRY}.{number}.MessageBody")
    return None


def _prepared(name: str, entries: Sequence[SendEntry]) -> tuple[list[_Ready], list[Shape]]:
    ready: list[_Ready] = []
    failed: list[Shape] = []
    for entry in entries:
        one = check(entry) or bad_for_queue(name, entry) or prepare(entry)
        if isinstance(one, Fault):
            failed.append(failed_entry(entry.Id, one))
        else:
            ready.append((entry.Id, one))
    return ready, failed


def _send_ready(call: Call, name: str, ready: list[_Ready], failed: list[Shape]) -> Script:
    if not ready:
        described = yield from describe(name)
        return described if isinstance(described, Fault) else batch_answer([], failed)
    reply = yield _publish(name, [one for _, one in ready])
    if isinstance(reply, Refused) and reply.why is Why.TOO_LARGE and len(ready) > 1:
        return (yield from _send_fitting(call, name, ready, failed))
    if isinstance(reply, Refused):
        refused = refusal(reply)
        if reply.why is not Why.TOO_LARGE:
            return refused
        return batch_answer([], [*failed, *(failed_entry(one, refused) for one, _ in ready)])
    assert isinstance(reply, Published), reply
    queue, first = reply.places[0]
    offsets = reply.offsets or range(first, first + len(ready))
    sent = [
        {"Id": entry_id, **_sent(call, name, one, (queue, offset))}
        for (entry_id, one), offset in zip(ready, offsets, strict=True)
    ]
    return batch_answer(sent, failed)


def _send_fitting(call: Call, name: str, ready: list[_Ready], failed: list[Shape]) -> Script:
    """A publish is all or nothing, a batch is not: the messages too large for the queue are told
    apart and the others sent."""
    largest = yield from _largest(name)
    if isinstance(largest, Fault):
        return largest
    fitting: list[_Ready] = []
    for entry_id, one in ready:
        if len(one.body) + len(one.head) > largest:
            failed.append(failed_entry(entry_id, _too_long(largest)))
        else:
            fitting.append((entry_id, one))
    if len(fitting) == len(ready):
        # The limit was raised meanwhile; once is enough to go round.
        return batch_answer([], [failed_entry(one, _too_long(largest)) for one, _ in ready])
    return (yield from _send_ready(call, name, fitting, failed))


def _largest(name: str) -> Generator[Command, Reply, int | Fault]:
    described = yield from describe(name)
    if isinstance(described, Fault):
        return described
    limit = described.settings.message_bytes_max
    return SQS_MESSAGE_BYTES_MAX if limit is None else limit


def _publish_one(name: str, ready: Prepared) -> Publish:
    return Publish(
        (name,),
        [ready.body],
        [ready.head] if ready.head else None,
        _delays(name, (ready,)),
        keys=None if ready.group is None else [ready.group],
        dedup_ids=None if ready.dedup_id is None else [ready.dedup_id],
    )


def _publish(name: str, ready: Sequence[Prepared]) -> Publish:
    heads = [one.head for one in ready]
    groups = [one.group for one in ready]
    dedup_ids = [one.dedup_id for one in ready]
    return Publish(
        (name,),
        [one.body for one in ready],
        heads=heads if any(heads) else None,
        delays_ms=_delays(name, ready),
        keys=groups if any(groups) else None,
        dedup_ids=dedup_ids if any(dedup_ids) else None,
    )


def _delays(name: str, ready: Sequence[Prepared]) -> list[int | None] | None:
    """Delays of their own; a 0 to a FIFO queue is the queue's own delay."""
    if is_fifo(name) or all(one.delay_ms is None for one in ready):
        return None
    return [one.delay_ms for one in ready]


def _sent(call: Call, name: str, ready: Prepared, place: tuple[int, int]) -> Shape:
    """The answer for one message; for one that was there already it is that of the first."""
    message_id = call.config.names.message_id(*place)
    shape: Shape = {"MessageId": message_id, "MD5OfMessageBody": ready.body_md5}
    if is_fifo(name):
        shape["SequenceNumber"] = sequence_number(place[1])
    if ready.attributes_md5:
        shape["MD5OfMessageAttributes"] = ready.attributes_md5
    if ready.system_md5:
        shape["MD5OfMessageSystemAttributes"] = ready.system_md5
    return shape


def _too_long(bytes_max: int) -> Fault:
    return Fault(
        INVALID_PARAMETER,
        f"One or more parameters are invalid. Reason: Message must be shorter than {bytes_max}"
        " bytes.",
    )
