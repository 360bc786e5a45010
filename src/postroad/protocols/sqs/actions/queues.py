"""CreateQueue, DeleteQueue, GetQueueUrl, ListQueues, PurgeQueue and the queue attributes.

The rule kept here: what a queue is set to is asked of the core each time, never remembered.
"""

from collections.abc import Generator
from typing import Final

from postroad.limits import SQS_DEDUP_WINDOW_MS, SQS_LIST_MAX
from postroad.model.commands import (
    ChangeQueue,
    Command,
    DeclareQueue,
    DeleteQueue,
    ListQueues,
    PurgeQueue,
)
from postroad.model.policy import QueueSettings
from postroad.model.replies import Declared, Listed, Refused, Reply
from postroad.protocols.aws.faults import INVALID_PARAMETER, Fault, invalid
from postroad.protocols.aws.session import Script, Shape
from postroad.protocols.sqs import inputs
from postroad.protocols.sqs.actions.call import Call, describe, done
from postroad.protocols.sqs.actions.tags import bad_tags
from postroad.protocols.sqs.addresses import (
    after_token,
    bad_new_name,
    named_queue,
    spellable,
    token_after,
)
from postroad.protocols.sqs.config import SqsConfig
from postroad.protocols.sqs.errors import fault, refusal
from postroad.protocols.sqs.ordering import is_fifo
from postroad.protocols.sqs.queue_attributes import (
    LIMIT,
    Wanted,
    all_attributes,
    bad_throughput,
    limits_throughput,
    read_attributes,
    redrive_allowed,
)
from postroad.protocols.sqs.spec import ERRORS, EXTRA, PER_QUEUE, QUEUE_ATTRIBUTES

PURGED: Final = EXTRA + "purged_ms"
"""The extra that tells when a queue was purged last."""


def create_queue(call: Call, given: inputs.CreateQueue) -> Script:
    """A queue, or the address of the one that is there already and agrees."""
    name = given.QueueName
    attributes = given.Attributes or {}
    fifo = attributes.get("FifoQueue", "").lower() == "true"
    wrong = bad_new_name(name, fifo=fifo)
    if wrong is not None:
        return wrong
    wanted = read_attributes(attributes, fifo=fifo)
    if isinstance(wanted, Fault):
        return wanted
    wrong = bad_throughput(wanted, None) or bad_tags(given.tags or {})
    wrong = wrong or _deleted_recently(call, name)
    if wrong is None:
        wrong = yield from _bad_dead_letters(call, name, wanted)
    if wrong is not None:
        return wrong
    reply = yield DeclareQueue(
        name,
        _new_settings(call.config, wanted),
        extras=_new_extras(wanted),
        labels=given.tags or {},
        compare=wanted.compare(),
    )
    if isinstance(reply, Refused):
        return refusal(reply)
    assert isinstance(reply, Declared), reply
    return {"QueueUrl": call.url(name)}


def delete_queue(call: Call, given: inputs.OneQueue) -> Script:
    """A queue and all it holds is gone."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    reply = yield DeleteQueue(name)
    if not isinstance(reply, Refused):
        call.config.memory.know_deleted(name, call.now_ms)
    return done(reply)


def get_queue_url(call: Call, given: inputs.GetQueueUrl) -> Script:
    """The address of a queue that is there."""
    name = named_queue(given.QueueName)
    owner = given.QueueOwnerAWSAccountId
    if owner and owner != call.config.account:
        return fault("QueueDoesNotExist", "The specified queue does not exist.")
    described = yield from describe(name)
    return described if isinstance(described, Fault) else {"QueueUrl": call.url(name)}


def list_queues(call: Call, given: inputs.ListQueues) -> Script:
    """Addresses of queues by name, in pages where the client asks for pages."""
    after = ""
    if given.NextToken:
        if given.MaxResults is None:
            return Fault(
                INVALID_PARAMETER,
                "MaxResults is a mandatory parameter when you provide a value for NextToken.",
            )
        start = after_token(given.NextToken)
        if isinstance(start, Fault):
            return start
        after = start
    count = given.MaxResults or SQS_LIST_MAX
    found: list[str] = []
    more = True
    while more and len(found) < count:
        reply = yield ListQueues(given.QueueNamePrefix or "", after, count - len(found))
        if isinstance(reply, Refused):
            return refusal(reply)
        assert isinstance(reply, Listed), reply
        found += filter(spellable, reply.names)
        more = reply.more and bool(reply.names)
        after = reply.names[-1] if reply.names else after
    answer: Shape = {"QueueUrls": [call.url(name) for name in found]} if found else {}
    if more and given.MaxResults is not None:
        answer["NextToken"] = token_after(after)
    return answer


def purge_queue(call: Call, given: inputs.OneQueue) -> Script:
    """Drop all messages, at most once in a while."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    described = yield from describe(name)
    if isinstance(described, Fault):
        return described
    interval_ms = call.config.purge_interval_ms
    if interval_ms:
        purged = described.extras.get(PURGED)
        if purged is not None and call.now_ms - int(purged) < interval_ms:
            return fault(
                "PurgeQueueInProgress",
                f"Only one PurgeQueue operation on {name} is allowed every"
                f" {interval_ms // 1_000} seconds.",
            )
        reply = yield ChangeQueue(name, extras={PURGED: str(call.now_ms)})
        if isinstance(reply, Refused):
            return refusal(reply)
    reply = yield PurgeQueue(name)
    return done(reply)


