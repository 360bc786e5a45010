"""How often a task may start: a rate as text, and a bucket of tokens.

It stands beside the run. The rule kept here: a rate of a whole number a second is the queue's own
setting, kept by the broker for all workers together; others are kept by each worker process alone.
"""

import re
from typing import Final

from postroad.errors import BadWorker

_FORM: Final = re.compile(r"(\d+)/(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def parsed(rate: str) -> tuple[int, int]:
    """How many in how many seconds: "10/m" is (10, 60). Raises `BadWorker`."""
    found = _FORM.fullmatch(rate) if isinstance(rate, str) else None
    if found is None or not int(found[1]):
        raise BadWorker(f'a rate is a number and a time, as in "100/s" or "10/m", not {rate!r}')
    return int(found[1]), _SECONDS[found[2]]


def per_second_of(rate: str | None) -> int | None:
    """The queue's setting that keeps a rate; `None` where none can."""
    if rate is None:
        return None
    count, seconds = parsed(rate)
    return None if count % seconds else count // seconds


class Bucket:
    """Tokens that come at a rate; as many may wait as come in one second, and one at least."""

    def __init__(self, rate: str, now_ms: int) -> None:
        count, seconds = parsed(rate)
        self._per_ms = count / (seconds * 1_000)
        self._most = max(1.0, count / seconds)
        self._tokens = self._most
        self._at_ms = now_ms

    def take(self, count: int, now_ms: int) -> int:
        """How many of `count` may start now; so many tokens are gone."""
        self._tokens = min(self._most, self._tokens + (now_ms - self._at_ms) * self._per_ms)
        self._at_ms = now_ms
        taken = min(count, int(self._tokens + 1e-9))
        self._tokens -= taken
        return taken

    def give_back(self, count: int) -> None:
        """So many did not start after all."""
        self._tokens = min(self._most, self._tokens + count)

    def wait_ms(self) -> int:
        """How long until there is a token, in ms."""
        missing = 1.0 - self._tokens
        return 0 if missing <= 0 else int(missing / self._per_ms) + 1
