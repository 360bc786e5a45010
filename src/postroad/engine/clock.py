"""The one reader of time.

One rule: now never runs backwards. When the wall clock is behind the last now, time goes on by the
monotonic clock until the wall clock has caught up.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Where instants come from."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, never less than before."""

    def not_before(self, ms: int) -> None:
        """Nothing earlier than this from now on: the last now of the journal."""


class SystemClock:
    """Wall time, kept from running backwards."""

    def __init__(self) -> None:
        self._last_ms = 0
        self._last_monotonic = time.monotonic()

    def now_ms(self) -> int:
        """Milliseconds since 1970, never less than before."""
        wall_ms = int(time.time() * 1_000)  # noqa: TID251  (the one reader of time)
        monotonic = time.monotonic()
        if wall_ms < self._last_ms:
            passed_ms = int((monotonic - self._last_monotonic) * 1_000)
            if not passed_ms:
                return self._last_ms
            wall_ms = max(wall_ms, self._last_ms + passed_ms)
        self._last_ms = wall_ms
        self._last_monotonic = monotonic
        return wall_ms

    def not_before(self, ms: int) -> None:
        """Nothing earlier than this from now on."""
        self._last_ms = max(self._last_ms, ms)
