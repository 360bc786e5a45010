"""Where the bodies of one queue, or of one route set, rest: blocks of messages by index.

One rule: the core knows of a block only where it begins, how many messages it has, how many of them
are still wanted and its number in the store; the bytes are the engine's. Compiled by mypyc where
possible.
"""

from array import array
from bisect import bisect_left, bisect_right

import msgspec

from postroad.core.ledger import Ledger, Row
from postroad.limits import BLOCK_BYTES, BLOCK_MESSAGES_MAX

GROUP = 4_096
"""Blocks in one checkpoint row."""


class BlockGroup(Row):
    """The blocks of a shelf whose ordinal is in one run of GROUP, in order of their first index.

    `bytes`: what was published into each, heads too; `size`: what it takes in the store.
    """

    def __init__(self, shelf: int, number: int) -> None:
        super().__init__(blocks_key(shelf, number))
        self.number = number
        self.first: array[int] = array("Q")
        self.count: array[int] = array("I")
        self.live: array[int] = array("q")
        self.id: array[int] = array("Q")
        self.size: array[int] = array("I")
        self.kept: array[int] = array("I")
        self.bytes: array[int] = array("I")
        self.alive = 0

    def columns(self) -> "list[array[int]]":
        """All columns."""
        return [self.first, self.count, self.live, self.id, self.size, self.kept, self.bytes]

    def encode(self) -> bytes:
        """The row: the facts, without the live counts, which are derived."""
        kept = [index for index in range(len(self.first)) if self.live[index]]
        return msgspec.msgpack.encode(
            [
                array("Q", [self.first[index] for index in kept]).tobytes(),
                array("I", [self.count[index] for index in kept]).tobytes(),
                array("Q", [self.id[index] for index in kept]).tobytes(),
                array("I", [self.size[index] for index in kept]).tobytes(),
                array("I", [self.kept[index] for index in kept]).tobytes(),
                array("I", [self.bytes[index] for index in kept]).tobytes(),
            ]
        )


def blocks_key(shelf: int, number: int) -> bytes:
    """The row key of a group of blocks."""
    return b"b" + shelf.to_bytes(8, "big") + number.to_bytes(8, "big")


def decode_blocks(shelf: int, number: int, packed: bytes) -> BlockGroup:
    """A group of blocks from its row; live counts are zero until they are counted."""
    fields = msgspec.msgpack.decode(packed)
    group = BlockGroup(shelf, number)
    group.first.frombytes(fields[0])
    group.count.frombytes(fields[1])
    group.id.frombytes(fields[2])
    group.size.frombytes(fields[3])
    group.kept.frombytes(fields[4])
    # Rows were written without it once: then what a block takes in the store says as much.
    group.bytes.frombytes(fields[5] if len(fields) > 5 else fields[3])
    group.live = array("q", bytes(8 * len(group.first)))
    return group


def shelf_key(shelf: int) -> bytes:
    """The row key of a shelf."""
    return b"s" + shelf.to_bytes(8, "big")


class Freed:
    """A block in which nothing is wanted any more; `id` is 0 when it was never placed."""

    def __init__(self, shelf: int, first: int, id: int, size: int) -> None:
        self.shelf = shelf
        self.first = first
        self.id = id
        self.size = size


