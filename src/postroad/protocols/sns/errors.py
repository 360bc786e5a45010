"""Refusals of the core, and this protocol's own errors, as a client gets them.

The rule kept here: every error comes from the table in `spec`, with the words of the service where
it has words for it.
"""

from typing import Final

from postroad.model.replies import Refused, Why
from postroad.protocols.aws.faults import UNAVAILABLE, Fault, FaultKind
from postroad.protocols.sns.spec import ERRORS

TOPIC_GONE: Final = "Topic does not exist"
SUBSCRIPTION_GONE: Final = "Subscription does not exist"

WHY_TO_FAULT: Final[dict[Why, tuple[FaultKind, str]]] = {
    Why.NO_SUCH_EXCHANGE: (ERRORS["NotFound"], TOPIC_GONE),
    Why.NO_SUCH_BINDING: (ERRORS["NotFound"], SUBSCRIPTION_GONE),
    Why.EXCHANGE_INTERNAL: (ERRORS["AuthorizationError"], "The topic is for other exchanges only"),
    Why.NO_SUCH_QUEUE: (
        ERRORS["InvalidParameter"],
        "Invalid parameter: Endpoint Reason: The queue does not exist",
    ),
    Why.BAD_FILTER: (ERRORS["InvalidParameter"], "Invalid parameter: FilterPolicy"),
    Why.BAD_NAME: (ERRORS["InvalidParameter"], "Invalid parameter: Topic Name"),
    Why.BAD_COMMAND: (ERRORS["InvalidParameter"], "Invalid parameter"),
    Why.BAD_SETTINGS: (ERRORS["InvalidParameter"], "Invalid parameter: Attributes"),
    Why.TOO_LARGE: (ERRORS["InvalidParameter"], "Invalid parameter: Message too long"),
    Why.TOO_MANY: (ERRORS["TopicLimitExceeded"], "There are too many of these"),
    Why.KV_FULL: (ERRORS["Throttled"], "The server's memory for deduplication is full"),
    Why.NO_SPACE: (UNAVAILABLE, "The disk of the server is full"),
    Why.STOPPING: (UNAVAILABLE, "The server is stopping"),
}
_INTERNAL: Final = (ERRORS["InternalError"], "The server failed to serve this request")
_TELLING: Final = (Why.BAD_FILTER, Why.BAD_COMMAND, Why.BAD_SETTINGS, Why.TOO_MANY)


def refusal(refused: Refused) -> Fault:
    """The error for a refused command. The core's own line is added where it says more."""
    kind, text = WHY_TO_FAULT.get(refused.why, _INTERNAL)
    if refused.text and refused.why in _TELLING:
        text = f"{text}: {refused.text}"
    return Fault(kind, text)


def fault(code: str, text: str) -> Fault:
    """One of this protocol's own errors, by its code."""
    return Fault(ERRORS[code], text)


def bad(name: str, reason: str = "") -> Fault:
    """A parameter that is not acceptable."""
    text = f"Invalid parameter: {name[:256]}"
    return fault("InvalidParameter", f"{text} Reason: {reason}" if reason else text)


def no_topic() -> Fault:
    """There is no such topic."""
    return fault("NotFound", TOPIC_GONE)


def no_subscription() -> Fault:
    """There is no such subscription."""
    return fault("NotFound", SUBSCRIPTION_GONE)
