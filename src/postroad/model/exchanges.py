"""Exchanges and bindings: their settings, what may be asked about them, and the answers.

One rule: an exchange holds no messages; it says by rules which queues get what is published to it.
"""

from collections.abc import Sequence

from msgspec import Struct

from postroad.model.filters import ATTRIBUTES
from postroad.model.message import HeaderValue
from postroad.model.value import value

DIRECT = "direct"
"""To the bindings whose key is the routing key."""
FANOUT = "fanout"
"""To all bindings."""
TOPIC = "topic"
"""To the bindings whose pattern fits the routing key: words apart by dots, `*` for one word, `#`
for any number of them."""
HEADERS = "headers"
"""To the bindings whose arguments agree with the headers; argument `x-match` says how."""
CONSISTENT_HASH = "consistent-hash"
"""To one binding, by a hash of the routing key or a header; a binding's key is its weight."""
KINDS = (DIRECT, FANOUT, TOPIC, HEADERS, CONSISTENT_HASH)

FORM_MARK = "\0"
"""What the key of a binding of a fanout begins with that wants one form of each message, and the
routing key of a publish of that form. A form fits itself and what is below it: `\\0raw` fits
`\\0raw.http`. A publish with any other routing key has no other form and goes to all."""
FORM_RAW = FORM_MARK + "raw"
"""A message as it was sent."""
FORM_PLAIN = FORM_RAW + ".plain"
"""The form that bindings without a form get."""
FORM_CLOSED = FORM_MARK + "-"
"""The key of a binding that gets nothing yet."""


def fits_form(key: str, form: str) -> bool:
    """Whether a binding of a fanout with this key gets a publish of this form."""
    own = key if key[:1] == FORM_MARK else FORM_PLAIN
    return own == form or own.startswith(form + ".")


DELAY_HEADER = "x-delay"
"""On a delayed exchange: the header that says for how many ms a message waits."""
MATCH_ARGUMENT = "x-match"
MATCHES = ("all", "any", "all-with-x", "any-with-x")
"""How the arguments of a binding must agree with the headers; those whose name begins with `x-`
count only where the value says so."""

TO_QUEUE = "queue"
TO_EXCHANGE = "exchange"
TO_TOPIC = "topic"
TARGET_KINDS = (TO_QUEUE, TO_EXCHANGE, TO_TOPIC)
OF_EXCHANGE = "exchange"
OF_TOPIC = "topic"
SOURCE_KINDS = (OF_EXCHANGE, OF_TOPIC)


class ExchangeSettings(Struct, frozen=True, array_like=True, gc=False):
    """Everything one may set on an exchange.

    `kind`: one of KINDS; it never changes. `delayed`: header `x-delay` of a message says how long
    it waits in the queues it goes to. `until_unbound`: the exchange goes when its last binding
    does. `internal`: only other exchanges may publish to it. `alternate`: the exchange that gets
    what none of the bindings wants. `hash_header`: the header that a consistent hash looks at;
    `None`: the routing key.
    """

    kind: str = DIRECT
    delayed: bool = False
    until_unbound: bool = False
    internal: bool = False
    alternate: str | None = None
    hash_header: str | None = None


@value
class DeclareExchange:
    """Make an exchange exist. The same again is fine; `compare` names the settings and extras that
    must agree with one that exists already. `extras`, `labels` as in `DeclareQueue`. Answer:
    `Declared`, or `Refused(SETTINGS_DIFFER)`."""

    name: str
    settings: ExchangeSettings = ExchangeSettings()
    extras: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    compare: tuple[str, ...] = ()


@value
class ChangeExchange:
    """Set settings (of the same kind), extras and labels of an exchange; `None` leaves them; in the
    two maps a value of `None` removes that name. Answer: `Done`."""

    name: str
    settings: ExchangeSettings | None = None
    extras: dict[str, str | None] | None = None
    labels: dict[str, str | None] | None = None


@value
class DeleteExchange:
    """Remove an exchange, its bindings and those to it; `if_unused`: only without bindings of its
    own. Answer: `Done`, or `Refused(EXCHANGE_IN_USE)`."""

    name: str
    if_unused: bool = False


@value
class DescribeExchange:
    """Settings of one exchange. Answer: `ExchangeDescribed`."""

    name: str


@value
class ListExchanges:
    """Names of exchanges in order, those after `after` that start with `prefix`, at most `count`;
    `kind`: of these only (`""`: of all). Answer: `Listed`."""

    prefix: str = ""
    after: str = ""
    count: int = 1_000
    kind: str = ""


@value
class Bind:
    """Let what an exchange gets go to a queue, another exchange or a topic, where `key` and
    `arguments` fit it and `filter` (a JSON policy; `None`: none) lets it pass. The source may be a
    topic (`source_kind`): whatever is appended to it then goes on, whatever the key.

    Bindings of the same two differ by key and arguments; the same again is fine if the filter is
    the same too. `extras`: what a protocol keeps with it. Answer: `Bound`.
    """

    source: str
    target: str
    key: str = ""
    arguments: dict[str, HeaderValue] | None = None
    target_kind: str = TO_QUEUE
    filter: str | None = None
    filter_scope: str = ATTRIBUTES
    extras: dict[str, str] | None = None
    source_kind: str = OF_EXCHANGE


