"""Tokens that come with time: one for each delivery of a queue or key that has a rate.

One rule: all of it is volatile, and no bucket holds more than came since the broker was opened, so
that no restart hands out more than was promised. Compiled by mypyc where possible.
"""

from postroad.limits import BURSTS_A_SECOND

TOKEN = 1_000
"""A token in the unit of levels: each millisecond adds as many of them as there are deliveries a
second."""


class Bucket:
    """The tokens of one rate. `level`: how many there were at an instant, in thousandths."""

    __slots__ = ("at_ms", "level", "rate")

    def __init__(self, rate: int, at_ms: int) -> None:
        self.rate = rate
        self.level = 0
        self.at_ms = at_ms

    def left(self, now: int) -> int:
        """How many deliveries there may be now."""
        if now > self.at_ms:
            self.level += (now - self.at_ms) * self.rate
            self.at_ms = now
        self.level = min(self.level, self.most())
        return self.level // TOKEN

    def most(self) -> int:
        """The level of a full bucket: so many deliveries may come at once. A millisecond's worth
        beyond it keeps the fractions, or slow rates would lose some each time."""
        return max(TOKEN, self.rate * TOKEN // BURSTS_A_SECOND) + self.rate

    def spend(self, count: int) -> None:
        """So many were delivered."""
        self.level -= count * TOKEN

    def next_ms(self) -> int:
        """When there is a token, as of the instant it was looked at last."""
        missing = TOKEN - self.level
        return self.at_ms + max(0, -(-missing // self.rate))

    def is_full(self, now: int) -> bool:
        """Whether nothing is remembered here that a new bucket would not know."""
        return self.level + (now - self.at_ms) * self.rate >= self.most()
