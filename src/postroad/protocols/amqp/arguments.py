"""Arguments of a queue: what each must look like, and what it sets.

It stands between queue.declare and the core's settings. The rule kept here: each argument is one
row; what has no row is ignored, as RabbitMQ ignores it, and what is wrong is said in its words.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from postroad.limits import AMQP_EXPIRATION_MS_MAX, PRIORITY_MAX
from postroad.model.fields import Long, Stamp
from postroad.model.policy import (
    BACKOFF_LINEAR,
    OVERFLOW_DEAD_LETTER_OLDEST,
    OVERFLOW_DROP_OLDEST,
    OVERFLOW_REJECT,
    OVERFLOW_REJECT_DEAD_LETTER,
    PRIORITY,
    STANDARD,
    QueueSettings,
    RetryPolicy,
)
from postroad.model.topics import TopicSettings
from postroad.model.value import value
from postroad.protocols.amqp.errors import PRECONDITION_FAILED, ChannelFault
from postroad.protocols.amqp.stamping import DEDUP_HEADER

CLASSIC: Final = "classic"
QUORUM: Final = "quorum"
STREAM: Final = "stream"
DELIVERY_LIMIT: Final = 20
"""Of a quorum queue that says none: as in RabbitMQ."""
DELIVERY_LIMIT_MAX: Final = 65_534
SEGMENT_BYTES_MAX: Final = 3_000_000_000
DEDUP_WINDOW_MS: Final = 300_000

_INT_32_MAX: Final = 2**31 - 1
_AGE: Final = re.compile(r"(\d{1,9})([YMDhms])")
_UNITS_MS: Final = {
    "Y": 365 * 86_400_000,
    "M": 30 * 86_400_000,
    "D": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
}

Check = Callable[[Any], str | None]
"""What is wrong with a value, as RabbitMQ's texts end; `None`: nothing."""


@value
class Argument:
    """A row: how its value is checked, and the types of queue it may be given for."""

    check: Check
    types: tuple[str, ...] = (CLASSIC, QUORUM)


def type_of(given: object) -> str:
    """Return RabbitMQ's word for the type of a field's value."""
    if isinstance(given, int) and not isinstance(given, bool | Stamp):
        wide = isinstance(given, Long) or not -_INT_32_MAX - 1 <= given <= _INT_32_MAX
        return "long" if wide else "signedint"
    return _TYPES.get(type(given), "void")


_TYPES: Final[dict[type, str]] = {
    bool: "bool",
    str: "longstr",
    bytes: "binary",
    float: "double",
    Decimal: "decimal",
    Stamp: "timestamp",
    list: "array",
    dict: "table",
}


def shown(given: object) -> str:
    """Return a value as RabbitMQ's texts show it."""
    if isinstance(given, bool):
        return "true" if given else "false"
    return str(given)[:80]


def _whole(least: int, most: int | None = None, over: str = "value_too_large") -> Check:
    def check(given: Any) -> str | None:
        if not isinstance(given, int) or isinstance(given, bool | Stamp):
            return f'"expected integer, got {type_of(given)}"'
        if given < 0 and least >= 0:
            return f"{{value_negative,{given}}}"
        if given < least:
            return f"{{value_zero,{given}}}" if given == 0 else f"{{value_too_small,{given}}}"
        return f"{{{over},{given}}}" if most is not None and given > most else None

    return check


def _word(words: tuple[str, ...], wrong: str) -> Check:
    def check(given: Any) -> str | None:
        if not isinstance(given, str):
            return f"{{unacceptable_type,{type_of(given)}}}"
        return None if given in words else wrong.format(given[:80])

    return check


def _text(given: Any) -> str | None:
    return None if isinstance(given, str) else f"{{unacceptable_type,{type_of(given)}}}"


def _flag(given: Any) -> str | None:
    return None if isinstance(given, bool) else f"{{unacceptable_type,{type_of(given)}}}"


def _age(given: Any) -> str | None:
    if not isinstance(given, str):
        return f"{{unacceptable_type,{type_of(given)}}}"
    return None if _AGE.fullmatch(given) else "invalid_max_age"


