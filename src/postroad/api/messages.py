"""Messages on their way in: bodies, headers, times, keys and ids as the columns of a publish.

It stands between callers and `Publish`. The rule kept here: nothing is built per message where a
whole list of plain bytes can be taken as it is.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypedDict, TypeVar

from postroad.api.options import duration
from postroad.limits import PRIORITY_MAX
from postroad.model.commands import Publish
from postroad.model.message import HeaderValue, plain_head
from postroad.model.value import value

Body = bytes | str
"""A body: bytes as they are, text as UTF-8."""

Headers = Mapping[str, HeaderValue]
"""Header name -> text, bytes, number, truth value or nothing."""

_HEADER_TYPES = (str, bytes, int, float, type(None))

_HEADS_KEPT: Final = 4_096

T = TypeVar("T")


@value
class Outgoing:
    """A message with what is its own, for `publish_many`; what is `None` is as in the call.

    `key`: its ordering key. `dedup_id`: within the queue's window no other message with this id is
    taken. `priority`: from 0 to 255, higher ones leave first in a queue of kind priority.
    """

    body: Body
    headers: Headers | None = None
    delay_ms: int | None = None
    ttl_ms: int | None = None
    key: str | None = None
    dedup_id: str | None = None
    priority: int | None = None


PLAIN = Outgoing(b"")
"""What messages have in common that have nothing but bodies."""


class CommonOptions(TypedDict, total=False):
    """What all messages of a call may get; `Outgoing` says what each means."""

    headers: Headers | None
    delay_ms: int | None
    ttl_ms: int | None
    key: str | None
    priority: int | None


class MessageOptions(CommonOptions, total=False):
    """What one message may get besides."""

    dedup_id: str | None


def publish_one(queues: tuple[str, ...], message: Outgoing) -> Publish:
    """The command for one message."""
    delay_ms = duration(message.delay_ms, "delay_ms")
    ttl_ms = duration(message.ttl_ms, "ttl_ms", 1)
    head = head_of(message.headers, message.key, message.dedup_id, message.priority)
    return Publish(
        queues,
        [bytes_of(message.body)],
        [head] if head else None,
        None if delay_ms is None else [delay_ms],
        None if ttl_ms is None else [ttl_ms],
        None if message.key is None else [message.key],
        [message.priority] if message.priority else None,
        None if message.dedup_id is None else [message.dedup_id],
    )


def publish_all(
    queues: tuple[str, ...], messages: Sequence[Body | Outgoing], common: Outgoing
) -> Publish:
    """The command for many messages; `common` has what those without their own get."""
    kinds = set(map(type, messages))
    if Outgoing in kinds:
        return _publish_each(queues, messages, common)
    if common is PLAIN and kinds == {bytes}:
        return Publish(queues, list(messages))  # type: ignore[arg-type]
    count = len(messages)
    bodies: list[bytes] = list(messages) if kinds == {bytes} else list(map(bytes_of, messages))  # type: ignore[arg-type]
    delay_ms = duration(common.delay_ms, "delay_ms")
    ttl_ms = duration(common.ttl_ms, "ttl_ms", 1)
    head = head_of(common.headers, common.key, None, common.priority)
    return Publish(
        queues,
        bodies,
        [head] * count if head else None,
        None if delay_ms is None else [delay_ms] * count,
        None if ttl_ms is None else [ttl_ms] * count,
        None if common.key is None else [common.key] * count,
        [common.priority] * count if common.priority else None,
    )


def _publish_each(
    queues: tuple[str, ...], messages: Sequence[Body | Outgoing], common: Outgoing
) -> Publish:
    each = [one if isinstance(one, Outgoing) else Outgoing(one) for one in messages]
    keys = [common.key if one.key is None else one.key for one in each]
    ids = [one.dedup_id for one in each]
    levels = [common.priority or 0 if one.priority is None else one.priority for one in each]
    headers = [common.headers if one.headers is None else one.headers for one in each]
    heads = list(map(head_of, headers, keys, ids, levels))
    delays = [
        duration(common.delay_ms if one.delay_ms is None else one.delay_ms, "delay_ms")
        for one in each
    ]
    lives = [
        duration(common.ttl_ms if one.ttl_ms is None else one.ttl_ms, "ttl_ms", 1) for one in each
    ]
    return Publish(
        queues,
        [bytes_of(one.body) for one in each],
        heads if any(heads) else None,
        _if_any(delays),
        _if_any(lives),
        _if_any(keys),
        levels if any(levels) else None,
        _if_any(ids),
    )


def _if_any(column: list[T | None]) -> list[T | None] | None:
    """A column, or nothing where nothing is in it."""
    return column if any(one is not None for one in column) else None


def bytes_of(body: object) -> bytes:
    """A body as bytes. Raises `TypeError`."""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    raise TypeError(f"a body is bytes or text, not {type(body).__name__}; encode it first")


def head_of(
    headers: Headers | None, key: str | None, dedup_id: str | None, priority: int | None
) -> bytes:
    """Headers, and what goes with them, as a stored head. Raises `TypeError`, `ValueError`."""
    _check_own(key, dedup_id, priority)
    if headers is None:
        if dedup_id is not None:
            return plain_head(None, key, dedup_id, priority or 0)
        return _own_head(key, priority or 0) if key is not None or priority else b""
    for name, one in headers.items():
        if not isinstance(name, str):
            raise TypeError(f"a header name is text, not {type(name).__name__}")
        if name.startswith("\0"):
            raise ValueError("a header name does not begin with a NUL character")
        if not isinstance(one, _HEADER_TYPES):
            raise TypeError(
                f"header `{name}` is text, bytes, a number, a truth value or nothing,"
                f" not {type(one).__name__}"
            )
    return plain_head(dict(headers), key, dedup_id, priority or 0)


def _check_own(key: object, dedup_id: object, priority: object) -> None:
    if key is not None and not isinstance(key, str):
        raise TypeError(f"a key is text, not {type(key).__name__}")
    if dedup_id is not None and not isinstance(dedup_id, str):
        raise TypeError(f"a deduplication id is text, not {type(dedup_id).__name__}")
    if priority is None:
        return
    if not isinstance(priority, int) or isinstance(priority, bool):
        raise TypeError(f"a priority is a whole number, not {type(priority).__name__}")
    if not 0 <= priority <= PRIORITY_MAX:
        raise ValueError(f"a priority is from 0 to {PRIORITY_MAX}, not {priority}")


@lru_cache(maxsize=_HEADS_KEPT)
def _own_head(key: str | None, priority: int) -> bytes:
    """The head of a message without headers: the same again and again for a key."""
    return plain_head(None, key, None, priority)
