"""Which thread appends a group: the loop's own while the disk is quick and few wait, else the
journal's.

One rule: the loop waits for the disk only where many appends in a row were quick; after one that
was not, it does not again for as many. See decision 0012.
"""

from postroad.engine.jobs import Append, Job
from postroad.limits import (
    APPEND_HERE_ANSWERS_MAX,
    APPEND_HERE_BYTES_MAX,
    APPEND_QUICK_MS,
    APPENDS_QUICK_MIN,
)


class Pace:
    """How the disk did lately."""

    def __init__(self) -> None:
        self._quick = 0

    def allows(self, job: Job, answers: int) -> bool:
        """Whether the loop may run a job itself: a small append that few answers wait for."""
        if not isinstance(job, Append) or self._quick < APPENDS_QUICK_MIN:
            return False
        if answers > APPEND_HERE_ANSWERS_MAX:
            return False
        return sum(map(len, job.frames)) <= APPEND_HERE_BYTES_MAX

    def note(self, job: Job) -> None:
        """A job was run: an append says how quick the disk is."""
        if isinstance(job, Append):
            self._quick = self._quick + 1 if job.took_ms <= APPEND_QUICK_MS else 0
