"""One message of an HTTP subscription as the request that carries it, and what its answer means.

It stands between the delivery queues that Subscribe makes and the calls that `net` makes. The rule
kept here: what is sent depends on the message and on the extras of its queue alone, so that a
message that is sent again is the same.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from postroad.model.commands import ACK, REJECT, RETRY
from postroad.model.envelope import OWN_ENVELOPE
from postroad.model.message import Delivery, own_of
from postroad.model.value import value
from postroad.protocols.sns.delivery import PushPolicy, effective

PREFIX: Final = "sns.push/"
"""What the names of delivery queues begin with."""

ENDPOINT: Final = "sns.Endpoint"
SUBSCRIPTION_ARN: Final = "sns.SubscriptionArn"
RAW: Final = "sns.RawMessageDelivery"
DELIVERY_POLICY: Final = "sns.DeliveryPolicy"
PENDING_UNTIL: Final = "sns.PendingUntil"
"""Until when the endpoint may say yes, in ms; it has done so where nothing is said."""
ENDED: Final = "sns.Ended"
"""Said of the queue of a subscription that is over: it goes when nothing is left in it."""

NOTIFICATION: Final = "Notification"
UNSUBSCRIBED: Final = "UnsubscribeConfirmation"
CONFIRMATIONS: Final = ("SubscriptionConfirmation", UNSUBSCRIBED)

USER_AGENT: Final = "Amazon Simple Notification Service Agent"
TOO_MANY_REQUESTS: Final = 429
NO_ANSWER: Final = 0
"""In place of a status: there was no answer, or none in time."""


@value
class Endpoint:
    """A subscription as a delivery queue's extras tell it. `pending_until_ms`: when it is over
    unless it was confirmed by then, 0 where it was; `ended`: it was unsubscribed."""

    url: str
    topic_arn: str
    subscription_arn: str
    raw: bool
    policy: PushPolicy
    pending_until_ms: int = 0
    ended: bool = False


@value
class PushRequest:
    """A POST; `document`: what the body says, where it is an envelope."""

    url: str
    headers: dict[str, str]
    body: bytes
    document: dict[str, object] | None = None


@value
class Verdict:
    """How a message is settled after an attempt. `heard`: the endpoint answered something that
    says it works; `last`: nothing follows any more, its queue can go once it is empty."""

    outcome: int
    after_ms: int | None = None
    heard: bool = True
    last: bool = False


_envelope = msgspec.json.Decoder(dict[str, object]).decode
_encode = msgspec.json.Encoder().encode


def endpoint_of(extras: Mapping[str, str]) -> Endpoint:
    """The subscription of a delivery queue."""
    subscription_arn = extras.get(SUBSCRIPTION_ARN, "")
    return Endpoint(
        extras.get(ENDPOINT, ""),
        subscription_arn.rpartition(":")[0],
        subscription_arn,
        extras.get(RAW) == "true",
        effective(extras.get(DELIVERY_POLICY)),
        int(extras.get(PENDING_UNTIL) or 0),
        ENDED in extras,
    )


def request_of(endpoint: Endpoint, message: Delivery) -> PushRequest:
    """The request that carries a message."""
    kind = own_of(message.head, OWN_ENVELOPE)
    document = _opened(message) if kind is not None else None
    headers = {
        "Content-Type": endpoint.policy.content_type,
        "User-Agent": USER_AGENT,
        "x-amz-sns-message-type": kind or NOTIFICATION,
        "x-amz-sns-message-id": _raw_id(message),
        "x-amz-sns-topic-arn": endpoint.topic_arn,
    }
    if kind not in CONFIRMATIONS:
        headers["x-amz-sns-subscription-arn"] = endpoint.subscription_arn
    if document is None:
        headers["x-amz-sns-rawdelivery"] = "true"
        return PushRequest(endpoint.url, headers, message.body)
    headers["x-amz-sns-message-id"] = str(document.get("MessageId", ""))
    if kind == NOTIFICATION:
        _name_subscription(document, endpoint)
    return PushRequest(endpoint.url, headers, _encode(document), document)


def verdict(endpoint: Endpoint, message: Delivery, status: int) -> Verdict:
    """What follows from an answer to the attempt that this delivery was."""
    kind = own_of(message.head, OWN_ENVELOPE)
    last = kind == UNSUBSCRIBED
    if 200 <= status < 300:
        return Verdict(ACK, last=last)
    refused = 400 <= status < 500 and status != TOO_MANY_REQUESTS
    delay_ms = None if refused else endpoint.policy.delay_ms(message.delivery_count)
    if delay_ms is not None:
        return Verdict(RETRY, delay_ms, heard=False)
    # Nobody looks for a confirmation among the messages that could not be delivered.
    return Verdict(ACK if kind in CONFIRMATIONS else REJECT, heard=refused, last=last)


def _opened(message: Delivery) -> dict[str, object] | None:
    try:
        return _envelope(message.body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _name_subscription(document: dict[str, object], endpoint: Endpoint) -> None:
    """An envelope is the same for all subscriptions of a topic; here it is known whose it is."""
    base, found, _ = str(document.get("UnsubscribeURL", "")).partition("TopicArn=")
    if found:
        document["UnsubscribeURL"] = f"{base}SubscriptionArn={endpoint.subscription_arn}"


def _raw_id(message: Delivery) -> str:
    """The id of a message that has none in it, made of its identity."""
    queue, offset = message.identity
    digits = f"{queue & 0xFFFFFFFF:08x}{offset & 0xFFFFFFFFFFFF:024x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
