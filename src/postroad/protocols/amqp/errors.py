"""What may go wrong, with AMQP's codes and RabbitMQ's texts, and every refusal of the core in them.

The rule kept here: a fault of a channel closes that channel alone; a fault of the connection closes
it; nothing else is raised by this protocol.
"""

from typing import Final

from postroad.model.replies import Refused, Why

CONTENT_TOO_LARGE: Final = 311
NO_ROUTE: Final = 312
NO_CONSUMERS: Final = 313
CONNECTION_FORCED: Final = 320
INVALID_PATH: Final = 402
ACCESS_REFUSED: Final = 403
NOT_FOUND: Final = 404
RESOURCE_LOCKED: Final = 405
PRECONDITION_FAILED: Final = 406
FRAME_ERROR: Final = 501
SYNTAX_ERROR: Final = 502
COMMAND_INVALID: Final = 503
CHANNEL_ERROR: Final = 504
UNEXPECTED_FRAME: Final = 505
RESOURCE_ERROR: Final = 506
NOT_ALLOWED: Final = 530
NOT_IMPLEMENTED: Final = 540
INTERNAL_ERROR: Final = 541

NAMES: Final[dict[int, str]] = {
    CONTENT_TOO_LARGE: "CONTENT_TOO_LARGE",
    NO_ROUTE: "NO_ROUTE",
    NO_CONSUMERS: "NO_CONSUMERS",
    CONNECTION_FORCED: "CONNECTION_FORCED",
    INVALID_PATH: "INVALID_PATH",
    ACCESS_REFUSED: "ACCESS_REFUSED",
    NOT_FOUND: "NOT_FOUND",
    RESOURCE_LOCKED: "RESOURCE_LOCKED",
    PRECONDITION_FAILED: "PRECONDITION_FAILED",
    FRAME_ERROR: "FRAME_ERROR",
    SYNTAX_ERROR: "SYNTAX_ERROR",
    COMMAND_INVALID: "COMMAND_INVALID",
    CHANNEL_ERROR: "CHANNEL_ERROR",
    UNEXPECTED_FRAME: "UNEXPECTED_FRAME",
    RESOURCE_ERROR: "RESOURCE_ERROR",
    NOT_ALLOWED: "NOT_ALLOWED",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    INTERNAL_ERROR: "INTERNAL_ERROR",
}
"""Reply code -> the word that RabbitMQ begins its texts with."""


class Fault(Exception):  # noqa: N818  (the protocol's word)
    """Something the client did or met, as a reply code and a text without the code's word."""

    def __init__(self, code: int, text: str) -> None:
        """Keep both; `reply_text` joins them as a close method carries them."""
        super().__init__(code, text)
        self.code = code
        self.text = text

    @property
    def reply_text(self) -> str:
        """The text on the wire; a short string, so it is cut at 255 bytes."""
        whole = f"{NAMES[self.code]} - {self.text}" if self.text else NAMES[self.code]
        return whole.encode()[:255].decode(errors="ignore")


class ChannelFault(Fault):
    """Closes the channel it is raised on."""


class ConnectionFault(Fault):
    """Closes the connection."""


def refusal(refused: Refused, what: str) -> Fault:
    """Return the fault for what the core refused; `what`: the thing and its vhost, as RabbitMQ
    names it (`queue 'x' in vhost '/'`)."""
    code, text = WHY_TO_FAULT[refused.why]
    return ChannelFault(code, text.format(what=what, text=refused.text))


_CONFUSED: Final = (INTERNAL_ERROR, "the server lost track of {what}: {text}")

WHY_TO_FAULT: Final[dict[Why, tuple[int, str]]] = {
    Why.NO_SUCH_QUEUE: (NOT_FOUND, "no {what}"),
    Why.NO_SUCH_EXCHANGE: (NOT_FOUND, "no {what}"),
    Why.NO_SUCH_TOPIC: (NOT_FOUND, "no {what}"),
    Why.LOCKED: (
        RESOURCE_LOCKED,
        "cannot obtain exclusive access to locked {what}. It could be originally declared on"
        " another connection or the exclusive property value does not match that of the original"
        " declaration.",
    ),
    Why.EXCLUSIVE_CONSUMER: (ACCESS_REFUSED, "{what} in exclusive use"),
    Why.QUEUE_IN_USE: (PRECONDITION_FAILED, "{what} in use"),
    Why.QUEUE_NOT_EMPTY: (PRECONDITION_FAILED, "{what} not empty"),
    Why.EXCHANGE_IN_USE: (PRECONDITION_FAILED, "{what} in use"),
    Why.EXCHANGE_INTERNAL: (ACCESS_REFUSED, "cannot publish to internal {what}"),
    Why.SETTINGS_DIFFER: (PRECONDITION_FAILED, "inequivalent arg for {what}: {text}"),
    Why.BAD_NAME: (PRECONDITION_FAILED, "the name of {what} cannot be used: {text}"),
    Why.BAD_SETTINGS: (PRECONDITION_FAILED, "invalid arg for {what}: {text}"),
    Why.BAD_COMMAND: (PRECONDITION_FAILED, "{what}: {text}"),
    Why.BAD_FILTER: (PRECONDITION_FAILED, "invalid arg for {what}: {text}"),
    Why.QUEUE_FULL: (RESOURCE_ERROR, "{what} is full"),
    Why.NO_SPACE: (RESOURCE_ERROR, "no space on the disk of the server"),
    Why.TOO_LARGE: (PRECONDITION_FAILED, "message size is larger than {what} takes: {text}"),
    Why.TOO_MANY: (RESOURCE_ERROR, "too many: {text}"),
    Why.TOO_MANY_LEASED: (RESOURCE_ERROR, "too many unsettled messages of {what}"),
    Why.NAME_TAKEN: (PRECONDITION_FAILED, "the name of {what} is taken by something else"),
    Why.WRONG_KIND: (PRECONDITION_FAILED, "{what} is of another kind: {text}"),
    Why.UNROUTABLE: (NO_ROUTE, ""),
    Why.STOPPING: (RESOURCE_ERROR, "the server is stopping"),
    Why.DOES_NOT_FIT: (
        PRECONDITION_FAILED,
        "the message does not fit the schema of {what}: {text}",
    ),
    Why.OUT_OF_RANGE: (PRECONDITION_FAILED, "{what}: {text}"),
    Why.NO_SUCH_LEASE: _CONFUSED,
    Why.NO_SUCH_CONSUMER: _CONFUSED,
    Why.NO_SUCH_TASK: _CONFUSED,
    Why.TASK_RUNNING: _CONFUSED,
    Why.CHANGED: _CONFUSED,
    Why.PROGRAM_FAILED: _CONFUSED,
    Why.NO_SUCH_MESSAGE: _CONFUSED,
    Why.NO_SUCH_BINDING: _CONFUSED,
    Why.NOT_A_NUMBER: _CONFUSED,
    Why.NO_SUCH_KEY: _CONFUSED,
    Why.KV_FULL: _CONFUSED,
    Why.NO_SUCH_PARTITION: _CONFUSED,
    Why.NO_SUCH_GROUP: _CONFUSED,
    Why.NO_SUCH_MEMBER: _CONFUSED,
    Why.WRONG_GENERATION: _CONFUSED,
    Why.GROUP_IN_USE: _CONFUSED,
    Why.REBALANCING: _CONFUSED,
    Why.FENCED: _CONFUSED,
    Why.NO_SUCH_SCHEDULE: _CONFUSED,
}
"""Why -> reply code and text, where no method says it in better words."""
