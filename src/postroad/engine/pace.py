"""How quick the journal was of late: whether an event loop may write to it itself.

One rule: only while the disk answers sooner than a thread is woken; one long write, and a thread
writes for a good while again.
"""

from postroad.engine.jobs import Append, Job
from postroad.limits import (
    LOOP_WRITE_AFTER,
    LOOP_WRITE_BYTES,
    LOOP_WRITE_FIRST,
    LOOP_WRITE_LONG_US,
)

SMOOTH = 16  # the mean is over about so many appends


class Pace:
    """Appends of one journal. `mean_us_max`: what they may take in the mean for the loop to do
    them; 0: it never does. `on_loop`: how many it did."""

    def __init__(self, mean_us_max: int) -> None:
        self.mean_us_max = mean_us_max
        self.on_loop = 0
        self._mean_us = 0.0
        self._to_go = LOOP_WRITE_FIRST

    def suits_loop(self, job: Job) -> bool:
        """Whether the loop may run a job of the journal itself."""
        if self._to_go or self._mean_us > self.mean_us_max or not self.mean_us_max:
            return False
        return isinstance(job, Append) and sum(map(len, job.frames)) <= LOOP_WRITE_BYTES

    def took(self, seconds: float) -> None:
        """An append took so long, on whichever thread."""
        us = seconds * 1e6
        if us > LOOP_WRITE_LONG_US:
            self._to_go = LOOP_WRITE_AFTER
        elif self._to_go:
            self._to_go -= 1
        self._mean_us += (min(us, LOOP_WRITE_LONG_US) - self._mean_us) / SMOOTH