_ALL: Final = (CLASSIC, QUORUM, STREAM)
ARGUMENTS: Final[dict[str, Argument]] = {
    "x-expires": Argument(_whole(1, AMQP_EXPIRATION_MS_MAX)),
    "x-message-ttl": Argument(_whole(0, AMQP_EXPIRATION_MS_MAX)),
    "x-dead-letter-exchange": Argument(_text),
    "x-dead-letter-routing-key": Argument(_text),
    "x-dead-letter-strategy": Argument(
        _word(("at-most-once", "at-least-once"), "invalid_dlx_strategy")
    ),
    "x-max-length": Argument(_whole(1, 2**63 - 1)),
    "x-max-length-bytes": Argument(_whole(1, 2**63 - 1), _ALL),
    "x-max-in-memory-length": Argument(_whole(0)),
    "x-max-in-memory-bytes": Argument(_whole(0)),
    "x-max-priority": Argument(_whole(0, PRIORITY_MAX, "max_value_exceeded")),
    "x-overflow": Argument(
        _word(("drop-head", "reject-publish", "reject-publish-dlx"), "invalid_overflow")
    ),
    "x-queue-mode": Argument(_word(("default", "lazy"), "\"unsupported queue mode '{}'\"")),
    "x-queue-version": Argument(_whole(1, 2)),
    "x-queue-master-locator": Argument(_text, _ALL),
    "x-queue-leader-locator": Argument(_text, _ALL),
    "x-single-active-consumer": Argument(_flag),
    "x-queue-type": Argument(_word(_ALL, "\"unsupported queue type '{}'\""), _ALL),
    "x-quorum-initial-group-size": Argument(_whole(1), _ALL),
    "x-quorum-target-group-size": Argument(_whole(1), _ALL),
    "x-initial-cluster-size": Argument(_whole(1), _ALL),
    "x-max-age": Argument(_age, (STREAM,)),
    "x-stream-max-segment-size-bytes": Argument(_whole(1, SEGMENT_BYTES_MAX), (STREAM,)),
    "x-stream-filter-size-bytes": Argument(_whole(16, 255), (STREAM,)),
    "x-delivery-limit": Argument(_whole(-1, DELIVERY_LIMIT_MAX)),
    "x-consumer-timeout": Argument(_whole(0)),
    "x-consumer-disconnected-timeout": Argument(_whole(0)),
    "x-delayed-retry-type": Argument(
        _word(("disabled", "all", "failed", "returned"), "invalid_delayed_retry_type")
    ),
    "x-delayed-retry-min": Argument(_whole(0, AMQP_EXPIRATION_MS_MAX)),
    "x-delayed-retry-max": Argument(_whole(0, AMQP_EXPIRATION_MS_MAX)),
    "x-message-deduplication": Argument(_flag),
    "x-cache-size": Argument(_whole(1)),
    "x-cache-ttl": Argument(_whole(1, AMQP_EXPIRATION_MS_MAX)),
    "x-deduplication-header": Argument(_word((DEDUP_HEADER,), "unsupported_header")),
}
"""In the order in which RabbitMQ compares them when a queue is declared again."""
IGNORED: Final = frozenset(
    ("x-queue-mode", "x-queue-version", "x-queue-master-locator", "x-queue-leader-locator")
)
"""Where and how messages rest is not the client's to say, so nobody is held to it."""


