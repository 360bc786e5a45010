"""Refusals of the core, and this protocol's own errors, as a client gets them.

The rule kept here: every `Why` has its row, and every error comes from the table in `spec`.
"""

from typing import Final

from postroad.model.replies import Refused, Why
from postroad.protocols.aws.faults import (
    INTERNAL,
    INVALID_PARAMETER,
    UNAVAILABLE,
    Fault,
    FaultKind,
)
from postroad.protocols.sqs.spec import ERRORS

WHY_TO_FAULT: Final[dict[Why, tuple[FaultKind, str]]] = {
    Why.NO_SUCH_QUEUE: (ERRORS["QueueDoesNotExist"], "The specified queue does not exist."),
    Why.SETTINGS_DIFFER: (
        ERRORS["QueueNameExists"],
        "A queue already exists with the same name and a different value for an attribute.",
    ),
    Why.BAD_NAME: (INVALID_PARAMETER, "The queue name is not valid."),
    Why.BAD_SETTINGS: (ERRORS["InvalidAttributeValue"], "The attribute value is not valid."),
    Why.QUEUE_FULL: (ERRORS["OverLimit"], "The queue is full and refuses more messages."),
    Why.NO_SPACE: (
        UNAVAILABLE,
        "The disk of the server is full; received messages can be deleted.",
    ),
    Why.TOO_LARGE: (
        INVALID_PARAMETER,
        "One or more parameters are invalid. Reason: Message must be shorter than the"
        " MaximumMessageSize of the queue.",
    ),
    Why.NO_SUCH_LEASE: (
        ERRORS["MessageNotInflight"],
        "The message referred to isn't in flight.",
    ),
    Why.NO_SUCH_CONSUMER: (INTERNAL, "The server lost track of this request."),
    Why.NO_SUCH_TASK: (ERRORS["ResourceNotFoundException"], "The task does not exist."),
    Why.TASK_RUNNING: (
        ERRORS["UnsupportedOperation"],
        "There is already a task running. Only one active task is allowed for a source queue arn"
        " at a given time.",
    ),
    Why.TOO_MANY_LEASED: (
        ERRORS["OverLimit"],
        "Too many messages in flight: delete some, or let their visibility timeout end.",
    ),
    Why.STOPPING: (UNAVAILABLE, "The server is stopping."),
    Why.BAD_COMMAND: (INVALID_PARAMETER, "The request is not valid."),
    Why.LOCKED: (ERRORS["OverLimit"], "The queue is exclusive to another connection."),
    Why.NO_SUCH_MESSAGE: (INTERNAL, "The server asked for what this service does not have."),
    Why.NO_SUCH_EXCHANGE: (INTERNAL, "The server lost track of this request."),
    Why.NO_SUCH_BINDING: (INTERNAL, "The server lost track of this request."),
    Why.EXCHANGE_IN_USE: (INTERNAL, "The server lost track of this request."),
    Why.EXCHANGE_INTERNAL: (INTERNAL, "The server lost track of this request."),
    Why.BAD_FILTER: (INVALID_PARAMETER, "The filter is not valid."),
    Why.UNROUTABLE: (INTERNAL, "The server lost track of this request."),
    Why.TOO_MANY: (ERRORS["OverLimit"], "There are too many of these."),
    Why.WRONG_KIND: (INTERNAL, "The server asked for what this service does not have."),
    Why.NOT_A_NUMBER: (INTERNAL, "The server asked for what this service does not have."),
    Why.NO_SUCH_KEY: (INTERNAL, "The server asked for what this service does not have."),
    Why.DOES_NOT_FIT: (
        ERRORS["InvalidMessageContents"],
        "The message does not fit the schema of the queue.",
    ),
    Why.KV_FULL: (INTERNAL, "The server asked for what this service does not have."),
    Why.EXCLUSIVE_CONSUMER: (INTERNAL, "The server lost track of this request."),
    Why.QUEUE_IN_USE: (INTERNAL, "The server lost track of this request."),
    Why.QUEUE_NOT_EMPTY: (INTERNAL, "The server lost track of this request."),
    Why.NO_SUCH_SCHEDULE: (INTERNAL, "The server lost track of this request."),
    Why.NAME_TAKEN: (INVALID_PARAMETER, "A topic has this name."),
    **dict.fromkeys(
        (
            Why.NO_SUCH_TOPIC,
            Why.NO_SUCH_PARTITION,
            Why.NO_SUCH_GROUP,
            Why.NO_SUCH_MEMBER,
            Why.WRONG_GENERATION,
            Why.OUT_OF_RANGE,
            Why.GROUP_IN_USE,
            Why.REBALANCING,
            Why.FENCED,
            Why.CHANGED,
            Why.PROGRAM_FAILED,
        ),
        (INTERNAL, "The server mistook a queue for a topic."),
    ),
}


TELLING = (Why.BAD_NAME, Why.BAD_SETTINGS, Why.BAD_COMMAND, Why.DOES_NOT_FIT)
"""Where the core's own line says more than the table."""


def refusal(refused: Refused) -> Fault:
    """The error for a refused command. The core's own line is added where it says more."""
    kind, text = WHY_TO_FAULT[refused.why]
    if refused.text and refused.why in TELLING:
        text = f"{text} Reason: {refused.text}"
    return Fault(kind, text)


def fault(shape: str, text: str) -> Fault:
    """One of this protocol's own errors, by its shape's name."""
    return Fault(ERRORS[shape], text)
