"""Messages on their way in: bodies, headers, delays and lives as the columns of a publish.

It stands between callers and `Publish`. The rule kept here: nothing is built per message where a
whole list of plain bytes can be taken as it is.
"""

from collections.abc import Mapping, Sequence

from postroad.api.options import duration
from postroad.model.commands import Publish
from postroad.model.message import HeaderValue, plain_head
from postroad.model.value import value

Body = bytes | str
"""A body: bytes as they are, text as UTF-8."""

Headers = Mapping[str, HeaderValue]
"""Header name -> text, bytes, number, truth value or nothing."""

_HEADER_TYPES = (str, bytes, int, float, type(None))


@value
class Outgoing:
    """A message with its own headers, delay or life, for `publish_many`; what is `None` is as in
    the call.
    """

    body: Body
    headers: Headers | None = None
    delay_ms: int | None = None
    ttl_ms: int | None = None


def publish_one(
    queues: tuple[str, ...],
    body: Body,
    headers: Headers | None,
    delay_ms: int | None,
    ttl_ms: int | None,
) -> Publish:
    """The command for one message."""
    return Publish(
        queues,
        [_bytes_of(body)],
        None if headers is None else [_head_of(headers)],
        None if delay_ms is None else [duration(delay_ms, "delay_ms")],
        None if ttl_ms is None else [duration(ttl_ms, "ttl_ms", 1)],
    )


def publish_all(
    queues: tuple[str, ...], messages: Sequence[Body | Outgoing], common: Outgoing
) -> Publish:
    """The command for many messages; `common` has what those without their own get."""
    kinds = set(map(type, messages))
    if Outgoing in kinds:
        return _publish_each(queues, messages, common)
    count = len(messages)
    bodies: list[bytes] = list(messages) if kinds == {bytes} else list(map(_bytes_of, messages))  # type: ignore[arg-type]
    delay_ms = duration(common.delay_ms, "delay_ms")
    ttl_ms = duration(common.ttl_ms, "ttl_ms", 1)
    return Publish(
        queues,
        bodies,
        None if common.headers is None else [_head_of(common.headers)] * count,
        None if delay_ms is None else [delay_ms] * count,
        None if ttl_ms is None else [ttl_ms] * count,
    )


def _publish_each(
    queues: tuple[str, ...], messages: Sequence[Body | Outgoing], common: Outgoing
) -> Publish:
    each = [one if isinstance(one, Outgoing) else Outgoing(one) for one in messages]
    shared = b"" if common.headers is None else _head_of(common.headers)
    heads = [shared if one.headers is None else _head_of(one.headers) for one in each]
    delays = [
        duration(common.delay_ms if one.delay_ms is None else one.delay_ms, "delay_ms")
        for one in each
    ]
    lives = [
        duration(common.ttl_ms if one.ttl_ms is None else one.ttl_ms, "ttl_ms", 1) for one in each
    ]
    return Publish(
        queues,
        [_bytes_of(one.body) for one in each],
        heads if any(heads) else None,
        delays if any(one is not None for one in delays) else None,
        lives if any(one is not None for one in lives) else None,
    )


def _bytes_of(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    raise TypeError(f"a body is bytes or text, not {type(body).__name__}; encode it first")


def _head_of(headers: Headers) -> bytes:
    for name, one in headers.items():
        if not isinstance(name, str):
            raise TypeError(f"a header name is text, not {type(name).__name__}")
        if not isinstance(one, _HEADER_TYPES):
            raise TypeError(
                f"header `{name}` is text, bytes, a number, a truth value or nothing,"
                f" not {type(one).__name__}"
            )
    return plain_head(dict(headers))
