"""An exchange and a binding as things: rows of the checkpoint.

One rule: the row says all; what is compiled from it (filter, packed identity) is made again with
the object.
"""

from collections.abc import Mapping

import msgspec

from postroad.core.ledger import Row
from postroad.model.exchanges import ExchangeSettings
from postroad.model.filters import Filter
from postroad.model.message import HeaderValue

_encode = msgspec.msgpack.Encoder(order="sorted").encode


def pack_arguments(arguments: Mapping[str, object]) -> bytes:
    """The arguments of a binding as the journal has them."""
    return _encode(arguments)


def unpack_arguments(packed: bytes) -> dict[str, HeaderValue]:
    """The arguments of a binding from the journal."""
    arguments: dict[str, HeaderValue] = msgspec.msgpack.decode(packed)
    return arguments


def identity_of(key: str, arguments: dict[str, HeaderValue]) -> bytes:
    """What two bindings of the same source and target differ by."""
    return _encode([key, arguments])


class Exchange(Row):
    """A name that messages are published to, and how it routes."""

    def __init__(self, id: int, name: str, settings: ExchangeSettings) -> None:
        super().__init__(b"x" + id.to_bytes(8, "big"))
        self.id = id
        self.name = name
        self.settings = settings
        self.extras: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.created_ms = 0

    def encode(self) -> bytes:
        """The row of the exchange."""
        fields = [self.name, self.settings, self.extras, self.labels, self.created_ms]
        return _encode(fields)


class Binding(Row):
    """A rule: what the source gets goes to the target, where the binding fits it."""

    def __init__(self, id: int, source: int, target: int, target_kind: str) -> None:
        super().__init__(b"y" + id.to_bytes(8, "big"))
        self.id = id
        self.source = source
        self.target = target
        self.target_kind = target_kind
        self.pattern = ""
        self.arguments: dict[str, HeaderValue] = {}
        self.filter: Filter | None = None
        self.extras: dict[str, str] = {}
        self.created_ms = 0
        self.identity = b""

    def set_rule(self, key: str, arguments: dict[str, HeaderValue]) -> None:
        """What must fit."""
        self.pattern = key
        self.arguments = dict(arguments)
        self.identity = identity_of(key, arguments)

    def set_filter(self, text: str, scope: str) -> None:
        """What must be in the message; an empty text: nothing."""
        self.filter = Filter(text, scope, stored=True) if text else None

    def encode(self) -> bytes:
        """The row of the binding."""
        text, scope = ("", "") if self.filter is None else (self.filter.text, self.filter.scope)
        ends = [self.source, self.target, self.target_kind]
        return _encode(
            [ends, self.pattern, self.arguments, text, scope, self.extras, self.created_ms]
        )


def decode_exchange(id: int, value: bytes) -> Exchange:
    """An exchange from its row."""
    name, settings, extras, labels, created_ms = msgspec.msgpack.decode(value)
    exchange = Exchange(id, name, msgspec.convert(settings, ExchangeSettings))
    exchange.extras, exchange.labels, exchange.created_ms = extras, labels, created_ms
    return exchange


def decode_binding(id: int, value: bytes) -> Binding:
    """A binding from its row."""
    ends, key, arguments, text, scope, extras, created_ms = msgspec.msgpack.decode(value)
    binding = Binding(id, ends[0], ends[1], ends[2])
    binding.set_rule(key, arguments)
    binding.set_filter(text, scope)
    binding.extras, binding.created_ms = extras, created_ms
    return binding
