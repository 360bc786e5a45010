"""Looking every so often for something to do, and what is under way because of it.

It stands under the pushers. The rule kept here: a round that fails is told and the next one comes
all the same; when the end is waited for, nothing is left behind.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

from postroad.errors import PostroadError

_log = logging.getLogger("postroad.net")


class Rounds:
    """The rounds of one pusher, and its tasks. `is_over`: no other round comes."""

    def __init__(self, look: Callable[[], Awaitable[None]], every_ms: int) -> None:
        self.is_over = False
        self._look = look
        self._every_s = every_ms / 1_000
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Look after a while, and again and again."""
        if not self.is_over:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._every_s, lambda: self.run(self._round()))

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Do something beside the loop's other work."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self) -> None:
        """Look no more; what is under way goes on."""
        self.is_over = True
        if self._timer is not None:
            self._timer.cancel()

    async def ended(self, wait_ms: int) -> None:
        """Wait so long for what is under way; what is not over then is cancelled."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=wait_ms / 1_000)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _round(self) -> None:
        try:
            await self._look()
        except PostroadError as error:
            _log.warning("what is to be pushed could not be looked up: %s", error)
        except Exception:  # noqa: BLE001  (a bug costs this round alone)
            _log.exception("what is to be pushed could not be looked up")
        self.begin()
