"""Amazon SQS as data: actions, queue attributes, errors, and how answers are spelled in XML.

The rule kept here: what is checked by table is checked from these tables and nowhere else.
"""

from typing import Final

from msgspec import Struct

from postroad.limits import (
    SQS_DELAY_S_MAX,
    SQS_LEASE_S_MAX,
    SQS_MESSAGE_BYTES_MAX,
    SQS_WAIT_S_MAX,
)
from postroad.model.commands import Extend, Publish, Receive, Settle
from postroad.model.policy import DEDUP_KEY, DEDUP_QUEUE
from postroad.model.value import value
from postroad.protocols.aws.faults import FaultKind
from postroad.protocols.aws.xml import Spelling
from postroad.protocols.sqs import inputs

TARGET_PREFIX: Final = "AmazonSQS."
NAMESPACE: Final = "http://queue.amazonaws.com/doc/2012-11-05/"

INPUTS: Final[dict[str, type[Struct]]] = {
    "AddPermission": inputs.AddPermission,
    "CancelMessageMoveTask": inputs.CancelMessageMoveTask,
    "ChangeMessageVisibility": inputs.ChangeMessageVisibility,
    "ChangeMessageVisibilityBatch": inputs.ChangeMessageVisibilityBatch,
    "CreateQueue": inputs.CreateQueue,
    "DeleteMessage": inputs.DeleteMessage,
    "DeleteMessageBatch": inputs.DeleteMessageBatch,
    "DeleteQueue": inputs.OneQueue,
    "GetQueueAttributes": inputs.GetQueueAttributes,
    "GetQueueUrl": inputs.GetQueueUrl,
    "ListDeadLetterSourceQueues": inputs.ListDeadLetterSourceQueues,
    "ListMessageMoveTasks": inputs.ListMessageMoveTasks,
    "ListQueueTags": inputs.OneQueue,
    "ListQueues": inputs.ListQueues,
    "PurgeQueue": inputs.OneQueue,
    "ReceiveMessage": inputs.ReceiveMessage,
    "RemovePermission": inputs.RemovePermission,
    "SendMessage": inputs.SendMessage,
    "SendMessageBatch": inputs.SendMessageBatch,
    "SetQueueAttributes": inputs.SetQueueAttributes,
    "StartMessageMoveTask": inputs.StartMessageMoveTask,
    "TagQueue": inputs.TagQueue,
    "UntagQueue": inputs.UntagQueue,
}
MESSAGE_COMMANDS: Final = (Publish, Receive, Settle, Extend)
"""Commands on messages, as against those on queues."""
RESULTLESS: Final = frozenset(
    {
        "AddPermission",
        "ChangeMessageVisibility",
        "DeleteMessage",
        "DeleteQueue",
        "PurgeQueue",
        "RemovePermission",
        "SetQueueAttributes",
        "TagQueue",
        "UntagQueue",
    }
)
"""Actions that answer nothing but that they are done."""

# Queue attributes.

NUMBER: Final = "number"
TRUTH: Final = "truth"
TEXT: Final = "text"
POLICY: Final = "policy"
REDRIVE: Final = "redrive"
REDRIVE_ALLOW: Final = "redrive-allow"
READ_ONLY: Final = "read-only"
KIND: Final = "kind"
BY_CONTENT: Final = "by-content"
SCOPE: Final = "scope"
THROUGHPUT: Final = "throughput"
EXTRA: Final = "sqs."
"""What the names of SQS settings begin with that the core only keeps."""


@value
class QueueAttribute:
    """One attribute of a queue: what its text may be, and where it is kept.

    `setting`: the field of `QueueSettings` that holds it, `scale` of its units to one of SQS's;
    without one it is an extra. `default`: what a queue made without it has.
    """

    kind: str
    low: int = 0
    high: int = 0
    default: int | None = None
    setting: str = ""
    scale: int = 1


