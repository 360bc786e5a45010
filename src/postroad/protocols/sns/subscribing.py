"""Making, opening and ending subscriptions, as parts of a program.

It stands between the actions and the core. The rule kept here: a subscription over HTTP has a queue
of its own from the first, and its binding stays closed until the endpoint has said yes.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from postroad.limits import SNS_PENDING_MS, SNS_PUSH_LEASE_MS
from postroad.model.batch import Asking
from postroad.model.commands import ChangeQueue, DeclareQueue, ListQueues
from postroad.model.exchanges import (
    FORM_CLOSED,
    Bind,
    Bound,
    ChangeBinding,
    ChangeExchange,
    ExchangeDescribed,
    PublishTo,
)
from postroad.model.policy import QueueSettings
from postroad.model.replies import Listed, Refused, Why
from postroad.protocols.aws.faults import Fault
from postroad.protocols.sns.actions.call import Call, find_topic
from postroad.protocols.sns.arns import Topic, read_queue
from postroad.protocols.sns.envelope import CONFIRMATION, confirmation, confirmation_head
from postroad.protocols.sns.errors import fault, refusal
from postroad.protocols.sns.mapping import (
    ENVELOPED,
    PUSHED,
    Subscription,
    find_subscription,
    form_key,
    subscriptions_of,
)
from postroad.protocols.sns.push import PENDING_UNTIL
from postroad.protocols.sns.spec import DELIVERY, EXTRA
from postroad.protocols.sns.subscription_attributes import Wanted
from postroad.protocols.sns.topic_attributes import policy_for_endpoints


def same_subscription(tx: Asking, topic: str, protocol: str, endpoint: str) -> Subscription | None:
    """The subscription that there is already of an endpoint to a topic."""
    for target in _targets(tx, topic, protocol, endpoint):
        for one in subscriptions_of(tx, topic, target=target):
            if one.protocol == protocol and one.endpoint == endpoint:
                return one
    return None


def _targets(tx: Asking, topic: str, protocol: str, endpoint: str) -> Sequence[str]:
    """The queues that subscriptions of an endpoint may fill; few, however many there are."""
    if protocol not in PUSHED:
        return [read_queue(endpoint) or ""]
    listed = tx.ask(ListQueues(_delivery_queue(topic, endpoint)))
    return listed.names if isinstance(listed, Listed) else []


def _delivery_queue(topic: str, endpoint: str) -> str:
    """What the name of the delivery queue of an endpoint begins with. The rest is new each time,
    so that a queue which still waits to be told of its end is not taken for that of a new
    subscription."""
    digest = blake2b(endpoint.encode(), digest_size=8).hexdigest()
    return f"sns.push/{topic}/{digest}."


def make(
    call: Call, tx: Asking, described: ExchangeDescribed, endpoint: tuple[str, str], wanted: Wanted
) -> Subscription | Fault:
    """A new subscription of an endpoint, told by its protocol and address."""
    protocol, address = endpoint
    key = FORM_CLOSED if protocol in PUSHED else form_key(protocol, raw=wanted.raw)
    target = read_queue(address) or ""
    pending: dict[str, str] = {}
    if protocol in PUSHED:
        fresh = call.config.names.fresh_id(call.now_ms)[-12:]
        target = _delivery_queue(described.name, address) + fresh
        pending = _pending(call)
        made = tx.ask(
            DeclareQueue(
                target, _settings(wanted), extras=_told(described, endpoint, wanted) | pending
            )
        )
        if isinstance(made, Refused):
            return refusal(made)
    extras = {EXTRA + "Protocol": protocol, EXTRA + "Endpoint": address, **wanted.extras()}
    extras.update(pending)
    bound = tx.ask(
        Bind(
            described.name,
            target,
            key,
            filter=wanted.filter,
            filter_scope=wanted.scope,
            extras=extras,
        )
    )
    if not isinstance(bound, Bound):
        assert isinstance(bound, Refused), bound
        return _refused(bound, wanted)
    if not bound.created:
        kept: Mapping[str, str | None] = extras
        tx.ask(ChangeBinding(bound.binding, extras=dict(kept)))
    if not wanted.raw:
        want_envelopes(tx, described)
    subscription = find_subscription(tx, described.name, bound.binding)
    assert subscription is not None, "it was made just now"
    if protocol in PUSHED:
        arn = call.subscription_arn(described.name, bound.binding)
        tx.ask(ChangeQueue(target, extras={EXTRA + "SubscriptionArn": arn}))
    return subscription


def want_envelopes(tx: Asking, described: ExchangeDescribed) -> None:
    """From now on a publish to this topic makes envelopes."""
    if ENVELOPED not in described.extras:
        tx.ask(ChangeExchange(described.name, extras={ENVELOPED: "true"}))


def ask_endpoint(call: Call, tx: Asking, topic: Topic, one: Subscription) -> None:
    """Let an endpoint be asked whether it wants to be subscribed; from now on it has its time."""
    mark(tx, one, _pending(call))
    tell_endpoint(call, tx, topic, one, CONFIRMATION)


def mark(tx: Asking, one: Subscription, extras: Mapping[str, str | None]) -> None:
    """Keep something with a subscription and with its delivery queue."""
    tx.ask(ChangeBinding(one.binding, extras=dict(extras)))
    tx.ask(ChangeQueue(one.target, extras=dict(extras)))


def _pending(call: Call) -> dict[str, str]:
    return {PENDING_UNTIL: str(call.now_ms + SNS_PENDING_MS)}


def tell_endpoint(call: Call, tx: Asking, topic: Topic, one: Subscription, kind: str) -> None:
    """Put a confirmation into the queue of a subscription."""
    names = call.config.names
    described = find_topic(tx, topic.name)
    stamp = call.stamp(topic.arn, {} if isinstance(described, Fault) else described.extras)
    token = names.token(topic.name, one.binding)
    body = confirmation(kind, stamp, names.fresh_id(call.now_ms), token)
    tx.ask(PublishTo("", [one.target], [body], [confirmation_head(kind)]))


def _settings(wanted: Wanted) -> QueueSettings:
    return QueueSettings(
        lease_ms=SNS_PUSH_LEASE_MS,
        dead_letter_queue=wanted.dead_letters,
        per_second=wanted.per_second,
    )


def _told(
    described: ExchangeDescribed, endpoint: tuple[str, str], wanted: Wanted
) -> dict[str, str]:
    """What a delivery queue tells whoever delivers from it."""
    extras = {EXTRA + "Protocol": endpoint[0], EXTRA + "Endpoint": endpoint[1], **wanted.extras()}
    policy = policy_for_endpoints(described.extras)
    if policy is not None:
        extras.setdefault(EXTRA + DELIVERY, policy)
    return extras


def _refused(refused: Refused, wanted: Wanted) -> Fault:
    if refused.why is Why.TOO_MANY:
        if wanted.filter is not None:
            text = "Filter policy limit exceeded: a topic has up to 200 of them"
            return fault("FilterPolicyLimitExceeded", text)
        return fault("SubscriptionLimitExceeded", "There are too many subscriptions")
    return refusal(refused)
