"""Time that only the world moves: a wall clock that may jump, and one that never does."""


class VirtualTime:
    """Stands where the engine's clock looks for `time`; milliseconds inside, seconds outside."""

    def __init__(self, start_ms: int) -> None:
        self.true_ms = start_ms
        self.skew_ms = 0

    def time(self) -> float:
        """The wall clock, in seconds; it jumps with `skew_ms`."""
        # A quarter of a millisecond keeps the way to float and back from losing a whole one.
        return (self.true_ms + self.skew_ms + 0.25) / 1_000

    def monotonic(self) -> float:
        """The clock that only goes forward, in seconds."""
        return (self.true_ms + 0.25) / 1_000
