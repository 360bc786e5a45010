"""Subscription attributes: their texts to a filter, a form and extras.

The rule kept here: what cannot be done is refused when it is asked for, and never ignored.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from postroad.protocols.aws.faults import Fault
from postroad.protocols.sns.arns import is_fifo, read_queue
from postroad.protocols.sns.delivery import BadPolicy, read_delivery_policy
from postroad.protocols.sns.errors import bad
from postroad.protocols.sns.mapping import PUSHED
from postroad.protocols.sns.policies import SCOPES, policy_fault, scope_fault
from postroad.protocols.sns.spec import (
    BY_ATTRIBUTES,
    DELIVERY,
    EXTRA,
    POLICY,
    RAW,
    REDRIVE,
    REPLAY,
    SCOPE,
    SUBSCRIPTION_ATTRIBUTES,
)


class _Redrive(msgspec.Struct):
    deadLetterTargetArn: str  # noqa: N815  (the wire's word)


_redrive: Final = msgspec.json.Decoder(_Redrive).decode
_NO_POLICY: Final = ("", "{}")


class Wanted:
    """What a client wants of a subscription. `attributes`: as they are kept and told; an empty
    text: none."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self.attributes = dict(attributes)

    @property
    def raw(self) -> bool:
        """Whether messages come as they were sent."""
        return self.attributes.get(RAW) == "true"

    @property
    def filter(self) -> str | None:
        """The policy, if there is one."""
        return self.attributes.get(POLICY) or None

    @property
    def scope(self) -> str:
        """The scope of the core's filter."""
        return SCOPES[self.attributes.get(SCOPE) or BY_ATTRIBUTES]

    @property
    def dead_letters(self) -> str | None:
        """The queue for what cannot be delivered."""
        return dead_letters_of(self.attributes)

    @property
    def per_second(self) -> int | None:
        """The most that an endpoint gets in a second."""
        text = self.attributes.get(DELIVERY)
        return read_delivery_policy(text).per_second if text else None

    def extras(self) -> dict[str, str]:
        """What the binding keeps; the policy is its filter."""
        kept = {name: text for name, text in self.attributes.items() if text and name != POLICY}
        return {EXTRA + name: text for name, text in kept.items()}


def dead_letters_of(attributes: Mapping[str, str]) -> str | None:
    """The queue that a RedrivePolicy names."""
    text = attributes.get(REDRIVE)
    return read_queue(_redrive(text).deadLetterTargetArn) if text else None


def read_attributes(
    topic: str, protocol: str, given: Mapping[str, str], before: Mapping[str, str]
) -> Wanted | Fault:
    """What attributes mean, together with those of `before` that are not given."""
    wanted = Wanted(before)
    for name, text in given.items():
        if name not in SUBSCRIPTION_ATTRIBUTES:
            return bad("Attributes", f"Unknown attribute: {name[:80]}")
        wrong = _bad_attribute(topic, protocol, name, text)
        if wrong is not None:
            return bad(wrong)
        wanted.attributes[name] = _canonical(name, text)
    scope = wanted.attributes.get(SCOPE) or BY_ATTRIBUTES
    if wanted.filter is not None:
        wrong = policy_fault(wanted.filter, scope)
        if wrong is not None:
            return bad(wrong)
    return wanted


def _canonical(name: str, text: str) -> str:
    if name == RAW:
        return "true" if text.lower() == "true" else ""
    if name == POLICY and text.strip() in _NO_POLICY:
        return ""
    return text


def _bad_attribute(topic: str, protocol: str, name: str, text: str) -> str | None:
    if name == RAW and text.lower() not in ("true", "false"):
        return f"RawMessageDelivery: Invalid value [{text[:80]}]. Must be true or false."
    if name == SCOPE:
        return scope_fault(text)
    if name == REPLAY and text:
        return "ReplayPolicy: messages of a topic are not archived here"
    if name == REDRIVE and text:
        return _bad_redrive(topic, text)
    if name == DELIVERY and text:
        return _bad_delivery(protocol, text)
    return None


def _bad_redrive(topic: str, text: str) -> str | None:
    try:
        queue = read_queue(_redrive(text).deadLetterTargetArn)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return "RedrivePolicy: failed to parse JSON."
    if queue is None:
        return "RedrivePolicy: deadLetterTargetArn is an invalid arn"
    if is_fifo(queue) != is_fifo(topic):
        kind = "FIFO" if is_fifo(topic) else "standard"
        return f"RedrivePolicy: must use a {kind} queue as DLQ for a {kind} topic"
    return None


def _bad_delivery(protocol: str, text: str) -> str | None:
    if protocol not in PUSHED:
        return f"DeliveryPolicy: Delivery policy cannot be set for protocol {protocol}"
    try:
        read_delivery_policy(text)
    except BadPolicy as error:
        return f"DeliveryPolicy: {error}"
    return None