@value
class Unbind:
    """Remove one binding, known by what it was made with. Answer: `Done`, or
    `Refused(NO_SUCH_BINDING)`."""

    source: str
    target: str
    key: str = ""
    arguments: dict[str, HeaderValue] | None = None
    target_kind: str = TO_QUEUE
    source_kind: str = OF_EXCHANGE


@value
class RemoveBinding:
    """Remove one binding, known by its number. Answer: `Done`, or `Refused(NO_SUCH_BINDING)`."""

    binding: int


@value
class ChangeBinding:
    """Give a binding another filter (an empty one: none; `None` leaves it, and its scope), other
    extras (a value of `None` removes that name) and another `key` (`None` leaves it). Answer:
    `Done`, or `Refused(SETTINGS_DIFFER)` where another binding of the two has that key."""

    binding: int
    filter: str | None = None
    filter_scope: str = ATTRIBUTES
    extras: dict[str, str | None] | None = None
    key: str | None = None


@value
class ListBindings:
    """Bindings in order of their numbers, those after number `after`, at most `count`; `source`:
    only those of this exchange or topic (`source_kind`), `target`: only those to this queue,
    exchange or topic (`target_kind`). Answer: `BindingsListed`."""

    source: str | None = None
    target: str | None = None
    target_kind: str = TO_QUEUE
    after: int = 0
    count: int = 1_000
    source_kind: str = OF_EXCHANGE


@value
class PublishTo:
    """Publish messages to whatever queues an exchange says, all of it or nothing, as one atomic
    step. Exchange `""`: to the queue or topic whose name is the routing key.

    `routing_keys`: one per message, or one for all. `more_keys`: further routing keys per message,
    or `None`. The other columns as in `Publish`. `mandatory`: refuse all of it where a message
    has no queue to go to. `skip_full`: a queue that is full is left out for the messages it has no
    room for, and refuses nothing else. `skip_refusing`: so is every queue for what it refuses, be
    it full, be the message too large for it or no fit, and is named; what it would keep of that as
    a dead letter is its publisher's to care for. `repeated_ms` as in `Publish`. `line`: not 0 for
    publishes of a caller that keep their order though it asks again for a part of what was refused
    (`model.lines`): those of the line that were asked for before it knew are refused (CHANGED);
    `era`: how often that happened before. Answer: `Routed`, or `Refused`: by the exchange, or by
    any queue.
    """

    exchange: str
    routing_keys: Sequence[str]
    bodies: Sequence[bytes]
    heads: Sequence[bytes] | None = None
    delays_ms: Sequence[int | None] | None = None
    ttls_ms: Sequence[int | None] | None = None
    keys: Sequence[str | None] | None = None
    priorities: Sequence[int] | None = None
    dedup_ids: Sequence[str | None] | None = None
    more_keys: Sequence[tuple[str, ...]] | None = None
    mandatory: bool = False
    skip_full: bool = False
    skip_refusing: bool = False
    repeated_ms: int | None = None
    line: int = 0
    era: int = 0


@value
class ExchangeDescribed:
    """An exchange, its settings, and how many bindings it has and how many lead to it."""

    exchange: int
    name: str
    settings: ExchangeSettings
    extras: dict[str, str]
    labels: dict[str, str]
    created_ms: int
    bindings: int
    bindings_to: int


@value
class Bound:
    """`created` is false when the binding existed."""

    binding: int
    created: bool


@value
class BindingInfo:
    """A binding as it is; `filter` `None`: it has none."""

    binding: int
    source: str
    target: str
    target_kind: str
    key: str
    arguments: dict[str, HeaderValue]
    filter: str | None
    filter_scope: str
    extras: dict[str, str]
    created_ms: int
    source_kind: str = OF_EXCHANGE


@value
class BindingsListed:
    """Bindings in order of their numbers; `more`: whether others follow."""

    bindings: list[BindingInfo]
    more: bool


@value
class RoutedGroup:
    """Messages that went to the same queues, or to one partition of a topic: which they are
    (`indexes`, in order; `None`: all), and `places` and `offsets` as in `Published`."""

    indexes: Sequence[int] | None
    places: tuple[tuple[int, int], ...]
    offsets: tuple[int, ...] | None = None


@value
class Routed:
    """Where the messages went; `unroutable`: the indexes of those that no queue wanted, which are
    gone. `published_ms`: the time the others carry. `full`: the indexes of those that some queue
    had no room for (`skip_full`); the others have them. `refused_by`: of each message that some
    queue refused (`skip_refusing`), its index and the names of those queues."""

    groups: tuple[RoutedGroup, ...]
    unroutable: tuple[int, ...]
    published_ms: int
    full: tuple[int, ...] = ()
    refused_by: tuple[tuple[int, tuple[str, ...]], ...] = ()
