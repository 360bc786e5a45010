"""A message as it is published, and as it is delivered.

One rule: body and head are opaque bytes to everything below the protocols. The head holds the
headers in the form of the protocol they came by; its first byte says which form.
"""

from typing import cast

import msgspec
from msgspec import Struct

from postroad.model.properties import HEAD_ROUTED, plain_of, read_properties, shown_of

HEAD_PLAIN = 1
"""Head form: msgpack map, header name -> text, bytes, number, truth value or nothing; names that
begin with a NUL are no headers."""
HEAD_TYPED = 2
"""Head form: msgpack map, header name -> [type name, text or bytes]; names that begin with a
NUL are the sending protocol's own and are not headers."""

OWN_KEY = "\0key"
"""Name under which a head keeps the message's ordering key."""
OWN_DEDUP = "\0dedup"
"""Name under which a head keeps the deduplication id it came with."""
OWN_TOMBSTONE = "\0tombstone"
"""Name under which a head says that the message ends its key."""
OWN_PRIORITY = "\0priority"
"""Name under which a head keeps the message's priority."""

FAILURE = "postroad-failure"
"""Name of the header that says what a dead letter died of."""

HeaderValue = str | bytes | int | float | bool | None

_ROUTED = bytes((HEAD_ROUTED,))
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


def _unpack_plain(packed: bytes) -> dict[str, HeaderValue]:
    return cast("dict[str, HeaderValue]", _unpack(packed))


def _unpack_typed(packed: bytes) -> dict[str, tuple[str, str | bytes]]:
    return {name: (pair[0], pair[1]) for name, pair in _unpack(packed).items()}


class Death(Struct, array_like=True, gc=False):
    """How a message died in one queue for one reason, as often as it did.

    `queue`: the queue's name; `reason`: max-deliveries, rejected, expired or overflow;
    `deliveries`: how often it had been delivered, the last time; `first_ms`: when it died so first;
    `last_ms`: last (0: once only); `times`: how often. `exchange`, `keys`: the exchange and routing
    keys that it had come by when it died so first; `None`: it had come by none. `number`: how many
    other deaths it had died before that. `failure`: what went wrong the last time, in the words of
    who gave the message back; empty where nobody said.
    """

    queue: str
    reason: str
    deliveries: int
    first_ms: int
    last_ms: int = 0
    times: int = 1
    exchange: str | None = None
    keys: tuple[str, ...] = ()
    number: int = 0
    failure: str = ""

    @property
    def at_ms(self) -> int:
        """When it died so last."""
        return self.last_ms or self.first_ms


class Note(Struct, array_like=True, gc=False):
    """What a moved message carries along from its earlier life.

    `queue`, `offset`: its first place (its identity). `published_ms`: when it was first published.
    `source`: the queue id it was moved from last (where a redrive puts it back). `deaths`: one for
    each queue and reason, the latest last. `exchange`, `keys`: the exchange and the routing keys it
    travels under since it last went through one as a dead letter; `None`: it never did.
    """

    queue: int
    offset: int
    published_ms: int
    source: int
    deaths: list[Death]
    exchange: str | None = None
    keys: tuple[str, ...] = ()


class Delivery(Struct, array_like=True, gc=False):
    """One message as its receiver gets it.

    `queue`: queue id; `offset`: its place there; `lease`: the lease's number (0: popped or peeked,
    no lease);
    `delivery_count`: times delivered, this one included; `first_received_ms`: first delivery ever;
    `published_ms`: first publish; `note`: of a moved message, else `None`. `again`: it was
    delivered before and came back, whether that counted as a delivery or not.
    """

    queue: int
    offset: int
    lease: int
    delivery_count: int
    first_received_ms: int
    published_ms: int
    body: bytes
    head: bytes = b""
    note: Note | None = None
    again: bool = False

    @property
    def headers(self) -> dict[str, HeaderValue]:
        """The headers in plain form, whichever protocol the message came by; AMQP's properties
        are among them, and `postroad-failure` where the message has a `failure`."""
        plain = shown_of(self.head) if self.head[:1] == _ROUTED else headers_of(self.head)
        if self.note is not None and self.failure:
            return {**plain, FAILURE: self.failure}
        return plain

    @property
    def failure(self) -> str:
        """What the message died of the last time, in the words of who gave it back; empty where it
        never died, or nobody said."""
        if self.note is None or not self.note.deaths:
            return ""
        return self.note.deaths[-1].failure

    @property
    def key(self) -> str | None:
        """The ordering key, whichever protocol the message came by."""
        return own_of(self.head, OWN_KEY)

    @property
    def dedup_id(self) -> str | None:
        """The deduplication id that was given with the message."""
        return own_of(self.head, OWN_DEDUP)

    @property
    def priority(self) -> int:
        """The priority."""
        return int(own_of(self.head, OWN_PRIORITY) or 0)

    @property
    def identity(self) -> tuple[int, int]:
        """(queue id, offset) of the message's first place; it keeps it through moves."""
        if self.note is not None:
            return self.note.queue, self.note.offset
        return self.queue, self.offset