QUEUE_ATTRIBUTES: Final[dict[str, QueueAttribute]] = {
    "VisibilityTimeout": QueueAttribute(NUMBER, 0, SQS_LEASE_S_MAX, 30, "lease_ms", 1_000),
    "MaximumMessageSize": QueueAttribute(
        NUMBER, 1_024, SQS_MESSAGE_BYTES_MAX, SQS_MESSAGE_BYTES_MAX, "message_bytes_max"
    ),
    "MessageRetentionPeriod": QueueAttribute(NUMBER, 60, 1_209_600, 345_600, "retention_ms", 1_000),
    "DelaySeconds": QueueAttribute(NUMBER, 0, SQS_DELAY_S_MAX, 0, "delay_ms", 1_000),
    "ReceiveMessageWaitTimeSeconds": QueueAttribute(NUMBER, 0, SQS_WAIT_S_MAX, 0, "wait_ms", 1_000),
    "RedrivePolicy": QueueAttribute(REDRIVE),
    "Policy": QueueAttribute(POLICY),
    "RedriveAllowPolicy": QueueAttribute(REDRIVE_ALLOW),
    "KmsMasterKeyId": QueueAttribute(TEXT),
    "KmsDataKeyReusePeriodSeconds": QueueAttribute(NUMBER, 60, 86_400, 300),
    "SqsManagedSseEnabled": QueueAttribute(TRUTH),
    "FifoQueue": QueueAttribute(KIND),
    "ContentBasedDeduplication": QueueAttribute(BY_CONTENT),
    "DeduplicationScope": QueueAttribute(SCOPE),
    "FifoThroughputLimit": QueueAttribute(THROUGHPUT),
    "ApproximateNumberOfMessages": QueueAttribute(READ_ONLY),
    "ApproximateNumberOfMessagesNotVisible": QueueAttribute(READ_ONLY),
    "ApproximateNumberOfMessagesDelayed": QueueAttribute(READ_ONLY),
    "CreatedTimestamp": QueueAttribute(READ_ONLY),
    "LastModifiedTimestamp": QueueAttribute(READ_ONLY),
    "QueueArn": QueueAttribute(READ_ONLY),
}
DEDUP_SCOPES: Final = {"queue": DEDUP_QUEUE, "messageGroup": DEDUP_KEY}
PER_QUEUE: Final = "perQueue"
PER_GROUP: Final = "perMessageGroupId"
REDRIVE_SETTINGS: Final = ("dead_letter_queue", "deliveries_max")
"""The two settings a RedrivePolicy is kept in."""
REDRIVE_COUNT_MAX: Final = 1_000
REDRIVE_SOURCES_MAX: Final = 10
REDRIVE_PERMISSIONS: Final = ("allowAll", "denyAll", "byQueue")

SYSTEM_ATTRIBUTES: Final = (
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
)
"""System attributes of a message that a receive may ask for."""
TRACE_HEADER: Final = "AWSTraceHeader"
PERMITTED_ACTIONS: Final = (
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
)
"""Actions that AddPermission may name."""

# Errors.

_SPACE: Final = "com.amazonaws.sqs"
_OLD: Final = "AWS.SimpleQueueService."


def _error(shape: str, code: str = "", status: int = 400) -> FaultKind:
    return FaultKind(shape, code or shape, status, space=_SPACE)


ERRORS: Final[dict[str, FaultKind]] = {
    kind.shape: kind
    for kind in (
        _error("BatchEntryIdsNotDistinct", _OLD + "BatchEntryIdsNotDistinct"),
        _error("BatchRequestTooLong", _OLD + "BatchRequestTooLong"),
        _error("EmptyBatchRequest", _OLD + "EmptyBatchRequest"),
        _error("InvalidAddress", status=404),
        _error("InvalidAttributeName"),
        _error("InvalidAttributeValue"),
        _error("InvalidBatchEntryId", _OLD + "InvalidBatchEntryId"),
        _error("InvalidIdFormat", status=404),
        _error("InvalidMessageContents"),
        _error("InvalidSecurity", status=403),
        _error("KmsAccessDenied", "KMS.AccessDeniedException"),
        _error("KmsDisabled", "KMS.DisabledException"),
        _error("KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException"),
        _error("KmsInvalidState", "KMS.InvalidStateException"),
        _error("KmsNotFound", "KMS.NotFoundException"),
        _error("KmsOptInRequired", "KMS.OptInRequired", 403),
        _error("KmsThrottled", "KMS.ThrottlingException"),
        _error("MessageNotInflight", _OLD + "MessageNotInflight"),
        _error("OverLimit", status=403),
        _error("PurgeQueueInProgress", _OLD + "PurgeQueueInProgress", 403),
        _error("QueueDeletedRecently", _OLD + "QueueDeletedRecently"),
        _error("QueueDoesNotExist", _OLD + "NonExistentQueue"),
        _error("QueueNameExists", "QueueAlreadyExists"),
        _error("ReceiptHandleIsInvalid", status=404),
        _error("RequestThrottled", status=403),
        _error("ResourceNotFoundException", status=404),
        _error("TooManyEntriesInBatchRequest", _OLD + "TooManyEntriesInBatchRequest"),
        _error("UnsupportedOperation", _OLD + "UnsupportedOperation"),
    )
}

# XML.

_PLAIN_SPELLINGS: Final = {
    "QueueUrls": Spelling("QueueUrl"),
    "queueUrls": Spelling("QueueUrl"),
    "Attributes": Spelling("Attribute", "Name", "Value"),
    "Tags": Spelling("Tag", "Key", "Value"),
    "Messages": Spelling("Message"),
    "MessageAttributes": Spelling("MessageAttribute", "Name", "Value"),
    "Results": Spelling("ListMessageMoveTasksResultEntry"),
    "Failed": Spelling("BatchResultErrorEntry"),
}
SPELLINGS: Final[dict[str, dict[str, Spelling]]] = {
    action: {**_PLAIN_SPELLINGS, "Successful": Spelling(f"{action}ResultEntry")}
    for action in INPUTS
}
