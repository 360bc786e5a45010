"""Messages as AMQP clients see them, whichever protocol they came by.

It stands between deliveries and the wire. The rule kept here: what came by AMQP goes out byte for
byte but for what happened to it since; what came by another protocol has its headers, those with
names of properties as properties, and is addressed to its queue.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Any, Final

from postroad.model.fields import FieldTable, FieldValue
from postroad.model.message import (
    HEAD_TYPED,
    OWN_PRIORITY,
    Delivery,
    headers_of,
    own_of,
    typed_headers_of,
)
from postroad.model.properties import (
    HEAD_ROUTED,
    SHOWN,
    Properties,
    properties_at,
    read_properties,
    routed_head,
    routing_of,
    write_properties,
)
from postroad.protocols.amqp.deaths import with_deaths
from postroad.protocols.amqp.fitting import fitted
from postroad.protocols.amqp.marks import with_field

_AMQP: Final = bytes((HEAD_ROUTED,))
_NO_NAMES: Final = routed_head("", "", b"")
_PERSISTENT: Final = 2
_SHORT_BYTES_MAX: Final = 255
_NAME_BYTES_MAX: Final = 255
_NUMBER: Final = Struct(">q")
_COUNT: Final = b"\x10x-delivery-countl"
_OFFSET: Final = b"\x0fx-stream-offsetl"

Rendered = tuple[str, str, bytes]
"""Exchange, routing key, property flags and properties."""


class Renderer:
    """Renders what one consumer gets; `queue`: the AMQP name of its queue; `counts`: whether the
    queue tells how often a message came back, as quorum queues do; `frame_max`: what properties
    must fit into."""

    def __init__(self, queue: str, counts: bool, frame_max: int) -> None:
        self._queue = queue
        self._counts = counts
        self._frame_max = frame_max

    def render(self, delivery: Delivery) -> Rendered:
        """A message as the wire needs it."""
        exchange, key, properties = render(delivery, self._queue)
        count = delivery.delivery_count - 1
        if self._counts and count > 0:
            field = _COUNT + _NUMBER.pack(count)
            properties = with_field(_NO_NAMES + properties, field)[len(_NO_NAMES) :]
        return exchange, key, fitted(properties, self._frame_max)


def render(delivery: Delivery, queue: str) -> Rendered:
    """A message of the queue with this AMQP name, as the wire needs it."""
    head = delivery.head
    note = delivery.note
    if head[:1] != _AMQP:
        exchange, key, properties = "", queue, write_properties(properties_of(head))
    else:
        exchange, key = routing_of(head) or ("", queue)
        properties = head[properties_at(head) :]
    if note is None or not note.deaths:
        return exchange, key, properties
    return with_deaths(note, exchange, key, properties)


def properties_of(head: bytes) -> Properties:
    """The properties of a message that came by another protocol."""
    found: dict[str, Any] = {}
    table: FieldTable = {}
    for name, one in _fields_of(head).items():
        attribute = SHOWN.get(name)
        if attribute is not None and _fits(attribute, one):
            found[attribute] = one
        elif len(name.encode()) <= _NAME_BYTES_MAX:
            table[name] = one
    priority = own_of(head, OWN_PRIORITY) if head else None
    return Properties(
        delivery_mode=_PERSISTENT,
        priority=int(priority) if priority else None,
        headers=table or None,
        **found,
    )


def _fields_of(head: bytes) -> Mapping[str, FieldValue]:
    if not head or head[0] != HEAD_TYPED:
        return dict(headers_of(head))
    typed = typed_headers_of(head)
    return {name: _untyped(*pair) for name, pair in typed.items() if name[:1] != "\0"}


def _untyped(kind: str, content: str | bytes) -> FieldValue:
    """An attribute with a type name; a number that AMQP has no form for stays text."""
    if not isinstance(content, str) or kind.partition(".")[0] != "Number":
        return content
    try:
        number = int(content) if content.lstrip("+-").isdecimal() else float(content)
    except ValueError:
        return content
    return number if isinstance(number, float) or -(1 << 63) <= number < 1 << 63 else content


def _fits(attribute: str, one: Any) -> bool:
    if attribute == "timestamp":
        return isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 1 << 63
    return isinstance(one, str) and len(one.encode()) <= _SHORT_BYTES_MAX


def with_offset(delivery: Delivery, queue: str) -> Delivery:
    """A message of a stream with header `x-stream-offset`."""
    head = delivery.head
    if head[:1] != _AMQP:
        head = routed_head(*render(delivery, queue))
    return Delivery(
        delivery.queue,
        delivery.offset,
        delivery.lease,
        delivery.delivery_count,
        delivery.first_received_ms,
        delivery.published_ms,
        delivery.body,
        with_field(head, _OFFSET + _NUMBER.pack(delivery.offset)),
        delivery.note,
    )


def field_of(head: bytes, name: str) -> FieldValue:
    """One header of a message, whichever protocol it came by; `None`: it has none such."""
    if head[:1] != _AMQP:
        return headers_of(head).get(name)
    try:
        return (read_properties(head).headers or {}).get(name)
    except ValueError:
        return None
