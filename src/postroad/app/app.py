"""The app: which tasks there are, where their broker is, and what runs around them.

It stands between a program's functions and everything that calls or runs them. The rule kept here:
importing a module with an app opens nothing.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, cast, overload

from postroad.api.aio import AsyncBroker
from postroad.api.broker import Broker
from postroad.api.options import QueueOptions
from postroad.api.schedules import Every
from postroad.app.bounds import patience
from postroad.app.link import Link
from postroad.app.retry import Retry
from postroad.app.schedules import Plan, PlanOptions, W, planning
from postroad.app.worker import Declares, Worker, WorkerOptions
from postroad.errors import BadWorker
from postroad.limits import WORKER_STOP_S

if TYPE_CHECKING:
    from postroad.app.company import Companion
    from postroad.app.flows.arrivals import Arrivals
    from postroad.app.flows.workflow import Workflow
    from postroad.app.inline import Tested
    from postroad.app.jobs import Job
    from postroad.app.readers import Reading, Reads, TopicReader, Where
    from postroad.app.requests import RequestOptions
    from postroad.app.running import Running
    from postroad.app.waits import Waits
    from postroad.claimcheck import ClaimCheck

T = TypeVar("T")

Lifespan = Callable[[], AbstractAsyncContextManager[Any]]
"""What is entered before the first job and left after the last; what it yields is the state."""


class Options(TypedDict, total=False):
    """What one may say about a worker; `WorkerOptions` says what each means."""

    concurrency: int
    prefetch: int | None
    retry: Retry
    timeout_s: float | None
    lease_s: float
    rate: str | None
    dead_letter_queue: str
    executor: str
    settings: QueueOptions | None
    update: bool
    idempotency_key: str | Callable[..., str | int] | None
    idempotency_ttl_s: float


class App:
    """The tasks of a program, and their broker.

    `where`: an address such as `postroad://127.0.0.1:7420`, a data directory, or `None`: in memory.
    """

    def __init__(
        self,
        where: str | os.PathLike[str] | None = None,
        *,
        claim_check: "ClaimCheck | None" = None,
        connect_timeout_s: float | None = None,
    ) -> None:
        """`claim_check`: where large bodies of calls are kept aside. `connect_timeout_s`: how long
        a run of the workers asks again for a server that does not answer at its start; `None`:
        without end. Calls do not wait for a server.
        """
        self.link = Link(where)
        self.connect_timeout_s = patience("connect_timeout_s", connect_timeout_s)
        self.claim_check = claim_check
        self.workers: dict[str, Worker[Any, Any]] = {}
        self.readers: dict[str, TopicReader[Any, Any]] = {}
        self.plans: dict[str, Plan] = {}
        self.workflows: dict[str, Workflow] = {}
        self.middleware: list[object] = []
        self.lifespans: list[Lifespan] = []

    @classmethod
    def of(cls, broker: Broker | AsyncBroker) -> "App":
        """An app of a broker that is open; closing it stays the caller's part. Call it on the loop
        of an `AsyncBroker`.
        """
        app = cls()
        app.link = Link(broker)
        return app

    def worker(self, queue: str, **options: Unpack[Options]) -> Declares:
        """Make a function the task of a queue: its messages are calls of it. `WorkerOptions` says
        what one may set. Raises `BadWorker` where the queue has a worker already.
        """
        settings = WorkerOptions(**options)

        def declared(function: Callable[..., Any]) -> Worker[..., Any]:
            if not callable(function):
                raise BadWorker(f"a worker is made of a function, not of {function!r}")
            worker: Worker[..., Any] = Worker(self, function, queue, settings)
            earlier = self.workers.get(queue)
            if earlier is not None and earlier.name != worker.name:
                raise BadWorker(
                    f"queue `{queue}` is worked by `{earlier.name}`, and `{worker.name}` wants it"
                    " too; give each its own queue"
                )
            self.workers[queue] = worker
            return worker

        return cast("Declares", declared)

    def workflow(self, name: str, *, timeout_s: float | None = None) -> "Workflow":
        """Steps that wait for each other, one flow per id. `timeout_s`: a flow that is not over so
        long after its start is rejected. Raises `BadWorker` where there is one of this name.
        """
        from postroad.app.flows.workflow import declared_workflow

        return declared_workflow(self, name, timeout_s)

    def cron(self, cron: str, **options: Unpack[PlanOptions]) -> Callable[[W], W]:
        """Have the broker call a worker at the times of a cron expression, in the time of `zone`;
        above `@app.worker(...)`. `PlanOptions` says what one may set. The schedule is declared when
        the app is run. Raises `BadWorker`.
        """
        return planning(self, {"cron": cron}, options)

    def every(self, every: Every, **options: Unpack[PlanOptions]) -> Callable[[W], W]:
        """As `cron`, each so long: `500ms`, `30s`, `5m`, `12h`, `1d`, ms, or a `timedelta`."""
        return planning(self, {"every": every}, options)

    def reader(
        self, topics: str | Sequence[str], *, group: str, **options: "Unpack[Reading]"
    ) -> "Reads":
        """Give a function the messages of topics in batches, each once read by this group.
        `ReadOptions` says what one may set. Raises `BadWorker` where the group has a reader.
        """
        from postroad.app.readers import declared_reader

        return declared_reader(self, topics, group, options)

    def replay(self, topic: str, *, group: str, to: "Where", partition: int | None = None) -> None:
        """Let a group read a topic anew: from `"earliest"`, `"latest"`, an offset or an instant.
        Raises `GroupInUse` while it has members: stop its readers first.
        """
        from postroad.app.readers import replaying

        names = ("app.replay(...)", "app.areplay(...)")
        self.link.do(lambda later: replaying(later, topic, group, to, partition), names)

    async def areplay(
        self, topic: str, *, group: str, to: "Where", partition: int | None = None
    ) -> None:
        """As `replay`, for a running loop."""
        from postroad.app.readers import replaying

        await self.link.ado(lambda later: replaying(later, topic, group, to, partition))

    @overload
    async def request(
        self, queue: str, body: object, *, returns: type[T], **options: "Unpack[RequestOptions]"
    ) -> T: ...
    @overload
    async def request(
        self, queue: str, body: object, **options: "Unpack[RequestOptions]"
    ) -> Any: ...
    async def request(
        self, queue: str, body: object, *, returns: Any = None, **options: "Unpack[RequestOptions]"
    ) -> Any:
        """Publish a message and wait for the reply of whoever works on it: what its task returned.

        `body`: bytes as they are, text as UTF-8, anything else as JSON. `returns`: what the reply
        is read as; without it the reply says it, and is bytes where it does not. `RequestOptions`
        says what else one may set. Raises `RequestFailed` where the task failed for good,
        `RequestTimeout`, and what `publish` raises.
        """
        from postroad.app import requests

        asked = requests.request_to(queue, body, returns, options)
        return await requests.ask_later(self, asked)

    @overload
    def request_sync(
        self, queue: str, body: object, *, returns: type[T], **options: "Unpack[RequestOptions]"
    ) -> T: ...
    @overload
    def request_sync(
        self, queue: str, body: object, **options: "Unpack[RequestOptions]"
    ) -> Any: ...
    def request_sync(
        self, queue: str, body: object, *, returns: Any = None, **options: "Unpack[RequestOptions]"
    ) -> Any:
        """As `request`, where no loop runs. Raises `BlocksLoop` where one does."""
        from postroad.app import requests

        asked = requests.request_to(queue, body, returns, options)
        return requests.ask(self, asked, ("app.request_sync(...)", "app.request(...)"))

    @cached_property
    def companions(self) -> "list[Companion]":
        """What may want something done with the end of a message; the first keep results, and
        answer requests."""
        from postroad.app.jobs import Results
        from postroad.app.replies import Replies

        return [Results(), Replies(), self.arrivals]

    @cached_property
    def arrivals(self) -> "Arrivals":
        """What tells flows of their jobs."""
        from postroad.app.flows.arrivals import Arrivals

        return Arrivals()

    @cached_property
    def waits(self) -> "Waits":
        """Who waits for results in this process."""
        from postroad.app.waits import Waits

        return Waits(self.link)

    def test(self, broker: Broker | None = None, *, inline: bool = True) -> "Tested":
        """For a `with` block of a test: calls go to `broker`, one in memory unless it is given, and
        run at once where they are made; with `inline=False` when `drain` is called. What a task
        raises reaches the test. On a running loop use `async with`.
        """
        from postroad.app.inline import Tested

        return Tested(self, broker, inline=inline)

    def relink(self, link: Link) -> None:
        """Reach the broker another way from now on: for tests."""
        for watch in self.link.watches:
            if watch not in link.watches:
                link.watch(watch)
        self.link = link
        self.__dict__.pop("waits", None)

    def use(self, middleware: object) -> None:
        """Add a middleware; the first added is the outermost."""
        self.middleware.append(middleware)

    def watch(self, watch: Callable[[Broker | AsyncBroker], None]) -> None:
        """Do something with the broker once it is open, such as having it traced."""
        self.link.watch(watch)

    def lifespan(self, function: Lifespan) -> Lifespan:
        """Add what is entered before the first job and left after the last: a function that returns
        an async context manager. What the last one yields is `state` of each context.
        """
        self.lifespans.append(function)
        return function

    def job(self, id: str) -> "Job[Any]":
        """The job with this id, to ask for its result from anywhere."""
        from postroad.app.jobs import Job

        return Job(self, id)

    async def serve(
        self, *, queues: Sequence[str] | None = None, stop_s: float = WORKER_STOP_S
    ) -> None:
        """Run the workers and readers on this loop, all or only those of `queues` (queues of
        workers, groups of readers), until the task is cancelled; then what runs has `stop_s` to
        come to its end. A server that does not answer yet is waited for. `postroad work` does this,
        and looks after signals.
        """
        running = self.running(queues=queues, stop_s=stop_s)
        work = asyncio.create_task(running.run())
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            running.stop()
            await work
            raise

    def running(
        self, *, queues: Sequence[str] | None = None, stop_s: float = WORKER_STOP_S
    ) -> "Running":
        """A run of the workers that is told when to stop: await its `run`, call its `stop`."""
        from postroad.app.running import Running

        return Running(self, queues=queues, stop_s=stop_s)

    def close(self) -> None:
        """Close the broker that calls opened; not on a running loop."""
        self.link.close()

    async def aclose(self) -> None:
        """Close whatever broker was opened here, on its loop."""
        await self.link.aclose()
