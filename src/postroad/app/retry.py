"""How often a task is tried, and how long it waits in between.

It stands between a worker's declaration and the queue's own policy. The rule kept here: what the
broker can do by itself is the queue's setting, so that every worker of the queue keeps to it.
"""

from typing import Final

from postroad.app.bounds import is_count, is_number
from postroad.errors import BadSettings, BadWorker
from postroad.limits import DURATION_MS_MAX
from postroad.model.policy import (
    BACKOFF_EXPONENTIAL,
    BACKOFF_FIXED,
    BACKOFF_LINEAR,
    BACKOFF_NONE,
    BACKOFFS,
    RetryPolicy,
)
from postroad.model.value import value

_DOUBLINGS_MAX: Final = 40


@value
class Retry:
    """`attempts`: deliveries that may fail before the message is dead. Between them it waits:
    `backoff` is `none` (not at all), `fixed` (`base_s`), `linear` (`base_s` times the attempt) or
    `exponential` (`base_s` doubled each time), at most `max_s`. `jitter`: an exponential wait is a
    random time up to that, so that what failed together does not come back together."""

    attempts: int = 5
    backoff: str = BACKOFF_EXPONENTIAL
    base_s: float = 1.0
    max_s: float = 60.0
    jitter: bool = True

    def policy(self) -> RetryPolicy:
        """The queue's setting. Raises `BadSettings`."""
        self.check()
        return RetryPolicy(self.backoff, round(self.base_s * 1_000), round(self.max_s * 1_000))

    def after_ms(self, attempt: int) -> int | None:
        """How long a message waits after its `attempt`th failure, in ms; `None`: as the queue's
        policy says, for the broker throws the dice."""
        if self.backoff != BACKOFF_EXPONENTIAL or self.jitter:
            return None
        wait_s: float = self.base_s * (1 << min(max(attempt, 1) - 1, _DOUBLINGS_MAX))
        return round(min(self.max_s, wait_s) * 1_000)

    def check(self) -> None:
        """Raise `BadSettings` where it makes no sense."""
        if self.backoff not in BACKOFFS:
            names = f"{BACKOFF_NONE}, {BACKOFF_FIXED}, {BACKOFF_LINEAR}, {BACKOFF_EXPONENTIAL}"
            raise BadSettings(f"`backoff` is one of {names}, not {self.backoff!r}")
        if not is_count(self.attempts) or self.attempts < 1:
            raise BadSettings("`attempts` is a whole number, 1 or more: the first run is one")
        if not (is_number(self.base_s) and is_number(self.max_s)):
            raise BadSettings("`base_s` and `max_s` are numbers of seconds")
        if not 0 <= self.base_s <= self.max_s <= DURATION_MS_MAX / 1_000:
            raise BadSettings("`base_s` is 0 or more, and at most `max_s`")


def check_retry(what: str, given: object) -> None:
    """Raise `BadWorker` about `what` where this is no `Retry`, `BadSettings` where it makes no
    sense.
    """
    if not isinstance(given, Retry):
        raise BadWorker(f"{what}: `retry` is a `Retry`, such as `Retry(attempts=5)`")
    given.check()
