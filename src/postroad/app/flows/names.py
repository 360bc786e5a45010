"""Where flows are: their queues, their space of keys, and the header of their jobs.

It stands below all of the package. The rule kept here: a workflow's name says all of it, so that
any process finds the way.
"""

from typing import Final

import msgspec

from postroad.model.message import Delivery
from postroad.model.value import value

FLOW_HEADER: Final = "postroad-flow"
"""On each job of a flow: the workflow, the id, the step and the run, as a JSON list."""
CANVAS: Final = "canvas"
"""The workflow of all chains, groups and chords."""
FLOWS: Final = "flows"
"""The space of keys with a sorted set per workflow: the flows that are open, by their start."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(tuple[str, str, str, str]).decode


@value
class Place:
    """Where in which flow a job belongs."""

    workflow: str
    id: str
    step: str
    run: str


def queue_of(workflow: str) -> str:
    """The queue of what arrives, in order by id."""
    return f"flow.{workflow}"


def alarms_of(workflow: str) -> str:
    """The queue of delayed messages that tell when a wait is over."""
    return f"flow.{workflow}.late"


def space_of(workflow: str) -> str:
    """The space of keys with each flow under its id."""
    return f"flow.{workflow}"


def result_id(workflow: str, id: str) -> str:
    """The name of a flow's result among those of jobs."""
    return f"{workflow}/{id}"


def header_of(place: Place) -> str:
    """What a job says of its flow."""
    return _encode([place.workflow, place.id, place.step, place.run]).decode()


def place_of(message: Delivery) -> Place | None:
    """What a message says of its flow; `None`: it is of none."""
    header = message.headers.get(FLOW_HEADER)
    if not isinstance(header, str):
        return None
    try:
        workflow, id, step, run = _decode(header)
    except msgspec.DecodeError:
        return None
    return Place(workflow, id, step, run)
