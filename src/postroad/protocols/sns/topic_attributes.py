"""Topic attributes: their texts to extras of the exchange, and back.

The rule kept here: a topic is FIFO by its name, as a queue is, so that nobody has to be asked.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from postroad.limits import SNS_DISPLAY_CHARS_MAX, SNS_POLICY_CHARS_MAX
from postroad.protocols.aws.faults import Fault
from postroad.protocols.sns.arns import is_fifo
from postroad.protocols.sns.delivery import BadPolicy, read_topic_policy
from postroad.protocols.sns.errors import bad
from postroad.protocols.sns.spec import (
    BY_CONTENT,
    DELIVERY,
    DISPLAY,
    EXTRA,
    FIFO,
    FIFO_ONLY,
    JSON,
    THROUGHPUT,
    TOPIC_ATTRIBUTES,
    TRUTH,
)

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_DEFAULT_POLICY: Final = {
    "http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20,
            "maxDelayTarget": 20,
            "numRetries": 3,
            "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0,
            "numMinDelayRetries": 0,
            "backoffFunction": "linear",
        },
        "disableSubscriptionOverrides": False,
    }
}


def read_attributes(name: str, attributes: Mapping[str, str]) -> dict[str, str] | Fault:
    """The extras that attributes of a topic of this name are kept in; an empty text: none."""
    extras: dict[str, str] = {}
    for attribute, text in attributes.items():
        wrong = _bad_attribute(name, attribute, text)
        if wrong is not None:
            return wrong
        if attribute != FIFO:
            kind = TOPIC_ATTRIBUTES[attribute]
            extras[EXTRA + attribute] = text.lower() if kind == TRUTH else text
    return extras


def _bad_attribute(name: str, attribute: str, text: str) -> Fault | None:
    kind = TOPIC_ATTRIBUTES.get(attribute)
    if kind is None or (attribute in FIFO_ONLY and not is_fifo(name)):
        return bad("Attributes", f"Unknown or unsupported attribute: {attribute[:80]}")
    fits = True
    if isinstance(kind, tuple):
        fits = text in kind
    elif kind == TRUTH:
        fits = text.lower() in ("true", "false")
    elif kind == JSON and text:
        return _bad_policy(attribute, text)
    elif attribute == DISPLAY:
        fits = len(text) <= SNS_DISPLAY_CHARS_MAX and text.isprintable()
    return None if fits else bad(attribute, text[:100])


def _bad_policy(attribute: str, text: str) -> Fault | None:
    if len(text) > SNS_POLICY_CHARS_MAX:
        return bad(attribute, "it is too long")
    try:
        if attribute == DELIVERY:
            read_topic_policy(text)
        else:
            _decode(text)
    except BadPolicy as error:
        return bad(f"{attribute}: {error}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return bad(attribute, "it is no JSON object")
    return None


def default_policy(arn: str, owner: str) -> str:
    """The policy of a topic that was given none: its owner may do what can be done with it."""
    actions = ("Publish", "Subscribe", "GetTopicAttributes", "SetTopicAttributes", "AddPermission")
    more = ("RemovePermission", "DeleteTopic", "ListSubscriptionsByTopic")
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in (*actions, *more)],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": owner}},
    }
    policy = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    return msgspec.json.encode(policy).decode()


def all_attributes(
    name: str, arn: str, owner: str, extras: Mapping[str, str], counts: tuple[int, int]
) -> dict[str, str]:
    """Every attribute a topic has. `counts`: subscriptions that are confirmed, and pending."""
    found = {
        "TopicArn": arn,
        "Owner": owner,
        DISPLAY: "",
        "Policy": default_policy(arn, owner),
        "SubscriptionsConfirmed": str(counts[0]),
        "SubscriptionsPending": str(counts[1]),
        "SubscriptionsDeleted": "0",
        "EffectiveDeliveryPolicy": msgspec.json.encode(_DEFAULT_POLICY).decode(),
    }
    if is_fifo(name):
        found.update({FIFO: "true", BY_CONTENT: "false", THROUGHPUT: "Topic"})
    for attribute in TOPIC_ATTRIBUTES:
        text = extras.get(EXTRA + attribute)
        if text:
            found[attribute] = text
    if DELIVERY in found:
        found["EffectiveDeliveryPolicy"] = found[DELIVERY]
    return found


def policy_for_endpoints(extras: Mapping[str, str]) -> str | None:
    """The topic's delivery policy in the form that a subscription has one in."""
    text = extras.get(EXTRA + DELIVERY)
    http = _decode(text).get("http") if text else None
    if not isinstance(http, dict):
        return None
    renamed = {
        "healthyRetryPolicy": http.get("defaultHealthyRetryPolicy"),
        "throttlePolicy": http.get("defaultThrottlePolicy"),
        "requestPolicy": http.get("defaultRequestPolicy"),
    }
    policy = {name: one for name, one in renamed.items() if one is not None}
    return msgspec.json.encode(policy).decode() if policy else None
