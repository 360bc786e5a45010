"""What the engine wants done outside its turn: appends, loads, writes to the store and checkpoints.

One rule: a job holds all it needs and touches journal, store or checkpoints alone, so that it may
run on any thread; what comes of it goes back through `Engine.finished`.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Protocol

import msgspec

from postroad.engine.block import Block, decode_block
from postroad.errors import CorruptBlock
from postroad.journal.interface import Fault, Journal, Position
from postroad.store.checkpoint import Checkpoints, Cut
from postroad.store.interface import Store


class Lane(IntEnum):
    """Jobs of one lane run one after another; lanes run side by side."""

    JOURNAL = 0
    READ = 1
    KEEP = 2


class Job(Protocol):
    """Something to run; `lane` says beside what."""

    lane: Lane

    def run(self) -> object:
        """Do it. Raises `OSError` or a `PostroadError`; whoever runs it hands the exception back as
        the result."""


class Append:
    """Append the frames of one group."""

    lane = Lane.JOURNAL

    def __init__(self, journal: Journal, frames: list[bytes]) -> None:
        self.journal = journal
        self.frames = frames
        self.result: Position | Fault = 0

    def run(self) -> Position | Fault:
        """The position of the first frame, or the fault."""
        first: Position = 0
        for frame in self.frames:
            self.journal.append(frame, self._done)
            if isinstance(self.result, Fault):
                return self.result
            first = first or self.result
        return first

    def _done(self, result: Position | Fault) -> None:
        self.result = result


class Load:
    """Read blocks back: (shelf, first, id, size) each."""

    lane = Lane.READ

    def __init__(self, store: Store, wanted: list[tuple[int, int, int, int]]) -> None:
        self.store = store
        self.wanted = wanted

    def run(self) -> list[Block]:
        """The blocks, in the order asked for."""
        return [read_block(self.store, *one) for one in self.wanted]


class LoadAhead(Load):
    """Read blocks back that nobody asked for yet."""


class Place:
    """Write blocks to the store, with one sync for all; of a block with a mask, only the messages
    whose bit is set. The blocks are closed: nobody changes them any more."""

    lane = Lane.KEEP

    def __init__(
        self, store: Store, keys: list[tuple[int, int]], blocks: list[Block], masks: list[int]
    ) -> None:
        self.store = store
        self.keys = keys
        self.blocks = blocks
        self.masks = masks

    def run(self) -> list[tuple[int, int, int]]:
        """(id, size, messages) of each."""
        pairs = zip(self.blocks, self.masks, strict=True)
        return put_blocks(
            self.store, [block.thin(mask) if mask else block for block, mask in pairs]
        )


class Compact:
    """Write blocks again with only what is wanted: (shelf, first, id, size, mask) each."""

    lane = Lane.KEEP

    def __init__(self, store: Store, wanted: list[tuple[int, int, int, int, int]]) -> None:
        self.store = store
        self.wanted = wanted

    def run(self) -> list[tuple[int, int, int]]:
        """(id, size, messages) of each new copy."""
        thin = [
            read_block(self.store, shelf, first, id, size).thin(mask)
            for shelf, first, id, size, mask in self.wanted
        ]
        return put_blocks(self.store, thin)


class Delete:
    """Forget blocks of the store."""

    lane = Lane.KEEP

    def __init__(self, store: Store, ids: Sequence[int]) -> None:
        self.store = store
        self.ids = ids

    def run(self) -> None:
        """Do it."""
        self.store.delete(self.ids)


class Feed:
    """Rows of the running checkpoint; the first of them begins it, the one with a cut ends it."""

    lane = Lane.KEEP

    def __init__(
        self,
        checkpoints: Checkpoints,
        rows: Mapping[bytes, bytes | None],
        first: bool,
        cut: Cut | None,
    ) -> None:
        self.checkpoints = checkpoints
        self.rows = rows
        self.first = first
        self.cut = cut

    def run(self) -> Cut | None:
        """The cut, when it is durable."""
        try:
            if self.first:
                self.checkpoints.begin()
            self.checkpoints.feed(self.rows)
            if self.cut is not None:
                self.checkpoints.commit(self.cut)
        except BaseException:
            self.checkpoints.abort()
            raise
        return self.cut


class Trim:
    """Forget the journal below a position."""

    lane = Lane.KEEP

    def __init__(self, journal: Journal, before: Position) -> None:
        self.journal = journal
        self.before = before

    def run(self) -> None:
        """Do it."""
        self.journal.trim(self.before)


class Sync:
    """Make durable what a weaker setting has not synced yet."""

    lane = Lane.JOURNAL

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def run(self) -> None:
        """Do it."""
        self.journal.sync()


class Room:
    """Look whether the disk has room again, or give it the journal's reserve."""

    lane = Lane.KEEP

    def __init__(self, journal: Journal, release: bool) -> None:
        self.journal = journal
        self.release = release

    def run(self) -> None:
        """Do it."""
        if self.release:
            self.journal.release_reserve()
        else:
            self.journal.refresh_space()


def put_blocks(store: Store, blocks: list[Block]) -> list[tuple[int, int, int]]:
    """(id, size, messages) of each block, once all are durable."""
    packed = [block.encode() for block in blocks]
    kept = [len(block.ends) for block in blocks]
    return list(zip(store.put(packed), map(len, packed), kept, strict=True))


def read_block(store: Store, shelf: int, first: int, id: int, size: int) -> Block:
    """One block from the store; raises `CorruptBlock` when it is not what was put."""
    packed = store.get(id, size)
    try:
        block = decode_block(shelf, packed)
    except msgspec.MsgspecError as error:
        raise CorruptBlock(f"block {id:x}", 0, str(error)) from error
    if block.first != first:
        raise CorruptBlock(f"block {id:x}", 0, f"it begins at {block.first}, not at {first}")
    return block
