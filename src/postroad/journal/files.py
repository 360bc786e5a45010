"""The journal in files: recycled segments, one write and one sync for a group.

It stands behind the journal's interface, on the disk. The rule kept here: `done` says a position
only after the sync returned, and after the first failure it never says one again.
"""

import errno
from collections.abc import Iterator
from threading import Lock

from postroad.disk.interface import Disk, write_all
from postroad.errors import Corrupt, JournalFailed, TooLarge, Trimmed
from postroad.journal.envelope import CLAIM, HEAD_BYTES, Stamp, pack, stamp
from postroad.journal.frame import FRAME_BYTES, SEAL_FRAME_BYTES, is_seal
from postroad.journal.interface import FIRST_POSITION, Done, Fault, FaultKind, Position
from postroad.journal.options import JournalOptions, NonceSource, Sync, random_nonce
from postroad.journal.segment import (
    HEADER_BYTES,
    LOOSE,
    SegmentHeader,
    SegmentReader,
    Tail,
    first_of,
    pack_header,
    read_header,
    segment_name,
)
from postroad.journal.spares import Spares
from postroad.journal.writer import SegmentWriter


class FileJournal:
    """A directory of segments. The directory's lock is taken by whoever opens it.

    `torn_bytes` is what was cut off behind the last whole group when opened, `sealed` tells of a
    clean stop. One thread appends (`claim`, `append`, `sync`, `close`); any may read and trim.
    Opening raises `Corrupt` and `OSError` and changes no segment; `claim` does.
    """

    def __init__(
        self,
        disk: Disk,
        directory: str,
        options: JournalOptions | None = None,
        nonce: NonceSource = random_nonce,
    ) -> None:
        options = options or JournalOptions()
        room = options.segment_bytes - HEADER_BYTES - FRAME_BYTES - SEAL_FRAME_BYTES
        assert room > 0, "a segment has room for groups"
        self.max_group = min(options.max_group, room)
        self.torn_bytes = 0
        self.sealed = False
        self._options = options
        self._flags = 0 if options.sync is Sync.ALWAYS else LOOSE
        self._disk = disk
        self._directory = directory
        self._nonce = nonce
        self._spares = Spares(disk, directory, options)
        # Guards the list of segments, which any thread may trim.
        self._lock = Lock()
        self._segments: list[SegmentHeader] = []
        self._next: Position = FIRST_POSITION
        self._last = Stamp(0, 0, 0)
        self._last_head = b""
        self._tail: Tail | None = None
        self._writer: SegmentWriter | None = None
        self._synced_ms = 0
        self._fault: Fault | None = None
        self._find()
        self.last_epoch = self._last.epoch

    @property
    def short_of_space(self) -> bool:
        """Tell whether publishers must be refused; looked at anew once per segment."""
        return self._writer is not None and self._spares.short

    @property
    def near_bound(self) -> bool:
        """Tell whether publishers must wait for a checkpoint to let the journal be trimmed."""
        return self._spares.near_bound(len(self._segments))

    def bounds(self) -> tuple[Position, Position]:
        """Return the first position kept and the next to be written."""
        with self._lock:
            return self._segments[0].first if self._segments else self._next, self._next

    def claim(self, epoch: int, now_ms: int) -> Position:
        """Become the writer: cut a torn tail, append CLAIM. Raises `JournalFailed`."""
        assert epoch > self.last_epoch, "an epoch is claimed once"
        group = pack(kind=CLAIM, flags=0, epoch=epoch, n=0, now_ms=now_ms, payload=b"")
        if self._fault is None and self._writer is None:
            try:
                self._open_for_writing()
            except OSError as error:
                self._poison(FaultKind.WRITE, error)
        outcome = self._append(group) if self._fault is None else self._fault
        if isinstance(outcome, Fault):
            raise JournalFailed(outcome.message)
        # Even with a weaker setting: what comes before a claim is final.
        self.sync()
        self.last_epoch = epoch
        return outcome

    def append(self, group: bytes, done: Done) -> None:
        """Append a packed group in this thread; `done` is called before this returns."""
        if len(group) > self.max_group:
            raise TooLarge(len(group), self.max_group)
        fault = self._fault
        if fault is None:
            done(self._append(group))
        elif fault.kind is FaultKind.CLOSED:
            done(fault)
        else:
            done(Fault(FaultKind.POISONED, fault.message))

    def sync(self) -> None:
        """Make all that was appended durable, whatever the setting. Raises `JournalFailed`."""
        if self._fault is None and self._writer is not None:
            try:
                self._writer.sync()
            except OSError as error:
                self._poison(FaultKind.SYNC, error)
        if self._fault is not None and self._fault.kind is not FaultKind.CLOSED:
            raise JournalFailed(self._fault.message)

    def read(self, start: Position, stop: Position) -> Iterator[tuple[Position, bytes]]:
        """Yield the groups of [start, stop). Raises `Trimmed` at the call, `Corrupt` later.

        What is read must not be trimmed meanwhile.
        """
        with self._lock:
            segments = list(self._segments)
        first, next_position = segments[0].first if segments else self._next, self._next
        if start < first:
            raise Trimmed(start, first)
        return self._read(segments, start, min(stop, next_position))

    def seek_time(self, now_ms: int) -> Position:
        """Return the position of the first group stored at or after `now_ms`, or the next one."""
        first, stop = self.bounds()
        with self._lock:
            # The group before such a segment is older, so the one sought is not before it.
            older = [header.first for header in self._segments if header.before.now_ms < now_ms]
        for position, group in self.read(older[-1] if older else first, stop):
            if stamp(group).now_ms >= now_ms:
                return position
        return stop

    def trim(self, before: Position) -> None:
        """Recycle the segments that lie wholly below `before`. Raises `OSError`."""
        while True:
            with self._lock:
                if len(self._segments) < 2 or self._segments[1].first > before:
                    return
                oldest = self._segments[0]
                left = len(self._segments) - 1
            # One by one and each durable, so that a crash never leaves a hole.
            self._spares.give(segment_name(oldest.first), left)
            with self._lock:
                del self._segments[0]

    def refresh_space(self) -> None:
        """Look whether the disk has room again; `short_of_space` tells."""
        self._spares.refresh(len(self._segments))

    def release_reserve(self) -> bool:
        """Give the reserve back to a full disk, for checkpoints say; False when it is given."""
        return self._spares.release_reserve()

    def close(self) -> None:
        """Stop cleanly: all durable, then the seal. Raises `JournalFailed`."""
        writer, self._writer = self._writer, None
        fault = self._fault
        if fault is None:
            self._fault = Fault(FaultKind.CLOSED, "the journal is closed")
        if writer is None:
            return
        try:
            if fault is None:
                writer.seal(self._next)
        except OSError as error:
            raise JournalFailed(self._poison(FaultKind.SYNC, error).message) from error
        finally:
            writer.close()

    def _find(self) -> None:
        self._disk.make_directory(self._directory)
        names = self._disk.names(self._directory)
        self._spares.find(names)
        live = [name for name in names if first_of(name) is not None]
        for name in live:
            path = self._path(name)
            file = self._disk.open(path, write=False)
            try:
                header = read_header(file, path)
                self._segments.append(header)
                if name == live[-1]:
                    self._find_tail(SegmentReader(file, path, header))
            finally:
                file.close()

    def _find_tail(self, reader: SegmentReader) -> None:
        tail = reader.tail()
        self._next = reader.header.first + tail.groups
        self._last = tail.last or reader.header.before
        self._tail = tail
        self.torn_bytes = tail.torn_bytes
        self.sealed = tail.sealed

    def _open_for_writing(self) -> None:
        tail = self._tail
        if tail is not None:
            header = self._segments[-1]
            file = self._disk.open(self._path(segment_name(header.first)))
            self._writer = SegmentWriter(file, header, offset=tail.end, zeroed=tail.end)
            # What was found may be in the system's memory only; the claim must not overtake it.
            self._disk.sync_directory(self._directory)
            self._writer.rewrite(tail.unsure)
            if tail.wipe:
                self._writer.wipe()
            if header.flags != self._flags:
                self._leave_last()
        if self._writer is None:
            self._roll()
        elif self._spares.short:
            self._spares.refresh(len(self._segments))

    def _leave_last(self) -> None:
        # What a bad group means depends on the setting, so a segment knows only one.
        if self._segments[-1].first == self._next:
            name = segment_name(self._segments.pop().first)
            self._spares.give(name, len(self._segments))
        self._roll()

    def _append(self, group: bytes) -> Position | Fault:
        try:
            self._write(group)
        except OSError as error:
            full = error.errno == errno.ENOSPC
            return self._poison(FaultKind.FULL if full else FaultKind.WRITE, error)
        try:
            self._sync_when_due(group)
        except OSError as error:
            return self._poison(FaultKind.SYNC, error)
        position = self._next
        self._next = position + 1
        return position

    def _write(self, group: bytes) -> None:
        writer = self._writer
        assert writer is not None, "claim comes before append"
        if not writer.has_room(len(group)):
            writer = self._roll()
        try:
            writer.write(group)
        except OSError as error:
            if error.errno != errno.ENOSPC or not self._spares.release_reserve():
                raise
            writer.write(group)
        self._last_head = group[:HEAD_BYTES]

    def _sync_when_due(self, group: bytes) -> None:
        assert self._writer is not None
        if not self._flags:
            self._writer.sync()
        elif self._options.sync is Sync.INTERVAL:
            now_ms = stamp(group).now_ms
            if now_ms - self._synced_ms >= self._options.sync_interval_ms:
                self._writer.sync()
                self._synced_ms = now_ms

    def _roll(self) -> SegmentWriter:
        """Go on in the next segment."""
        old = self._writer
        if old is not None:
            # Only a last segment may end torn.
            old.sync()
        name, recycled = self._spares.take()
        size = self._options.segment_bytes
        # Read only here: an append is too hot to unpack each group's head.
        before = stamp(self._last_head) if self._last_head else self._last
        header = SegmentHeader(self._flags, size, self._nonce(), self._next, before)
        file = self._disk.open(self._path(name))
        try:
            write_all(file, (pack_header(header),), 0)
            file.sync()
            self._disk.rename(self._path(name), self._path(segment_name(header.first)))
            self._disk.sync_directory(self._directory)
        except OSError:
            file.close()
            raise
        with self._lock:
            self._segments.append(header)
        zeroed = size if recycled else HEADER_BYTES
        self._writer = SegmentWriter(file, header, offset=HEADER_BYTES, zeroed=zeroed)
        if old is not None:
            old.close()
        self._spares.refresh(len(self._segments))
        return self._writer

    def _read(
        self, segments: list[SegmentHeader], start: Position, stop: Position
    ) -> Iterator[tuple[Position, bytes]]:
        ends = [min(stop, header.first) for header in segments[1:]]
        # A journal with no segment yet has one end more than segments.
        for header, until in zip(segments, [*ends, stop], strict=False):
            if header.first < stop and start < until:
                yield from self._read_segment(header, start, until)

    def _read_segment(
        self, header: SegmentHeader, start: Position, until: Position
    ) -> Iterator[tuple[Position, bytes]]:
        path = self._path(segment_name(header.first))
        file = self._disk.open(path, write=False)
        position = header.first
        end = HEADER_BYTES
        try:
            for offset, body in SegmentReader(file, path, header).frames():
                end = offset + FRAME_BYTES + len(body)
                if is_seal(body):
                    continue
                if position >= start:
                    yield position, body
                position += 1
                if position == until:
                    return
            raise Corrupt(path, end, f"group {position} is not whole or not there")
        finally:
            file.close()

    def _poison(self, kind: FaultKind, error: OSError) -> Fault:
        self._fault = Fault(
            kind,
            f"the journal in `{self._directory}` could not be written: {error};"
            " nothing acknowledged is lost, start again once the disk is well",
        )
        return self._fault

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"
