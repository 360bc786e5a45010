"""When to try again what did not go: soon at first, then less and less often.

It stands beside the runs. The rule kept here: the wait doubles up to a bound, and is a random part
of it, so that what failed together does not come back together.
"""

import asyncio
from random import uniform
from typing import Final

from postroad.errors import ConnectionLost, NotConnected, TimedOut
from postroad.limits import WORKER_AGAIN_MS, WORKER_AGAIN_MS_MAX

CUT_OFF: Final = (ConnectionLost, NotConnected, TimedOut)
"""The broker is not reached, or did not answer: the same may be tried again once it is there."""


class Again:
    """The waits between tries of one thing. `reason`: why the last one failed, as it was told."""

    def __init__(self) -> None:
        self._tries = 0
        self.reason = ""

    @property
    def is_needed(self) -> bool:
        """Whether the last try failed."""
        return self._tries > 0

    def next_ms(self) -> int:
        """A try failed: how long to wait before the next."""
        bound_ms: int = min(WORKER_AGAIN_MS << min(self._tries, 16), WORKER_AGAIN_MS_MAX)
        self._tries += 1
        return round(uniform(bound_ms / 2, bound_ms))

    def is_news(self, error: BaseException) -> bool:
        """Whether a try failed for another reason than the one before it: what was said once need
        not be said with every try."""
        before, self.reason = self.reason, f"{type(error).__name__}: {error}"
        return self.reason != before

    def went(self) -> None:
        """A try went well: the next failure is a first one."""
        self._tries = 0
        self.reason = ""


async def passed(loop: asyncio.AbstractEventLoop, ms: int) -> None:
    """Wait so many ms."""
    passed: asyncio.Future[None] = loop.create_future()
    timer = loop.call_later(ms / 1_000, passed.set_result, None)
    try:
        await passed
    finally:
        timer.cancel()
