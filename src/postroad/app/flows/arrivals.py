"""The companion of jobs that belong to flows: their flow is told in the step that ends them.

It stands between the runs of tasks and the queues of flows. The rule kept here: a step arrives once
for each job that was acked, because it is the ack that carries it.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from postroad.api.operations import Operations
from postroad.app.bodies import encoded
from postroad.app.company import NOBODY, Company
from postroad.app.flows.joins import shown, telling
from postroad.app.flows.names import FLOW_HEADER, Place, place_of
from postroad.app.flows.plan import ARRIVED, FAILED, REJECTION, Arrival, Rejection
from postroad.limits import FLOW_RESULT_BYTES_MAX
from postroad.model.message import Delivery

_MARK: Final = FLOW_HEADER.encode()
_later: Final = Operations()

Heard = Callable[[str], object]


class Arrivals:
    """Tells flows what became of their jobs. `heard`: who is told of workflows that work is done
    for."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []

    def wants(self, message: Delivery) -> bool:
        """Whether it is the job of a flow."""
        return _MARK in message.head

    def succeeded(self, message: Delivery, result: object) -> Company:
        """The step has arrived, or rejects its flow."""
        place = place_of(message)
        if place is None:
            return NOBODY
        return self._telling(place, arrival_of(place, result))

    def failed(self, message: Delivery, error: BaseException, final: bool) -> Company:
        """The step has failed, where it did so for good."""
        place = place_of(message)
        if place is None or not final:
            return NOBODY
        reason = _line_of(error)
        return self._telling(place, failed_at(place, reason))

    def _telling(self, place: Place, arrival: Arrival) -> Company:
        for heard in self.heard:
            heard(place.workflow)
        return Company([telling(_later, place.workflow, arrival)])


def arrival_of(place: Place, result: object) -> Arrival:
    """What a flow is told of a step that returned this."""
    if isinstance(result, Rejection):
        return failed_at(place, str(result.reason))
    if isinstance(result, dict) and list(result) == [REJECTION]:
        return failed_at(place, str(result[REJECTION]))
    try:
        found = encoded(result, "the result")
    except TypeError as error:
        return failed_at(place, str(error))
    if len(found) > FLOW_RESULT_BYTES_MAX:
        return failed_at(
            place,
            f"the result has {len(found):,} bytes, and a flow carries {FLOW_RESULT_BYTES_MAX:,} at"
            " most; keep it elsewhere and return where",
        )
    return Arrival(ARRIVED, place.id, place.run, place.step, msgspec.Raw(found))


def failed_at(place: Place, reason: str) -> Arrival:
    """What a flow is told of a step that failed for good."""
    return Arrival(FAILED, place.id, place.run, place.step, reason=shown(reason))


def _line_of(error: BaseException) -> str:
    """What an error says of itself, in one line."""
    text = " ".join(str(error).split())
    name = type(error).__qualname__
    if name == "Reject":
        return text
    return f"{name}: {text}" if text else name
