"""What AMQP's bytes say: the events of one connection, in the order they came.

They are made by wire and read by the session. The rule kept here: what follows one another on one
channel, publishes to one exchange and acks, is one event.
"""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from postroad.model.value import value


@value
class ProtocolHeader:
    """The first eight bytes. Where they are not good, AMQP's own are the answer, and the end."""

    good: bool


@value
class HeartbeatFrame:
    """The client is alive."""


@dataclass(slots=True)
class MethodFrame:
    """A method but for publishes and acks; bits are bools, tables dicts, names str."""

    channel: int
    name: str
    args: dict[str, Any]


@dataclass(slots=True)
class PublishRun:
    """Consecutive publishes of one channel to one exchange, a list entry each. `heads` are ready to
    be stored; `special`: some message has headers, a priority, an expiration, reply-to or user-id.
    """

    channel: int
    exchange: str
    routing_keys: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    mandatory: list[bool] = field(default_factory=list)
    special: bool = False


@dataclass(slots=True)
class AckRun:
    """Consecutive acks of one channel."""

    channel: int
    tags: list[int] = field(default_factory=list)
    multiples: list[bool] = field(default_factory=list)


@value
class ContentTooLarge:
    """A publish was larger than a message may be; its body is skipped. The channel is to be closed
    with `code` and `text`."""

    channel: int
    body_bytes: int
    code: int
    text: str


@value
class WireFault:
    """What came is no AMQP: the connection is to be closed with this code; nothing follows. The
    text lacks the code's name, which is in `errors.NAMES`."""

    code: int
    text: str
    channel: int = 0
    class_id: int = 0
    method_id: int = 0


Event: TypeAlias = (
    MethodFrame
    | PublishRun
    | AckRun
    | HeartbeatFrame
    | ProtocolHeader
    | ContentTooLarge
    | WireFault
)
