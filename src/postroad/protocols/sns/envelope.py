"""Envelopes: the JSON that subscriptions without raw delivery get, and confirmations.

The rule kept here: an envelope is made once for a publish and is the same to all its subscriptions;
so it names the topic and no subscription.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from postroad.model.envelope import NOTIFICATION, OWN_ENVELOPE
from postroad.model.message import typed_head
from postroad.model.value import value

Typed = dict[str, tuple[str, str | bytes]]

CONFIRMATION: Final = "SubscriptionConfirmation"
GOODBYE: Final = "UnsubscribeConfirmation"
NOT_SIGNED: Final = "bm90IHNpZ25lZA=="
"""In place of a signature: what is made here is not Amazon's to sign."""
HEAD: Final = typed_head({OWN_ENVELOPE: ("String", NOTIFICATION)})

_encode: Final = msgspec.json.Encoder().encode


@value
class Stamp:
    """What all envelopes of a publish say: of which topic, when, where this server is, and how they
    are signed."""

    topic_arn: str
    now_ms: int
    base_url: str
    signature_version: str = "1"


def timestamp(now_ms: int) -> str:
    """An instant as SNS writes it."""
    whole = datetime.fromtimestamp(now_ms // 1_000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{now_ms % 1_000:03d}Z"


def envelope(
    stamp: Stamp,
    message_id: str,
    message: str,
    subject: str | None,
    attributes: Typed,
    sequence: str | None = None,
) -> bytes:
    """The envelope of a message."""
    shape: dict[str, object] = {"Type": NOTIFICATION, "MessageId": message_id}
    if sequence is not None:
        shape["SequenceNumber"] = sequence
    shape["TopicArn"] = stamp.topic_arn
    if subject is not None:
        shape["Subject"] = subject
    shape["Message"] = message
    shape["Timestamp"] = timestamp(stamp.now_ms)
    shape |= _signature(stamp)
    shape["UnsubscribeURL"] = f"{stamp.base_url}/?Action=Unsubscribe&TopicArn={stamp.topic_arn}"
    if attributes:
        # Bytes are told in base64, which is how they become JSON.
        shape["MessageAttributes"] = {
            name: {"Type": kind, "Value": content} for name, (kind, content) in attributes.items()
        }
    return _encode(shape)


def confirmation(kind: str, stamp: Stamp, message_id: str, token: str) -> bytes:
    """What an endpoint is told when it was subscribed, or unsubscribed."""
    topic = stamp.topic_arn
    text = (
        f"You have chosen to subscribe to the topic {topic}.\nTo confirm the subscription, visit"
        " the SubscribeURL included in this message."
        if kind == CONFIRMATION
        else f"You have chosen to deactivate subscription to the topic {topic}."
    )
    query = f"Action=ConfirmSubscription&TopicArn={topic}&Token={token}"
    shape: dict[str, object] = {
        "Type": kind,
        "MessageId": message_id,
        "Token": token,
        "TopicArn": topic,
        "Message": text,
        "SubscribeURL": f"{stamp.base_url}/?{query}",
        "Timestamp": timestamp(stamp.now_ms),
        **_signature(stamp),
    }
    return _encode(shape)


def confirmation_head(kind: str) -> bytes:
    """The head of a confirmation."""
    return typed_head({OWN_ENVELOPE: ("String", kind)})


def envelope_head(own: Mapping[str, tuple[str, str | bytes]]) -> bytes:
    """The head of an envelope, with what a message says of its place among others."""
    return typed_head({OWN_ENVELOPE: ("String", NOTIFICATION), **own}) if own else HEAD


def _signature(stamp: Stamp) -> dict[str, object]:
    return {
        "SignatureVersion": stamp.signature_version,
        "Signature": NOT_SIGNED,
        "SigningCertURL": f"{stamp.base_url}/SimpleNotificationService.pem",
    }
