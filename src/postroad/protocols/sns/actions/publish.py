"""Publish and PublishBatch.

The rule kept here: one program per call, and what is wrong with one entry of a batch is told of
that entry alone.
"""

from collections.abc import Sequence

from postroad.limits import SNS_BATCH_ENTRIES_MAX, SNS_BATCH_ID_CHARS_MAX, SNS_MESSAGE_BYTES_MAX
from postroad.model.batch import Asking
from postroad.protocols.aws.faults import Fault
from postroad.protocols.aws.session import Script, Shape
from postroad.protocols.sns import inputs
from postroad.protocols.sns.actions.call import Call, find_topic, run
from postroad.protocols.sns.arns import Topic, is_fifo, read_topic
from postroad.protocols.sns.drafts import Draft, draft_of
from postroad.protocols.sns.errors import bad, fault
from postroad.protocols.sns.mapping import ENVELOPED
from postroad.protocols.sns.publishing import Letter, Publishing, Sent, letter_of
from postroad.protocols.sns.sifting import forget

_ID_CHARS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def publish(call: Call, given: inputs.Publish) -> Script | Fault:
    """One message."""
    if given.PhoneNumber:
        return bad("PhoneNumber", "text messages are not sent from here")
    arn = given.TopicArn or given.TargetArn
    if not arn:
        return bad("TopicArn or TargetArn", "no value for required parameter")
    topic = read_topic(arn, "TopicArn" if given.TopicArn else "TargetArn")
    if isinstance(topic, Fault):
        return topic
    draft = draft_of(given, fifo=is_fifo(topic.name))
    if isinstance(draft, Fault):
        return draft

    def program(tx: Asking) -> Shape | Fault:
        sent = _publish(call, tx, topic, [draft])
        if isinstance(sent, Fault):
            return sent
        one = sent[0]
        return one if isinstance(one, Fault) else _told(one)

    return run(program)


def publish_batch(call: Call, given: inputs.PublishBatch) -> Script | Fault:
    """Up to ten messages; those that are well are published in one step."""
    topic = read_topic(given.TopicArn)
    if isinstance(topic, Fault):
        return topic
    entries = given.PublishBatchRequestEntries
    wrong = _bad_batch([entry.Id for entry in entries])
    if wrong is not None:
        return wrong
    drafts = [draft_of(entry, fifo=is_fifo(topic.name)) for entry in entries]
    if sum(len(entry.Message.encode()) for entry in entries) > SNS_MESSAGE_BYTES_MAX:
        text = "The length of all the batch messages put together is more than the limit."
        return fault("BatchRequestTooLong", text)

    def program(tx: Asking) -> Shape | Fault:
        sent = _publish(call, tx, topic, drafts)
        if isinstance(sent, Fault):
            return sent
        successful: list[Shape] = []
        failed: list[Shape] = []
        for entry, one in zip(entries, sent, strict=True):
            if isinstance(one, Fault):
                failed.append(_failed(entry.Id, one))
            else:
                successful.append({"Id": entry.Id, **_told(one)})
        return {"Successful": successful, "Failed": failed}

    return run(program)


def _publish(
    call: Call, tx: Asking, topic: Topic, drafts: Sequence[Draft | Fault]
) -> list[Sent | Fault] | Fault:
    """What became of each draft, or what is wrong with all of them."""
    described = find_topic(tx, topic.name)
    if isinstance(described, Fault):
        return described
    fifo = is_fifo(topic.name)
    sent: list[Sent | Fault] = []
    letters: list[Letter] = []
    for draft in drafts:
        if isinstance(draft, Fault):
            sent.append(draft)
            continue
        message_id = call.config.names.fresh_id(call.now_ms)
        one: Letter | Sent | Fault
        if fifo:
            one = letter_of(tx, described.exchange, described.extras, draft, message_id)
        else:
            one = Letter(draft, Sent(message_id), None)
        if isinstance(one, Letter):
            letters.append(one)
            one = one.sent
        sent.append(one)
    stamp = call.stamp(topic.arn, described.extras)
    publishing = Publishing(tx, topic.name, stamp, enveloped=ENVELOPED in described.extras)
    wrong = publishing.deliver(letters)
    if wrong is None:
        return sent
    forget(tx, described.exchange, [one.known_id for one in letters if one.known_id])
    return wrong


def _told(sent: Sent) -> Shape:
    shape: Shape = {"MessageId": sent.message_id}
    if sent.sequence is not None:
        shape["SequenceNumber"] = sent.sequence
    return shape


def _failed(entry_id: str, why: Fault) -> Shape:
    return {
        "Id": entry_id,
        "Code": why.kind.code,
        "Message": why.text,
        "SenderFault": why.kind.sender,
    }


def _bad_batch(ids: Sequence[str]) -> Fault | None:
    if not ids:
        text = "The batch request doesn't contain any entries."
        return fault("EmptyBatchRequest", text)
    if len(ids) > SNS_BATCH_ENTRIES_MAX:
        text = "The batch request contains more entries than permissible."
        return fault("TooManyEntriesInBatchRequest", text)
    for one in ids:
        if not 0 < len(one) <= SNS_BATCH_ID_CHARS_MAX or not _ID_CHARS.issuperset(one):
            text = "The Id of a batch entry in a batch request doesn't abide by the specification."
            return fault("InvalidBatchEntryId", text)
    if len(set(ids)) < len(ids):
        text = "Two or more batch entries in the request have the same Id."
        return fault("BatchEntryIdsNotDistinct", text)
    return None