def read_arguments(given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the arguments that mean something; `what`: the queue and its vhost, in words. Raises
    `ChannelFault`."""
    kind = given.get("x-queue-type", CLASSIC)
    known: dict[str, Any] = {}
    for name, row in ARGUMENTS.items():
        if name not in given:
            continue
        if kind not in row.types and kind in _ALL:
            text = f"invalid arg '{name}' for {what} of queue type rabbit_{kind}_queue"
            raise ChannelFault(PRECONDITION_FAILED, text)
        wrong = row.check(given[name])
        if wrong is not None and name == "x-dead-letter-exchange":
            text = f"invalid type '{type_of(given[name])}' for arg '{name}' in {what}"
            raise ChannelFault(PRECONDITION_FAILED, text)
        if wrong is not None:
            raise ChannelFault(PRECONDITION_FAILED, f"invalid arg '{name}' for {what}: {wrong}")
        known[name] = int(given[name]) if type(given[name]) is Long else given[name]
    if "x-dead-letter-routing-key" in known and "x-dead-letter-exchange" not in known:
        text = f"invalid arg 'x-dead-letter-routing-key' for {what}: routing_key_but_no_dlx_defined"
        raise ChannelFault(PRECONDITION_FAILED, text)
    return known


def queue_settings(
    known: Mapping[str, Any], core: Callable[[str], str], *, exclusive: bool, auto_delete: bool
) -> QueueSettings:
    """Return what arguments and flags mean; `core` gives the core's names."""
    dlx = known.get("x-dead-letter-exchange")
    key = known.get("x-dead-letter-routing-key")
    if dlx == "" and key is not None:
        key = core(key)
    overflow = known.get("x-overflow", "drop-head")
    strict = known.get("x-dead-letter-strategy") == "at-least-once"
    return QueueSettings(
        ttl_ms=known.get("x-message-ttl"),
        deliveries_max=_deliveries_max(known),
        dead_letter_exchange=None if dlx is None else core(dlx),
        dead_letter_routing_key=key,
        # As in RabbitMQ, where it falls back when the queue may drop its head.
        dead_letter_strict=strict and dlx is not None and overflow == "reject-publish",
        expired_to_dead_letters=dlx is not None,
        retry=_retry(known),
        length_max=known.get("x-max-length"),
        bytes_max=known.get("x-max-length-bytes"),
        overflow=_overflow(overflow, dead_letters=dlx is not None),
        kind=PRIORITY if known.get("x-max-priority") else STANDARD,
        single_active_consumer=known.get("x-single-active-consumer", False),
        exclusive=exclusive,
        expires_ms=known.get("x-expires"),
        delete_when_unused=auto_delete,
        dedup_window_ms=_dedup_window_ms(known),
        limits_waiting="x-max-length" in known or "x-max-length-bytes" in known,
        limits_bodies="x-max-length-bytes" in known,
        priority_max=known.get("x-max-priority") or None,
    )


def topic_settings(known: Mapping[str, Any]) -> TopicSettings:
    """Return what the arguments of a stream mean."""
    age = _AGE.fullmatch(known.get("x-max-age", ""))
    return TopicSettings(
        retention_ms=None if age is None else max(1, int(age[1]) * _UNITS_MS[age[2]]),
        retention_bytes=known.get("x-max-length-bytes"),
    )


def _deliveries_max(known: Mapping[str, Any]) -> int | None:
    limit = known.get("x-delivery-limit")
    if limit is None:
        return DELIVERY_LIMIT + 1 if known.get("x-queue-type") == QUORUM else None
    return limit + 1 if limit >= 0 else None


def _overflow(given: str, *, dead_letters: bool) -> str:
    if given == "reject-publish":
        return OVERFLOW_REJECT
    if given == "reject-publish-dlx":
        return OVERFLOW_REJECT_DEAD_LETTER if dead_letters else OVERFLOW_REJECT
    return OVERFLOW_DEAD_LETTER_OLDEST if dead_letters else OVERFLOW_DROP_OLDEST


def _retry(known: Mapping[str, Any]) -> RetryPolicy:
    when = known.get("x-delayed-retry-type", "disabled")
    least = known.get("x-delayed-retry-min", 0)
    if when == "disabled" or least == 0:
        return RetryPolicy()
    return RetryPolicy(
        BACKOFF_LINEAR, least, known.get("x-delayed-retry-max", AMQP_EXPIRATION_MS_MAX), when
    )


def _dedup_window_ms(known: Mapping[str, Any]) -> int | None:
    if not known.get("x-message-deduplication"):
        return None
    window: int = known.get("x-cache-ttl", DEDUP_WINDOW_MS)
    return window


FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "x-expires": ("expires_ms",),
    "x-message-ttl": ("ttl_ms",),
    "x-dead-letter-exchange": ("dead_letter_exchange",),
    "x-dead-letter-routing-key": ("dead_letter_routing_key",),
    "x-max-length": ("length_max",),
    "x-max-length-bytes": ("bytes_max",),
    "x-max-priority": ("kind",),
    "x-single-active-consumer": ("single_active_consumer",),
    "x-delivery-limit": ("deliveries_max",),
    "x-delayed-retry-type": ("retry",),
    "x-message-deduplication": ("dedup_window_ms",),
}
"""Argument -> the settings it sets, to compare it with a queue that came by another protocol."""

_pack = msgspec.json.Encoder(order="sorted").encode


def pack_arguments(known: Mapping[str, Any]) -> str:
    """Return arguments as they are kept with a queue."""
    return _pack(dict(known)).decode()


def unpack_arguments(kept: str) -> dict[str, Any]:
    """Return kept arguments."""
    unpacked: dict[str, Any] = msgspec.json.decode(kept, type=dict[str, Any])
    return unpacked
