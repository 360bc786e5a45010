"""Subscribe, ConfirmSubscription, Unsubscribe and the listings of subscriptions.

The rule kept here: an endpoint is subscribed to a topic once; the same again is the same
subscription.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from postroad.limits import SNS_ENDPOINT_CHARS_MAX, SNS_PAGE, SNS_PAGE_LOOK
from postroad.model.batch import Asking
from postroad.model.commands import ChangeQueue, DeleteQueue
from postroad.model.exchanges import BindingInfo, ChangeBinding, RemoveBinding
from postroad.protocols.aws.faults import Fault
from postroad.protocols.aws.session import Script, Shape
from postroad.protocols.sns import inputs
from postroad.protocols.sns.actions.call import Call, done, find_topic, run
from postroad.protocols.sns.arns import (
    Topic,
    is_fifo,
    read_queue,
    read_subscription,
    read_topic,
)
from postroad.protocols.sns.envelope import GOODBYE
from postroad.protocols.sns.errors import bad, no_subscription
from postroad.protocols.sns.mapping import (
    AUTHENTICATED,
    PUSHED,
    Subscription,
    bindings_of,
    find_subscription,
    form_key,
    is_subscription,
)
from postroad.protocols.sns.pages import number_after, token_after
from postroad.protocols.sns.push import ENDED, PENDING_UNTIL
from postroad.protocols.sns.spec import PROTOCOLS
from postroad.protocols.sns.subscribing import (
    ask_endpoint,
    make,
    mark,
    same_subscription,
    tell_endpoint,
)
from postroad.protocols.sns.subscription_attributes import Wanted, read_attributes

_PENDING = "pending confirmation"
_VISIBLE: Final = frozenset(map(chr, range(0x21, 0x7F)))


def subscribe(call: Call, given: inputs.Subscribe) -> Script | Fault:
    """A subscription, or the one that is there already and agrees."""
    topic = read_topic(given.TopicArn)
    if isinstance(topic, Fault):
        return topic
    wrong = _bad_endpoint(topic, given.Protocol, given.Endpoint)
    if wrong is not None:
        return wrong
    wanted = read_attributes(topic.name, given.Protocol, given.Attributes or {}, {})
    if isinstance(wanted, Fault):
        return Fault(wanted.kind, _as_reason(wanted.text))

    def program(tx: Asking) -> Shape | Fault:
        described = find_topic(tx, topic.name)
        if isinstance(described, Fault):
            return described
        endpoint = (given.Protocol, given.Endpoint)
        known = same_subscription(tx, topic.name, *endpoint)
        if known is not None and known.is_over(call.now_ms):
            tx.ask(DeleteQueue(known.target))
            known = None
        if known is not None and _differs(known, wanted):
            return bad("Attributes", "Subscription already exists with different attributes")
        one = known or make(call, tx, described, endpoint, wanted)
        if isinstance(one, Fault):
            return one
        if not one.pending:
            return {"SubscriptionArn": call.subscription_arn(topic.name, one.binding)}
        ask_endpoint(call, tx, topic, one)
        arn = call.subscription_arn(topic.name, one.binding)
        return {"SubscriptionArn": arn if given.ReturnSubscriptionArn else _PENDING}

    return run(program)


def _bad_endpoint(topic: Topic, protocol: str, endpoint: str) -> Fault | None:
    if protocol not in PROTOCOLS:
        return bad(f"Does not support this protocol string: {protocol[:80]}")
    if protocol in PUSHED:
        if not endpoint.startswith(f"{protocol}://"):
            return bad("Endpoint must match the specified protocol")
        if not _callable(endpoint):
            return bad("Endpoint", "it is no URL that can be called")
        if is_fifo(topic.name):
            return bad("Endpoint", "FIFO topics can be subscribed by SQS queues only")
        return None
    queue = read_queue(endpoint)
    if queue is None:
        return bad("SQS endpoint ARN")
    if is_fifo(queue) and not is_fifo(topic.name):
        reason = "FIFO SQS Queues can not be subscribed to standard SNS topics"
        return bad("Invalid parameter: Endpoint", reason)
    return None


def _callable(url: str) -> bool:
    """Whether an URL may lead somewhere: it is short, of visible characters, and has a host."""
    if len(url) > SNS_ENDPOINT_CHARS_MAX or not _VISIBLE.issuperset(url):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _as_reason(text: str) -> str:
    """The fault of an attribute as Subscribe tells it."""
    prefix = "Invalid parameter: "
    detail = text.removeprefix(prefix)
    return text if detail.startswith("Attributes") else f"{prefix}Attributes Reason: {detail}"


def _differs(one: Subscription, wanted: Wanted) -> bool:
    given = wanted.attributes.items()
    return any(one.attributes.get(name, "") != text for name, text in given)


def confirm_subscription(call: Call, given: inputs.ConfirmSubscription) -> Script | Fault:
    """The endpoint has said yes: its subscription is open from here on."""
    topic = read_topic(given.TopicArn)
    if isinstance(topic, Fault):
        return topic
    binding = call.config.names.confirmed_by(topic.name, given.Token)
    if binding is None:
        return bad("Token")
    signed = b"authorization" in call.request.headers

    def program(tx: Asking) -> Shape | Fault:
        one = find_subscription(tx, topic.name, binding)
        if one is None:
            return no_subscription()
        if one.is_over(call.now_ms):
            return bad("Token", "it is no longer valid")
        if one.pending:
            key = form_key(one.protocol, raw=one.raw)
            mark(tx, one, {PENDING_UNTIL: None})
            extras: dict[str, str | None] = {AUTHENTICATED: "true" if signed else None}
            tx.ask(ChangeBinding(binding, extras=extras, key=key))
        return {"SubscriptionArn": call.subscription_arn(topic.name, binding)}

    return run(program)


def unsubscribe(call: Call, given: inputs.OneSubscription) -> Script | Fault:
    """A subscription is gone; one that is not there is gone already."""
    named = read_subscription(given.SubscriptionArn)
    if isinstance(named, Fault):
        return named
    topic = named.topic
    binding = call.config.names.binding_of(topic.name, named.id)

    def program(tx: Asking) -> Shape | Fault:
        one = None if binding is None else find_subscription(tx, topic.name, binding)
        if one is None:
            return {}
        reply = tx.ask(RemoveBinding(one.binding))
        if one.protocol in PUSHED:
            # Whoever delivers removes the queue, once all that is in it is done.
            tx.ask(ChangeQueue(one.target, extras={ENDED: "true"}))
            tell_endpoint(call, tx, topic, one, GOODBYE)
        return done(reply)

    return run(program)


def list_subscriptions(call: Call, given: inputs.Page) -> Script | Fault:
    """All subscriptions, in pages."""
    after = number_after(given.NextToken)
    if isinstance(after, Fault):
        return after
    return run(lambda tx: _page(call, bindings_of(tx, None, after)))


def list_subscriptions_by_topic(call: Call, given: inputs.ListByTopic) -> Script | Fault:
    """The subscriptions to one topic, in pages."""
    topic = read_topic(given.TopicArn)
    after = number_after(given.NextToken)
    if isinstance(topic, Fault):
        return topic
    if isinstance(after, Fault):
        return after

    def program(tx: Asking) -> Shape | Fault:
        described = find_topic(tx, topic.name)
        if isinstance(described, Fault):
            return described
        return _page(call, bindings_of(tx, topic.name, after))

    return run(program)


def _page(call: Call, found: Iterator[BindingInfo]) -> Shape:
    """A page, which may be short: only so many bindings are looked at for it, for those of other
    protocols may be very many."""
    listed: list[Shape] = []
    answer: Shape = {"Subscriptions": listed}
    last = 0
    for looked, info in enumerate(found):
        if len(listed) == SNS_PAGE or looked == SNS_PAGE_LOOK:
            answer["NextToken"] = token_after(str(last))
            break
        last = info.binding
        one = Subscription(info) if is_subscription(info) else None
        if one is not None and not one.is_over(call.now_ms):
            listed.append(_listed(call, one))
    return answer


def _listed(call: Call, one: Subscription) -> Shape:
    arn = call.subscription_arn(one.topic, one.binding)
    return {
        "SubscriptionArn": "PendingConfirmation" if one.pending else arn,
        "Owner": call.config.account,
        "Protocol": one.protocol,
        "Endpoint": one.endpoint,
        "TopicArn": call.topic_arn(one.topic),
    }
