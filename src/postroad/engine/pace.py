"""How quick the journal is: whether an event loop may write to it itself.

One rule: only while the disk answers sooner than a thread is woken; one long write, or a mean that
is too long, and a thread does a good many before the loop tries again.
"""

from postroad.engine.jobs import Append, Job
from postroad.limits import LOOP_WRITE_AFTER, LOOP_WRITE_BYTES, LOOP_WRITE_LONG_US

SMOOTH = 16  # the mean is over about so many appends


class Pace:
    """Appends of one journal. `mean_us_max`: what they may take in the mean for the loop to do
    them; 0: it never does. `on_loop`: how many it did.

    Only what the loop did is measured: a thread of a busy program waits for the interpreter too.
    """

    def __init__(self, mean_us_max: int) -> None:
        self.mean_us_max = mean_us_max
        self.on_loop = 0
        self._mean_us = 0.0
        self._to_go = 0

    def takes(self, job: Job) -> bool:
        """Whether the loop is to run this job of the journal itself; asked once for each."""
        if not isinstance(job, Append) or not self.mean_us_max:
            return False
        if self._to_go:
            self._to_go -= 1
            return False
        return sum(map(len, job.frames)) <= LOOP_WRITE_BYTES

    def took(self, seconds: float) -> None:
        """The loop did one, and the disk took so long."""
        self.on_loop += 1
        us = seconds * 1e6
        self._mean_us += (us - self._mean_us) / SMOOTH if self._mean_us else us
        if us > LOOP_WRITE_LONG_US or self._mean_us > self.mean_us_max:
            self._to_go = LOOP_WRITE_AFTER
            self._mean_us = 0.0
