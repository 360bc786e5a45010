"""Whether bytes are the head of a message, for heads that are not made here.

It stands beside the message. The rule kept here: what passes can be read by every protocol and by
whatever decides where a message goes, now and after a restart.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from postroad.model.message import HEAD_PLAIN, HEAD_TYPED, OWN_PRIORITY
from postroad.model.properties import HEAD_ROUTED, read_properties

_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, TypeError, RecursionError, IndexError)
_plain = msgspec.msgpack.Decoder(dict[str, object]).decode
_typed = msgspec.msgpack.Decoder(dict[str, tuple[str, object]]).decode


def bad_head(heads: Iterable[bytes]) -> str | None:
    """What is wrong with one of these heads, in one line; `None`: nothing is. An empty one is of a
    message that has no headers."""
    for head in set(heads):
        if head:
            try:
                wrong = _wrong_with(head)
            except _UNREADABLE as error:
                wrong = str(error)
            if wrong:
                return f"a head cannot be read: {wrong}"
    return None


def _wrong_with(head: bytes) -> str:
    form = head[0]
    if form == HEAD_PLAIN:
        return _wrong_with_plain(_plain(head[1:]))
    if form == HEAD_TYPED:
        return _wrong_with_typed(_typed(head[1:]))
    if form == HEAD_ROUTED:
        read_properties(head)
        return ""
    return f"there is no form {form}"


def _wrong_with_plain(headers: dict[str, object]) -> str:
    for name, one in headers.items():
        if not isinstance(one, str | bytes | int | float | None):
            return f"the header `{name}` is no text, bytes, number, truth value or nothing"
    return _wrong_priority(headers.get(OWN_PRIORITY, "0"))


def _wrong_with_typed(headers: dict[str, tuple[str, object]]) -> str:
    for name, (kind, content) in headers.items():
        wanted: type[str | bytes] = bytes if kind.partition(".")[0] == "Binary" else str
        if not isinstance(content, str | bytes if name[:1] == "\0" else wanted):
            return f"the header `{name}` is not of its type"
    return _wrong_priority(headers.get(OWN_PRIORITY, ("", "0"))[1])


def _wrong_priority(own: object) -> str:
    is_one = isinstance(own, str) and own.isascii() and own.isdecimal() and len(own) <= 3
    return "" if is_one else "its priority is no number"
