"""A clock that stands still until a test moves it.

It stands in for the engine's clock. The rule kept here: like that one, it never runs backwards.
"""

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
