"""Which messages a move is about, and what becomes of them on the way.

It stands beside the commands. The rule kept here: an edit makes a new head and body from the old
ones and never fails on what is in them.
"""

import msgspec
from msgspec import Struct

from postroad.model.message import HEAD_PLAIN, headers_of, typed_headers_of
from postroad.model.properties import HEAD_ROUTED, edited

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
_UNREADABLE = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)


class Which(Struct, frozen=True, array_like=True, gc=False):
    """Which messages, of those in the wanted states; what is not said is not asked.

    `filter`: a JSON policy on headers (`filter_scope` "attributes") or body ("body"), as bindings
    have. `published_from_ms`, `published_to_ms`: first published in this time, the end not
    included; 0: open. `settled_from_ms`, `settled_to_ms`: the same for when they settled, as
    exactly as that is known. `ids`: only these, by (queue number, offset) of their first place.
    """

    filter: str = ""
    filter_scope: str = "attributes"
    published_from_ms: int = 0
    published_to_ms: int = 0
    settled_from_ms: int = 0
    settled_to_ms: int = 0
    ids: tuple[tuple[int, int], ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether each message's own content and past need not be looked at."""
        times = self.published_from_ms or self.published_to_ms
        return not self.filter and not times and not self.ids


class Edit(Struct, frozen=True, array_like=True, gc=False):
    """What becomes of messages on their way: another `body` (`None`: the same), headers set
    (`headers`, as `plain_head` packs them) and headers `removed`, by name."""

    body: bytes | None = None
    headers: bytes = b""
    removed: tuple[str, ...] = ()

    def of_head(self, head: bytes) -> bytes:
        """The head with headers set and removed, in the form it had; what a protocol keeps of its
        own in it stays."""
        if not self.headers and not self.removed:
            return head
        if not head or head[0] == HEAD_PLAIN:
            plain = _unpack(head[1:]) if head else {}
            for name in self.removed:
                plain.pop(name, None)
            plain.update(headers_of(self.headers))
            return bytes((HEAD_PLAIN,)) + _pack(plain) if plain else b""
        if head[0] == HEAD_ROUTED:
            return edited(head, headers_of(self.headers), self.removed)
        typed = _unpack(head[1:])
        for name in self.removed:
            typed.pop(name, None)
        typed.update(typed_headers_of(self.headers))
        return head[:1] + _pack(typed) if typed else b""


_which = msgspec.msgpack.Decoder(Which).decode
_edit = msgspec.msgpack.Decoder(Edit).decode


def unsound_choice(which: object, edit: object) -> str | None:
    """What is wrong with what a command says it moves, and how it changes it, in one line, or
    `None`: it must be read back from the journal as it was."""
    if which is not None and not isinstance(which, Which):
        return f"`which` is Which or nothing, not {type(which).__name__}"
    if edit is not None and not isinstance(edit, Edit):
        return f"`edit` is Edit or nothing, not {type(edit).__name__}"
    try:
        if which is not None:
            _which(_pack(which))
        if edit is not None:
            _edit(_pack(edit))
    except _UNREADABLE as error:
        return str(error)
    return None if edit is None else _bad_edit(edit)


def _bad_edit(edit: Edit) -> str | None:
    try:
        headers = _unpack(edit.headers[1:]) if edit.headers else {}
    except _UNREADABLE:
        headers = None
    if not isinstance(headers, dict) or edit.headers[:1] not in (b"", bytes((HEAD_PLAIN,))):
        return "the headers of an edit are a plain head"
    for name, one in headers.items():
        if not isinstance(name, str) or not isinstance(one, str | bytes | int | float | None):
            return "headers are texts, bytes, numbers, truth values or nothing, by name"
    if any(name[:1] == "\0" for name in (*headers, *edit.removed)):
        return "a header's name does not begin with a NUL"
    return None
