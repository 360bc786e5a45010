"""A task: a function, the queue whose messages ask for it, and how its worker runs it.

It stands between the decorator and the run. The rule kept here: the function stays the function it
was; calling the worker calls it.
"""

import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cached_property, update_wrapper
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    Unpack,
    overload,
)

from postroad.api.options import QueueOptions
from postroad.app.bounds import check_count, check_seconds
from postroad.app.context import Context
from postroad.app.rate import per_second_of
from postroad.app.retry import Retry, check_retry
from postroad.errors import BadWorker
from postroad.limits import WORKER_CONCURRENCY_MAX, WORKER_PREFETCH_MAX
from postroad.model.message import Delivery, HeaderValue
from postroad.model.value import value

if TYPE_CHECKING:
    from postroad.app.app import App
    from postroad.app.bodies import BodyCodec
    from postroad.app.calls import ManyOptions
    from postroad.app.claims import Claims
    from postroad.app.flows.canvas import Signature
    from postroad.app.jobs import Job

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

THREAD: Final = "thread"
PROCESS: Final = "process"


@value
class WorkerOptions:
    """How a worker runs its task.

    `concurrency`: runs at a time. `prefetch`: messages leased beyond those that run; `None`: as
    many as it finishes in a moment. `lease_s`: how long a lease lasts when nobody extends it: so
    soon another worker has the messages of one that died. `timeout_s`: how long a run may take.
    `dead_letter_queue`: where messages go that failed for good. `executor`: where a plain function
    runs. `settings`: further settings of the queue. `update`: settings that differ from the queue's
    are set, not refused. `idempotency_key`: what makes a job the same as another, of which only one
    is to be done: a parameter, a field of one (`"order.id"`), or a function of the arguments;
    `idempotency_ttl_s`: how long it is known that one was done.
    """

    concurrency: int = 10
    prefetch: int | None = None
    retry: Retry = Retry()
    timeout_s: float | None = None
    lease_s: float = 30.0
    rate: str | None = None
    dead_letter_queue: str = ""
    executor: str = THREAD
    settings: QueueOptions | None = None
    update: bool = False
    idempotency_key: str | Callable[..., str | int] | None = None
    idempotency_ttl_s: float = 86_400.0

    @property
    def lease_ms(self) -> int:
        """The lease time in ms."""
        return round(self.lease_s * 1_000)

    @property
    def timeout_ms(self) -> int | None:
        """The time a run may take, in ms; `None`: any."""
        return None if self.timeout_s is None else round(self.timeout_s * 1_000)

    def check(self, what: str) -> None:
        """Raise `BadWorker` about `what` where it makes no sense."""
        check_count(f"{what}: `concurrency`", self.concurrency, 1, WORKER_CONCURRENCY_MAX)
        if self.prefetch is not None:
            check_count(f"{what}: `prefetch`", self.prefetch, 0, WORKER_PREFETCH_MAX)
        times = (
            ("timeout_s", self.timeout_s),
            ("lease_s", self.lease_s),
            ("idempotency_ttl_s", self.idempotency_ttl_s),
        )
        for name, seconds in times:
            if seconds is not None or name != "timeout_s":
                check_seconds(f"{what}: `{name}`", seconds, 0.001)
        if self.executor not in (THREAD, PROCESS):
            raise BadWorker(f"{what}: `executor` is {THREAD} or {PROCESS}")
        key = self.idempotency_key
        if key is not None and not callable(key) and not (isinstance(key, str) and key):
            raise BadWorker(f"{what}: `idempotency_key` is a parameter's name, or a function")
        check_retry(what, self.retry)


