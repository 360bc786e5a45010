"""What each action is given: one class per action, its members with their rules.

This is the members' half of the table in `spec`. The rule kept here: a member is spelled as on the
wire, and a required one that is absent has an empty default.
"""

from typing import Annotated, Final

from msgspec import Struct

from postroad.protocols.aws.inputs import Rule

_NEEDED: Final = Rule(required=True)
_LIST: Final = Rule(wrap="member")
_NEEDED_LIST: Final = Rule(required=True, wrap="member")
_TEXTS: Final = Rule(wrap="entry", key="key", content="value")
_ATTRIBUTES: Final = Rule(wrap="entry")

Text = Annotated[str, _NEEDED]


class Tag(Struct):
    """A label of a topic."""

    Key: Text = ""
    Value: str = ""


class AttributeValue(Struct, gc=False):
    """One message attribute: a type, and a text or bytes."""

    DataType: str = ""
    StringValue: str | None = None
    BinaryValue: bytes | None = None


Attributes = dict[str, AttributeValue]


class PublishEntry(Struct):
    """One message of a batch."""

    Id: str = ""
    Message: str = ""
    Subject: str | None = None
    MessageStructure: str | None = None
    MessageAttributes: Annotated[Attributes | None, _ATTRIBUTES] = None
    MessageDeduplicationId: str | None = None
    MessageGroupId: str | None = None


class OneTopic(Struct):
    """The input of every action that is given a topic and no more."""

    TopicArn: Text = ""


class OneSubscription(Struct):
    """The input of every action that is given a subscription and no more."""

    SubscriptionArn: Text = ""


class Page(Struct):
    """Where a listing goes on."""

    NextToken: str | None = None


class AddPermission(Struct):
    """Who may do what, under a label."""

    TopicArn: Text = ""
    Label: Text = ""
    AWSAccountId: Annotated[list[str], _NEEDED_LIST] = []
    ActionName: Annotated[list[str], _NEEDED_LIST] = []


class ConfirmSubscription(Struct):
    """What an endpoint was told, as a proof that it was."""

    TopicArn: Text = ""
    Token: Text = ""
    AuthenticateOnUnsubscribe: str | None = None


class CreateTopic(Struct):
    """A name, and what is not to be as usual."""

    Name: Text = ""
    Attributes: Annotated[dict[str, str] | None, _TEXTS] = None
    Tags: Annotated[list[Tag] | None, _LIST] = None
    DataProtectionPolicy: str | None = None


class ListByTopic(Struct):
    """Whose subscriptions, and where the listing goes on."""

    TopicArn: Text = ""
    NextToken: str | None = None


class OneResource(Struct):
    """Whose tags."""

    ResourceArn: Text = ""


class Publish(Struct):
    """One message."""

    TopicArn: str | None = None
    TargetArn: str | None = None
    PhoneNumber: str | None = None
    Message: str = ""
    Subject: str | None = None
    MessageStructure: str | None = None
    MessageAttributes: Annotated[Attributes | None, _ATTRIBUTES] = None
    MessageDeduplicationId: str | None = None
    MessageGroupId: str | None = None


class PublishBatch(Struct):
    """Several messages."""

    TopicArn: Text = ""
    PublishBatchRequestEntries: Annotated[list[PublishEntry], _LIST] = []


class RemovePermission(Struct):
    """The label of a permission."""

    TopicArn: Text = ""
    Label: Text = ""


class SetSubscriptionAttributes(Struct):
    """What of a subscription is to be otherwise."""

    SubscriptionArn: Text = ""
    AttributeName: Text = ""
    AttributeValue: str = ""


class SetTopicAttributes(Struct):
    """What of a topic is to be otherwise."""

    TopicArn: Text = ""
    AttributeName: Text = ""
    AttributeValue: str = ""


class Subscribe(Struct):
    """Who wants what is published to a topic, and how."""

    TopicArn: Text = ""
    Protocol: Text = ""
    Endpoint: str = ""
    Attributes: Annotated[dict[str, str] | None, _TEXTS] = None
    ReturnSubscriptionArn: bool = False


class TagResource(Struct):
    """Tags to add."""

    ResourceArn: Text = ""
    Tags: Annotated[list[Tag], _NEEDED_LIST] = []


class UntagResource(Struct):
    """Tags to remove."""

    ResourceArn: Text = ""
    TagKeys: Annotated[list[str], _NEEDED_LIST] = []
