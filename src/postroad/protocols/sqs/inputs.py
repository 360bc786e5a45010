"""What each action is given: one class per action, its members with their rules.

This is the members' half of the table in `spec`; decoding, validation and the Query form all read
it. The rule kept here: a member is spelled as on the wire, and a required one that is absent has
an empty default.
"""

from typing import Annotated, Final

from msgspec import Struct

from postroad.limits import (
    SQS_DELAY_S_MAX,
    SQS_LEASE_S_MAX,
    SQS_LIST_MAX,
    SQS_MOVE_PER_SECOND_MAX,
    SQS_MOVE_TASKS_MAX,
    SQS_RECEIVE_MAX,
    SQS_WAIT_S_MAX,
)
from postroad.protocols.aws.inputs import Rule

_URL: Final = Rule(required=True)
_NEEDED: Final = Rule(required=True)
_DELAY: Final = Rule(low=0, high=SQS_DELAY_S_MAX)
_LEASE: Final = Rule(low=0, high=SQS_LEASE_S_MAX)
_PAGE: Final = Rule(low=1, high=SQS_LIST_MAX)
_TAGS: Final = Rule(form="Tag", key="Key")
_ATTRIBUTES: Final = Rule(form="Attribute")
_MESSAGE_ATTRIBUTES: Final = Rule(form="MessageAttribute")
_SYSTEM_ATTRIBUTES: Final = Rule(form="MessageSystemAttribute")


class AttributeValue(Struct, gc=False, omit_defaults=True):
    """One message attribute: a type, and a text or bytes."""

    DataType: Annotated[str, _NEEDED] = ""
    StringValue: str | None = None
    BinaryValue: bytes | None = None
    StringListValues: Annotated[list[str] | None, Rule(form="StringListValue")] = None
    BinaryListValues: Annotated[list[bytes] | None, Rule(form="BinaryListValue")] = None


Attributes = dict[str, AttributeValue]


class SendEntry(Struct):
    """One message of a batch."""

    Id: Annotated[str, _NEEDED] = ""
    MessageBody: Annotated[str, _NEEDED] = ""
    DelaySeconds: Annotated[int | None, _DELAY] = None
    MessageAttributes: Annotated[Attributes | None, _MESSAGE_ATTRIBUTES] = None
    MessageSystemAttributes: Annotated[Attributes | None, _SYSTEM_ATTRIBUTES] = None
    MessageDeduplicationId: str | None = None
    MessageGroupId: str | None = None


class DeleteEntry(Struct):
    """One message to delete."""

    Id: Annotated[str, _NEEDED] = ""
    ReceiptHandle: Annotated[str, _NEEDED] = ""


class VisibilityEntry(Struct):
    """One message whose lease is to end otherwise."""

    Id: Annotated[str, _NEEDED] = ""
    ReceiptHandle: Annotated[str, _NEEDED] = ""
    VisibilityTimeout: Annotated[int | None, Rule(required=True, low=0, high=SQS_LEASE_S_MAX)] = (
        None
    )


class AddPermission(Struct):
    """Who may do what, under a label."""

    QueueUrl: Annotated[str, _URL] = ""
    Label: Annotated[str, _NEEDED] = ""
    AWSAccountIds: Annotated[list[str], Rule(required=True, form="AWSAccountId")] = []
    Actions: Annotated[list[str], Rule(required=True, form="ActionName")] = []


class CancelMessageMoveTask(Struct):
    """Which task to stop."""

    TaskHandle: Annotated[str, _NEEDED] = ""


class ChangeMessageVisibility(Struct):
    """When a lease is to end, counted from now."""

    QueueUrl: Annotated[str, _URL] = ""
    ReceiptHandle: Annotated[str, _NEEDED] = ""
    VisibilityTimeout: Annotated[int | None, Rule(required=True, low=0, high=SQS_LEASE_S_MAX)] = (
        None
    )


class ChangeMessageVisibilityBatch(Struct):
    """The same for several."""

    QueueUrl: Annotated[str, _URL] = ""
    Entries: Annotated[
        list[VisibilityEntry], Rule(form="ChangeMessageVisibilityBatchRequestEntry")
    ] = []


class CreateQueue(Struct):
    """A name, and what is not to be as usual."""

    QueueName: Annotated[str, _NEEDED] = ""
    Attributes: Annotated[dict[str, str] | None, _ATTRIBUTES] = None
    tags: Annotated[dict[str, str] | None, _TAGS] = None


