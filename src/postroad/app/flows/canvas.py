"""Chains, groups and chords: flows made of tasks at the call.

It stands beside the workflows. The rule kept here: they are flows like any other, of the workflow
`canvas`, and are joined by whichever process works on their tasks.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from postroad.app.flows.flow import Flow, Launch, id_or_new, new_run, ttl_ms_of
from postroad.app.flows.names import CANVAS
from postroad.app.flows.plan import WHOLE, FlowState, Step
from postroad.app.flows.planning import Planned, Source, check_calls, step_of
from postroad.app.jobs import RESULT_TTL_S
from postroad.errors import BadCommand

if TYPE_CHECKING:
    from postroad.app.worker import Worker

_NAMES: Final = ("delay(...)", "adelay(...)")


class Draft:
    """A plan as it is being made: its steps are numbered in the order they come."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self.workers: dict[str, Worker[Any, Any]] = {}

    def add(self, planned: Planned, after: Sequence[str]) -> str:
        """One step; its name."""
        task = planned.worker.function.__name__
        name = f"{len(self.steps)}.{task}"
        if self.workers and next(iter(self.workers.values())).app is not planned.worker.app:
            raise BadCommand("all tasks of a flow belong to one app")
        if not planned.sources:
            check_calls(planned)
        self.steps[name] = step_of(planned, after)
        self.workers[planned.worker.queue] = planned.worker
        return name


class Canvas:
    """What can be put together to a flow, and started."""

    def into(self, draft: Draft, source: Source | None) -> Source:
        """Add it to a plan, with what it gets from before; what it gives. Raises `TypeError`."""
        raise NotImplementedError

    def delay(
        self,
        *,
        id: str | None = None,
        result: bool = False,
        result_ttl_seconds: float = RESULT_TTL_S,
    ) -> Flow:
        """Start it as a flow; returns when that is durable. `id`: as in `Workflow.start`.

        Raises `TypeError` where a task does not take what it is given, `BlocksLoop` on a running
        loop.
        """
        return self._launch(id, ttl_ms_of(result, result_ttl_seconds)).start(_NAMES)

    async def adelay(
        self,
        *,
        id: str | None = None,
        result: bool = False,
        result_ttl_seconds: float = RESULT_TTL_S,
    ) -> Flow:
        """As `delay`, for a running loop."""
        return await self._launch(id, ttl_ms_of(result, result_ttl_seconds)).astart()

    def _launch(self, id: str | None, result_ttl_ms: int) -> Launch:
        draft = Draft()
        gives = self.into(draft, None)
        app = next(iter(draft.workers.values())).app
        last = None
        if isinstance(gives, str):
            last = draft.workers[draft.steps[gives].queue]
        flow = FlowState(id_or_new(id), new_run(), 0, draft.steps, gives=gives or WHOLE)
        flow.result_ttl_ms = result_ttl_ms
        return Launch(app, CANVAS, flow, draft.workers, last)


class Signature(Canvas):
    """A call of a task to come: `task.s(...)`. What comes from before it is its first argument."""

    def __init__(
        self,
        worker: "Worker[Any, Any]",
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        takes_result: bool = True,
    ) -> None:
        """Use `Worker.s`."""
        self._worker = worker
        self._args = args
        self._kwargs = kwargs
        self._takes_result = takes_result

    def into(self, draft: Draft, source: Source | None) -> Source:
        """One step."""
        sources = [source] if source is not None and self._takes_result else []
        after = [] if source is None else [source] if isinstance(source, str) else source
        return draft.add(Planned(self._worker, sources, self._args, self._kwargs), after)


class Chain(Canvas):
    """One after another, each with the result of the one before."""

    def __init__(self, links: Sequence[Canvas]) -> None:
        self._links = links

    def into(self, draft: Draft, source: Source | None) -> Source:
        """Its links in their order."""
        for link in self._links:
            source = link.into(draft, source)
        assert source is not None, "a chain has a link"
        return source


class Group(Canvas):
    """All at once; what comes behind gets a list of their results, in their order."""

    def __init__(self, members: Sequence[Canvas]) -> None:
        self._members = members

    def into(self, draft: Draft, source: Source | None) -> Source:
        """Its members, each with what comes from before."""
        found: list[str] = []
        for member in self._members:
            gives = member.into(draft, source)
            if not isinstance(gives, str):
                raise TypeError("a member of a group gives one result; put all into one group")
            found.append(gives)
        return found


def chain(*links: Canvas) -> Chain:
    """One after another: `chain(load.s(1), resize.s(200), save.s())`. Each gets the result of the
    one before as its first argument; behind a group, a list of all results.
    """
    return Chain(_checked(list(links), "a chain"))


def group(members: Sequence[Canvas]) -> Group:
    """All at once: `group([resize.s(1), resize.s(2)])`."""
    return Group(_checked(list(members), "a group"))


def chord(members: Group | Sequence[Canvas], callback: Canvas) -> Chain:
    """All at once, then `callback` with a list of their results."""
    first = members if isinstance(members, Group) else group(members)
    return chain(first, callback)


def _checked(given: Sequence[object], what: str) -> list[Canvas]:
    if not given:
        raise BadCommand(f"{what} has at least one task")
    found: list[Canvas] = []
    for one in given:
        if not isinstance(one, Canvas):
            kind = type(one).__name__
            raise TypeError(f"{what} is made of calls such as `task.s(1)`, not of {kind}")
        found.append(one)
    return found
