"""Calls of tasks that workers make: `delay` and its kin.

It stands between the program and a publish. The rule kept here: what is wrong with a call is raised
at the call, before anything is published.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack, cast

from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.api.places import Place
from postroad.app.declare import declaring
from postroad.app.jobs import RESULT_HEADER, RESULT_TTL_S, WAKE_HEADER, Job, id_of
from postroad.app.large import all_kept_aside, is_large, kept_aside
from postroad.errors import BadCommand
from postroad.limits import DURATION_MS_MAX, JOBS_PUBLISH
from postroad.model.message import HeaderValue

if TYPE_CHECKING:
    from postroad.app.worker import Worker

Arguments = tuple[tuple[Any, ...], Mapping[str, Any]]
"""Of one call: by position, and by name."""


class ManyOptions(TypedDict, total=False):
    """What one may say about calls.

    `delay_seconds`: run it no sooner than so long from now. `headers`, `key`, `priority`: of its
    message. `result`: keep what the task returns, or why it failed, for `result_ttl_seconds` (a day
    unless said otherwise).
    """

    delay_seconds: float
    headers: Mapping[str, HeaderValue]
    key: str
    priority: int
    result: bool
    result_ttl_seconds: float


class CallOptions(ManyOptions, total=False):
    """What one may say about a single call besides: `dedup_id`: within the queue's window no other
    call with this id is taken, and its job is that of the first.
    """

    dedup_id: str


OPTIONS: Final = frozenset(CallOptions.__annotations__)
MANY_OPTIONS: Final = frozenset(ManyOptions.__annotations__)


def delay(worker: "Worker[Any, Any]", args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Job[Any]:
    """Publish a call; returns when it is durable.

    Options are among the `kwargs`; a name that is a parameter of the task is that. Raises
    `TypeError` where the task does not take these arguments, `BlocksLoop` on a running loop, and
    what `publish` raises.
    """
    given, options = parted(worker, kwargs)
    return delay_with(worker, args, given, **options)


async def adelay(
    worker: "Worker[Any, Any]", args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Job[Any]:
    """As `delay`, for a running loop."""
    given, options = parted(worker, kwargs)
    return await adelay_with(worker, args, given, **options)


def delay_with(
    worker: "Worker[Any, Any]",
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    **options: Unpack[CallOptions],
) -> Job[Any]:
    """As `delay`, with the options apart."""
    body = worker.codec.encode(args, kwargs)[0]
    body, said = kept_aside(worker.app.claim_check, body, options)
    call, names = _publishing(worker, body, said), _names(worker, "delay")
    _declare(worker, options, names)
    place = worker.app.link.do(call, names)
    return Job(worker.app, id_of(place), worker.codec, wanted=_wants(options))


async def adelay_with(
    worker: "Worker[Any, Any]",
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    **options: Unpack[CallOptions],
) -> Job[Any]:
    """As `adelay`, with the options apart."""
    body, said = worker.codec.encode(args, kwargs)[0], cast("Mapping[str, Any]", options)
    check = worker.app.claim_check
    if is_large(check, body):
        body, said = await asyncio.to_thread(kept_aside, check, body, options)
    call = _publishing(worker, body, said)
    await _adeclare(worker, options)
    place = await worker.app.link.ado(call)
    return Job(worker.app, id_of(place), worker.codec, wanted=_wants(options))


def delay_many(
    worker: "Worker[Any, Any]", calls: Sequence[Any], options: Mapping[str, Any]
) -> list[Job[Any]]:
    """Publish many calls, some hundred at once; each of those lots is there as a whole or not.

    Each call is the value of the one parameter, or a tuple of arguments by position, or a mapping
    of arguments by name. Raises as `delay` does.
    """
    _check_many(options)
    lots = _publishing_many(worker, bodies_of(worker, calls), options)
    names = _names(worker, "delay_many")
    _declare(worker, options, names)
    jobs: list[Job[Any]] = []
    for lot in lots:
        jobs.extend(_jobs(worker, worker.app.link.do(lot, names), options))
    return jobs


async def adelay_many(
    worker: "Worker[Any, Any]", calls: Sequence[Any], options: Mapping[str, Any]
) -> list[Job[Any]]:
    """As `delay_many`, for a running loop."""
    _check_many(options)
    bodies = bodies_of(worker, calls)
    if any(is_large(worker.app.claim_check, body) for body in bodies):
        lots = await asyncio.to_thread(_publishing_many, worker, bodies, options)
    else:
        lots = _publishing_many(worker, bodies, options)
    await _adeclare(worker, options)
    jobs: list[Job[Any]] = []
    for lot in lots:
        jobs.extend(_jobs(worker, await worker.app.link.ado(lot), options))
    return jobs


def parted(
    worker: "Worker[Any, Any]", kwargs: Mapping[str, Any]
) -> tuple[Mapping[str, Any], CallOptions]:
    """The arguments by name, and the options of the call."""
    if not kwargs:
        return kwargs, {}
    names = OPTIONS - worker.codec.names
    options = {name: one for name, one in kwargs.items() if name in names}
    given = {name: one for name, one in kwargs.items() if name not in names}
    return given, options  # type: ignore[return-value]


def bodies_of(worker: "Worker[Any, Any]", calls: Sequence[Any]) -> list[bytes]:
    """The bodies of many calls. Raises `TypeError` that says which of them is wrong."""
    codec, found = worker.codec, []
    for at, call in enumerate(calls):
        args, kwargs = _arguments(codec.is_whole, call)
        try:
            found.append(codec.encode(args, kwargs)[0])
        except TypeError as error:
            raise TypeError(f"call {at} of {len(calls)}: {error}") from None
    return found


def _arguments(is_whole: bool, call: Any) -> Arguments:
    if is_whole:
        return (call,), {}
    if isinstance(call, tuple):
        return call, {}
    if isinstance(call, Mapping):
        return (), call
    raise TypeError(
        "a call of a task with several parameters is a tuple of them, or a mapping by name, not "
        f"{type(call).__name__}"
    )


def _check_many(options: Mapping[str, Any]) -> None:
    unknown = sorted(set(options) - MANY_OPTIONS)
    if unknown:
        names = ", ".join(sorted(MANY_OPTIONS))
        raise TypeError(f"many calls have no option `{unknown[0]}`, but {names}")


def _of_message(worker: "Worker[Any, Any]", options: Mapping[str, Any]) -> dict[str, Any]:
    """What `publish` is told: only what was said, so that plain bodies go the short way."""
    said = {name: options[name] for name in ("key", "dedup_id", "priority") if name in options}
    if "delay_seconds" in options:
        said["delay_ms"] = _milliseconds(options["delay_seconds"], "delay_seconds")
    headers = options.get("headers") or {}
    if _wants(options):
        ttl_s = options.get("result_ttl_seconds", RESULT_TTL_S)
        ttl_ms = _milliseconds(ttl_s, "result_ttl_seconds")
        headers = {**headers, RESULT_HEADER: ttl_ms, WAKE_HEADER: worker.app.waits.queue}
    return {**said, "headers": headers} if headers else said


def _milliseconds(seconds: float, name: str) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"`{name}` is a number of seconds, not {type(seconds).__name__}")
    if not 0 <= seconds <= DURATION_MS_MAX / 1_000:
        raise BadCommand(f"`{name}` is from 0 to {DURATION_MS_MAX // 1_000:,}, not {seconds}")
    return round(seconds * 1_000)


def _wants(options: Mapping[str, Any]) -> bool:
    return bool(options.get("result"))


def _names(worker: "Worker[Any, Any]", call: str) -> tuple[str, str]:
    """How a call is named to whoever made it where it must not be made."""
    name = worker.function.__name__
    return f"{name}.{call}(...)", f"{name}.a{call}(...)"


def _declare(
    worker: "Worker[Any, Any]", options: Mapping[str, Any], names: tuple[str, str]
) -> None:
    link = worker.app.link
    if worker.queue not in link.declared:
        link.do(lambda ops: declaring(ops, worker), names)
        link.declared.add(worker.queue)
    if _wants(options):
        worker.app.waits.declare(names)


async def _adeclare(worker: "Worker[Any, Any]", options: Mapping[str, Any]) -> None:
    link = worker.app.link
    if worker.queue not in link.declared:
        await link.ado(lambda ops: declaring(ops, worker))
        link.declared.add(worker.queue)
    if _wants(options):
        await worker.app.waits.adeclare()


def _publishing(
    worker: "Worker[Any, Any]", body: bytes, options: Mapping[str, Any]
) -> Callable[[Operations], Asks[Place]]:
    said = _of_message(worker, options)
    return lambda ops: ops.publish(worker.queue, body, **said)


def _publishing_many(
    worker: "Worker[Any, Any]", bodies: list[bytes], options: Mapping[str, Any]
) -> list[Callable[[Operations], Asks[Place]]]:
    """The publishes, one after another."""
    said = _of_message(worker, options)
    messages = all_kept_aside(worker.app.claim_check, bodies, said.get("headers") or {})

    def lot(start: int) -> Callable[[Operations], Asks[Place]]:
        part = messages[start : start + JOBS_PUBLISH]
        return lambda ops: ops.publish_many(worker.queue, part, **said)

    return [lot(start) for start in range(0, len(bodies), JOBS_PUBLISH)]


def _jobs(worker: "Worker[Any, Any]", place: Place, options: Mapping[str, Any]) -> list[Job[Any]]:
    app, codec, wanted = worker.app, worker.codec, _wants(options)
    queue = place.queue
    return [Job(app, id_of((queue, one)), codec, wanted=wanted) for one in place.offsets]
