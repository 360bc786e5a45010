"""A block of messages in memory, and its form in the store.

One rule: a block is appended to in index order until it is closed; once stored it never changes.
Compiled by mypyc where possible.
"""

from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate

import msgspec

from postroad.core.handout import Bodies
from postroad.core.records import Published
from postroad.engine.stored import StoredBlock
from postroad.model.message import Note

ENTRY_BYTES = 200
"""What a block takes besides its columns, roughly."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(StoredBlock).decode


class Block:
    """Messages of a shelf from index `first` on. `group`: the journal group of its oldest
    message."""

    def __init__(self, shelf: int, first: int, group: int) -> None:
        self.shelf = shelf
        self.first = first
        self.group = group
        self.placed_group = 0
        self.leaving_bytes = 0
        self.blob: bytes | bytearray = b""
        self.ends: array[int] = array("I")
        self.head_blob: bytes | bytearray = b""
        self.head_ends: array[int] | None = None
        self.time_starts: array[int] = array("I")
        self.times: array[int] = array("Q")
        self.notes: dict[int, Note] = {}
        self.present: array[int] | None = None
        self.keys: array[int] | None = None

    def append(self, record: Published) -> None:
        """The messages of a publish."""
        count = len(record.sizes) >> 2
        at = len(self.ends)
        self.ends.extend(_ends(record.sizes, len(self.blob)))
        self.blob = _joined(self.blob, record.blob)
        if record.head_sizes or self.head_ends is not None:
            if self.head_ends is None:
                self.head_ends = array("I", bytes(4 * at))
            base = len(self.head_blob)
            if record.head_sizes:
                self.head_ends.extend(_ends(record.head_sizes, base))
                self.head_blob = _joined(self.head_blob, record.heads)
            else:
                self.head_ends.extend(array("I", [base]) * count)
        if not len(self.times) or self.times[-1] != record.now_ms:
            self.time_starts.append(at)
            self.times.append(record.now_ms)
        if record.keys or self.keys is not None:
            self._add_keys(record.keys, at, count)
        if record.notes is not None:
            for index, note in enumerate(record.notes):
                self.notes[at + index] = note

    def size(self) -> int:
        """Bytes in memory, roughly."""
        heads = 0 if self.head_ends is None else len(self.head_blob) + 4 * len(self.head_ends)
        columns = 4 * len(self.ends) + 12 * len(self.times) + 300 * len(self.notes)
        if self.keys is not None:
            columns += 8 * len(self.keys)
        return ENTRY_BYTES + len(self.blob) + heads + columns

    def fetch(self, index: int, count: int) -> Bodies:
        """Consecutive messages from a shelf index on."""
        at = index - self.first
        if self.present is not None:
            at = bisect_left(self.present, at)
        stop = at + count
        start = self.ends[at - 1] if at else 0
        part = bytes(self.blob[start : self.ends[stop - 1]])
        bodies: list[bytes] = []
        low = 0
        for end in self.ends[at:stop]:
            high = end - start
            bodies.append(part[low:high])
            low = high
        notes: list[Note | None] | None = None
        if self.notes:
            notes = [self.notes.get(one) for one in range(at, stop)]
        return Bodies(bodies, self._heads(at, stop), self._times(at, stop), notes)

    def gather(self, index: int, places: list[int]) -> Bodies:
        """Messages so many after a shelf index, in order."""
        base = index - self.first
        found = [base + place for place in places]
        present = self.present
        if present is not None:
            found = [bisect_left(present, one) for one in found]
        ends = self.ends
        start = 0
        part = b""
        if isinstance(self.blob, bytes):
            part = self.blob
        else:
            # One copy of all of them, so that each is cut out of bytes.
            start = ends[found[0] - 1] if found[0] else 0
            part = bytes(self.blob[start : ends[found[-1]]])
        bodies: list[bytes] = []
        for at in found:
            low = (ends[at - 1] if at else 0) - start
            bodies.append(part[low : ends[at] - start])
        heads: list[bytes] | None = None
        if self.head_ends is not None:
            head_ends = self.head_ends
            heads = [
                bytes(self.head_blob[head_ends[at - 1] if at else 0 : head_ends[at]])
                for at in found
            ]
        notes: list[Note | None] | None = None
        if self.notes:
            notes = [self.notes.get(one) for one in found]
        return Bodies(bodies, heads, self._times_of(found), notes)

    def published(self, index: int, count: int) -> list[int]:
        """When each of consecutive messages was published."""
        at = self._place(index)
        return self._times(at, at + count)

    def key_hashes(self, index: int, count: int) -> "array[int]":
        """The key's hash of each of consecutive messages."""
        if self.keys is None:
            return array("Q", bytes(8 * count))
        at = self._place(index)
        return self.keys[at : at + count]

    def _place(self, index: int) -> int:
        at = index - self.first
        return at if self.present is None else bisect_left(self.present, at)

    def _add_keys(self, keys: bytes, at: int, count: int) -> None:
        if self.keys is None:
            self.keys = array("Q", bytes(8 * at))
        self.keys.frombytes(keys or bytes(8 * count))

    def thin(self, wanted: int) -> "Block":
        """A copy with only the messages whose bit, counted from `first`, is set."""
        thin = Block(self.shelf, self.first, self.group)
        thin.present = array("I")
        blob = bytearray()
        head_blob = bytearray()
        head_ends: array[int] = array("I")
        mask = wanted.to_bytes((wanted.bit_length() + 7) // 8 + 1, "little")
        ends = self.ends.tolist()
        ends_of_heads = [] if self.head_ends is None else self.head_ends.tolist()
        run, next_run = -1, 0
        for at in range(len(ends)):
            position = at if self.present is None else self.present[at]
            if position >> 3 >= len(mask) or not mask[position >> 3] >> (position & 7) & 1:
                continue
            blob += self.blob[ends[at - 1] if at else 0 : ends[at]]
            if ends_of_heads:
                head_blob += self.head_blob[ends_of_heads[at - 1] if at else 0 : ends_of_heads[at]]
                head_ends.append(len(head_blob))
            while next_run < len(self.times) and self.time_starts[next_run] <= at:
                next_run += 1
            if run != next_run:
                run = next_run
                thin.time_starts.append(len(thin.present))
                thin.times.append(self.times[run - 1])
            if at in self.notes:
                thin.notes[len(thin.present)] = self.notes[at]
            thin.ends.append(len(blob))
            thin.present.append(position)
            if self.keys is not None:
                thin._add_keys(self.keys[at : at + 1].tobytes(), len(thin.present) - 1, 1)
        thin.blob = bytes(blob)
        if self.head_ends is not None:
            thin.head_blob = bytes(head_blob)
            thin.head_ends = head_ends
        return thin

    def encode(self) -> bytes:
        """The block as it is stored."""
        return _encode(
            StoredBlock(
                self.first,
                b"" if self.present is None else self.present.tobytes(),
                self.ends.tobytes(),
                bytes(self.blob),
                b"" if self.head_ends is None else self.head_ends.tobytes(),
                bytes(self.head_blob),
                self.time_starts.tobytes(),
                self.times.tobytes(),
                sorted(self.notes.items()),
                b"" if self.keys is None else self.keys.tobytes(),
            )
        )

    def _heads(self, at: int, stop: int) -> list[bytes] | None:
        if self.head_ends is None:
            return None
        heads: list[bytes] = []
        low = self.head_ends[at - 1] if at else 0
        for end in self.head_ends[at:stop]:
            heads.append(bytes(self.head_blob[low:end]))
            low = end
        return heads

    def _times_of(self, found: list[int]) -> list[int]:
        """When each of some messages was published."""
        times: list[int] = []
        run = bisect_right(self.time_starts, found[0])
        while len(times) < len(found):
            stop = len(found)
            if run < len(self.time_starts):
                stop = bisect_left(found, self.time_starts[run])
            times.extend([self.times[run - 1]] * (stop - len(times)))
            run += 1
        return times

    def _times(self, at: int, stop: int) -> list[int]:
        run = bisect_right(self.time_starts, at) - 1
        times: list[int] = []
        while at < stop:
            end = self.time_starts[run + 1] if run + 1 < len(self.time_starts) else stop
            end = min(end, stop)
            times.extend([self.times[run]] * (end - at))
            at = end
            run += 1
        return times


def decode_block(shelf: int, packed: bytes) -> Block:
    """A stored block; raises `msgspec.MsgspecError` when it is none."""
    stored = _decode(packed)
    block = Block(shelf, stored.first, 0)
    block.blob = stored.blob
    block.ends.frombytes(stored.ends)
    if stored.present:
        block.present = array("I", stored.present)
    if stored.head_ends:
        block.head_ends = array("I", stored.head_ends)
        block.head_blob = stored.heads
    block.time_starts.frombytes(stored.time_starts)
    block.times.frombytes(stored.times)
    block.notes = dict(stored.notes)
    if stored.keys:
        block.keys = array("Q", stored.keys)
    return block


def _ends(sizes: bytes, base: int) -> "array[int]":
    """Cumulative ends of sizes, from a base on."""
    ends: array[int] = array("I", accumulate(array("I", sizes), initial=base))
    del ends[0]
    return ends


def _joined(old: bytes | bytearray, more: bytes) -> bytes | bytearray:
    """The first chunk stays the bytes it came as; the second makes it a bytearray that grows."""
    if not old:
        return more
    if isinstance(old, bytes):
        old = bytearray(old)
    old += more
    return old
