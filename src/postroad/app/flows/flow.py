"""A flow in the hands of who started it.

It stands between a program and the broker. The rule kept here: a plan is checked before any of it
is published.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.app.declare import declaring
from postroad.app.flows.joins import declaring_flows, starting
from postroad.app.flows.names import queue_of, result_id
from postroad.app.flows.plan import FlowState
from postroad.app.jobs import Job
from postroad.errors import BadCommand
from postroad.limits import DURATION_MS_MAX, FLOW_ID_CHARS_MAX, FLOW_STEPS_MAX

if TYPE_CHECKING:
    from postroad.app.app import App
    from postroad.app.worker import Worker

Names = tuple[str, str]
"""What a call is named to whoever made it where it must not be made; see `Link.do`."""

RESULT_NAMES: Final = ("flow.result()", "flow.aresult()")


class Flow:
    """One run of a workflow, chain, group or chord. `is_new`: false where there was one with its
    `id` already, within a day after its end, and nothing was started.
    """

    def __init__(self, job: Job[Any], id: str, *, is_new: bool) -> None:
        """Use `Workflow.start`, or `delay` of a chain."""
        self._job = job
        self.id = id
        self.is_new = is_new

    def result(self, timeout_s: float | None = None) -> Any:
        """What its last step returned, or of several last steps a list. Raises `JobFailed` where it
        was rejected, and else what `Job.result` raises.
        """
        return self._job.result(timeout_s)

    async def aresult(self, timeout_s: float | None = None) -> Any:
        """As `result`, for a running loop."""
        return await self._job.aresult(timeout_s)

    def __repr__(self) -> str:
        return f"Flow({self.id!r})"


class Launch:
    """A flow about to be started.

    `flow`: with its plan. `workers`: of its steps, whose queues are made. `result_ttl_ms`: its
    result is wanted for so long; 0: it is not.
    """

    def __init__(
        self,
        app: "App",
        workflow: str,
        flow: FlowState,
        workers: "dict[str, Worker[Any, Any]]",
        last: "Worker[Any, Any] | None",
    ) -> None:
        """`last`: the one worker whose result is that of the flow, if there is one."""
        self._app = app
        self._workflow = workflow
        self._flow = flow
        self._workers = workers
        codec = None if last is None else last.codec
        id = result_id(workflow, flow.id)
        self._job: Job[Any] = Job(app, id, codec, wanted=flow.result_ttl_ms > 0)
        _check_size(flow)

    def start(self, names: Names) -> Flow:
        """Start it, waiting. Raises as `Link.do` does."""
        link = self._app.link
        for mark, call in self._declares():
            link.do(call, names)
            link.declared.add(mark)
        if self._flow.result_ttl_ms:
            self._app.waits.declare(names)
            self._flow.wake = self._app.waits.queue
        is_new = link.do(lambda ops: starting(ops, self._workflow, self._flow), names)
        return Flow(self._job, self._flow.id, is_new=is_new)

    async def astart(self) -> Flow:
        """As `start`, for a running loop."""
        link = self._app.link
        for mark, call in self._declares():
            await link.ado(call)
            link.declared.add(mark)
        if self._flow.result_ttl_ms:
            await self._app.waits.adeclare()
            self._flow.wake = self._app.waits.queue
        is_new = await link.ado(lambda ops: starting(ops, self._workflow, self._flow))
        return Flow(self._job, self._flow.id, is_new=is_new)

    def _declares(self) -> list[tuple[str, Callable[[Operations], Asks[None]]]]:
        """The queues that are not declared yet, and how each is."""
        declared, workflow = self._app.link.declared, self._workflow
        found: list[tuple[str, Callable[[Operations], Asks[None]]]] = []
        mark = queue_of(workflow)
        if mark not in declared:
            found.append((mark, lambda ops: declaring_flows(ops, workflow)))
        found.extend(
            (queue, lambda ops, worker=worker: declaring(ops, worker))  # type: ignore[misc]
            for queue, worker in self._workers.items()
            if queue not in declared
        )
        return found


def id_or_new(id: str | None) -> str:
    """The id of a flow. Raises `BadCommand` where it cannot be one."""
    if id is None:
        return uuid4().hex
    if not isinstance(id, str) or not 1 <= len(id) <= FLOW_ID_CHARS_MAX:
        raise BadCommand(f"the id of a flow is a text of 1 to {FLOW_ID_CHARS_MAX} characters")
    try:
        id.encode()
    except UnicodeEncodeError:
        raise BadCommand("the id of a flow is a text that UTF-8 can carry") from None
    return id


def new_run() -> str:
    """What tells a flow from others that had its id."""
    return uuid4().hex[:12]


def ttl_ms_of(result: bool, seconds: float) -> int:
    """How long a result is kept, in ms; 0: it is not wanted."""
    if not result:
        return 0
    return ms_of(seconds, "result_ttl_seconds")


def ms_of(seconds: float | None, name: str) -> int:
    """Seconds in ms, 0 for none. Raises `BadCommand`."""
    if seconds is None:
        return 0
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0.001 <= seconds <= DURATION_MS_MAX / 1_000:
        raise BadCommand(f"`{name}` is a number of seconds above 0, not {seconds!r}")
    return round(seconds * 1_000)


def _check_size(flow: FlowState) -> None:
    if not 1 <= len(flow.steps) <= FLOW_STEPS_MAX:
        raise BadCommand(
            f"a flow has from 1 to {FLOW_STEPS_MAX:,} steps, not {len(flow.steps):,}; let a step"
            " take several things at once"
        )
