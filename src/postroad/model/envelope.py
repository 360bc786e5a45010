"""Looking into an envelope: the message inside a body that an SNS subscription gets as JSON.

It stands beside `message`. The rule kept here: who filters looks at what was published, whatever
was put round it; a body that claims to be an envelope and is none is looked at as it is.
"""

import msgspec
from msgspec import Struct

from postroad.model.message import own_of

OWN_ENVELOPE = "\0sns"
"""Name under which a head says that the body is an envelope, and of which type."""
NOTIFICATION = "Notification"
"""The type of an envelope that has a message in it."""

Typed = dict[str, tuple[str, str | bytes]]

_MARK = OWN_ENVELOPE.encode()


class _Attribute(Struct, rename="pascal", gc=False):
    """One message attribute as an envelope shows it."""

    type: str
    value: str


class _Envelope(Struct, rename="pascal"):
    """What is looked at of an envelope."""

    message: str
    message_attributes: dict[str, _Attribute] = {}


_read = msgspec.json.Decoder(_Envelope).decode


def inside(head: bytes, body: bytes) -> tuple[Typed, bytes] | None:
    """The attributes and the message in an envelope; `None` where the body is no envelope."""
    if _MARK not in head or own_of(head, OWN_ENVELOPE) != NOTIFICATION:
        return None
    try:
        envelope = _read(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    typed: Typed = {
        name: (one.type, one.value) for name, one in envelope.message_attributes.items()
    }
    return typed, envelope.message.encode("utf-8", "surrogatepass")