class DeleteMessage(Struct):
    """Which message is done."""

    QueueUrl: Annotated[str, _URL] = ""
    ReceiptHandle: Annotated[str, _NEEDED] = ""


class DeleteMessageBatch(Struct):
    """Which messages are done."""

    QueueUrl: Annotated[str, _URL] = ""
    Entries: Annotated[list[DeleteEntry], Rule(form="DeleteMessageBatchRequestEntry")] = []


class OneQueue(Struct):
    """The input of every action that is given a queue and no more."""

    QueueUrl: Annotated[str, _URL] = ""


class GetQueueAttributes(Struct):
    """Which attributes to tell."""

    QueueUrl: Annotated[str, _URL] = ""
    AttributeNames: Annotated[list[str] | None, Rule(form="AttributeName")] = None


class GetQueueUrl(Struct):
    """A queue by its name."""

    QueueName: Annotated[str, _NEEDED] = ""
    QueueOwnerAWSAccountId: str | None = None


class ListDeadLetterSourceQueues(Struct):
    """A dead-letter queue, and a page."""

    QueueUrl: Annotated[str, _URL] = ""
    NextToken: str | None = None
    MaxResults: Annotated[int | None, _PAGE] = None


class ListMessageMoveTasks(Struct):
    """Whose tasks, and how many."""

    SourceArn: Annotated[str, _NEEDED] = ""
    MaxResults: Annotated[int | None, Rule(low=1, high=SQS_MOVE_TASKS_MAX)] = None


class ListQueues(Struct):
    """A prefix, and a page."""

    QueueNamePrefix: str | None = None
    NextToken: str | None = None
    MaxResults: Annotated[int | None, _PAGE] = None


class ReceiveMessage(Struct):
    """How many, for how long, after which wait, and what to show of them."""

    QueueUrl: Annotated[str, _URL] = ""
    AttributeNames: Annotated[list[str] | None, Rule(form="AttributeName")] = None
    MessageSystemAttributeNames: Annotated[
        list[str] | None, Rule(form="MessageSystemAttributeName")
    ] = None
    MessageAttributeNames: Annotated[list[str] | None, Rule(form="MessageAttributeName")] = None
    MaxNumberOfMessages: Annotated[int | None, Rule(low=1, high=SQS_RECEIVE_MAX)] = None
    VisibilityTimeout: Annotated[int | None, _LEASE] = None
    WaitTimeSeconds: Annotated[int | None, Rule(low=0, high=SQS_WAIT_S_MAX)] = None
    ReceiveRequestAttemptId: str | None = None


class RemovePermission(Struct):
    """The label of a permission."""

    QueueUrl: Annotated[str, _URL] = ""
    Label: Annotated[str, _NEEDED] = ""


class SendMessage(Struct):
    """One message."""

    QueueUrl: Annotated[str, _URL] = ""
    MessageBody: Annotated[str, _NEEDED] = ""
    DelaySeconds: Annotated[int | None, _DELAY] = None
    MessageAttributes: Annotated[Attributes | None, _MESSAGE_ATTRIBUTES] = None
    MessageSystemAttributes: Annotated[Attributes | None, _SYSTEM_ATTRIBUTES] = None
    MessageDeduplicationId: str | None = None
    MessageGroupId: str | None = None


class SendMessageBatch(Struct):
    """Several messages."""

    QueueUrl: Annotated[str, _URL] = ""
    Entries: Annotated[list[SendEntry], Rule(form="SendMessageBatchRequestEntry")] = []


class SetQueueAttributes(Struct):
    """What is to be otherwise."""

    QueueUrl: Annotated[str, _URL] = ""
    Attributes: Annotated[dict[str, str], Rule(required=True, form="Attribute")] = {}


class StartMessageMoveTask(Struct):
    """From where, to where, how fast."""

    SourceArn: Annotated[str, _NEEDED] = ""
    DestinationArn: str | None = None
    MaxNumberOfMessagesPerSecond: Annotated[
        int | None, Rule(low=1, high=SQS_MOVE_PER_SECOND_MAX)
    ] = None


class TagQueue(Struct):
    """Tags to add."""

    QueueUrl: Annotated[str, _URL] = ""
    Tags: Annotated[dict[str, str], Rule(required=True, form="Tag", key="Key")] = {}


class UntagQueue(Struct):
    """Tags to remove."""

    QueueUrl: Annotated[str, _URL] = ""
    TagKeys: Annotated[list[str], Rule(required=True, form="TagKey")] = []
