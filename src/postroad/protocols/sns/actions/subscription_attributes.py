"""GetSubscriptionAttributes and SetSubscriptionAttributes.

The rule kept here: an attribute is changed where it works, in the binding and in the queue of the
subscription, in one step.
"""

from postroad.model.batch import Asking
from postroad.model.commands import ChangeQueue
from postroad.model.exchanges import ChangeBinding
from postroad.model.policy import QueueSettings
from postroad.model.replies import Refused, Why
from postroad.protocols.aws.faults import Fault
from postroad.protocols.aws.session import Script, Shape
from postroad.protocols.sns import inputs
from postroad.protocols.sns.actions.call import Call, done, find_topic, run
from postroad.protocols.sns.arns import SubscriptionName, read_subscription
from postroad.protocols.sns.errors import bad, fault, no_subscription
from postroad.protocols.sns.mapping import (
    PUSHED,
    Subscription,
    find_subscription,
    form_key,
)
from postroad.protocols.sns.spec import DELIVERY, EXTRA, POLICY, RAW, SUBSCRIPTION_ATTRIBUTES
from postroad.protocols.sns.subscribing import want_envelopes
from postroad.protocols.sns.subscription_attributes import Wanted, read_attributes
from postroad.protocols.sns.topic_attributes import policy_for_endpoints


def get_subscription_attributes(call: Call, given: inputs.OneSubscription) -> Script | Fault:
    """All that a subscription has."""
    named = read_subscription(given.SubscriptionArn)
    if isinstance(named, Fault):
        return named

    def program(tx: Asking) -> Shape | Fault:
        one = _find(call, tx, named)
        if one is None:
            return no_subscription()
        owner = call.config.account
        return {
            "Attributes": {
                "SubscriptionArn": call.subscription_arn(one.topic, one.binding),
                "TopicArn": call.topic_arn(one.topic),
                "Owner": owner,
                "Protocol": one.protocol,
                "Endpoint": one.endpoint,
                "PendingConfirmation": str(one.pending).lower(),
                "ConfirmationWasAuthenticated": str(one.authenticated).lower(),
                "SubscriptionPrincipal": f"arn:aws:iam::{owner}:root",
                RAW: "false",
                **one.attributes,
            }
        }

    return run(program)


def set_subscription_attributes(
    call: Call, given: inputs.SetSubscriptionAttributes
) -> Script | Fault:
    """One attribute is otherwise; an empty text removes it."""
    named = read_subscription(given.SubscriptionArn)
    if isinstance(named, Fault):
        return named
    name, text = given.AttributeName, given.AttributeValue
    if name not in SUBSCRIPTION_ATTRIBUTES:
        return bad("AttributeName")

    def program(tx: Asking) -> Shape | Fault:
        one = _find(call, tx, named)
        if one is None:
            return no_subscription()
        wanted = read_attributes(one.topic, one.protocol, {name: text}, one.attributes)
        if isinstance(wanted, Fault):
            return wanted
        wrong = _change(tx, one, name, wanted)
        return {} if wrong is None else wrong

    return run(program)


def _find(call: Call, tx: Asking, named: SubscriptionName) -> Subscription | None:
    topic = named.topic.name
    binding = call.config.names.binding_of(topic, named.id)
    one = None if binding is None else find_subscription(tx, topic, binding)
    return None if one is None or one.is_over(call.now_ms) else one


def _change(tx: Asking, one: Subscription, name: str, wanted: Wanted) -> Fault | None:
    described = find_topic(tx, one.topic)
    if isinstance(described, Fault):
        return described
    key = None
    if name == RAW and not one.pending:
        key = form_key(one.protocol, raw=wanted.raw)
    if name == RAW and not wanted.raw:
        want_envelopes(tx, described)
    kept = wanted.attributes.get(name) or None
    reply = tx.ask(
        ChangeBinding(
            one.binding,
            filter=wanted.filter or "",
            filter_scope=wanted.scope,
            extras=None if name == POLICY else {EXTRA + name: kept},
            key=key,
        )
    )
    if isinstance(reply, Refused) and reply.why is Why.TOO_MANY:
        text = "Filter policy limit exceeded: a topic has up to 200 of them"
        return fault("FilterPolicyLimitExceeded", text)
    answer = done(reply)
    if isinstance(answer, Fault):
        return answer
    if one.protocol in PUSHED:
        if name == DELIVERY and kept is None:
            kept = policy_for_endpoints(described.extras)
        settings = QueueSettings(
            dead_letter_queue=wanted.dead_letters, per_second=wanted.per_second
        )
        only = ("dead_letter_queue", "per_second")
        tx.ask(ChangeQueue(one.target, settings, {EXTRA + name: kept}, only=only))
    return None
