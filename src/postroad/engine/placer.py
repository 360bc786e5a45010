"""Blocks on their way to the store and out of it: placing, compaction, deletion.

One rule: a block leaves the cache only when its `Placed` is durable, and the store only when what
freed it is durable and no reply still needs it.
"""

import errno
from collections import deque
from collections.abc import Callable

from postroad.core.decision import Step
from postroad.core.machine import Core
from postroad.core.records import Closed, Placed, Rewritten
from postroad.core.shelf import Shelf
from postroad.core.state import State
from postroad.engine.block import Block
from postroad.engine.cache import Cache, Key
from postroad.engine.jobs import Compact, Delete, Job, Place
from postroad.limits import (
    COMPACT_BLOCKS,
    DELETE_BLOCKS,
    PLACE_BLOCKS,
    PLACE_BYTES,
    PLACE_RETRY_MS,
    SPARSE_LOOK_BLOCKS,
    SPARSE_LOOK_SEEN,
    SPARSE_LOOK_SHELVES,
)
from postroad.store.interface import Store


class Placer:
    """`stuck`: the store has no room; placing is tried again at `retry_ms`. `to_look`: groups of
    blocks of shelves that the running look for sparse blocks has not seen yet."""

    def __init__(
        self, core: Core, cache: Cache, store: Store, take_step: Callable[[Step], None]
    ) -> None:
        self.core = core
        self.cache = cache
        self.store = store
        self.take_step = take_step
        self.placing = False
        self.compacting = False
        self.deleting = False
        self.stuck = False
        self.retry_ms = 0
        self.fault: str | None = None
        self.look_for_sparse = False
        self.to_look: list[tuple[int, int]] = []
        self._sparse_files: set[int] = set()
        self._deleted = 0
        self._deaths: deque[tuple[int, Key, int]] = deque()
        self._undead: list[tuple[Key, int]] = []
        self._doomed: list[int] = []
        self._placed: list[Block] = []

    def take_freed(self, state: State) -> None:
        """Blocks nobody wants: out of the cache now, out of the store once that is durable."""
        for freed in state.freed:
            self.cache.drop(freed.shelf, freed.first)
            self.cache.drop_read(freed.shelf, freed.first)
            if freed.id:
                self._deaths.append((state.group, (freed.shelf, freed.first), freed.id))
        state.freed.clear()

    def is_durable(self, group: int) -> None:
        """Groups up to this one are durable."""
        kept: list[Block] = []
        for block in self._placed:
            if block.placed_group > group:
                kept.append(block)
            else:
                self.cache.drop(block.shelf, block.first)
        self._placed = kept
        while self._deaths and self._deaths[0][0] <= group:
            _, key, id = self._deaths.popleft()
            self._undead.append((key, id))
        self.bury()

    def bury(self) -> None:
        """Of the blocks that may go, those no reply needs."""
        kept: list[tuple[Key, int]] = []
        for key, id in self._undead:
            if key in self.cache.pins:
                kept.append((key, id))
            else:
                self._doomed.append(id)
        self._undead = kept

    def place(self, before_group: int, now: int) -> Place | None:
        """A job that places the oldest blocks, those whose oldest message is below a group; `None`
        for none."""
        if self.placing or now < self.retry_ms:
            return None
        picked: list[Block] = []
        total = 0
        for block in self.cache.written.values():
            if block.leaving_bytes:
                continue
            full = total >= PLACE_BYTES or len(picked) >= PLACE_BLOCKS
            if block.group >= before_group or full:
                break
            picked.append(block)
            total += block.size()
        if not picked:
            return None
        return self._place(picked)

    def _place(self, picked: list[Block]) -> Place:
        closed: list[Placed | Rewritten | Closed] = []
        masks: list[int] = []
        keys = [(block.shelf, block.first) for block in picked]
        for block in picked:
            self.cache.leave(block)
            live, full, is_open = self.core.state.shelves[block.shelf].share(block.first)
            if is_open:
                closed.append(Closed(block.shelf, block.first))
            sparse = live * 2 < full
            count = len(block.ends)
            masks.append(self.core.live_bits(block.shelf, block.first, count) if sparse else 0)
        if closed:
            self.take_step(self.core.place(closed))
        self.placing = True
        return Place(self.store, keys, picked, masks)

    def delete(self) -> Delete | None:
        """A job that forgets what may go."""
        if self.deleting or not self._doomed:
            return None
        ids = self._doomed[:DELETE_BLOCKS]
        del self._doomed[:DELETE_BLOCKS]
        self.deleting = True
        self._deleted += len(ids)
        if self._deleted >= SPARSE_LOOK_BLOCKS:
            self._deleted = 0
            self.look_for_sparse = True
        return Delete(self.store, ids)

    def compact(self) -> Compact | None:
        """A job that rewrites blocks, or the blocks of files, of which less than half is wanted;
        a look goes through all shelves, some in a turn, and a few blocks in a job."""
        if self.compacting or self.stuck:
            return None
        if self.look_for_sparse and not self.to_look:
            self.look_for_sparse = False
            self._sparse_files = set(self.store.sparse_files(0.5))
            shelves = self.core.state.shelves
            self.to_look = [(id, at) for id in shelves for at in range(len(shelves[id].groups))]
        wanted: list[tuple[int, int, int, int, int]] = []
        seen = 0
        for _ in range(SPARSE_LOOK_SHELVES):
            if not self.to_look or len(wanted) >= COMPACT_BLOCKS or seen >= SPARSE_LOOK_SEEN:
                break
            id, at = self.to_look[-1]
            shelf = self.core.state.shelves.get(id)
            if shelf is not None and at < len(shelf.groups):
                self._pick_sparse(shelf, at, wanted)
                seen += len(shelf.groups[at].first)
            if len(wanted) < COMPACT_BLOCKS:
                self.to_look.pop()
        if not wanted:
            return None
        self.compacting = True
        return Compact(self.store, wanted)

    def _pick_sparse(
        self, shelf: Shelf, at: int, wanted: list[tuple[int, int, int, int, int]]
    ) -> None:
        """Enter blocks of a group of a shelf that are to be rewritten, until the job is full."""
        sparse = set(shelf.sparse_blocks(at))
        files = self._sparse_files
        if not sparse and not files:
            return
        for first, count, _, id, size in shelf.blocks_of(shelf.groups[at]):
            if len(wanted) >= COMPACT_BLOCKS:
                break
            if id and (first in sparse or self.store.file_of(id) in files):
                mask = self.core.live_bits(shelf.id, first, count)
                wanted.append((shelf.id, first, id, size, mask))

    def finished(self, job: Job, result: object, now: int) -> None:
        """A job of this file came back."""
        failed = isinstance(result, BaseException)
        if failed and not (isinstance(result, OSError) and result.errno == errno.ENOSPC):
            self.fault = f"the store failed: {result}; nothing more is acknowledged, start again"
        if failed:
            self.stuck = True
            self.retry_ms = now + PLACE_RETRY_MS
        elif not isinstance(job, Delete):
            self.stuck = False
        if isinstance(job, Place):
            self.placing = False
            self._place_finished(job, result)
        elif isinstance(job, Compact):
            self.compacting = False
            if isinstance(result, list):
                pairs = zip(job.wanted, result, strict=True)
                moved = [Rewritten(one[0], one[1], *new) for one, new in pairs]
                self.take_step(self.core.place(moved))
        else:
            self.deleting = False

    def _place_finished(self, job: Place, result: object) -> None:
        group = self.core.state.group
        records: list[Placed | Rewritten | Closed] = []
        for at, key in enumerate(job.keys):
            block = self.cache.written.get(key)
            if block is not None and not isinstance(result, list):
                self.cache.stay(block)
            if isinstance(result, list):
                records.append(Placed(key[0], key[1], *result[at]))
                if block is not None:
                    block.placed_group = group
                    self._placed.append(block)
        if records:
            self.take_step(self.core.place(records))
