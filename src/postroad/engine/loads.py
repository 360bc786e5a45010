"""What is read back from the store, and who waits for it.

One rule: an ask whose bodies are missing is taken again once all of them are there; until then
nothing of them is let go. Compiled by mypyc where possible.
"""

from typing import TYPE_CHECKING

from postroad.core.decision import Missing
from postroad.engine.ahead import Ahead, Wanted
from postroad.engine.cache import Key
from postroad.engine.inbox import Inbox
from postroad.engine.jobs import Job, Load, LoadAhead
from postroad.engine.keeper import Keeper
from postroad.engine.outbox import Outbox
from postroad.limits import LOAD_BLOCKS
from postroad.model.ask import Ask, Caller

if TYPE_CHECKING:
    from postroad.engine.engine import Parts


class Loads:
    """`asks`: those that wait, with the blocks pinned for them; `tick`: the blocks that what time
    does waits for."""

    def __init__(self, parts: "Parts", outbox: Outbox, inbox: Inbox, keeper: Keeper) -> None:
        self.store = parts.store
        self.cache = parts.cache
        self.ahead = Ahead(parts.core.state, parts.cache)
        self.outbox = outbox
        self.inbox = inbox
        self.keeper = keeper
        self.asks: list[tuple[Ask, list[Key]]] = []
        self.tick: list[Key] = []
        self.fault: str | None = None
        self._loading = False
        self._wanted: list[Wanted] = []

    def wait(self, ask: Ask, missing: Missing) -> None:
        """An ask waits for bodies."""
        self.asks.append((ask, self._want(missing)))

    def wait_with_time(self, missing: Missing) -> None:
        """What time does waits for bodies."""
        self.tick = self._want(missing)

    def forget(self, caller: Caller) -> None:
        """A caller is gone, and what it asked with it."""
        for ask, keys in self.asks:
            if ask.caller is caller:
                self.keeper.unpin_later(keys)
        self.asks = [one for one in self.asks if one[0].caller is not caller]

    def reads(self) -> bool:
        """Whether something goes on only when blocks of the store are read."""
        return bool(self._loading or self.asks or self.tick)

    def idle(self) -> bool:
        """Whether nobody waits, and nothing is on its way."""
        return not (self.reads() or self.ahead.loading)

    def take_jobs(self) -> list[Job]:
        """What to read now, at most one job for those who wait and one ahead of all asks."""
        jobs: list[Job] = []
        if not self._loading:
            wanted = self._wanted[:LOAD_BLOCKS]
            del self._wanted[:LOAD_BLOCKS]
            if not wanted:
                pieces = self.outbox.wanted_blocks(LOAD_BLOCKS)
                wanted = [(piece.shelf, piece.block, piece.id, piece.size) for piece in pieces]
            if wanted:
                self._loading = True
                self.ahead.missed(wanted)
                jobs.append(Load(self.store, wanted))
        if not self.keeper.closing:
            ahead = self.ahead.take()
            if ahead:
                jobs.append(LoadAhead(self.store, ahead))
        return jobs

    def finished(self, job: Load, result: object) -> None:
        """Blocks are there, or could not be read."""
        if isinstance(job, LoadAhead):
            self.ahead.finished(result)
            self._refill()
            return
        self._loading = False
        if not isinstance(result, list):
            self.fault = f"the store failed: {result}"
            return
        for block in result:
            self.cache.keep(block)
        self._refill()
        if not self._wanted:
            self._go_on()

    def _refill(self) -> None:
        self.outbox.refill()
        self.cache.trim()
        self.keeper.unpinned()

    def _go_on(self) -> None:
        """All that anybody waited for is there."""
        for ask, keys in self.asks:
            self.inbox.put_back(ask)
            self.keeper.unpin_later(keys)
        self.asks = []
        if self.tick:
            self.keeper.unpin_later(self.tick)
            self.tick = []

    def _want(self, missing: Missing) -> list[Key]:
        keys: list[Key] = []
        for piece in missing.pieces:
            key = (piece.shelf, piece.block)
            if key not in keys:
                keys.append(key)
                self.cache.pin(key)
                if not self.cache.has(key):
                    self._wanted.append((piece.shelf, piece.block, piece.id, piece.size))
        return keys
