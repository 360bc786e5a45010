"""The bodies in memory: blocks not placed yet, and blocks read back.

One rule: a block that is not placed stays until nobody wants it or its `Placed` is durable; blocks
that were read back give way, the longest unused first, unless they are pinned.
"""

from array import array
from collections import OrderedDict

from postroad.core.handout import Bodies, Piece
from postroad.core.records import Published
from postroad.engine.block import Block
from postroad.limits import READ_CACHE_SHARE

Key = tuple[int, int]
"""(shelf, first index of a block)."""


class Cache:
    """Blocks by shelf and first index; `written` is in the order they were begun.

    `bytes`: of blocks not safely placed; `leaving_bytes`: of those among them on their way to the
    store; `read_bytes`: of blocks read back. `ahead`: bytes of those read back ahead and not used
    yet; `ahead_bytes`: their sum; `ahead_used`: how many were used; `stirred`: shelves of which one
    was, for whoever reads ahead to clear; `coming`: those on their way.
    """

    def __init__(self, bytes_max: int) -> None:
        self.read_bytes_max = max(1, bytes_max // READ_CACHE_SHARE)
        self.write_bytes_max = max(1, bytes_max - self.read_bytes_max)
        self.bytes = 0
        self.leaving_bytes = 0
        self.read_bytes = 0
        self.written: dict[Key, Block] = {}
        self.read: OrderedDict[Key, Block] = OrderedDict()
        self.pins: dict[Key, int] = {}
        self.ahead: dict[Key, int] = {}
        self.ahead_bytes = 0
        self.ahead_used = 0
        self.stirred: dict[int, None] = {}
        self.coming: set[Key] = set()

    def add(self, record: Published, first: int, group: int) -> None:
        """The bodies of a publish, into the block that begins at `first`."""
        key = (record.shelf, first)
        block = self.written.get(key)
        if block is None:
            block = Block(record.shelf, first, group)
            self.written[key] = block
            self.bytes += block.size()
        before = block.size()
        block.append(record)
        self.bytes += block.size() - before

    def fetch(self, piece: Piece) -> Bodies | None:
        """The messages of a piece, or `None` when its block is not in memory."""
        block = self._find(piece)
        if block is None or piece.places is None:
            return None if block is None else block.fetch(piece.index, piece.count)
        return block.gather(piece.index, piece.places)

    def times(self, piece: Piece) -> list[int] | None:
        """When the messages of a piece were published, or `None` likewise."""
        block = self._find(piece)
        return None if block is None else block.published(piece.index, piece.count)

    def keys(self, piece: Piece) -> "array[int] | None":
        """The hashes of the keys of the messages of a piece, or `None` likewise."""
        block = self._find(piece)
        return None if block is None else block.key_hashes(piece.index, piece.count)

    def _find(self, piece: Piece) -> Block | None:
        key = (piece.shelf, piece.block)
        block = self.written.get(key)
        if block is None:
            block = self.read.get(key)
            if block is not None:
                self.read.move_to_end(key)
                if self.ahead and key in self.ahead:
                    self._not_ahead(key)
                    self.ahead_used += 1
                    self.stirred[piece.shelf] = None
        return block

    def drop(self, shelf: int, first: int) -> None:
        """Nobody wants a block any more, or it is safely placed; a pinned one stays as if read."""
        key = (shelf, first)
        block = self.written.pop(key, None)
        if block is None:
            return
        self.bytes -= block.size()
        self.leaving_bytes -= block.leaving_bytes
        if key in self.pins:
            self.read[key] = block
            self.read_bytes += block.size()

    def leave(self, block: Block) -> None:
        """A block is on its way to the store."""
        block.leaving_bytes = block.size()
        self.leaving_bytes += block.leaving_bytes

    def stay(self, block: Block) -> None:
        """The store did not take a block."""
        self.leaving_bytes -= block.leaving_bytes
        block.leaving_bytes = 0

    def drop_read(self, shelf: int, first: int) -> None:
        """A block that was read back changed its place or is gone."""
        key = (shelf, first)
        if key in self.read and key not in self.pins:
            self._let_go(key)

    def keep(self, block: Block) -> None:
        """A block that was read back."""
        key = (block.shelf, block.first)
        if key in self.read or key in self.written:
            return
        self.read[key] = block
        self.read_bytes += block.size()
        self.trim()

    def keep_ahead(self, block: Block) -> None:
        """A block that was read back before anybody asked for it."""
        key = (block.shelf, block.first)
        if not self.has(key):
            self.ahead[key] = block.size()
            self.ahead_bytes += block.size()
            self.keep(block)

    def trim(self) -> None:
        """Let read blocks go until they are within their share."""
        if self.read_bytes <= self.read_bytes_max:
            return
        for key in list(self.read):
            if self.read_bytes <= self.read_bytes_max:
                break
            if key not in self.pins:
                self._let_go(key)

    def _let_go(self, key: Key) -> None:
        self.read_bytes -= self.read.pop(key).size()
        self._not_ahead(key)

    def _not_ahead(self, key: Key) -> None:
        self.ahead_bytes -= self.ahead.pop(key, 0)

    def pin(self, key: Key) -> None:
        """Somebody needs this block; it stays once it is there."""
        self.pins[key] = self.pins.get(key, 0) + 1

    def unpin(self, key: Key) -> None:
        """The inverse of `pin`."""
        left = self.pins[key] - 1
        if left:
            self.pins[key] = left
        else:
            del self.pins[key]

    def has(self, key: Key) -> bool:
        """Whether a block is in memory."""
        return key in self.written or key in self.read

    def oldest_group(self) -> int:
        """The group of the oldest body that is in the journal alone; 0 for none."""
        for block in self.written.values():
            if not block.placed_group:
                return block.group
        return 0