def plain_head(
    headers: dict[str, HeaderValue] | None,
    key: str | None = None,
    dedup_id: str | None = None,
    priority: int = 0,
) -> bytes:
    """Headers of the Python API as a stored head, with what else comes with the message; nothing
    of it is no bytes."""
    own: dict[str, HeaderValue] = {}
    if key is not None:
        own[OWN_KEY] = key
    if dedup_id is not None:
        own[OWN_DEDUP] = dedup_id
    if priority:
        own[OWN_PRIORITY] = str(priority)
    if own:
        headers = {**(headers or {}), **own}
    return bytes((HEAD_PLAIN,)) + _pack(headers) if headers else b""


def own_of(head: bytes, name: str) -> str | None:
    """What a stored head keeps under a name of our own."""
    if not head:
        return None
    if head[0] == HEAD_PLAIN:
        kept = _unpack_plain(head[1:]).get(name)
        return kept if isinstance(kept, str) else None
    if head[0] == HEAD_ROUTED:
        return _priority_of(head) if name == OWN_PRIORITY else None
    pair = _unpack_typed(head[1:]).get(name)
    return pair[1] if pair is not None and isinstance(pair[1], str) else None


def _priority_of(head: bytes) -> str | None:
    try:
        priority = read_properties(head).priority
    except ValueError:
        return None
    return None if priority is None else str(priority)


def keyed_head(
    headers: dict[str, HeaderValue] | None, key: str | bytes, tombstone: bool = False
) -> bytes:
    """Headers of the Python API as the stored head of a message in a topic, with its key."""
    own: dict[str, HeaderValue] = {OWN_KEY: key}
    if tombstone:
        own[OWN_TOMBSTONE] = True
    return bytes((HEAD_PLAIN,)) + _pack({**(headers or {}), **own})


def key_of(head: bytes) -> tuple[bytes | None, bool]:
    """The key that a stored head keeps, and whether the message ends it."""
    if not head:
        return None, False
    if head[0] == HEAD_PLAIN:
        kept = _unpack_plain(head[1:])
        key = kept.get(OWN_KEY)
        ends = kept.get(OWN_TOMBSTONE) is True
    elif head[0] == HEAD_ROUTED:
        return None, False
    else:
        key, ends = _unpack_typed(head[1:]).get(OWN_KEY, ("", None))[1], False
    if isinstance(key, str):
        return key.encode(), ends
    return (key if isinstance(key, bytes) else None), ends


def typed_head(headers: dict[str, tuple[str, str | bytes]]) -> bytes:
    """Headers with type names (as Amazon SQS has them) as a stored head."""
    return bytes((HEAD_TYPED,)) + _pack(headers) if headers else b""


def headers_of(head: bytes) -> dict[str, HeaderValue]:
    """The headers of any stored head, in plain form; of one that came by AMQP the headers table
    alone, which decides where it goes."""
    if not head:
        return {}
    if head[0] == HEAD_ROUTED:
        return plain_of(head)
    if head[0] == HEAD_PLAIN:
        plain = _unpack_plain(head[1:])
        return {name: one for name, one in plain.items() if name[:1] != "\0"}
    return {name: text for name, (_, text) in _unpack_typed(head[1:]).items() if name[:1] != "\0"}


def typed_headers_of(head: bytes) -> dict[str, tuple[str, str | bytes]]:
    """The headers of any stored head with type names: `String`, `Number` or `Binary` where it had
    none."""
    if not head:
        return {}
    if head[0] == HEAD_TYPED:
        return _unpack_typed(head[1:])
    if head[0] == HEAD_ROUTED:
        return {name: _typed(one) for name, one in shown_of(head).items() if one is not None}
    return {name: _typed(one) for name, one in _unpack_plain(head[1:]).items() if one is not None}


def _typed(one: HeaderValue) -> tuple[str, str | bytes]:
    if isinstance(one, bytes):
        return "Binary", one
    if isinstance(one, bool):
        return "String", "true" if one else "false"
    if isinstance(one, int | float):
        return "Number", repr(one)
    return "String", str(one)
