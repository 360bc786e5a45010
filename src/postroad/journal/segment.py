"""A segment: one file of the journal, its header and how its frames are found.

It stands between frame and journal files. The rule kept here: only the last group of a journal can
be torn; a bad group with a good one or a seal behind it is damage, never cut away.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from google_crc32c import value as crc32c

from postroad.disk.interface import File
from postroad.errors import Corrupt, TooNew
from postroad.journal.envelope import ENVELOPE_BYTES, Stamp, UnknownEnvelope, stamp
from postroad.journal.frame import (
    FRAME_BYTES,
    NONCE_BYTES,
    NONCE_OFFSET,
    body_holds,
    frame_length,
    is_seal,
    nonce_bytes,
)
from postroad.journal.interface import Position
from postroad.limits import JOURNAL_READ_BYTES
from postroad.model.value import value

# Magic, version, flags, size, nonce, first position, then epoch, n and time of the group before.
_HEADER = Struct("<8sHHIQQQQQ")
_CRC = Struct("<I")
_MAGIC = b"PRSEGMNT"
_VERSION = 1
LOOSE = 1
"""Header flag: groups here were not synced one by one, so more than the last can be torn."""

HEADER_BYTES = 4096  # a page of its own, so that no later write can tear it
_NAME_DIGITS = 20
_SUFFIX = ".segment"


@value
class SegmentHeader:
    """What a segment says of itself; `before` is the last group ahead of it."""

    flags: int
    segment_bytes: int
    nonce: int
    first: Position
    before: Stamp


@dataclass(slots=True)
class Tail:
    """Where a last segment ends.

    `end` is the offset behind its last good frame, `unsure` the first offset that may not be
    durable although it was read: the writer may have died, or its sync failed, after the write.
    `wipe` tells that good frames lie behind the end which must never be found again.
    """

    unsure: int
    end: int
    groups: int
    last: Stamp | None
    sealed: bool
    torn_bytes: int
    wipe: bool


def segment_name(first: Position) -> str:
    """Return the file name of the segment that begins with a position."""
    return f"{first:0{_NAME_DIGITS}}{_SUFFIX}"


def first_of(name: str) -> Position | None:
    """Return the position in a segment's file name, None when it is not one."""
    digits = name.removesuffix(_SUFFIX)
    if len(digits) != _NAME_DIGITS or not digits.isdigit() or name != digits + _SUFFIX:
        return None
    return int(digits)


def pack_header(header: SegmentHeader) -> bytes:
    """Return the header's page."""
    before = header.before
    head = _HEADER.pack(
        _MAGIC,
        _VERSION,
        header.flags,
        header.segment_bytes,
        header.nonce,
        header.first,
        before.epoch,
        before.n,
        before.now_ms,
    )
    return (head + _CRC.pack(crc32c(head))).ljust(HEADER_BYTES, b"\0")


def read_header(file: File, name: str) -> SegmentHeader:
    """Read and check a segment's header. Raises `Corrupt`, `TooNew`."""
    page = file.pread(_HEADER.size + _CRC.size, 0)
    head = page[: _HEADER.size]
    if page[_HEADER.size :] != _CRC.pack(crc32c(head)):
        raise Corrupt(name, 0, "the segment's header does not match its checksum")
    magic, version, flags, size, nonce, first, epoch, n, now_ms = _HEADER.unpack(head)
    if magic != _MAGIC:
        raise Corrupt(name, 0, "this is no segment of a journal")
    if version != _VERSION:
        raise TooNew(name, 0, f"segment version {version} is not known here")
    if segment_name(first) != name.rpartition("/")[2]:
        raise Corrupt(name, 0, f"the segment begins at position {first}, its name says otherwise")
    return SegmentHeader(flags, size, nonce, first, Stamp(epoch, n, now_ms))


