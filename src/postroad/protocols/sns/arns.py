"""ARNs: how SNS spells which topic, subscription or queue is meant.

The rule kept here: of an ARN only its last parts matter; a name SNS cannot spell is reached with
its odd bytes as `%XX`.
"""

from typing import Final
from urllib.parse import quote, unquote

from postroad.limits import SNS_NAME_CHARS_MAX
from postroad.model.value import value
from postroad.protocols.aws.faults import Fault
from postroad.protocols.sns.errors import bad

FIFO_SUFFIX: Final = ".fifo"
_SPELLABLE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


@value
class Topic:
    """A topic as a client names it: its `name`, and the ARN it used."""

    name: str
    arn: str


@value
class SubscriptionName:
    """A subscription as a client names it: its topic, and its id."""

    topic: Topic
    id: str


def is_fifo(name: str) -> bool:
    """Whether the queue or topic of this name is FIFO."""
    return name.endswith(FIFO_SUFFIX)


def spellable(name: str) -> bool:
    """Whether SNS can name this topic."""
    stem = name.removesuffix(FIFO_SUFFIX)
    return 0 < len(stem) <= len(name) <= SNS_NAME_CHARS_MAX and _SPELLABLE.issuperset(stem)


def topic_arn(region: str, account: str, name: str) -> str:
    """The ARN of a topic."""
    return f"arn:aws:sns:{region}:{account}:{quote(name, safe='')}"


def queue_arn(region: str, account: str, name: str) -> str:
    """The ARN of a queue."""
    return f"arn:aws:sqs:{region}:{account}:{quote(name, safe='')}"


def read_topic(arn: str, parameter: str = "TopicArn") -> Topic | Fault:
    """The topic with an ARN; `parameter` is named in the error."""
    parts = arn.split(":")
    if len(parts) < 6:
        return bad(parameter, f"An ARN must have at least 6 elements, not {len(parts)}")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sns" or not parts[5]:
        return bad(parameter)
    return Topic(unquote(parts[5], errors="replace"), arn)


def read_subscription(arn: str) -> SubscriptionName | Fault:
    """The subscription with an ARN."""
    topic_part, _, id = arn.rpartition(":")
    if arn.count(":") < 5:
        elements = arn.count(":") + 1
        return bad("SubscriptionArn", f"An ARN must have at least 6 elements, not {elements}")
    topic = read_topic(topic_part)
    if isinstance(topic, Fault) or not id:
        return bad("SubscriptionArn")
    return SubscriptionName(topic, id)


def read_queue(arn: str) -> str | None:
    """The name of the queue with an ARN; `None` when it is none of a queue."""
    parts = arn.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sqs" or not parts[5]:
        return None
    return unquote(parts[5], errors="replace")
