"""Messages that live for no time at all: they are for who waits, or die as they come.

One rule: it is settled in the step they came in, so that whoever asks later never sees them,
however soon that is. Compiled by mypyc where possible.
"""

from array import array
from collections.abc import Callable, Sequence
from itertools import islice

from postroad.core import records as facts
from postroad.core.decision import Step
from postroad.core.queue import Queue
from postroad.core.serve import Server
from postroad.core.state import State
from postroad.core.tick import ends_of_life
from postroad.limits import FLEETING_QUEUES

Apply = Callable[[Sequence[facts.Record]], None]


class Fleeting:
    """Queues that such messages came to. `queues`: their numbers, and when that was."""

    def __init__(self, server: Server, apply_all: Apply) -> None:
        self.queues: dict[int, int] = {}
        self._server = server
        self._apply_all = apply_all

    def came(self, record: facts.Published, queues: Sequence[Queue]) -> None:
        """Messages with lives of their own came to queues; some may be over at once. What was
        moved there keeps its age, and goes when it is its turn."""
        if record.notes is not None:
            return
        lives = array("Q", record.expires)
        if min(filter(None, lives), default=record.now_ms + 1) <= record.now_ms:
            for queue in queues:
                self.queues[queue.id] = record.now_ms

    def settle(self, state: State) -> Step:
        """Serve who waits, and end the lives of what is left then. Of very many queues those that
        are too many for one step go with time, a slice of it at a time."""
        whole = Step([], [], True)
        for id, now in islice(self.queues.items(), FLEETING_QUEUES):
            queue = state.queues.get(id)
            if queue is None:
                continue
            step = self._server.serve(queue, now)
            if step is not None:
                whole.records.extend(step.records)
                whole.answers.extend(step.answers)
            over = ends_of_life(queue, now)
            self._apply_all(over)
            whole.records.extend(over)
        self.queues.clear()
        return whole
