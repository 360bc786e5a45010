"""Requests: messages whose answer is waited for.

It stands between whoever asks and a publish. The rule kept here: each request ends, with one reply,
with an error, or with its time; what comes later is nobody's.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypedDict

from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.app.declare import declaring
from postroad.app.large import is_large, kept_aside
from postroad.app.replies import CONTENT_TYPE, CORRELATION_ID, REPLY_TO, Body, body_of, opened
from postroad.errors import BadCommand, RequestTimeout
from postroad.limits import DURATION_MS_MAX, REQUEST_S
from postroad.model.message import HeaderValue
from postroad.model.value import value

if TYPE_CHECKING:
    from postroad.app.app import App
    from postroad.app.worker import Worker


class RequestOptions(TypedDict, total=False):
    """What one may say about a request.

    `timeout_s`: how long to wait for the reply, 30 unless said otherwise; a message that nobody has
    taken by then is gone. `headers`, `key`, `priority`: of the message.
    """

    timeout_s: float
    headers: Mapping[str, HeaderValue]
    key: str
    priority: int


OPTIONS: Final = frozenset(RequestOptions.__annotations__)


@value
class Request:
    """One request: its message, and how its reply is read."""

    queue: str
    id: str
    timeout_s: float
    body: bytes
    options: dict[str, Any]
    returns: Any


def ask(app: "App", request: Request, names: tuple[str, str]) -> Any:
    """Publish a request and wait for its reply. Raises `RequestFailed`, `RequestTimeout`,
    `BlocksLoop` on a running loop, and what `publish` raises.
    """
    waits, until_s = app.waits, monotonic() + request.timeout_s
    waits.declare(names)
    with waits.expect(request.id, until_s) as sleep:
        app.link.do(_publishing(request, waits.queue), names)
        while (reply := waits.reply(request.id)) is None:
            if not sleep.wait():
                raise RequestTimeout(request.queue, request.timeout_s)
    return opened(request.queue, reply, request.returns)


async def ask_later(app: "App", request: Request) -> Any:
    """As `ask`, for a running loop."""
    waits, until_s = app.waits, monotonic() + request.timeout_s
    with waits.expect(request.id, until_s) as sleep:
        try:
            async with asyncio.timeout(request.timeout_s) as limit:
                await waits.adeclare()
                await app.link.ado(_publishing(request, waits.queue))
        except TimeoutError:
            if not limit.expired():
                raise
            raise RequestTimeout(request.queue, request.timeout_s) from None
        while (reply := waits.reply(request.id)) is None:
            if not await sleep.await_():
                raise RequestTimeout(request.queue, request.timeout_s)
    return opened(request.queue, reply, request.returns)


def request_of(queue: str, body: Body, returns: Any, options: RequestOptions) -> Request:
    """A request that is not published yet. Raises `TypeError` and `BadCommand` for options that
    make no sense.
    """
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        raise TypeError(f"a request has no option `{unknown[0]}`, but {', '.join(sorted(OPTIONS))}")
    timeout_s = options.get("timeout_s", REQUEST_S)
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
        raise TypeError(f"`timeout_s` is a number of seconds, not {type(timeout_s).__name__}")
    if not 0.001 <= timeout_s <= DURATION_MS_MAX / 1_000:
        raise BadCommand(f"`timeout_s` is a number of seconds above 0, not {timeout_s}")
    said: dict[str, Any] = {name: options[name] for name in ("key", "priority") if name in options}
    headers = {**(options.get("headers") or {}), CONTENT_TYPE: body[1]}
    said |= {"headers": headers, "ttl_ms": max(1, round(timeout_s * 1_000))}
    return Request(queue, token_hex(8), timeout_s, body[0], said, returns)


def request_to(queue: str, body: object, returns: Any, options: RequestOptions) -> Request:
    """A request to a queue by its name; the body may be anything that has a form."""
    if not isinstance(queue, str):
        raise TypeError(f"a request goes to a queue by its name, not to {type(queue).__name__}")
    return request_of(queue, body_of(body, "the body"), returns, options)


def request_to_worker(
    worker: "Worker[Any, Any]", args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Request:
    """A request for a run of a task with these arguments; options are among the `kwargs`. Raises
    `TypeError` where the task does not take them.
    """
    names = OPTIONS - worker.codec.names
    options = {name: one for name, one in kwargs.items() if name in names}
    given = {name: one for name, one in kwargs.items() if name not in names}
    body = worker.codec.encode(args, given)[0]
    content_type = worker.codec.content_type
    return request_of(worker.queue, (body, content_type), worker.codec.returned, options)  # type: ignore[arg-type]


def ask_worker(worker: "Worker[Any, Any]", request: Request) -> Any:
    """As `ask`, of the task of a worker, whose queue is declared where nobody did so yet."""
    name, link = worker.function.__name__, worker.app.link
    names = (f"{name}.request_sync(...)", f"{name}.request(...)")
    if worker.queue not in link.declared:
        link.do(lambda ops: declaring(ops, worker), names)
        link.declared.add(worker.queue)
    return ask(worker.app, _kept_aside(worker, request), names)


async def ask_worker_later(worker: "Worker[Any, Any]", request: Request) -> Any:
    """As `ask_worker`, for a running loop."""
    link = worker.app.link
    if worker.queue not in link.declared:
        await link.ado(lambda ops: declaring(ops, worker))
        link.declared.add(worker.queue)
    if is_large(worker.app.claim_check, request.body):
        request = await asyncio.to_thread(_kept_aside, worker, request)
    return await ask_later(worker.app, request)


def _kept_aside(worker: "Worker[Any, Any]", request: Request) -> Request:
    """The request as it is published: a large body is kept aside, for the worker fetches it."""
    body, options = kept_aside(worker.app.claim_check, request.body, request.options)
    return replace(request, body=body, options=dict(options))


def _publishing(request: Request, reply_to: str) -> Callable[[Operations], Asks[Any]]:
    headers = {**request.options["headers"], REPLY_TO: reply_to, CORRELATION_ID: request.id}
    options = {**request.options, "headers": headers}
    return lambda ops: ops.publish(request.queue, request.body, **options)
