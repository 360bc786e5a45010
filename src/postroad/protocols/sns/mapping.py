"""SNS's words to the core's: a subscription is a binding, told by its key and its extras.

It is the border to the core. The rule kept here: everything a subscription is stands in its
binding, so that there is nothing else to keep in step with it.
"""

from collections.abc import Iterator

from postroad.limits import SNS_LOOK
from postroad.model.batch import Asking
from postroad.model.exchanges import (
    FORM_CLOSED,
    FORM_MARK,
    FORM_RAW,
    BindingInfo,
    BindingsListed,
    ListBindings,
)
from postroad.model.filters import BODY
from postroad.protocols.sns.push import PENDING_UNTIL
from postroad.protocols.sns.spec import (
    BY_ATTRIBUTES,
    BY_BODY,
    EXTRA,
    POLICY,
    RAW,
    SCOPE,
    SUBSCRIPTION_ATTRIBUTES,
)

PUSHED = ("http", "https")
"""Protocols whose messages wait in a queue of the subscription's own."""
FORM_JSON = FORM_MARK + "json"
"""A message in an envelope."""
AUTHENTICATED = EXTRA + "Authenticated"
"""The extra of a subscription that was confirmed with a signature."""
ENVELOPED = EXTRA + "enveloped"
"""The extra of a topic that says that some subscription may want envelopes."""


def form_key(protocol: str, *, raw: bool) -> str:
    """The key of the binding of a subscription."""
    return f"{FORM_RAW if raw else FORM_JSON}.{protocol}"


class Subscription:
    """A subscription as it is. `target`: the queue it fills; `attributes`: those that were set;
    `authenticated`: whoever confirmed it had a key."""

    __slots__ = (
        "attributes",
        "authenticated",
        "binding",
        "endpoint",
        "pending",
        "pending_until_ms",
        "protocol",
        "target",
        "topic",
    )

    def __init__(self, info: BindingInfo) -> None:
        extras = info.extras
        self.binding = info.binding
        self.topic = info.source
        self.target = info.target
        self.protocol = extras[EXTRA + "Protocol"]
        self.endpoint = extras.get(EXTRA + "Endpoint", "")
        self.pending = info.key == FORM_CLOSED
        self.pending_until_ms = int(extras.get(PENDING_UNTIL) or 0)
        self.authenticated = self.protocol not in PUSHED or extras.get(AUTHENTICATED) == "true"
        self.attributes = {
            name: extras[EXTRA + name]
            for name in SUBSCRIPTION_ATTRIBUTES
            if extras.get(EXTRA + name)
        }
        if info.filter is not None:
            self.attributes[POLICY] = info.filter
            self.attributes[SCOPE] = BY_BODY if info.filter_scope == BODY else BY_ATTRIBUTES

    def is_over(self, now_ms: int) -> bool:
        """Whether nobody confirmed it in time: it is as if it were not there."""
        return self.pending and 0 < self.pending_until_ms <= now_ms

    @property
    def raw(self) -> bool:
        """Whether it wants messages as they were sent."""
        return self.attributes.get(RAW) == "true"


def is_subscription(info: BindingInfo) -> bool:
    """Whether a binding was made by Subscribe."""
    return EXTRA + "Protocol" in info.extras


def bindings_of(
    tx: Asking, topic: str | None, after: int = 0, target: str | None = None
) -> Iterator[BindingInfo]:
    """The bindings of a topic, or all there are, in order of their numbers; `target`: only those to
    this queue."""
    more = True
    while more:
        reply = tx.ask(ListBindings(topic, target, after=after, count=SNS_LOOK))
        if not isinstance(reply, BindingsListed):
            return
        yield from reply.bindings
        more = reply.more
        if reply.bindings:
            after = reply.bindings[-1].binding


def subscriptions_of(
    tx: Asking, topic: str, *, target: str | None = None
) -> Iterator[Subscription]:
    """The subscriptions to a topic in the order they were made; `target`: only those of this
    queue."""
    for info in bindings_of(tx, topic, target=target):
        if is_subscription(info):
            yield Subscription(info)


def some_subscriptions(
    tx: Asking, topic: str, after: int, most: int
) -> tuple[list[Subscription], int | None]:
    """The subscriptions among so many bindings of a topic, and after which the next are found;
    `None`: these are the last."""
    reply = tx.ask(ListBindings(topic, after=after, count=most))
    if not isinstance(reply, BindingsListed):
        return [], None
    found = [Subscription(info) for info in reply.bindings if is_subscription(info)]
    return found, reply.bindings[-1].binding if reply.more else None


def find_subscription(tx: Asking, topic: str, binding: int) -> Subscription | None:
    """The subscription that a binding is."""
    reply = tx.ask(ListBindings(topic, after=binding - 1, count=1))
    if not isinstance(reply, BindingsListed) or not reply.bindings:
        return None
    info = reply.bindings[0]
    return Subscription(info) if info.binding == binding and is_subscription(info) else None
