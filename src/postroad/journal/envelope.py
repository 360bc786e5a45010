"""What every group wears, on files, in memory and on a stream: the same bytes.

It stands at the bottom of the journal. The rule kept here: a group counts only if its checksum
holds and it is the next of the newest writer; all else is dropped and counted, never guessed at.
"""

from collections.abc import Sequence
from struct import Struct

from google_crc32c import extend as crc32c_extend
from google_crc32c import value as crc32c

from postroad.model.value import value

MAGIC = b"PRGR"
VERSION = 1

CLAIM = 1
DATA = 2

CONTINUES = 1
"""Flag: the step goes on in the next group."""

# Magic, version, kind, flags, a zero byte, epoch, n, now_ms; the checksum follows.
_HEAD = Struct("<4sBBBBQQQ")
_CRC = Struct("<I")
HEAD_BYTES = _HEAD.size
ENVELOPE_BYTES = HEAD_BYTES + _CRC.size

_pack_head = _HEAD.pack
_pack_crc = _CRC.pack
_unpack_head = _HEAD.unpack_from
_unpack_crc = _CRC.unpack_from


class BadEnvelope(Exception):  # noqa: N818  (the name is the sentence)
    """These bytes are no envelope, or a damaged one."""


class UnknownEnvelope(BadEnvelope):
    """A whole envelope that today's code cannot read: a newer one wrote it. Never cut it away."""


@value
class Envelope:
    """A group taken out of its wrapping; `now_ms` is the engine's clock when it was packed."""

    kind: int
    flags: int
    epoch: int
    n: int
    now_ms: int
    payload: bytes


@value
class Stamp:
    """The place of a group in the sequence of writers, without its payload."""

    epoch: int
    n: int
    now_ms: int


def pack(
    *, kind: int, flags: int, epoch: int, n: int, now_ms: int, payload: bytes | Sequence[bytes]
) -> bytes:
    """Wrap a payload, whole or in parts; what comes back is what `append` takes."""
    head = _pack_head(MAGIC, VERSION, kind, flags, 0, epoch, n, now_ms)
    parts = (payload,) if isinstance(payload, bytes) else payload
    crc = crc32c(head)
    for part in parts:
        crc = crc32c_extend(crc, part)
    return b"".join((head, _pack_crc(crc), *parts))


def unpack(group: bytes) -> Envelope:
    """Check and unwrap a group. Raises `BadEnvelope`."""
    if len(group) < ENVELOPE_BYTES:
        raise BadEnvelope("shorter than an envelope")
    magic, version, kind, flags, zero, epoch, n, now_ms = _unpack_head(group)
    if magic != MAGIC:
        raise BadEnvelope("not an envelope")
    payload = group[ENVELOPE_BYTES:]
    if _unpack_crc(group, HEAD_BYTES)[0] != crc32c_extend(crc32c(group[:HEAD_BYTES]), payload):
        raise BadEnvelope("checksum differs")
    # Only now can a difference be a newer writer's rather than damage.
    if version != VERSION:
        raise UnknownEnvelope(f"version {version} is not known here")
    if kind not in (CLAIM, DATA) or flags & ~CONTINUES or zero:
        raise UnknownEnvelope(f"kind {kind} with flags {flags} is not known here")
    return Envelope(kind, flags, epoch, n, now_ms, payload)


def stamp(group: bytes) -> Stamp:
    """Read epoch, n and time of a group that is known to be whole."""
    _magic, _version, _kind, _flags, _zero, epoch, n, now_ms = _unpack_head(group)
    return Stamp(epoch, n, now_ms)


class Filter:
    """The replay rule: which groups count, and when a step is whole.

    `epoch`, `n` and `now_ms` are those of the last group that counted; with a position they are
    the place to go on from. `dropped` counts the groups that did not count.
    """

    def __init__(self, epoch: int = 0, n: int = 0, now_ms: int = 0) -> None:
        self.epoch = epoch
        self.n = n
        self.now_ms = now_ms
        self.dropped = 0
        self._parts: list[bytes] = []

    @property
    def whole(self) -> bool:
        """Tell whether no step is open: only here may a checkpoint be cut."""
        return not self._parts

    def feed(self, group: Envelope) -> bytes | None:
        """Take the next group; return the payload of a step once it is whole."""
        if group.kind == CLAIM:
            self._claim(group)
            return None
        if group.epoch != self.epoch or group.n != self.n + 1:
            self.dropped += 1
            return None
        self.n = group.n
        self.now_ms = group.now_ms
        if group.flags & CONTINUES:
            self._parts.append(group.payload)
            return None
        if not self._parts:
            return group.payload
        self._parts.append(group.payload)
        payload = b"".join(self._parts)
        self._parts.clear()
        return payload

    def end(self) -> None:
        """Say that no group follows: a step still open never became whole."""
        self.dropped += len(self._parts)
        self._parts.clear()

    def _claim(self, group: Envelope) -> None:
        if group.epoch <= self.epoch:
            self.dropped += 1
            return
        self.end()
        self.epoch = group.epoch
        self.n = 0
        self.now_ms = group.now_ms