class SegmentReader:
    """The frames of one segment, read through a window so that small frames cost no call each."""

    def __init__(self, file: File, name: str, header: SegmentHeader) -> None:
        self.name = name
        self.header = header
        self._file = file
        self._base = 0
        self._window = b""

    def frame_at(self, offset: int) -> bytes | None:
        """Return the body of the frame at an offset, None when no whole one is there.

        Raises `TooNew` for a group that only a newer Postroad can read.
        """
        length = frame_length(self._bytes(offset, FRAME_BYTES), self.header.nonce)
        if length < 0 or length > self.header.segment_bytes - offset - FRAME_BYTES:
            return None
        body = self._bytes(offset + FRAME_BYTES, length)
        try:
            return body if len(body) == length and body_holds(body) else None
        except UnknownEnvelope as unknown:
            raise TooNew(self.name, offset, str(unknown)) from unknown

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, body) of the frames from the first on, up to one that is not whole."""
        offset = HEADER_BYTES
        while (body := self.frame_at(offset)) is not None:
            yield offset, body
            offset += FRAME_BYTES + len(body)

    def next_frame(self, after: int) -> tuple[int, bytes] | None:
        """Return the first whole frame that begins behind an offset, wherever that is."""
        nonce = nonce_bytes(self.header.nonce)
        search = after + 1 + NONCE_OFFSET
        while search < self.header.segment_bytes:
            chunk = self._bytes(search, JOURNAL_READ_BYTES)
            found = chunk.find(nonce)
            if found < 0:
                if len(chunk) < JOURNAL_READ_BYTES:
                    return None
                search += JOURNAL_READ_BYTES - NONCE_BYTES + 1
                continue
            offset = search + found - NONCE_OFFSET
            body = self.frame_at(offset)
            if body is not None:
                return offset, body
            search += found + 1
        return None

    def tail(self) -> Tail:
        """Find the end of a journal's last segment. Raises `Corrupt`."""
        loose = self.header.flags & LOOSE
        tail = Tail(HEADER_BYTES, HEADER_BYTES, 0, None, sealed=False, torn_bytes=0, wipe=False)
        for offset, body in self.frames():
            tail.end = offset + FRAME_BYTES + len(body)
            tail.sealed = is_seal(body)
            if not tail.sealed:
                tail.groups += 1
                tail.last = stamp(body)
                tail.unsure = tail.unsure if loose else offset
        behind = self.next_frame(tail.end)
        if behind is None:
            tail.torn_bytes = self._torn_bytes(tail.end, tail.last or self.header.before)
        elif loose:
            self._cut_loose(tail, behind)
        else:
            why = f"a bad group before a good one at byte {behind[0]:,}"
            raise Corrupt(self.name, tail.end, why)
        return tail

    def _cut_loose(self, tail: Tail, behind: tuple[int, bytes]) -> None:
        # What was not synced may have holes; what a clean stop sealed may not.
        found: tuple[int, bytes] | None = behind
        stop = tail.end
        while found is not None:
            offset, body = found
            if is_seal(body):
                raise Corrupt(self.name, tail.end, f"a bad group before the seal at {offset:,}")
            stop = offset + FRAME_BYTES + len(body)
            found = self.next_frame(stop - 1)
        tail.wipe = True
        tail.torn_bytes = stop - tail.end

    def _torn_bytes(self, end: int, last: Stamp) -> int:
        head = self._bytes(end, FRAME_BYTES)
        room = self.header.segment_bytes - end
        length = frame_length(head, self.header.nonce)
        if length >= 0:
            return min(FRAME_BYTES + length, room)
        # Whose nonce was lost shows by being the very next group: no older one can be that.
        length = int.from_bytes(head[:NONCE_OFFSET], "little")
        if not ENVELOPE_BYTES <= length <= room - FRAME_BYTES:
            return 0
        body = self._bytes(end + FRAME_BYTES, length)
        try:
            if not body_holds(body):
                return 0
        except UnknownEnvelope:
            return 0
        found = stamp(body)
        succeeds = found.epoch > last.epoch or (found.epoch, found.n) == (last.epoch, last.n + 1)
        return FRAME_BYTES + length if succeeds else 0

    def _bytes(self, offset: int, size: int) -> bytes:
        low = offset - self._base
        if low < 0 or low + size > len(self._window):
            size_max = self.header.segment_bytes - offset
            self._base = offset
            self._window = self._file.pread(min(max(size, JOURNAL_READ_BYTES), size_max), offset)
            low = 0
        return self._window[low : low + size]
