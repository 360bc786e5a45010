"""What one can see of flows: which are open, what they wait for, and since when.

It stands between the space of keys and whoever looks. The rule kept here: looking changes nothing.
"""

from collections.abc import Sequence

from postroad.api.asks import Asks
from postroad.api.collections import SpaceOperations
from postroad.app.flows.joins import kept_flow
from postroad.app.flows.machine import waiting_for
from postroad.app.flows.names import FLOWS, space_of
from postroad.app.flows.plan import RUNNING, FlowState, decode_flow
from postroad.errors import BadCommand
from postroad.limits import FLOWS_READ_MAX
from postroad.model.value import value


@value
class Waiting:
    """A step that waits for others.

    `id`: of its flow. `has`: the steps that are done, and when each was, in ms since 1970. `lacks`:
    those that are not. `since_ms`: when the first of them was done, or the flow began.
    """

    id: str
    step: str
    has: dict[str, int]
    lacks: list[str]
    since_ms: int


@value
class FlowInfo:
    """A flow as it is now.

    `state`: `running`, `done` or `rejected`, then with the `step` to blame (empty: the flow itself)
    and the `reason`. Of one that runs: the steps that are `done`, and that were begun and are not,
    each with when that was, and those that are `waiting`. Times are in ms since 1970; `ended_ms` is
    0 as long as it runs.
    """

    id: str
    state: str
    since_ms: int
    ended_ms: int
    step: str
    reason: str
    done: dict[str, int]
    begun: dict[str, int]
    waiting: list[Waiting]


def open_flows(workflow: str, count: int) -> Asks[list[FlowState]]:
    """The flows that run, the oldest first, at most `count`."""
    if not 1 <= count <= FLOWS_READ_MAX:
        raise BadCommand(f"from 1 to {FLOWS_READ_MAX:,} flows are read at once, not {count!r}")
    scored = yield from SpaceOperations(FLOWS).score_range(workflow, 0, count - 1)
    if not scored:
        return []
    ids = [id for id, _ in scored]
    texts = yield from SpaceOperations(space_of(workflow)).get_many(ids)
    flows = [decode_flow(text) for text in texts if text is not None]
    return [one for one in flows if one.state == RUNNING]


def found_flow(workflow: str, id: str) -> Asks[FlowInfo | None]:
    """One flow, `None` where there is none, or none any more."""
    flow = yield from kept_flow(workflow, id)
    return None if flow is None else info_of(flow)


def info_of(flow: FlowState) -> FlowInfo:
    """A flow for those who look."""
    return FlowInfo(
        flow.id,
        flow.state,
        flow.since_ms,
        flow.ended_ms,
        flow.step,
        flow.reason,
        {name: one.at_ms for name, one in flow.has.items()},
        {name: at_ms for name, at_ms in flow.begun.items() if name not in flow.has},
        waits_of(flow),
    )


def waits_of(flow: FlowState) -> list[Waiting]:
    """The steps of a flow that wait, as far as something they wait for was begun."""
    found: list[Waiting] = []
    for name, step in flow.steps.items():
        if name in flow.begun or not any(one in flow.begun for one in step.after):
            continue
        has = {one: flow.has[one].at_ms for one in step.after if one in flow.has}
        since_ms = min(has.values(), default=flow.since_ms)
        found.append(Waiting(flow.id, name, has, waiting_for(flow, name), since_ms))
    return found


def all_waits(flows: Sequence[FlowState]) -> list[Waiting]:
    """All steps that wait, those that have waited longest first."""
    waits = [wait for flow in flows for wait in waits_of(flow)]
    return sorted(waits, key=lambda one: one.since_ms)
