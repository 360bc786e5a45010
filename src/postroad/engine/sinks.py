"""Where answers leave the engine: the sinks of those who asked.

One rule: a sink that raises costs its caller that answer, which counts as delivered, and nobody
else anything.
"""

import logging

from postroad.model.ask import Caller
from postroad.model.replies import Reply

_log = logging.getLogger("postroad.engine")


class Sinks:
    """Hands answers over. `failed`: sinks that raised."""

    def __init__(self) -> None:
        self.failed = 0

    def send(self, caller: Caller, number: int, reply: Reply) -> None:
        """Hand one answer over."""
        try:
            caller.sink(number, reply)
        except Exception:  # noqa: BLE001  (a bug in a caller must not stop the engine of all others)
            self.failed += 1
            _log.exception("a caller's sink failed; the answer to its ask %d is lost", number)
