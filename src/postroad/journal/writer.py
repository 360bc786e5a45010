"""The segment being written: where the next frame goes.

It stands between segment and journal files. The rule kept here: a frame is one write, header and
group side by side, and the zeros ahead of it ride along.
"""

from postroad.disk.interface import File, write_all
from postroad.journal.frame import FRAME_BYTES, SEAL_BYTES, SEAL_FRAME_BYTES, frame_head, seal
from postroad.journal.interface import Position
from postroad.journal.segment import SegmentHeader
from postroad.limits import ZERO_AHEAD_BYTES

_ZEROS = bytes(ZERO_AHEAD_BYTES)


class SegmentWriter:
    """An open segment from `offset` on; `zeroed` is where bytes not yet on disk begin.

    All methods raise `OSError`; after one, the segment's tail is not known.
    """

    def __init__(self, file: File, header: SegmentHeader, *, offset: int, zeroed: int) -> None:
        self._file = file
        self._nonce = header.nonce
        self._segment_bytes = header.segment_bytes
        # The last frame of a segment can always be a seal.
        self._end = header.segment_bytes - SEAL_FRAME_BYTES
        self._offset = offset
        self._zeroed = zeroed
        self._dirty = True

    def has_room(self, group_bytes: int) -> bool:
        """Tell whether a group fits in here."""
        return self._offset + FRAME_BYTES + group_bytes <= self._end

    def write(self, group: bytes) -> None:
        """Write a group behind the last one; not durable yet."""
        length = len(group)
        head = frame_head(length, self._nonce)
        end = self._offset + FRAME_BYTES + length
        self._dirty = True
        if end <= self._zeroed or length >= ZERO_AHEAD_BYTES:
            write_all(self._file, (head, group), self._offset)
        else:
            # Blocks that are there already sync in half the time; this pays for many groups ahead.
            zeros = _ZEROS[: self._segment_bytes - end]
            write_all(self._file, (head, group, zeros), self._offset)
            self._zeroed = end + len(zeros)
        self._offset = end

    def sync(self) -> None:
        """Make all that was written durable."""
        if self._dirty:
            self._file.sync()
            self._dirty = False

    def seal(self, next_position: Position) -> None:
        """Write the mark of a clean stop, durable."""
        # The seal says that nothing before it can be torn, so that must be true first.
        self.sync()
        write_all(
            self._file, (frame_head(SEAL_BYTES, self._nonce), seal(next_position)), self._offset
        )
        self._file.sync()

    def rewrite(self, unsure: int) -> None:
        """Write what lies from `unsure` up to here once more, durable.

        A failed sync leaves pages that read well, count as written and are not on disk; only a
        new write brings them there.
        """
        for offset in range(unsure, self._offset, ZERO_AHEAD_BYTES):
            size = min(ZERO_AHEAD_BYTES, self._offset - offset)
            write_all(self._file, (self._file.pread(size, offset),), offset)
        self._file.sync()

    def wipe(self) -> None:
        """Zero all behind the last group, durable, so that nothing there is ever found again."""
        for offset in range(self._offset, self._segment_bytes, ZERO_AHEAD_BYTES):
            write_all(self._file, (_ZEROS[: self._segment_bytes - offset],), offset)
        self._file.sync()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
