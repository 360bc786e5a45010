"""Tasks that time calls: which schedules an app's workers have, and how they are declared.

It stands between the decorators and the broker, which fires them. The rule kept here: the code says
all of a schedule, and each start of a run says it again; one that is gone from the code is left.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.api.schedules import ScheduleOptions, ScheduleTimes, settings_of, times_of
from postroad.errors import BadWorker
from postroad.model.value import value

if TYPE_CHECKING:
    from postroad.app.app import App
    from postroad.app.worker import Worker

W = TypeVar("W", bound="Worker[Any, Any]")


class PlanOptions(TypedDict, total=False):
    """What one may say about the schedule of a worker.

    `name`: of the schedule; the worker's own name unless it is set. `args`, `kwargs`: what the task
    is called with. `key`, `ttl_ms`, `priority`: of its messages, as in `publish`. The others as in
    `ScheduleTimes`.
    """

    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    key: str
    ttl_ms: int
    priority: int
    zone: str
    anchor_ms: int
    until_ms: int
    missed: str
    late_ms: int
    jitter_ms: int


@value
class Plan:
    """One schedule of a worker."""

    worker: "Worker[Any, Any]"
    name: str
    times: ScheduleTimes
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    message: ScheduleOptions


def planning(app: "App", when: ScheduleTimes, options: PlanOptions) -> Callable[[W], W]:
    """The decorator that gives a worker of the app a schedule."""
    unknown = sorted(set(options) - set(PlanOptions.__annotations__))
    if unknown:
        raise BadWorker(f"a schedule of a worker has no option `{unknown[0]}`")

    def planned(worker: W) -> W:
        if app.workers.get(getattr(worker, "queue", "")) is not worker:
            raise BadWorker(
                f"a schedule is of a worker of this app, not of {worker!r}; write it above"
                " `@app.worker(...)`"
            )
        name = options.get("name", worker.name)
        earlier = app.plans.get(name)
        # A function that is defined again, as by a reload, takes its schedule over.
        if earlier is not None and (earlier.worker is worker or earlier.worker.name != worker.name):
            raise BadWorker(f"there are two schedules `{name}`; give one of them another `name`")
        times: ScheduleTimes = {**when}
        for said in ("zone", "anchor_ms", "until_ms", "missed", "late_ms", "jitter_ms"):
            if said in options:
                times[said] = options[said]
        times_of(name, times)
        wrong = _wrong_with(options)
        if wrong:
            raise BadWorker(f"schedule `{name}`: {wrong}")
        args, kwargs = tuple(options.get("args", ())), options.get("kwargs", {})
        message = _message(name, worker.queue, times, options)
        app.plans[name] = Plan(worker, name, times, args, kwargs, message)
        return worker

    return planned


def _message(name: str, queue: str, times: ScheduleTimes, options: PlanOptions) -> ScheduleOptions:
    """What is said of the messages of a schedule. Raises `BadSettings`, `BadWorker`."""
    message: ScheduleOptions = {}
    for said in ("key", "ttl_ms", "priority"):
        if said in options:
            message[said] = options[said]
    try:
        settings_of(name, {**times, **message, "queue": queue})
    except (TypeError, ValueError) as error:
        raise BadWorker(f"schedule `{name}`: {error}") from None
    return message


def _wrong_with(options: PlanOptions) -> str:
    """What no schedule can have, in a line; empty where nothing is wrong."""
    if not isinstance(options.get("name", ""), str):
        return "`name` is text"
    if not isinstance(options.get("key"), str | None):
        return "`key` is text"
    args = options.get("args", ())
    if isinstance(args, str | bytes) or not isinstance(args, Sequence):
        return "`args` is a tuple or list, such as `(1,)`"
    return "" if isinstance(options.get("kwargs", {}), Mapping) else "`kwargs` is a dict"


def scheduling(later: Operations, plan: Plan) -> Asks[None]:
    """Make a schedule exist whose queue is there. Raises `TypeError` where the task does not take
    the arguments, `BadSettings`.
    """
    body = plan.worker.codec.encode(plan.args, plan.kwargs)[0]
    options: ScheduleOptions = {**plan.times, **plan.message}
    options["queue"], options["body"] = plan.worker.queue, body
    yield from later.schedule(plan.name, **options)
