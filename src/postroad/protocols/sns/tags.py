"""Tags: the labels of a topic.

The rule kept here: a topic never has more tags than SNS allows.
"""

from collections.abc import Mapping, Sequence

from postroad.limits import SNS_TAGS_MAX, SQS_TAG_KEY_CHARS_MAX, SQS_TAG_VALUE_CHARS_MAX
from postroad.protocols.aws.faults import Fault
from postroad.protocols.sns.errors import bad, fault
from postroad.protocols.sns.inputs import Tag


def labels_of(tags: Sequence[Tag]) -> dict[str, str]:
    """Tags as labels."""
    return {tag.Key: tag.Value for tag in tags}


def bad_tags(labels: Mapping[str, str]) -> Fault | None:
    """What is wrong with a topic's tags."""
    if len(labels) > SNS_TAGS_MAX:
        return fault(
            "TagLimitExceeded",
            "Could not complete request: tag quota of per resource exceeded",
        )
    for key, text in labels.items():
        if not 1 <= len(key) <= SQS_TAG_KEY_CHARS_MAX or key.lower().startswith("aws:"):
            return bad("Tags", f"the key {key[:80]} is not valid")
        if len(text) > SQS_TAG_VALUE_CHARS_MAX:
            return bad("Tags", f"the value of {key[:80]} is too long")
    return None