class Shelf(Row):
    """The blocks of one queue or route set; the last one is open until it is full or placed.

    `idle`: where a shelf that is asked to says that nothing on it is wanted.
    """

    def __init__(self, id: int, ledger: Ledger, freed: list[Freed]) -> None:
        super().__init__(shelf_key(id))
        self.id = id
        self.ledger = ledger
        self.next = 0
        self.targets = 1
        self.groups: list[BlockGroup] = []
        self.starts: array[int] = array("Q")
        self.next_group = 0
        self.open_bytes = 0
        self.freed = freed
        self.idle: dict[int, None] | None = None

    def append(self, count: int, size: int) -> int:
        """Messages were published; returns the first index of the block they went to."""
        self.ledger.touch(self)
        first = self.next
        self.next = first + count
        group = self.groups[-1] if self.groups else None
        if group is not None and self._fits(group, count, size):
            self.ledger.touch(group)
            group.count[-1] += count
            group.live[-1] += count * self.targets
            group.bytes[-1] += size
            self.open_bytes += size
            return group.first[-1]
        if group is None or len(group.first) >= GROUP:
            group = self._new_group(first)
        self.ledger.touch(group)
        group.alive += 1
        group.first.append(first)
        group.count.append(count)
        group.live.append(count * self.targets)
        group.id.append(0)
        group.size.append(0)
        group.kept.append(0)
        group.bytes.append(size)
        self.open_bytes = size
        return first

    def close(self) -> None:
        """The next messages go to a new block."""
        self.ledger.touch(self)
        self.open_bytes = BLOCK_BYTES

    def rest_of_block(self, index: int) -> int:
        """How many messages there are from this one to the end of its block."""
        group, at = self._find(index)
        return group.first[at] + group.count[at] - index

    def release(self, first: int, count: int) -> None:
        """So many consecutive messages are no longer wanted by one target."""
        while count > 0:
            part = min(count, self.rest_of_block(first))
            self.release_some(first, part)
            first += part
            count -= part

    def release_some(self, index: int, count: int) -> None:
        """So many messages of the block of this one are no longer wanted by one target."""
        group, at = self._find(index)
        self._less(group, at, count)

    def place(self, first: int, id: int, size: int, kept: int) -> bool:
        """A block rests in the store; false when nothing of it is wanted any more (the copy is free
        at once)."""
        group, at = self._find_exact(first)
        if group is None:
            if id:
                self.freed.append(Freed(self.id, first, id, size))
            return False
        self.ledger.touch(group)
        if group.id[at]:
            self.freed.append(Freed(self.id, first, group.id[at], group.size[at]))
        group.id[at] = id
        group.size[at] = size
        group.kept[at] = kept
        return True

    def where(self, index: int) -> tuple[int, int, int, int]:
        """The block of a message: (first index, messages in it, store id or 0, size in bytes)."""
        group, at = self._find(index)
        return group.first[at], group.count[at], group.id[at], group.size[at]

    def weight(self, index: int) -> tuple[int, int]:
        """What a message weighs, in bytes, as the mean of its block; and how many there are of it
        to the end of the block."""
        group, at = self._find(index)
        count = group.count[at]
        return -(-group.bytes[at] // count), group.first[at] + count - index

    def following(self, index: int, most: int) -> list[tuple[int, int, int, int]]:
        """Of the next `most` blocks that begin at an index or after it, those that are wanted, as
        `where` has them."""
        found: list[tuple[int, int, int, int]] = []
        which = max(0, bisect_right(self.starts, index) - 1)
        while which < len(self.groups) and most > 0:
            group = self.groups[which]
            begin = bisect_left(group.first, index)
            end = min(len(group.first), begin + most)
            found.extend(
                (group.first[at], group.count[at], group.id[at], group.size[at])
                for at in range(begin, end)
                if group.live[at]
            )
            most -= end - begin
            which += 1
        return found

    def has(self, index: int) -> bool:
        """Whether the block of this index is still there."""
        group, at = self._look(index)
        return (
            group is not None and index < group.first[at] + group.count[at] and group.live[at] > 0
        )

    def share(self, first: int) -> tuple[int, int, bool]:
        """Of a block that is wanted: (live, all) counted over all targets, and whether it is still
        open; (0, 0) if gone."""
        group, at = self._find_exact(first)
        if group is None:
            return 0, 0, False
        is_open = first + group.count[at] == self.next and self.open_bytes < BLOCK_BYTES
        return group.live[at], group.count[at] * self.targets, is_open

    def blocks(self) -> list[tuple[int, int, int, int, int]]:
        """All wanted blocks: (first, count, live, id, size)."""
        return [one for group in self.groups for one in self.blocks_of(group)]

    def blocks_of(self, group: BlockGroup) -> list[tuple[int, int, int, int, int]]:
        """The wanted blocks of one group, likewise."""
        found: list[tuple[int, int, int, int, int]] = []
        for at in range(len(group.first)):
            if group.live[at]:
                one = (
                    group.first[at],
                    group.count[at],
                    group.live[at],
                    group.id[at],
                    group.size[at],
                )
                found.append(one)
        return found

    def sparse_blocks(self, number: int) -> list[int]:
        """First indexes of the placed blocks of one of the groups of whose stored messages less
        than half are wanted, even if each is wanted by one target only; so what was rewritten is
        not sparse any more."""
        found: list[int] = []
        group = self.groups[number]
        for at in range(len(group.first)):
            placed = group.live[at] and group.id[at]
            if placed and group.live[at] * 2 < group.kept[at]:
                found.append(group.first[at])
        return found

    def load(self, group: BlockGroup) -> None:
        """Take a group read from a checkpoint; groups come in order."""
        self.groups.append(group)
        self.starts.append(group.first[0])

    def count_live(self, first: int, count: int, targets: int = 1) -> None:
        """After a load: these messages are wanted by one more target, or several."""
        while count > 0:
            group, at = self._find(first)
            room = group.first[at] + group.count[at] - first
            part = min(room, count)
            if not group.live[at]:
                group.alive += 1
            group.live[at] += part * targets
            first += part
            count -= part

    def encode(self) -> bytes:
        """The row of the shelf itself; its blocks have rows of their own."""
        return msgspec.msgpack.encode([self.next, self.open_bytes, self.next_group])

    def say_if_idle(self) -> None:
        """Enter a shelf on which nothing is wanted."""
        if self.idle is not None and not self.groups:
            self.idle[self.id] = None

    def _fits(self, group: BlockGroup, count: int, size: int) -> bool:
        return (
            len(group.first) > 0
            and group.live[-1] > 0
            and not group.id[-1]
            and group.first[-1] + group.count[-1] == self.next - count
            and self.open_bytes < BLOCK_BYTES
            and self.open_bytes + size <= BLOCK_BYTES
            and group.count[-1] + count <= BLOCK_MESSAGES_MAX
        )

    def _less(self, group: BlockGroup, at: int, count: int) -> None:
        left = group.live[at] - count
        assert left >= 0, "a message is released once by each of its targets"
        if left:
            group.live[at] = left
            return
        # Before the change: a checkpoint on its way still needs the block in its row.
        self.ledger.touch(group)
        group.live[at] = 0
        self.freed.append(Freed(self.id, group.first[at], group.id[at], group.size[at]))
        group.id[at] = 0
        if at == len(group.first) - 1:
            while len(group.first) and not group.live[-1]:
                for column in group.columns():
                    column.pop()
        group.alive -= 1
        if not group.alive:
            self._drop(group)

    def _drop(self, group: BlockGroup) -> None:
        self.ledger.touch(self)
        self.ledger.drop(group)
        at = self.groups.index(group)
        del self.groups[at]
        del self.starts[at]
        self.say_if_idle()

    def _new_group(self, first: int) -> BlockGroup:
        self.ledger.touch(self)
        group = BlockGroup(self.id, self.next_group)
        self.next_group += 1
        self.groups.append(group)
        if self.idle is not None:
            self.idle.pop(self.id, None)
        self.starts.append(first)
        return group

    def _look(self, index: int) -> tuple[BlockGroup | None, int]:
        which = bisect_right(self.starts, index) - 1
        if which < 0:
            return None, 0
        group = self.groups[which]
        return group, bisect_right(group.first, index) - 1

    def _find(self, index: int) -> tuple[BlockGroup, int]:
        group, at = self._look(index)
        assert group is not None, "the block of a wanted message is known"
        assert at >= 0, "a group has blocks"
        assert index < group.first[at] + group.count[at], "a wanted message is in a block"
        return group, at

    def _find_exact(self, first: int) -> tuple[BlockGroup | None, int]:
        group, at = self._look(first)
        if group is None or at < 0 or group.first[at] != first or not group.live[at]:
            return None, 0
        return group, at
