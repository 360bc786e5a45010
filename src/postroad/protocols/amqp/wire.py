"""AMQP's bytes and what they say: the face of the codec, for the session and the channels.

The rule kept here: bytes are read and written here and in the modules behind it, and no others
know how a frame looks.
"""

from struct import Struct
from typing import Final

from postroad.model.properties import properties_at, routing_of
from postroad.protocols.amqp.decoder import Decoder
from postroad.protocols.amqp.frames import (
    AckRun,
    ContentTooLarge,
    Event,
    HeartbeatFrame,
    MethodFrame,
    ProtocolHeader,
    PublishRun,
    WireFault,
)
from postroad.protocols.amqp.hot import deliver_frames
from postroad.protocols.amqp.methods import encode_method
from postroad.protocols.amqp.spec import (
    CLASS_BASIC,
    FRAME_BODY,
    FRAME_END,
    FRAME_HEADER,
    FRAME_METHOD,
    FRAME_OVERHEAD,
)

__all__ = [
    "HEARTBEAT",
    "AckRun",
    "ContentTooLarge",
    "Decoder",
    "Event",
    "HeartbeatFrame",
    "MethodFrame",
    "ProtocolHeader",
    "PublishRun",
    "WireFault",
    "deliver_frames",
    "encode_ack",
    "encode_content",
    "encode_method",
    "encode_return",
]

HEARTBEAT: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"
"""A whole heartbeat frame."""

_FRAME: Final = Struct(">BHI")
_CONTENT: Final = Struct(">BHIHHQ")
_ACK: Final = Struct(">BHIHHQBB")
_END: Final = bytes((FRAME_END,))


def encode_ack(channel: int, tag: int, *, multiple: bool) -> bytes:
    """A `basic.ack` as a whole frame."""
    return _ACK.pack(FRAME_METHOD, channel, 13, CLASS_BASIC, 80, tag, multiple, FRAME_END)


def encode_content(
    channel: int, method: bytes, properties: bytes, body: bytes, frame_max: int
) -> bytes:
    """A method, which is a whole frame, and its content. `properties`: flags and properties, as a
    content header ends with."""
    size = len(properties) + 12
    parts = [
        method,
        _CONTENT.pack(FRAME_HEADER, channel, size, CLASS_BASIC, 0, len(body)),
        properties,
        _END,
    ]
    step = frame_max - FRAME_OVERHEAD
    for at in range(0, len(body), step):
        part = body[at : at + step]
        parts += (_FRAME.pack(FRAME_BODY, channel, len(part)), part, _END)
    return b"".join(parts)


def encode_return(
    channel: int, code: int, text: str, head: bytes, body: bytes, frame_max: int
) -> bytes:
    """A `basic.return` of a message that came by AMQP, with its content."""
    exchange, routing_key = routing_of(head) or ("", "")
    method = encode_method(
        channel,
        "basic.return",
        reply_code=code,
        reply_text=text,
        exchange=exchange,
        routing_key=routing_key,
    )
    return encode_content(channel, method, head[properties_at(head) :], body, frame_max)
