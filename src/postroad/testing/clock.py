"""Clocks that a test moves: one that stands still until then, and one that runs all the same.

They stand in for the engine's clock. The rule kept here: like that one, they never run backwards.
"""

from postroad.engine.clock import SystemClock

START_MS = 1_700_000_000_000


class ManualClock:
    """An instant in ms since 1970; a day in November 2023 at first."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The instant the clock shows."""
        return self._now_ms

    def not_before(self, ms: int) -> None:
        """Show at least this instant."""
        self._now_ms = max(self._now_ms, ms)

    def advance(self, ms: int) -> None:
        """Move the clock on."""
        if ms < 0:
            raise ValueError("time does not run backwards")
        self._now_ms += ms


class ShiftedClock:
    """Time that runs by itself, plus all that a test let pass. Waits of clients take the time they
    take; what is hours away comes when it is called."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self._shift_ms = 0

    def now_ms(self) -> int:
        """The instant now, in ms since 1970."""
        return self._real.now_ms() + self._shift_ms

    def not_before(self, ms: int) -> None:
        """Show at least this instant."""
        self._shift_ms += max(0, ms - self.now_ms())

    def shift(self, ms: int) -> None:
        """Let so much time have passed at once."""
        if ms < 0:
            raise ValueError("time does not run backwards")
        self._shift_ms += ms
