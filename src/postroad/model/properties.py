"""The head of a message that came by AMQP 0-9-1: where it was published to, and its properties.

It stands beside the message, so that every protocol can show what came by AMQP. The rule kept here:
a head keeps the properties exactly as the client sent them; whoever changes one writes them anew.
"""

import json
from dataclasses import replace
from decimal import Decimal
from struct import Struct, error

from postroad.model.fields import FieldTable, FieldValue, Stamp, read_table, write_table
from postroad.model.value import value

HEAD_ROUTED = 3
"""Head form: exchange and routing key, each after a byte with its length; then the property flags
and the properties of a content header."""

PlainValue = str | bytes | int | float | bool | None

NO_PROPERTIES = b"\x00\x00"
"""Property flags that say that nothing is set."""

_FLAGS = Struct(">H")
_STAMP = Struct(">Q")
_FLAG_MORE = 0x0003  # the last two bits: further flags, and one that means nothing


@value
class Properties:
    """What a content header says; `None`: not set. `timestamp` is in seconds since 1970."""

    content_type: str | None = None
    content_encoding: str | None = None
    headers: FieldTable | None = None
    delivery_mode: int | None = None
    priority: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    expiration: str | None = None
    message_id: str | None = None
    timestamp: int | None = None
    type: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    cluster_id: str | None = None


_NAMES = tuple(Properties.__dataclass_fields__)  # in the order of the flags, from the highest bit
_BYTES = ("delivery_mode", "priority")
SHOWN = {
    "content-type": "content_type",
    "content-encoding": "content_encoding",
    "correlation-id": "correlation_id",
    "reply-to": "reply_to",
    "message-id": "message_id",
    "timestamp": "timestamp",
    "type": "type",
    "user-id": "user_id",
    "app-id": "app_id",
}
"""Properties that other protocols see among the headers: AMQP's name -> the attribute's."""


def routed_head(exchange: str, routing_key: str, properties: bytes = NO_PROPERTIES) -> bytes:
    """The stored head of a message published to an exchange, with its properties as bytes. Raises
    ValueError where a name is longer than 255 bytes."""
    return bytes((HEAD_ROUTED,)) + _short(exchange) + _short(routing_key) + properties


def routing_of(head: bytes) -> tuple[str, str] | None:
    """(exchange, routing key) that a message was published with; `None`: it did not come by
    AMQP."""
    if head[:1] != b"\x03":
        return None
    middle = 2 + head[1]
    return _text(head[2:middle]), _text(head[middle + 1 : middle + 1 + head[middle]])


def properties_at(head: bytes) -> int:
    """Where the property flags begin in a head of the form `HEAD_ROUTED`."""
    middle = 2 + head[1]
    return middle + 1 + head[middle]


def read_properties(head: bytes) -> Properties:
    """The properties in a head of the form `HEAD_ROUTED`. Raises ValueError."""
    return parse_properties(head, properties_at(head))


def parse_properties(data: bytes, at: int = 0) -> Properties:
    """Property flags and properties from `at` to the end of `data`. Raises ValueError."""
    try:
        return _parsed(data, at)
    except (error, IndexError) as wrong:
        raise ValueError(f"the properties end too early: {wrong}") from wrong


def write_properties(properties: Properties) -> bytes:
    """Property flags and properties, as a content header ends with. Raises ValueError for what
    cannot be written."""
    flags, parts = 0, []
    for index, name in enumerate(_NAMES):
        one = getattr(properties, name)
        if one is not None:
            flags |= 0x8000 >> index
            parts.append(_packed(name, one))
    return _FLAGS.pack(flags) + b"".join(parts)


def table_of(head: bytes) -> FieldTable:
    """The headers table of a head of the form `HEAD_ROUTED`; empty where none can be read."""
    at = properties_at(head)
    flags = _FLAGS.unpack_from(head, at)[0]
    if not flags & 0x2000:
        return {}
    at += 2
    try:
        for flag in (0x8000, 0x4000):
            if flags & flag:
                at += 1 + head[at]
        return read_table(head, at)[0]
    except (ValueError, IndexError):
        return {}


def plain_of(head: bytes) -> dict[str, PlainValue]:
    """The headers table of a head of the form `HEAD_ROUTED` in plain form: tables and arrays in it
    as JSON text."""
    return {name: plain_value(one) for name, one in table_of(head).items()}


def shown_of(head: bytes) -> dict[str, PlainValue]:
    """Headers and properties of a head of the form `HEAD_ROUTED` in plain form, as other protocols
    show them."""
    try:
        properties = read_properties(head)
    except ValueError:
        return {}
    shown = {name: plain_value(one) for name, one in (properties.headers or {}).items()}
    for name, attribute in SHOWN.items():
        one: PlainValue = getattr(properties, attribute)
        if one is not None:
            shown[name] = one
    return shown


def plain_value(one: FieldValue) -> PlainValue:
    """A field's value where only plain ones can be shown."""
    if isinstance(one, Decimal):
        return str(one)
    if isinstance(one, dict | list):
        return json.dumps(one, default=_as_text, ensure_ascii=False, separators=(",", ":"))
    if isinstance(one, int) and not isinstance(one, bool):
        return int(one)
    return one


def edited(head: bytes, headers: dict[str, PlainValue], removed: tuple[str, ...]) -> bytes:
    """A head of the form `HEAD_ROUTED` with headers set and removed; a name that is a property's
    means the property."""
    try:
        properties = read_properties(head)
    except ValueError:
        return head
    table = dict(properties.headers or {})
    changes: dict[str, PlainValue] = {}
    for name in removed:
        table.pop(name, None)
        if name in SHOWN:
            changes[SHOWN[name]] = None
    for name, one in headers.items():
        kind = int if name == "timestamp" else str
        if name in SHOWN and isinstance(one, kind) and _fits(one):
            changes[SHOWN[name]] = one
        else:
            table[name] = one
    for attribute, one in changes.items():
        setattr(properties, attribute, one)
    properties = replace(properties, headers=table or None)
    return head[: properties_at(head)] + write_properties(properties)


def _fits(one: int | str) -> bool:
    return len(one.encode()) <= 255 if isinstance(one, str) else 0 <= one < 1 << 64


def _as_text(one: object) -> str:
    return one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)


def _text(packed: bytes) -> str:
    return packed.decode("utf-8", "replace")


def _short(text: str) -> bytes:
    packed = text.encode("utf-8", "replace")
    if len(packed) > 255:
        raise ValueError("a short text is longer than 255 bytes")
    return bytes((len(packed),)) + packed


def _packed(name: str, one: FieldValue) -> bytes:
    if isinstance(one, dict):
        return write_table(one)
    if isinstance(one, int):
        return bytes((one,)) if name in _BYTES else _STAMP.pack(one)
    return _short(str(one))


def _parsed(data: bytes, at: int) -> Properties:
    properties = Properties()
    flags = _FLAGS.unpack_from(data, at)[0]
    if flags & _FLAG_MORE:
        raise ValueError("the property flags go on, which they never do")
    at += 2
    for index, name in enumerate(_NAMES):
        if flags & 0x8000 >> index:
            one, at = _property_at(name, data, at)
            setattr(properties, name, one)
    if at != len(data):
        raise ValueError("the properties are not as long as their header says")
    return properties


def _property_at(name: str, data: bytes, at: int) -> tuple[FieldValue, int]:
    if name == "headers":
        return read_table(data, at)
    if name in _BYTES:
        return data[at], at + 1
    if name == "timestamp":
        return Stamp(_STAMP.unpack_from(data, at)[0]), at + 8
    end = at + 1 + data[at]
    return _text(data[at + 1 : end]), end
