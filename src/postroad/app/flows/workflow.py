"""A workflow: steps that wait for each other, declared as functions.

It stands between the app and its flows. The rule kept here: a step is a task like any other, with a
queue of its own, and may be called by hand.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack, cast

import msgspec

from postroad.app.bodies import encoded
from postroad.app.flows.flow import Flow, Launch, id_or_new, ms_of, new_run, ttl_ms_of
from postroad.app.flows.joins import rejecting
from postroad.app.flows.names import CANVAS
from postroad.app.flows.plan import INPUT, FlowState, Step
from postroad.app.flows.planning import Planned, check_calls, step_of
from postroad.app.flows.seen import FlowInfo, Waiting, all_waits, found_flow, open_flows
from postroad.app.jobs import RESULT_TTL_S
from postroad.app.worker import Worker
from postroad.errors import BadWorker
from postroad.limits import FLOWS_READ_MAX

if TYPE_CHECKING:
    from postroad.app.app import App, Options
    from postroad.app.worker import Declares


class Input:
    """What a flow was started with, to stand among the steps that one takes."""


StepLike = Worker[Any, Any] | str | Input


def declared_workflow(app: "App", name: str, timeout_s: float | None) -> "Workflow":
    """A workflow of an app; see `App.workflow`."""
    if not isinstance(name, str) or not name:
        raise BadWorker(f"a workflow has a name, not {name!r}")
    if name in app.workflows or name == CANVAS:
        raise BadWorker(f"there is a workflow `{name}` already; give each its own name")
    workflow = Workflow(app, name, timeout_s)
    app.workflows[name] = workflow
    return workflow


class Workflow:
    """Steps that wait for each other; use `App.workflow`.

    `input`: what a flow is started with, for steps that take it beside the results of others.
    """

    def __init__(self, app: "App", name: str, timeout_s: float | None) -> None:
        self.app = app
        self.name = name
        self.input = Input()
        self._timeout_ms = ms_of(timeout_s, "timeout_s")
        self._workers: dict[str, Worker[Any, Any]] = {}
        self._sources: dict[str, list[str]] = {}
        self._wait_ms: dict[str, int] = {}
        self._rejected: Worker[Any, Any] | None = None

    def step(
        self,
        *,
        after: StepLike | Sequence[StepLike] = (),
        name: str = "",
        wait_s: float | None = None,
        **options: "Unpack[Options]",
    ) -> "Declares":
        """Make a function a step, called by its own name or `name`: a task with a queue
        `<workflow>.<step>` and the options of a worker.

        Without `after` it runs when a flow is started, with what that was given. Else it runs once
        all those steps are done, with what they returned, in that order. `wait_s`: when the last of
        them is not done so long after the first, the flow is rejected. Raises `BadWorker`.
        """
        several = after if isinstance(after, Sequence) and not isinstance(after, str) else [after]
        sources = [self._name_of(one) for one in several]
        wait_ms = ms_of(wait_s, "wait_s")

        def declared(function: Callable[..., Any]) -> Worker[..., Any]:
            called = name or getattr(function, "__name__", "")
            if called in self._workers or called == INPUT:
                raise BadWorker(f"workflow `{self.name}` has a step `{called}` already")
            worker = self.app.worker(f"{self.name}.{called}", **options)(function)
            self._workers[called] = worker
            self._sources[called] = sources
            self._wait_ms[called] = wait_ms
            return worker

        return cast("Declares", declared)

    def rejected(
        self, function: Callable[..., Any] | None = None, /, **options: "Unpack[Options]"
    ) -> Any:
        """Make a function the task that is called once for each flow that is rejected: its one
        parameter is a `Rejected`. Its queue is `<workflow>.rejected`.
        """

        def declared(task: Callable[..., Any]) -> Any:
            if self._rejected is not None:
                raise BadWorker(f"workflow `{self.name}` has a task for rejected flows already")
            self._rejected = self.app.worker(f"{self.name}.rejected", **options)(task)
            return self._rejected

        return declared if function is None else declared(function)

    def start(
        self,
        id: str | None = None,
        body: Any = None,
        *,
        result: bool = False,
        result_ttl_seconds: float = RESULT_TTL_S,
    ) -> Flow:
        """Start a flow; returns when that is durable. `id`: what tells it from others; where there
        is one with it, or was in the last day, nothing is started. Without one it gets its own.
        `body`: what the first steps take.

        Raises `TypeError` where they do not take it, `BlocksLoop` on a running loop, and what
        `publish` raises.
        """
        launch = self._launch(id, body, ttl_ms_of(result, result_ttl_seconds))
        return launch.start(self._names("start"))

    async def astart(
        self,
        id: str | None = None,
        body: Any = None,
        *,
        result: bool = False,
        result_ttl_seconds: float = RESULT_TTL_S,
    ) -> Flow:
        """As `start`, for a running loop."""
        return await self._launch(id, body, ttl_ms_of(result, result_ttl_seconds)).astart()

    def reject(self, id: str, reason: str) -> bool:
        """End a flow as if a step had failed; false where none with this id is open."""
        names = self._names("reject")
        return self.app.link.do(lambda ops: rejecting(ops, self.name, id, reason), names)

    async def areject(self, id: str, reason: str) -> bool:
        """As `reject`, for a running loop."""
        return await self.app.link.ado(lambda ops: rejecting(ops, self.name, id, reason))

    def waiting(self, count: int = FLOWS_READ_MAX) -> list[Waiting]:
        """The steps that wait, of the `count` oldest flows that are open."""
        names = self._names("waiting")
        return all_waits(self.app.link.do(lambda _: open_flows(self.name, count), names))

    async def awaiting(self, count: int = FLOWS_READ_MAX) -> list[Waiting]:
        """As `waiting`, for a running loop."""
        return all_waits(await self.app.link.ado(lambda _: open_flows(self.name, count)))

    def find(self, id: str) -> FlowInfo | None:
        """A flow as it is now; `None` where there is none with this id, or none any more."""
        return self.app.link.do(lambda _: found_flow(self.name, id), self._names("find"))

    async def afind(self, id: str) -> FlowInfo | None:
        """As `find`, for a running loop."""
        return await self.app.link.ado(lambda _: found_flow(self.name, id))

    @property
    def queues(self) -> dict[str, Worker[Any, Any]]:
        """Its workers, by their queues."""
        workers = [*self._workers.values()]
        if self._rejected is not None:
            workers.append(self._rejected)
        return {one.queue: one for one in workers}

    def plan(self) -> dict[str, Step]:
        """Its steps as flows carry them. Raises `BadWorker` where one cannot take what it gets."""
        found: dict[str, Step] = {}
        for name, worker in self._workers.items():
            sources = self._sources[name]
            after = [one for one in sources if one != INPUT]
            planned = Planned(worker, sources or [INPUT])
            try:
                found[name] = step_of(planned, after, self._wait_ms[name])
            except TypeError as error:
                raise BadWorker(f"step `{name}` of workflow `{self.name}`: {error}") from None
        return found

    def _launch(self, id: str | None, body: Any, result_ttl_ms: int) -> Launch:
        steps = self.plan()
        waited = {one for step in steps.values() for one in step.after}
        last = [name for name in steps if name not in waited]
        for name, step in steps.items():
            if not step.after and step.takes:
                check_calls(Planned(self._workers[name], (), (body,)))
        flow = FlowState(
            id_or_new(id),
            new_run(),
            0,
            steps,
            msgspec.Raw(encoded(body, f"what workflow `{self.name}` is started with")),
            last[0] if len(last) == 1 else last,
            "" if self._rejected is None else self._rejected.queue,
            self._timeout_ms,
            result_ttl_ms,
        )
        only = self._workers[last[0]] if len(last) == 1 else None
        return Launch(self.app, self.name, flow, self.queues, only)

    def _name_of(self, one: StepLike) -> str:
        if one is self.input:
            return INPUT
        for name, worker in self._workers.items():
            if one is worker or one == name:
                return name
        shown = one.name if isinstance(one, Worker) else repr(one)
        raise BadWorker(
            f"{shown} is no step of workflow `{self.name}` so far; declare the steps in their order"
        )

    def _names(self, call: str) -> tuple[str, str]:
        return f"{self.name}.{call}(...)", f"{self.name}.a{call}(...)"
