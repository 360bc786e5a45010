"""What is asked of the broker for flows: to start one, and to tell one what arrived.

It stands between the machine and the broker. The rule kept here: a flow changes in the step that
acks what made it change, and in no other; what arrives for one id comes in order, to one process at
a time, so nobody else changes it meanwhile.
"""

import logging
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from postroad.api.asks import Asks
from postroad.api.collections import SpaceOperations
from postroad.api.messages import Outgoing
from postroad.api.operations import Operations
from postroad.api.refusals import expect
from postroad.app.flows.machine import Moves, arrived, begun, rejected
from postroad.app.flows.names import (
    FLOW_HEADER,
    FLOWS,
    Place,
    alarms_of,
    header_of,
    queue_of,
    result_id,
    space_of,
)
from postroad.app.flows.plan import (
    DONE,
    FAILED,
    LATE,
    RUNNING,
    WHOLE,
    Arrival,
    FlowState,
    Rejected,
    decode_arrival,
    decode_flow,
    encode,
)
from postroad.app.jobs import RESULTS, Kept
from postroad.errors import (
    BadCommand,
    BrokerStopping,
    Changed,
    KvFull,
    LeaseLost,
    NoSpace,
    QueueFull,
    QueueLocked,
    QueueNotFound,
    Refusal,
)
from postroad.limits import (
    FLOW_AGAIN_MS,
    FLOW_ENDED_MS,
    FLOW_LEASE_MS,
    FLOW_LOT,
    RESULT_BYTES_MAX,
    RESULT_TEXT_MAX,
)
from postroad.model.kv import KvLook
from postroad.model.kv_replies import KvSeen
from postroad.model.message import Delivery
from postroad.model.policy import FIFO

_log = logging.getLogger("postroad.app")
PASSING: Final = (QueueFull, KvFull, NoSpace, QueueLocked, BrokerStopping)
"""Refusals that are over some time."""
_results: Final = SpaceOperations(RESULTS)
_open: Final = SpaceOperations(FLOWS)


def declaring_flows(later: Operations, workflow: str) -> Asks[None]:
    """Make the queues of a workflow exist."""
    yield from later.declare(queue_of(workflow), kind=FIFO, lease_ms=FLOW_LEASE_MS)
    yield from later.declare(alarms_of(workflow), lease_ms=FLOW_LEASE_MS)


def starting(later: Operations, workflow: str, flow: FlowState) -> Asks[bool]:
    """Start a flow; false where there is one with its id, or was of late.

    Raises `Misfit`, and what `publish` raises.
    """
    look = KvLook(space_of(workflow), [flow.id.encode()])
    seen = expect((yield look), KvSeen)
    if seen.infos[0].kind:
        return False
    flow = msgspec.structs.replace(flow, since_ms=seen.now_ms)
    moves = begun(flow, seen.now_ms)
    try:
        yield from later.batch(_operations(later, workflow, moves, is_new=True))
    except Changed:
        return False
    return True


def joining(later: Operations, workflow: str, id: str, messages: Sequence[Delivery]) -> Asks[None]:
    """Tell a flow what has arrived for it, and do what comes of it, with the ack of these."""
    flow = yield from kept_flow(workflow, id)
    now_ms = max(one.published_ms for one in messages)
    moves = arrived(flow, _arrivals(messages), now_ms)
    try:
        yield from _moving(later, workflow, messages, moves)
    except LeaseLost:
        return
    except PASSING as error:
        _log.warning("workflow `%s`, flow `%s`: again later: %s", workflow, id, error)
        yield from _again(later, messages)
        return
    except Refusal as error:
        _log.error("workflow `%s`, flow `%s` is rejected: %s", workflow, id, error)
        assert flow is not None, "an ack alone is refused for its lease only"
        moves = rejected(flow, WHOLE, str(error), now_ms)
        yield from _giving_up(later, workflow, messages, moves)
    if moves.has_ended and moves.flow is not None:
        yield from _waking(later, workflow, moves.flow)


def kept_flow(workflow: str, id: str) -> Asks[FlowState | None]:
    """The flow with this id; `None` where there is none, or nothing that one can read."""
    if not id:
        return None
    text = yield from SpaceOperations(space_of(workflow)).get(id)
    if text is None:
        return None
    try:
        return decode_flow(text)
    except msgspec.DecodeError as error:
        _log.error("workflow `%s`: what is kept of flow `%s` is no flow: %s", workflow, id, error)
        return None


def receiving(later: Operations, workflow: str, wait_ms: int) -> Asks[dict[str, list[Delivery]]]:
    """What has arrived, by id. Raises `QueueNotFound`."""
    found: dict[str, list[Delivery]] = {}
    for message in (yield from later.receive(queue_of(workflow), FLOW_LOT, wait_ms=wait_ms)):
        found.setdefault(message.key or "", []).append(message)
    return found


def ringing(later: Operations, workflow: str, messages: Sequence[Delivery]) -> Asks[None]:
    """Hand alarms on to their flows, each in the order of its id."""
    operations: list[Asks[Any]] = [later.ack(messages)]
    told = [Outgoing(one.body, key=found.id) for one in messages if (found := _arrival(one))]
    if told:
        operations.append(later.publish_many(queue_of(workflow), told))
    try:
        yield from later.batch(operations)
    except LeaseLost:
        return


def telling(later: Operations, workflow: str, arrival: Arrival) -> Asks[Any]:
    """Tell a flow something."""
    return later.publish(queue_of(workflow), encode(arrival), key=arrival.id)


