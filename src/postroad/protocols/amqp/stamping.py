"""What goes with each message of a publish: its life, its priority, further routing keys.

It stands beside publishing. The rule kept here: messages are looked at one by one only where some
of them say anything of the kind, and only what they say is unpacked. Compiled by mypyc.
"""

from collections.abc import Sequence
from typing import Final

from postroad.limits import AMQP_EXPIRATION_MS_MAX
from postroad.model.fields import FieldTable, read_table, write_table
from postroad.protocols.amqp.errors import (
    PRECONDITION_FAILED,
    SYNTAX_ERROR,
    ChannelFault,
    ConnectionFault,
    Fault,
)
from postroad.protocols.amqp.marks import Marks, with_reply_to, with_table

REPLY_TO: Final = "amq.rabbitmq.reply-to"
"""The queue that stands for the one of this very channel, in consumes and in reply-to."""
_REPLY_TO: Final = REPLY_TO.encode()
_CC: Final = b"\x02CC"
_BCC: Final = b"\x03BCC"
DEDUP_HEADER: Final = "x-deduplication-header"
_DEDUP: Final = b"\x16x-deduplication-header"


class Stamped:
    """What the messages of a publish say: `heads` as they are kept, and columns, `None` where all
    say nothing. `count`: how many of them may be published; `fault`: what is wrong with the next
    one."""

    def __init__(self, heads: list[bytes]) -> None:
        self.heads = heads
        self.count = len(heads)
        self.fault: Fault | None = None
        self.ttls_ms: list[int | None] | None = None
        self.priorities: list[int] | None = None
        self.more_keys: list[tuple[str, ...]] | None = None
        self.dedup_ids: list[str | None] | None = None


def stamp(heads: Sequence[bytes], user: str, reply_queue: str | None) -> Stamped:
    """Look at all messages of a publish by `user`; `reply_queue`: what stands for `REPLY_TO`."""
    stamped = Stamped(list(heads))
    for at in range(len(heads)):
        try:
            _stamp_one(stamped, at, user, reply_queue)
        except (IndexError, ValueError):
            stamped.fault = ConnectionFault(SYNTAX_ERROR, "malformed properties")
        except Fault as fault:
            stamped.fault = fault
        if stamped.fault is not None:
            stamped.count = at
            break
    return stamped


def _stamp_one(stamped: Stamped, at: int, user: str, reply_queue: str | None) -> None:
    heads = stamped.heads
    head = heads[at]
    marks = Marks(head)
    if marks.priority:
        if stamped.priorities is None:
            stamped.priorities = [0] * len(heads)
        stamped.priorities[at] = marks.priority
    if marks.expiration is not None:
        if stamped.ttls_ms is None:
            stamped.ttls_ms = [None] * len(heads)
        stamped.ttls_ms[at] = _ttl_ms(marks.expiration.decode(errors="replace"))
    if marks.user_id is not None and marks.user_id != user.encode():
        said = marks.user_id.decode(errors="replace")
        text = f"user_id property set to '{said}' but authenticated user was '{user}'"
        raise ChannelFault(PRECONDITION_FAILED, text)
    if marks.reply_to == _REPLY_TO:
        if reply_queue is None:
            raise ChannelFault(PRECONDITION_FAILED, "fast reply consumer does not exist")
        # It comes after the headers, whose place in the head stays the same.
        heads[at] = with_reply_to(head, marks, reply_queue.encode())
    if marks.headers_end:
        _stamp_headers(stamped, at, marks)


def _stamp_headers(stamped: Stamped, at: int, marks: Marks) -> None:
    """Unpack them only where one of those that mean something may be among them."""
    head, start, end = stamped.heads[at], marks.headers_at + 4, marks.headers_end
    noted = head.find(_DEDUP, start, end) >= 0
    if head.find(_CC, start, end) >= 0 or head.find(_BCC, start, end) >= 0:
        _copy(stamped, at, marks)
    if noted:
        _note_id(stamped, at, marks)


def _ttl_ms(text: str) -> int:
    if not (text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 20):
        digits = text[: len(text) - len(text.lstrip("0123456789"))]
        why = f'{{leftover_string,"{text[len(digits) :]}"}}' if digits else "no_integer"
        raise ChannelFault(PRECONDITION_FAILED, f"invalid expiration '{text}': {why}")
    ttl_ms = int(text)
    if not 0 <= ttl_ms <= AMQP_EXPIRATION_MS_MAX:
        why = "value_negative" if ttl_ms < 0 else "value_too_large"
        text = f"invalid expiration '{text}': {{{why},{ttl_ms}}}"
        raise ChannelFault(PRECONDITION_FAILED, text)
    return ttl_ms


def _copy(stamped: Stamped, at: int, marks: Marks) -> None:
    """The keys in CC and BCC; nobody who gets the message sees the latter."""
    heads = stamped.heads
    table, _ = read_table(heads[at], marks.headers_at)
    keys = [*_keys(table, "CC"), *_keys(table, "BCC")]
    if not keys:
        return
    if stamped.more_keys is None:
        stamped.more_keys = [()] * len(heads)
    stamped.more_keys[at] = tuple(keys)
    if table.pop("BCC", None) is not None:
        heads[at] = with_table(heads[at], marks, write_table(table))


def _note_id(stamped: Stamped, at: int, marks: Marks) -> None:
    """What a queue that drops duplicates knows the message by."""
    table, _ = read_table(stamped.heads[at], marks.headers_at)
    found = table.get(DEDUP_HEADER)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return
    if stamped.dedup_ids is None:
        stamped.dedup_ids = [None] * len(stamped.heads)
    stamped.dedup_ids[at] = str(found)


def _keys(table: FieldTable, name: str) -> list[str]:
    keys = table.get(name)
    if keys is None:
        return []
    texts = [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
    if not isinstance(keys, list) or len(texts) < len(keys):
        raise ChannelFault(PRECONDITION_FAILED, f"unacceptable value for header '{name}'")
    return texts