def get_queue_attributes(call: Call, given: inputs.GetQueueAttributes) -> Script:
    """The attributes that were asked for and that the queue has."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    names = given.AttributeNames or []
    for one in names:
        if one != "All" and one not in QUEUE_ATTRIBUTES:
            return fault("InvalidAttributeName", f"Unknown Attribute {one[:80]}.")
    described = yield from describe(name)
    if isinstance(described, Fault):
        return described
    attributes = all_attributes(call.config, call.region, described)
    if "All" not in names:
        attributes = {one: text for one, text in attributes.items() if one in names}
    return {"Attributes": attributes} if attributes else {}


def set_queue_attributes(call: Call, given: inputs.SetQueueAttributes) -> Script:
    """Change some attributes, leave the others."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    wanted = read_attributes(given.Attributes, fifo=is_fifo(name))
    if isinstance(wanted, Fault):
        return wanted
    if limits_throughput(wanted):
        described = yield from describe(name)
        if isinstance(described, Fault):
            return described
        wrong = bad_throughput(wanted, described)
        if wrong is not None:
            return wrong
    wrong = yield from _bad_dead_letters(call, name, wanted)
    if wrong is not None:
        return wrong
    settings = QueueSettings(**wanted.settings) if wanted.settings else None
    only = tuple(wanted.settings)
    reply = yield ChangeQueue(name, settings=settings, extras=wanted.extras or None, only=only)
    return done(reply)


def _new_settings(config: SqsConfig, wanted: Wanted) -> QueueSettings:
    defaults = {
        attribute.setting: attribute.default * attribute.scale
        for attribute in QUEUE_ATTRIBUTES.values()
        if attribute.setting and attribute.default is not None
    }
    if wanted.fifo:
        defaults["dedup_window_ms"] = SQS_DEDUP_WINDOW_MS
    return QueueSettings(**{**defaults, "leased_max": config.leased_max, **wanted.settings})


def _new_extras(wanted: Wanted) -> dict[str, str]:
    extras = {extra: text for extra, text in wanted.extras.items() if text is not None}
    if wanted.fifo:
        extras.setdefault(LIMIT, PER_QUEUE)
    return extras


def _deleted_recently(call: Call, name: str) -> Fault | None:
    interval_ms = call.config.deleted_recently_ms
    deleted_ms = call.config.memory.deleted_ms.get(name)
    if not interval_ms or deleted_ms is None or call.now_ms - deleted_ms >= interval_ms:
        return None
    return fault(
        "QueueDeletedRecently",
        f"You must wait {interval_ms // 1_000} seconds after deleting a queue before you can create"
        " another with the same name.",
    )


def _bad_dead_letters(
    call: Call, name: str, wanted: Wanted
) -> Generator[Command, Reply, Fault | None]:
    target = wanted.dead_letters
    if target is None:
        return None
    described = yield from describe(target)
    arn = call.arn(target)
    if isinstance(described, Fault):
        if described.kind is not ERRORS["QueueDoesNotExist"]:
            return described
        return invalid("RedrivePolicy", arn, "Dead letter target does not exist.")
    if is_fifo(target) != is_fifo(name):
        return invalid(
            "RedrivePolicy", arn, "Dead-letter queue must be same type of queue as the source."
        )
    if not redrive_allowed(described, name):
        return invalid(
            "RedrivePolicy", arn, "The dead letter target's RedriveAllowPolicy does not allow it."
        )
    return None
