"""What both ends say of themselves, and what a fault says: maps by field name, in msgpack.

It stands beside the codec. The rule kept here: these can be read by every version, so fields are
added with defaults, and none ever changes its meaning.
"""

from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from postroad.protocols.native.errors import FaultCode

_READ_ERRORS: Final = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)
_encode = msgspec.msgpack.Encoder().encode

S = TypeVar("S", bound=Struct)


class Hello(Struct):
    """A client's first frame. `version`: the highest it speaks; `version_min`: the lowest;
    `client`: its name and version, for people."""

    version: int
    client: str = ""
    user: str = ""
    password: str = ""
    version_min: int = 1


class Report(Struct):
    """What the server's start found, as in `RecoveryReport`."""

    position: int = 0
    groups: int = 0
    records: int = 0
    dropped: int = 0
    torn_bytes: int = 0
    messages: int = 0
    queues: int = 0
    epoch: int = 0


class Welcome(Struct):
    """The server's answer to HELLO. `version`: the one that is spoken from here on; `server`: the
    version of Postroad; `epoch`: counts the starts of the data directory; `durability`: what an
    acknowledgement means, in words; `requests_max`: how many may be outstanding; `frame_bytes_max`:
    the longest frame the server takes (its own may be longer)."""

    version: int
    server: str
    epoch: int
    durability: str
    compiled: bool
    requests_max: int
    frame_bytes_max: int
    report: Report


class Fault(Struct):
    """Something could not be taken. `code`: one of `FaultCode`, or a newer one; `text`: one line
    for a person."""

    code: int
    text: str


class BadGreeting(ValueError):  # noqa: N818  (the name is the sentence)
    """A payload is not what the kind of its frame says."""


def pack(one: Hello | Welcome | Fault) -> bytes:
    """The payload of a frame. Raises `ValueError` for text that is no Unicode."""
    return _encode(one)


def unpack(payload: bytes, cls: type[S]) -> S:
    """What a payload says. Raises `BadGreeting`."""
    try:
        return msgspec.msgpack.decode(payload, type=cls)
    except _READ_ERRORS as error:
        raise BadGreeting(str(error)) from error


def fault_payload(code: FaultCode, text: str) -> bytes:
    """The payload of a FAULT frame, whatever is in the text."""
    return _encode(Fault(code, text.encode(errors="replace").decode()))
