"""The context of a trace in the headers of messages.

It stands between commands and the tracing. The rule kept here: a header that is there stays, so
that what is passed on keeps the trace it came with; and what is no head of ours is left as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from postroad.model.commands import Publish
from postroad.model.exchanges import PublishTo
from postroad.model.message import HEAD_PLAIN, Delivery
from postroad.model.topics import Append

Publishing = Publish | PublishTo | Append
"""A command that brings messages in."""
PUBLISHING: Final = (Publish, PublishTo, Append)

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(dict[str, object]).decode


def carrying(command: Publishing, carrier: Mapping[str, str]) -> Publishing:
    """The same command, its messages with these headers beside their own."""
    if not carrier:
        return command
    return replace(command, heads=_heads(command.heads, len(command.bodies), carrier))


def carrier_of(message: Delivery) -> dict[str, str]:
    """The headers of a message that are text: what a propagator may read; none where its head
    cannot be read."""
    if not message.head:
        return {}
    try:
        headers = message.headers
    except Exception:  # noqa: BLE001  (a head is whatever somebody published)
        return {}
    return {name.lower(): one for name, one in headers.items() if isinstance(one, str)}


def _heads(
    heads: Sequence[bytes] | None, count: int, carrier: Mapping[str, str]
) -> Sequence[bytes]:
    alone = bytes((HEAD_PLAIN,)) + _pack(carrier)
    if heads is None:
        return [alone] * count
    with_it = {head: _with(head, carrier) if head else alone for head in set(heads)}
    return [with_it[head] for head in heads]


def _with(head: bytes, carrier: Mapping[str, str]) -> bytes:
    if head[0] != HEAD_PLAIN:
        return head
    # What a head keeps for itself (key, id, priority) is among these, and stays.
    try:
        own = _unpack(head[1:])
    except msgspec.MsgspecError:
        return head
    return bytes((HEAD_PLAIN,)) + _pack({**carrier, **own})