def rejecting(later: Operations, workflow: str, id: str, reason: str) -> Asks[bool]:
    """Have a flow rejected; false where none is open. Raises `BadCommand`."""
    if not isinstance(reason, str):
        raise BadCommand(f"the reason of a rejection is a text, not {reason!r}")
    flow = yield from kept_flow(workflow, id)
    if flow is None or flow.state != RUNNING:
        return False
    yield from telling(later, workflow, Arrival(FAILED, id, flow.run, reason=shown(reason)))
    return True


def shown(reason: str) -> str:
    """A reason as it is kept: half a character has no form in JSON, and it may not be endless."""
    return reason.encode(errors="backslashreplace").decode()[:RESULT_TEXT_MAX]


def _arrivals(messages: Sequence[Delivery]) -> list[Arrival]:
    return [found for one in messages if (found := _arrival(one)) is not None]


def _arrival(message: Delivery) -> Arrival | None:
    try:
        return decode_arrival(message.body)
    except msgspec.DecodeError as error:
        _log.warning("a message in a queue of flows is no arrival, and is dropped: %s", error)
        return None


def _moving(
    later: Operations, workflow: str, messages: Sequence[Delivery], moves: Moves
) -> Asks[None]:
    operations: list[Asks[Any]] = [later.ack(messages)]
    operations.extend(_operations(later, workflow, moves))
    yield from later.batch(operations)


def _giving_up(
    later: Operations, workflow: str, messages: Sequence[Delivery], moves: Moves
) -> Asks[None]:
    """End a flow whose jobs are refused; where even that is, somebody has to look."""
    try:
        yield from _moving(later, workflow, messages, moves)
    except LeaseLost:
        return
    except QueueNotFound:
        assert moves.flow is not None
        quiet = msgspec.structs.replace(moves.flow, rejected_queue="")
        silent = Moves(quiet, [], [], has_ended=True)
        try:
            yield from _moving(later, workflow, messages, silent)
        except Refusal:
            yield from _again(later, messages)
    except Refusal:
        yield from _again(later, messages)


def _again(later: Operations, messages: Sequence[Delivery]) -> Asks[None]:
    try:
        yield from later.retry(messages, FLOW_AGAIN_MS)
    except LeaseLost:
        return


def _operations(
    later: Operations, workflow: str, moves: Moves, *, is_new: bool = False
) -> list[Asks[Any]]:
    """What makes the moves true, as one step."""
    flow = moves.flow
    if flow is None:
        return []
    found = _keeping(workflow, flow, is_new=is_new)
    queues: dict[str, list[Outgoing]] = {}
    for job in moves.jobs:
        header = header_of(Place(workflow, flow.id, job.step, flow.run))
        # Its id is the key: many jobs of one flow do not keep others waiting.
        made = Outgoing(job.body, {FLOW_HEADER: header}, key=flow.id)
        queues.setdefault(job.queue, []).append(made)
    for step, after_ms in moves.alarms:
        alarm = encode(Arrival(LATE, flow.id, flow.run, step))
        queues.setdefault(alarms_of(workflow), []).append(Outgoing(alarm, delay_ms=after_ms))
    if flow.state not in (RUNNING, DONE) and flow.rejected_queue:
        queues.setdefault(flow.rejected_queue, []).append(Outgoing(_rejected(flow)))
    found.extend([later.publish_many(queue, messages) for queue, messages in queues.items()])
    return found


def _keeping(workflow: str, flow: FlowState, *, is_new: bool) -> list[Asks[Any]]:
    space = SpaceOperations(space_of(workflow))
    if flow.state == RUNNING:
        found: list[Asks[Any]] = [space.set(flow.id, encode(flow), if_absent=is_new)]
        if is_new:
            found.append(_open.score_set(workflow, {flow.id: flow.since_ms}))
        return found
    ended = FlowState(
        flow.id,
        flow.run,
        flow.since_ms,
        state=flow.state,
        ended_ms=flow.ended_ms,
        step=flow.step,
        reason=flow.reason,
    )
    found = [
        space.set(flow.id, encode(ended), ttl_ms=FLOW_ENDED_MS, if_absent=is_new),
        _open.score_remove(workflow, flow.id),
    ]
    if flow.result_ttl_ms:
        text = encode(_kept(flow))
        place = result_id(workflow, flow.id)
        found.append(_results.set(place, text, ttl_ms=flow.result_ttl_ms))
    return found


def _kept(flow: FlowState) -> Kept:
    if flow.state != DONE:
        return Kept(False, error="Rejected", text=flow.reason)
    if isinstance(flow.gives, str):
        found = flow.has[flow.gives].value
    else:
        found = msgspec.Raw(encode([flow.has[one].value for one in flow.gives]))
    size = len(bytes(found))
    if size > RESULT_BYTES_MAX:
        text = f"the result has {size:,} bytes, and {RESULT_BYTES_MAX:,} are kept at most"
        return Kept(False, error="ValueError", text=text)
    return Kept(True, found)


def _rejected(flow: FlowState) -> bytes:
    has = {name: one.value for name, one in flow.has.items()}
    return encode(Rejected(flow.id, flow.step, flow.reason, flow.input, has))


def _waking(later: Operations, workflow: str, flow: FlowState) -> Asks[None]:
    if flow.wake:
        try:
            yield from later.publish(flow.wake, result_id(workflow, flow.id))
        except Refusal as error:
            _log.debug("workflow `%s`: who asked is not told: %s", workflow, error)
