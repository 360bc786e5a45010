"""What a publish must know of a message's properties, read from its head without unpacking all.

It stands beside `properties`, which unpacks everything. The rule kept here: nothing is made of a
property that nobody asked for; a head is rewritten by cutting it, so that the rest stays byte for
byte. Compiled by mypyc.
"""

from typing import Final

HAS_CONTENT_TYPE: Final = 0x8000
HAS_CONTENT_ENCODING: Final = 0x4000
HAS_HEADERS: Final = 0x2000
HAS_DELIVERY_MODE: Final = 0x1000
HAS_PRIORITY: Final = 0x0800
HAS_CORRELATION_ID: Final = 0x0400
HAS_REPLY_TO: Final = 0x0200
HAS_EXPIRATION: Final = 0x0100
HAS_MESSAGE_ID: Final = 0x0080
HAS_TIMESTAMP: Final = 0x0040
HAS_TYPE: Final = 0x0020
HAS_USER_ID: Final = 0x0010


class Marks:
    """Where things are in a head of AMQP; a place of 0: it is not there. `flags_at`: where the
    properties begin; `headers_at` is where the length of the table is, `headers_end` where the
    table ends; `reply_to_at`, `reply_to_end` likewise of the text. Making one raises IndexError
    where a head is cut short."""

    def __init__(self, head: bytes) -> None:
        self.priority = 0
        self.reply_to: bytes | None = None
        self.expiration: bytes | None = None
        self.user_id: bytes | None = None
        self.headers_at = 0
        self.headers_end = 0
        self.reply_to_at = 0
        at = 2 + head[1]
        at += 1 + head[at]
        self.flags_at = at
        flags = head[at] << 8 | head[at + 1]
        at += 2
        if flags & HAS_CONTENT_TYPE:
            at += 1 + head[at]
        if flags & HAS_CONTENT_ENCODING:
            at += 1 + head[at]
        if flags & HAS_HEADERS:
            self.headers_at = at
            at += 4 + (head[at] << 24 | head[at + 1] << 16 | head[at + 2] << 8 | head[at + 3])
            self.headers_end = at
        if flags & HAS_DELIVERY_MODE:
            at += 1
        if flags & HAS_PRIORITY:
            self.priority = head[at]
            at += 1
        if flags & (HAS_REPLY_TO | HAS_EXPIRATION | HAS_USER_ID):
            self._read_texts(head, flags, at)

    def _read_texts(self, head: bytes, flags: int, at: int) -> None:
        if flags & HAS_CORRELATION_ID:
            at += 1 + head[at]
        if flags & HAS_REPLY_TO:
            self.reply_to_at = at
            self.reply_to = head[at + 1 : at + 1 + head[at]]
            at += 1 + head[at]
        if flags & HAS_EXPIRATION:
            self.expiration = head[at + 1 : at + 1 + head[at]]
            at += 1 + head[at]
        if not flags & HAS_USER_ID:
            return
        if flags & HAS_MESSAGE_ID:
            at += 1 + head[at]
        if flags & HAS_TIMESTAMP:
            at += 8
        if flags & HAS_TYPE:
            at += 1 + head[at]
        self.user_id = head[at + 1 : at + 1 + head[at]]


def with_reply_to(head: bytes, marks: Marks, name: bytes) -> bytes:
    """The head with another reply-to; `marks`: of this very head."""
    at = marks.reply_to_at
    return head[:at] + bytes((len(name),)) + name + head[at + 1 + head[at] :]


def with_table(head: bytes, marks: Marks, table: bytes) -> bytes:
    """The head with another table of headers, which is given with its length."""
    return head[: marks.headers_at] + table + head[marks.headers_end :]


def with_exchange(head: bytes, name: bytes) -> bytes:
    """The head with another exchange."""
    return head[:1] + bytes((len(name),)) + name + head[2 + head[1] :]


def with_field(head: bytes, field: bytes) -> bytes:
    """The head with one more header, which is given with its name and type."""
    marks = Marks(head)
    at, end = marks.headers_at, marks.headers_end
    if end:
        length = (end - at - 4 + len(field)).to_bytes(4, "big")
        return head[:at] + length + head[at + 4 : end] + field + head[end:]
    flags_at = marks.flags_at
    flags = (head[flags_at] << 8 | head[flags_at + 1]) | HAS_HEADERS
    at = flags_at + 2
    if flags & HAS_CONTENT_TYPE:
        at += 1 + head[at]
    if flags & HAS_CONTENT_ENCODING:
        at += 1 + head[at]
    table = len(field).to_bytes(4, "big") + field
    return head[:flags_at] + flags.to_bytes(2, "big") + head[flags_at + 2 : at] + table + head[at:]
