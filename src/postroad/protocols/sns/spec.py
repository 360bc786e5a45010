"""Amazon SNS as data: actions, attributes, errors, and how answers are spelled in XML.

The rule kept here: what is checked by table is checked from these tables and nowhere else.
"""

from typing import Final

from msgspec import Struct

from postroad.protocols.aws.faults import FaultKind
from postroad.protocols.aws.xml import Spelling
from postroad.protocols.sns import inputs

VERSION: Final = "2010-03-31"
NAMESPACE: Final = "http://sns.amazonaws.com/doc/2010-03-31/"

INPUTS: Final[dict[str, type[Struct]]] = {
    "AddPermission": inputs.AddPermission,
    "ConfirmSubscription": inputs.ConfirmSubscription,
    "CreateTopic": inputs.CreateTopic,
    "DeleteTopic": inputs.OneTopic,
    "GetSubscriptionAttributes": inputs.OneSubscription,
    "GetTopicAttributes": inputs.OneTopic,
    "ListSubscriptions": inputs.Page,
    "ListSubscriptionsByTopic": inputs.ListByTopic,
    "ListTagsForResource": inputs.OneResource,
    "ListTopics": inputs.Page,
    "Publish": inputs.Publish,
    "PublishBatch": inputs.PublishBatch,
    "RemovePermission": inputs.RemovePermission,
    "SetSubscriptionAttributes": inputs.SetSubscriptionAttributes,
    "SetTopicAttributes": inputs.SetTopicAttributes,
    "Subscribe": inputs.Subscribe,
    "TagResource": inputs.TagResource,
    "Unsubscribe": inputs.OneSubscription,
    "UntagResource": inputs.UntagResource,
}
REFUSED: Final = frozenset(
    {
        "CheckIfPhoneNumberIsOptedOut",
        "CreatePlatformApplication",
        "CreatePlatformEndpoint",
        "CreateSMSSandboxPhoneNumber",
        "DeleteEndpoint",
        "DeletePlatformApplication",
        "DeleteSMSSandboxPhoneNumber",
        "GetDataProtectionPolicy",
        "GetEndpointAttributes",
        "GetPlatformApplicationAttributes",
        "GetSMSAttributes",
        "GetSMSSandboxAccountStatus",
        "ListEndpointsByPlatformApplication",
        "ListOriginationNumbers",
        "ListPhoneNumbersOptedOut",
        "ListPlatformApplications",
        "ListSMSSandboxPhoneNumbers",
        "OptInPhoneNumber",
        "PutDataProtectionPolicy",
        "SetEndpointAttributes",
        "SetPlatformApplicationAttributes",
        "SetSMSAttributes",
        "VerifySMSSandboxPhoneNumber",
    }
)
"""Actions of the service about phones, mobile applications and data protection: InvalidAction."""
RESULTLESS: Final = frozenset(
    {
        "AddPermission",
        "DeleteTopic",
        "RemovePermission",
        "SetSubscriptionAttributes",
        "SetTopicAttributes",
        "Unsubscribe",
    }
)
"""Actions that answer nothing but that they are done."""

EXTRA: Final = "sns."
"""What the names of SNS settings begin with that the core only keeps."""
PROTOCOLS: Final = ("sqs", "http", "https")
RAW: Final = "RawMessageDelivery"
POLICY: Final = "FilterPolicy"
SCOPE: Final = "FilterPolicyScope"
REDRIVE: Final = "RedrivePolicy"
DELIVERY: Final = "DeliveryPolicy"
REPLAY: Final = "ReplayPolicy"
SUBSCRIPTION_ATTRIBUTES: Final = (RAW, POLICY, SCOPE, REDRIVE, DELIVERY, REPLAY)
"""Attributes of a subscription that may be set."""
BY_ATTRIBUTES: Final = "MessageAttributes"
BY_BODY: Final = "MessageBody"

TEXT: Final = "text"
JSON: Final = "json"
TRUTH: Final = "truth"
FIFO: Final = "FifoTopic"
BY_CONTENT: Final = "ContentBasedDeduplication"
THROUGHPUT: Final = "FifoThroughputScope"
DISPLAY: Final = "DisplayName"
SIGNATURE_VERSION: Final = "SignatureVersion"
TOPIC_ATTRIBUTES: Final[dict[str, str | tuple[str, ...]]] = {
    DISPLAY: TEXT,
    "Policy": JSON,
    DELIVERY: JSON,
    "KmsMasterKeyId": TEXT,
    SIGNATURE_VERSION: ("1", "2"),
    "TracingConfig": ("PassThrough", "Active"),
    FIFO: TRUTH,
    BY_CONTENT: TRUTH,
    THROUGHPUT: ("Topic", "MessageGroup"),
    **{
        f"{protocol}{kind}": TEXT
        for protocol in ("HTTP", "SQS", "Lambda", "Firehose", "Application")
        for kind in (
            "SuccessFeedbackRoleArn",
            "SuccessFeedbackSampleRate",
            "FailureFeedbackRoleArn",
        )
    },
}
"""Attributes of a topic that may be set, and what their text is, or which words it may be."""
FIFO_ONLY: Final = (BY_CONTENT, THROUGHPUT)


def _error(shape: str, code: str = "", status: int = 400, *, sender: bool = True) -> FaultKind:
    return FaultKind(shape, code or shape, status, sender)


ERRORS: Final[dict[str, FaultKind]] = {
    kind.code: kind
    for kind in (
        _error("AuthorizationErrorException", "AuthorizationError", 403),
        _error("BatchEntryIdsNotDistinctException", "BatchEntryIdsNotDistinct"),
        _error("BatchRequestTooLongException", "BatchRequestTooLong"),
        _error("EmptyBatchRequestException", "EmptyBatchRequest"),
        _error("FilterPolicyLimitExceededException", "FilterPolicyLimitExceeded", 403),
        _error("InternalErrorException", "InternalError", 500, sender=False),
        _error("InvalidBatchEntryIdException", "InvalidBatchEntryId"),
        _error("InvalidParameterException", "InvalidParameter"),
        _error("InvalidParameterValueException", "ParameterValueInvalid"),
        _error("NotFoundException", "NotFound", 404),
        _error("ResourceNotFoundException", "ResourceNotFound", 404),
        _error("SubscriptionLimitExceededException", "SubscriptionLimitExceeded", 403),
        _error("TagLimitExceededException", "TagLimitExceeded"),
        _error("ThrottledException", "Throttled", 429),
        _error("TooManyEntriesInBatchRequestException", "TooManyEntriesInBatchRequest"),
        _error("TopicLimitExceededException", "TopicLimitExceeded", 403),
    )
}

SPELLINGS: Final = {
    "Topics": Spelling("member", wrapped=True),
    "Subscriptions": Spelling("member", wrapped=True),
    "Tags": Spelling("member", wrapped=True),
    "Successful": Spelling("member", wrapped=True),
    "Failed": Spelling("member", wrapped=True),
    "Attributes": Spelling("entry", "key", "value", wrapped=True),
}