class Worker(Generic[P, R]):
    """A task and its queue. Call it to run the function here and now; `delay` and its kin to have a
    worker run it.
    """

    def __init__(
        self, app: "App", function: Callable[..., R], queue: str, options: WorkerOptions
    ) -> None:
        """Use `App.worker`."""
        update_wrapper(self, function)
        self.app = app
        self.function = function
        self.queue = queue
        self.options = options
        self.name = f"{function.__module__}:{function.__qualname__}"
        self.is_coroutine = inspect.iscoroutinefunction(function)
        options.check(f"worker `{self.name}`")
        if self.is_coroutine and options.executor == PROCESS:
            raise BadWorker(f"worker `{self.name}`: a coroutine runs on the loop, in no process")

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(self, given: Context | Delivery, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    def __call__(self, *args: Any, **kwargs: Any) -> R:  # type: ignore[misc]  # it does
        """Run the function itself."""
        return self.function(*args, **kwargs)

    @cached_property
    def codec(self) -> "BodyCodec":
        """What turns arguments into bodies and back."""
        from postroad.app.bodies import BodyCodec

        return BodyCodec(self.function)

    def claims(self, lease_ms: int) -> "Claims | None":
        """The claims of a run of it, where jobs have idempotency keys. Raises `BadWorker` where
        the key is none of its parameters'.
        """
        from postroad.app.claims import Claims, follow, text_of

        key, codec = self.options.idempotency_key, self.codec
        if key is None:
            return None
        ttl_ms = round(self.options.idempotency_ttl_s * 1_000)
        if not isinstance(key, str):
            said = getattr(key, "__qualname__", repr(key))
            call = key
            return Claims(
                self.queue, lambda one: text_of(codec.call(call, one.body), said), lease_ms, ttl_ms
            )
        path = key.split(".")
        if path[0] not in codec.names:
            raise BadWorker(
                f"worker `{self.name}`: `idempotency_key` begins with one of its parameters, and"
                f" `{path[0]}` is none"
            )
        return Claims(
            self.queue,
            lambda one: text_of(follow(codec.named(one.body), path, key), key),
            lease_ms,
            ttl_ms,
        )

    @property
    def dead_letter_queue(self) -> str:
        """Where messages go that failed for good."""
        return self.options.dead_letter_queue or f"{self.queue}.dead"

    def queue_options(self) -> QueueOptions:
        """The settings its queue is declared with."""
        options: QueueOptions = {
            "lease_ms": self.options.lease_ms,
            "deliveries_max": self.options.retry.attempts,
            "retry": self.options.retry.policy(),
            "dead_letter_queue": self.dead_letter_queue,
        }
        per_second = per_second_of(self.options.rate)
        if per_second is not None:
            options["per_second"] = per_second
        return {**options, **(self.options.settings or {})}

    def s(self, *args: Any, **kwargs: Any) -> "Signature":
        """A call to come, for `chain`, `group` and `chord`; there the result of what comes before
        it is its first argument, and these follow.
        """
        from postroad.app.flows.canvas import Signature

        return Signature(self, args, kwargs)

    def si(self, *args: Any, **kwargs: Any) -> "Signature":
        """As `s`, with these arguments alone: it waits for what comes before it, and takes nothing
        from it.
        """
        from postroad.app.flows.canvas import Signature

        return Signature(self, args, kwargs, takes_result=False)

    @overload
    def delay(
        self: "Worker[P, Coroutine[Any, Any, T]]", *args: P.args, **kwargs: P.kwargs
    ) -> "Job[T]": ...
    @overload
    def delay(self, *args: P.args, **kwargs: P.kwargs) -> "Job[R]": ...
    @overload
    def delay(self, *args: Any, delay_seconds: float, **options: Any) -> "Job[Any]": ...
    @overload
    def delay(self, *args: Any, result: bool, **options: Any) -> "Job[Any]": ...
    @overload
    def delay(self, *args: Any, key: str, **options: Any) -> "Job[Any]": ...
    @overload
    def delay(self, *args: Any, dedup_id: str, **options: Any) -> "Job[Any]": ...
    @overload
    def delay(self, *args: Any, priority: int, **options: Any) -> "Job[Any]": ...
    @overload
    def delay(
        self, *args: Any, headers: Mapping[str, HeaderValue], **options: Any
    ) -> "Job[Any]": ...
    def delay(self, *args: Any, **kwargs: Any) -> "Job[Any]":
        """Have a worker run the function with these arguments; returns when that is durable.

        Options, where the function has no parameters of these names: `delay_seconds`, `headers`,
        `key`, `priority`, `dedup_id`, `result`, `result_ttl_seconds`; `CallOptions` says what each
        means. Raises `TypeError` where the function does not take the arguments, `BlocksLoop` on a
        running loop.
        """
        from postroad.app import calls

        return calls.delay(self, args, kwargs)

    @overload
    async def adelay(
        self: "Worker[P, Coroutine[Any, Any, T]]", *args: P.args, **kwargs: P.kwargs
    ) -> "Job[T]": ...
    @overload
    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> "Job[R]": ...
    @overload
    async def adelay(self, *args: Any, delay_seconds: float, **options: Any) -> "Job[Any]": ...
    @overload
    async def adelay(self, *args: Any, result: bool, **options: Any) -> "Job[Any]": ...
    @overload
    async def adelay(self, *args: Any, key: str, **options: Any) -> "Job[Any]": ...
    @overload
    async def adelay(self, *args: Any, dedup_id: str, **options: Any) -> "Job[Any]": ...
    @overload
    async def adelay(self, *args: Any, priority: int, **options: Any) -> "Job[Any]": ...
    @overload
    async def adelay(
        self, *args: Any, headers: Mapping[str, HeaderValue], **options: Any
    ) -> "Job[Any]": ...
    async def adelay(self, *args: Any, **kwargs: Any) -> "Job[Any]":
        """As `delay`, for a running loop."""
        from postroad.app import calls

        return await calls.adelay(self, args, kwargs)

    @overload
    async def request(
        self: "Worker[P, Coroutine[Any, Any, T]]", *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    @overload
    async def request(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    async def request(self, *args: Any, timeout_s: float, **options: Any) -> Any: ...
    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """Have a worker run the function with these arguments, and wait for what it returns.

        Options, where the function has no parameters of these names: `timeout_s`, `headers`, `key`,
        `priority`; `RequestOptions` says what each means. Raises `TypeError` where the function
        does not take the arguments, `RequestFailed` where it failed for good, `RequestTimeout`.
        """
        from postroad.app import requests

        asked = requests.request_to_worker(self, args, kwargs)
        return await requests.ask_worker_later(self, asked)

    @overload
    def request_sync(
        self: "Worker[P, Coroutine[Any, Any, T]]", *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    @overload
    def request_sync(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def request_sync(self, *args: Any, timeout_s: float, **options: Any) -> Any: ...
    def request_sync(self, *args: Any, **kwargs: Any) -> Any:
        """As `request`, where no loop runs. Raises `BlocksLoop` where one does."""
        from postroad.app import requests

        return requests.ask_worker(self, requests.request_to_worker(self, args, kwargs))

    def delay_many(self, jobs: Sequence[Any], **options: "Unpack[ManyOptions]") -> "list[Job[Any]]":
        """As `delay` for many calls: each the value of the one parameter, or a tuple of arguments,
        or a mapping of arguments by name. Some hundred at a time are published in one step.
        """
        from postroad.app import calls

        return calls.delay_many(self, jobs, options)

    async def adelay_many(
        self, jobs: Sequence[Any], **options: "Unpack[ManyOptions]"
    ) -> "list[Job[Any]]":
        """As `delay_many`, for a running loop."""
        from postroad.app import calls

        return await calls.adelay_many(self, jobs, options)


class Declares(Protocol):
    """What makes a function the task of a queue. What the worker gives it, where that comes first,
    is no argument of its calls.
    """

    @overload
    def __call__(self, function: Callable[Concatenate[Context, P], R], /) -> Worker[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Delivery, P], R], /) -> Worker[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Worker[P, R]: ...


Workers = Mapping[str, Worker[Any, Any]]
"""Workers by the names of their queues."""
