"""Walk a journal without opening it: what is there, group by group, and where it is damaged.

It stands beside the journal files, below the command that explains records. The rule kept here: it
only reads, and goes on behind damage, so that one bad byte does not hide the rest.
"""

from collections.abc import Iterator
from enum import StrEnum

from postroad.disk.interface import Disk
from postroad.errors import Corrupt, TooNew
from postroad.journal.envelope import Envelope, unpack
from postroad.journal.frame import FRAME_BYTES, is_seal
from postroad.journal.interface import Position
from postroad.journal.segment import (
    HEADER_BYTES,
    LOOSE,
    SegmentHeader,
    SegmentReader,
    first_of,
    read_header,
)
from postroad.model.value import value


class What(StrEnum):
    """What a finding is; `newer` and `damage` keep a broker from starting."""

    SEGMENT = "segment"
    GROUP = "group"
    SEAL = "seal"
    TORN = "torn"
    NEWER = "newer"
    DAMAGE = "damage"


@value
class Finding:
    """One thing found in a journal's file, at a byte offset, so many bytes long.

    `position` is that of a group, or the next one; None behind damage, where it is not known.
    """

    what: What
    file: str
    offset: int
    size_bytes: int
    position: Position | None
    group: Envelope | None = None
    why: str = ""


def check_journal(disk: Disk, directory: str) -> Iterator[Finding]:
    """Yield the findings of a journal directory in order. Raises `OSError`."""
    live = [name for name in disk.names(directory) if first_of(name) is not None]
    for name, following in zip(live, [*live[1:], ""], strict=False):
        path = f"{directory}/{name}"
        file = disk.open(path, write=False)
        try:
            yield from _check_segment(
                SegmentReader(file, path, read_header(file, path)), first_of(following)
            )
        except Corrupt as corrupt:
            yield Finding(_what(corrupt), path, corrupt.offset, 0, None, why=corrupt.why)
        finally:
            file.close()


def _check_segment(reader: SegmentReader, until: Position | None) -> Iterator[Finding]:
    """Yield what a segment holds; it goes on to position `until`, None for the last one."""
    header, path = reader.header, reader.name
    position, end = header.first, HEADER_BYTES
    yield Finding(What.SEGMENT, path, 0, HEADER_BYTES, position)
    for offset, body in reader.frames():
        end = offset + FRAME_BYTES + len(body)
        yield _found(path, offset, body, position)
        position += not is_seal(body)
    if until is not None and position != until:
        why = f"its groups end before position {position}, the next segment begins at {until}"
        yield Finding(What.DAMAGE, path, end, 0, position, why=why)
        yield from _behind(reader, end)
    elif until is None:
        yield from _check_tail(reader, header, position, end)


def _check_tail(
    reader: SegmentReader, header: SegmentHeader, position: Position, end: int
) -> Iterator[Finding]:
    try:
        tail = reader.tail()
    except Corrupt as corrupt:
        yield Finding(_what(corrupt), reader.name, corrupt.offset, 0, position, why=corrupt.why)
        yield from _behind(reader, end)
        return
    if tail.torn_bytes:
        why = "not synced when the power went" if header.flags & LOOSE else "never acknowledged"
        yield Finding(What.TORN, reader.name, end, tail.torn_bytes, position, why=why)


def _what(corrupt: Corrupt) -> What:
    return What.NEWER if isinstance(corrupt, TooNew) else What.DAMAGE


def _behind(reader: SegmentReader, after: int) -> Iterator[Finding]:
    while (found := reader.next_frame(after)) is not None:
        offset, body = found
        yield _found(reader.name, offset, body, None)
        after = offset + FRAME_BYTES + len(body) - 1


def _found(path: str, offset: int, body: bytes, position: Position | None) -> Finding:
    size = FRAME_BYTES + len(body)
    if is_seal(body):
        return Finding(What.SEAL, path, offset, size, position)
    return Finding(What.GROUP, path, offset, size, position, unpack(body))
