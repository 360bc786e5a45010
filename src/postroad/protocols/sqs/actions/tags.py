"""TagQueue, UntagQueue and ListQueueTags: tags are the core's labels.

The rule kept here: a queue never has more tags than SQS allows.
"""

from collections.abc import Mapping

from postroad.limits import SQS_TAG_KEY_CHARS_MAX, SQS_TAG_VALUE_CHARS_MAX, SQS_TAGS_MAX
from postroad.model.commands import ChangeQueue
from postroad.protocols.aws.faults import INVALID_PARAMETER, Fault, invalid
from postroad.protocols.aws.session import Script
from postroad.protocols.sqs import inputs
from postroad.protocols.sqs.actions.call import Call, describe, done


def tag_queue(call: Call, given: inputs.TagQueue) -> Script:
    """Add tags, or give them other values."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    wrong = bad_tags(given.Tags)
    if wrong is not None:
        return wrong
    described = yield from describe(name)
    if isinstance(described, Fault):
        return described
    wrong = bad_tags({**described.labels, **given.Tags})
    if wrong is not None:
        return wrong
    reply = yield ChangeQueue(name, labels=dict(given.Tags))
    return done(reply)


def untag_queue(call: Call, given: inputs.UntagQueue) -> Script:
    """Remove tags; those that are not there do not matter."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    reply = yield ChangeQueue(name, labels=dict.fromkeys(given.TagKeys))
    return done(reply)


def list_queue_tags(call: Call, given: inputs.OneQueue) -> Script:
    """All tags of a queue."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    described = yield from describe(name)
    if isinstance(described, Fault):
        return described
    return {"Tags": described.labels} if described.labels else {}


def bad_tags(tags: Mapping[str, str]) -> Fault | None:
    """What is wrong with a queue's tags."""
    if len(tags) > SQS_TAGS_MAX:
        return Fault(INVALID_PARAMETER, f"A queue has at most {SQS_TAGS_MAX} tags.")
    for key, text in tags.items():
        if not 1 <= len(key) <= SQS_TAG_KEY_CHARS_MAX:
            return invalid("Tags", key, f"A key has 1 to {SQS_TAG_KEY_CHARS_MAX} characters.")
        if key.lower().startswith("aws:"):
            return invalid("Tags", key, "Keys that begin with aws: are reserved.")
        if len(text) > SQS_TAG_VALUE_CHARS_MAX:
            return invalid("Tags", key, f"A value has up to {SQS_TAG_VALUE_CHARS_MAX} characters.")
    return None
