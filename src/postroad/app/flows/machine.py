"""What becomes of a flow when something arrives: which jobs are made, and how it ends.

It stands between the plan of a flow and whoever keeps and publishes. The rule kept here: no I/O,
time is an argument, and what arrives twice, too late, or for an earlier flow of that id changes
nothing.
"""

from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from postroad.app.flows.plan import (
    ARRIVED,
    BYTES,
    DONE,
    FAILED,
    INPUT,
    JSON,
    LATE,
    NAMED,
    NOTHING,
    REJECTED,
    RUNNING,
    TEXT,
    WHOLE,
    Arrival,
    Done,
    FlowState,
    encode,
)
from postroad.limits import FLOW_BYTES_MAX
from postroad.model.value import value

_text: Final = msgspec.json.Decoder(str).decode


class Misfit(Exception):  # noqa: N818  (the name is the sentence)
    """What a step is to take is nothing that it takes; the text says why."""

    def __init__(self, step: str, text: str) -> None:
        """Name the step."""
        super().__init__(text)
        self.step = step


@value
class Making:
    """A job to be made: of which step, for which queue."""

    step: str
    queue: str
    body: bytes


@value
class Moves:
    """What is to be done, all in one step.

    `flow`: as it is now; `None`: nothing changed. `jobs`: to be published. `alarms`: steps that are
    `LATE` after so many ms, if they still wait then. `has_ended`: and this was the moment.
    """

    flow: FlowState | None
    jobs: list[Making]
    alarms: list[tuple[str, int]]
    has_ended: bool = False


NO_MOVES: Final = Moves(None, [], [])


def begun(flow: FlowState, now_ms: int) -> Moves:
    """The first moves of a new flow. Raises `Misfit`."""
    turn = _Turn(flow, now_ms)
    turn.alarm(WHOLE, flow.wait_ms)
    turn.begin_ready()
    return turn.moves()


def arrived(flow: FlowState | None, arrivals: Iterable[Arrival], now_ms: int) -> Moves:
    """The moves of a flow that is told these, in their order. `None`: there is no such flow."""
    if flow is None:
        return NO_MOVES
    turn = _Turn(flow, now_ms)
    for one in arrivals:
        if one.run == flow.run:
            turn.take(one)
    return turn.moves()


def rejected(flow: FlowState, step: str, reason: str, now_ms: int) -> Moves:
    """The moves that end a flow which cannot go on."""
    turn = _Turn(flow, now_ms)
    turn.reject(step, reason)
    return turn.moves()


def waiting_for(flow: FlowState, step: str) -> list[str]:
    """What a step still waits for."""
    return [one for one in flow.steps[step].after if one not in flow.has]


class _Turn:
    """A flow on its way from one state to the next."""

    def __init__(self, flow: FlowState, now_ms: int) -> None:
        self._flow = msgspec.structs.replace(flow, begun=dict(flow.begun), has=dict(flow.has))
        self._now_ms = now_ms
        self._changed = False
        self._jobs: list[Making] = []
        self._alarms: list[tuple[str, int]] = []

    def moves(self) -> Moves:
        """What came of it."""
        if not self._changed:
            return NO_MOVES
        flow = self._flow
        if flow.state == RUNNING:
            try:
                self.begin_ready()
            except Misfit as error:
                self.reject(error.step, str(error))
        if flow.state == RUNNING and len(encode(flow)) > FLOW_BYTES_MAX:
            text = f"its results have more than {FLOW_BYTES_MAX:,} bytes; keep them elsewhere"
            self.reject(WHOLE, text)
        return Moves(flow, self._jobs, self._alarms, flow.state != RUNNING)

    def take(self, arrival: Arrival) -> None:
        """One arrival."""
        flow, step = self._flow, arrival.step
        if flow.state != RUNNING or step in flow.has:
            return
        if arrival.kind == LATE:
            self._late(step)
        elif arrival.kind == FAILED:
            self.reject(step, arrival.reason)
        elif arrival.kind == ARRIVED and step in flow.begun:
            self._arrive(step, arrival)

    def alarm(self, step: str, wait_ms: int) -> None:
        """Look at a step again after so long."""
        if wait_ms:
            self._alarms.append((step, wait_ms))

    def begin_ready(self) -> None:
        """Make the jobs of all steps that wait for nothing more."""
        flow = self._flow
        for name, step in flow.steps.items():
            if name not in flow.begun and all(one in flow.has for one in step.after):
                self._jobs.append(Making(name, step.queue, body_of(flow, name)))
                flow.begun[name] = self._now_ms
                self._changed = True

    def reject(self, step: str, reason: str) -> None:
        """End it."""
        flow = self._flow
        flow.state, flow.ended_ms = REJECTED, self._now_ms
        flow.step, flow.reason = step, reason
        self._changed = True
        # What became ready in the same turn is not begun any more.
        self._jobs.clear()
        self._alarms.clear()

    def _arrive(self, step: str, arrival: Arrival) -> None:
        flow = self._flow
        flow.has[step] = Done(self._now_ms, arrival.value)
        self._changed = True
        if len(flow.has) == len(flow.steps):
            flow.state, flow.ended_ms = DONE, self._now_ms
            return
        self._wait_from_first(step)

    def _wait_from_first(self, arrived: str) -> None:
        for name, step in self._flow.steps.items():
            if step.wait_ms and arrived in step.after:
                others = [one for one in step.after if one != arrived]
                if others and not any(one in self._flow.has for one in others):
                    self.alarm(name, step.wait_ms)

    def _late(self, step: str) -> None:
        flow = self._flow
        if step == WHOLE:
            open_ = [name for name in flow.steps if name not in flow.has]
            text = f"not over after {flow.wait_ms / 1_000:g} s: {_listed(open_)}"
            self.reject(step, text)
        elif step in flow.steps and step not in flow.begun:
            lacks = _listed(waiting_for(flow, step))
            text = f"waited {flow.steps[step].wait_ms / 1_000:g} s for {lacks}"
            self.reject(step, text)


def body_of(flow: FlowState, name: str) -> bytes:
    """The body of a step's job. Raises `Misfit`."""
    step = flow.steps[name]
    if step.form == NOTHING:
        return b""
    found = {name: _result(flow, one) for name, one in step.takes.items()}
    found.update(step.given)
    if step.form == NAMED:
        return encode(found)
    (whole,) = found.values()
    if step.form == JSON:
        return bytes(whole)
    assert step.form in (TEXT, BYTES)
    try:
        return _plain(bytes(whole), step.form)
    except ValueError:
        wanted = "text" if step.form == TEXT else "bytes"
        shown = bytes(whole)[:80].decode(errors="replace")
        raise Misfit(name, f"takes {wanted}, not {shown}") from None


def _result(flow: FlowState, source: str | Sequence[str]) -> msgspec.Raw:
    if source == INPUT:
        return flow.input
    if isinstance(source, str):
        return flow.has[source].value
    return msgspec.Raw(encode([flow.has[one].value for one in source]))


def _plain(text: bytes, form: str) -> bytes:
    """A result for a task that takes text or bytes as they are. Raises `ValueError`."""
    found = _text(text)
    return found.encode() if form == TEXT else b64decode(found, validate=True)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
