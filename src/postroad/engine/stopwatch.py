"""How long one thread has waited for something else than a processor.

One rule: what other processes took of the machine is not put down to the disk. Where the system
does not tell, it is, and a disk seems slower than it is.
"""

import os
import time
from contextlib import suppress

RUN_DELAYS = "/proc/thread-self/schedstat"  # time run, time ready but not run, in ns; see proc(5)


class Stopwatch:
    """The time of the thread it was made on; only differences mean something."""

    def __init__(self) -> None:
        self._file = -1
        with suppress(OSError):
            self._file = os.open(RUN_DELAYS, os.O_RDONLY | os.O_CLOEXEC)

    def seconds(self) -> float:
        """Seconds so far, less those that the thread could have run and did not."""
        if self._file < 0:
            return time.perf_counter()
        return time.perf_counter() - int(os.pread(self._file, 64, 0).split()[1]) / 1e9

    def close(self) -> None:
        """Let go of the system's file; it must not be read again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
