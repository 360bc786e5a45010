"""The facts about exchanges and bindings; tags 60 to 69.

One rule: as in `postroad.core.records`: what was released keeps its tag and its fields for good.
"""

from postroad.core.records import Record
from postroad.model.exchanges import ExchangeSettings


class ExchangeDeclared(Record, tag=60):
    """An exchange exists from here on."""

    exchange: int
    name: str
    settings: ExchangeSettings
    extras: dict[str, str]
    labels: dict[str, str]
    now_ms: int


class ExchangeChanged(Record, tag=61):
    """An exchange's settings, extras and labels are these from here on."""

    exchange: int
    settings: ExchangeSettings
    extras: dict[str, str]
    labels: dict[str, str]


class ExchangeDeleted(Record, tag=62):
    """An exchange is gone; its bindings and those to it are removed in slices."""

    exchange: int


class BindingMade(Record, tag=63):
    """A binding from one thing to another. `arguments`: a msgpack map; `filter` empty: none."""

    binding: int
    source: int
    target: int
    target_kind: str
    key: str
    arguments: bytes
    filter: str
    filter_scope: str
    extras: dict[str, str]
    now_ms: int


class BindingChanged(Record, tag=64):
    """A binding's filter and extras are these from here on, and its key; `None`: the same."""

    binding: int
    filter: str
    filter_scope: str
    extras: dict[str, str]
    key: str | None = None


class BindingsRemoved(Record, tag=65):
    """Bindings are gone."""

    bindings: list[int]


ExchangeRecord = (
    ExchangeDeclared
    | ExchangeChanged
    | ExchangeDeleted
    | BindingMade
    | BindingChanged
    | BindingsRemoved
)
