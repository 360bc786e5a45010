"""How long one thread has waited for something else than a processor.

One rule: what other processes took of the machine is not put down to the disk. Where the system
does not tell, it is, and a disk seems slower than it is.
"""

import os
import time
from contextlib import suppress
from typing import Protocol

RUN_DELAYS = "/proc/thread-self/schedstat"  # time run, time ready but not run, in ns; see proc(5)


class Watch(Protocol):
    """What tells how long something took."""

    def seconds(self) -> float:
        """Seconds so far; only differences mean something."""

    def close(self) -> None:
        """It is needed no more."""


class Stopwatch:
    """The time of the thread it was made on; only differences mean something."""

    def __init__(self) -> None:
        self._file = -1
        with suppress(OSError):
            self._file = os.open(RUN_DELAYS, os.O_RDONLY | os.O_CLOEXEC)

    def seconds(self) -> float:
        """Seconds so far, less those that the thread could have run and did not."""
        now_s = time.perf_counter()
        if self._file < 0:
            return now_s
        try:
            return now_s - int(os.pread(self._file, 64, 0).split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            # The thread it was made on is gone, and another one runs the loop.
            self.close()
            return now_s

    def close(self) -> None:
        """Let go of the system's file; from now on all time counts."""
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)
