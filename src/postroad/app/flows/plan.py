"""A flow as it is kept: its plan, what has arrived, and how it ended.

It stands below the machine. The rule kept here: a flow carries its own plan, so that it goes on as
it began though the program was changed meanwhile, and in processes that know nothing of its
workflow.
"""

from typing import Any, Final

import msgspec

INPUT: Final = ""
"""What a flow was started with, among the names of its steps."""
WHOLE: Final = ""
"""The flow itself, where a step is named."""

JSON: Final = "json"
TEXT: Final = "text"
BYTES: Final = "bytes"
NAMED: Final = "named"
NOTHING: Final = "nothing"

NULL: Final = msgspec.Raw(b"null")


class Step(msgspec.Struct, omit_defaults=True):
    """One step of a plan.

    `queue`: where its job goes. `after`: the steps it waits for. `takes`: its arguments by name,
    each the result of a step (`INPUT`: of none), or of a list of them. `given`: arguments that are
    there from the start. `form` of its body: one argument as `JSON`, `TEXT` or `BYTES`, several
    `NAMED`, or `NOTHING`. `wait_ms`: how long it waits for the last after the first has arrived; 0:
    for ever.
    """

    queue: str
    after: list[str] = msgspec.field(default_factory=list)
    takes: dict[str, str | list[str]] = msgspec.field(default_factory=dict)
    given: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)
    form: str = JSON
    wait_ms: int = 0


class Done(msgspec.Struct, array_like=True):
    """What a step returned, and when that arrived."""

    at_ms: int
    value: msgspec.Raw = NULL


RUNNING: Final = "running"
DONE: Final = "done"
REJECTED: Final = "rejected"


class FlowState(msgspec.Struct, omit_defaults=True):
    """One flow of a workflow, as it is kept.

    `run` tells it from others that had its id before. `gives`: the step whose result is that of the
    flow, or a list of them. `rejected_queue`: who is told when it is rejected. `wait_ms`: how long
    it may take; 0: for ever. `result_ttl_ms`: its result is kept so long, and `wake` is the queue
    that is told. `begun`: when each step's job was made. `state`: `RUNNING`, `DONE` or `REJECTED`;
    of one that has ended no plan and no results are kept, but its `reason` and the step to blame.
    """

    id: str
    run: str
    since_ms: int
    steps: dict[str, Step] = msgspec.field(default_factory=dict)
    input: msgspec.Raw = NULL
    gives: str | list[str] = WHOLE
    rejected_queue: str = ""
    wait_ms: int = 0
    result_ttl_ms: int = 0
    wake: str = ""
    begun: dict[str, int] = msgspec.field(default_factory=dict)
    has: dict[str, Done] = msgspec.field(default_factory=dict)
    state: str = RUNNING
    ended_ms: int = 0
    step: str = ""
    reason: str = ""


ARRIVED: Final = "done"
FAILED: Final = "failed"
LATE: Final = "late"


class Arrival(msgspec.Struct, omit_defaults=True):
    """What a flow is told: a step has `ARRIVED`, with its value; it has `FAILED` for good; or it is
    `LATE`, if it still waits.
    """

    kind: str
    id: str
    run: str
    step: str = WHOLE
    value: msgspec.Raw = NULL
    reason: str = ""


REJECTION: Final = "postroad-rejection"
"""By this a rejection is known again where it was kept as JSON: as the result of a duplicate."""


class Rejected(msgspec.Struct, frozen=True):
    """A flow that was rejected, as the task that hears of it gets it.

    `step`: which one failed, or waited too long; empty: the flow itself. `input`: what it was
    started with. `has`: what the steps that were done returned, by their names.
    """

    id: str
    step: str
    reason: str
    input: Any = None
    has: dict[str, Any] = {}


class Rejection(msgspec.Struct, frozen=True, rename={"reason": REJECTION}):
    """What a step returns to reject its flow: the work was done, and says that it must not go on.
    Its job is no dead letter.
    """

    reason: str


encode: Final = msgspec.json.Encoder().encode
decode_flow: Final = msgspec.json.Decoder(FlowState).decode
decode_arrival: Final = msgspec.json.Decoder(Arrival).decode
