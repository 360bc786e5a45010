"""Dead letters of flows: jobs that died without a word of a worker.

It stands beside the joins. The rule kept here: dead letters are looked at and left where they are.
"""

from collections.abc import Sequence

from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.app.flows.arrivals import failed_at
from postroad.app.flows.joins import kept_flow, telling
from postroad.app.flows.names import Place, place_of
from postroad.app.flows.plan import RUNNING
from postroad.errors import QueueNotFound
from postroad.limits import FLOW_LOOK_LETTERS
from postroad.model.message import Delivery


class Graves:
    """The dead-letter queues of a workflow's steps, and how far each was looked at.

    A worker says of a job that it failed; where it is killed each time it runs the job, nobody
    does, and the broker moves it there.
    """

    def __init__(self, workflow: str, queues: Sequence[str]) -> None:
        self._workflow = workflow
        self._next = dict.fromkeys(queues, 0)

    def looking(self, later: Operations) -> Asks[int]:
        """Tell the flows of jobs that have died since the last look; how many there were."""
        count = 0
        for queue in self._next:
            try:
                count += yield from self._looking_at(later, queue)
            except QueueNotFound:
                # One that is made again begins anew.
                self._next[queue] = 0
        return count

    def _looking_at(self, later: Operations, queue: str) -> Asks[int]:
        count = 0
        while True:
            start = self._next[queue]
            letters = yield from later.peek(queue, start, FLOW_LOOK_LETTERS)
            for letter in letters:
                place = place_of(letter.message)
                if place is not None and place.workflow == self._workflow:
                    count += yield from self._telling(later, place, letter.message)
                self._next[queue] = letter.message.offset + 1
            if len(letters) < FLOW_LOOK_LETTERS:
                return count

    def _telling(self, later: Operations, place: Place, letter: Delivery) -> Asks[int]:
        """Tell a flow, if it still waits for this."""
        flow = yield from kept_flow(self._workflow, place.id)
        if flow is None:
            return 0
        waits = flow.state == RUNNING and flow.run == place.run and place.step not in flow.has
        if not waits:
            return 0
        note = letter.note
        reason = note.deaths[-1].reason if note is not None and note.deaths else "it died"
        said = letter.failure.strip().rsplit("\n", 1)[-1]
        text_of = f"{reason}: {said}" if said else f"its job is a dead letter: {reason}"
        yield from telling(later, self._workflow, failed_at(place, text_of))
        return 1
