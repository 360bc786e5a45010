"""A frame is how a group lies in a segment: length, nonce, and the envelope.

It stands at the bottom of the file journal. The rule kept here: only a frame with its segment's
nonce counts, so what a recycled segment held before, or a body that looks like a frame, never does.
"""

from struct import Struct

from google_crc32c import value as crc32c

from postroad.journal.envelope import (
    ENVELOPE_BYTES,
    BadEnvelope,
    UnknownEnvelope,
    unpack,
)

_FRAME = Struct("<IQ")
FRAME_BYTES = _FRAME.size
NONCE_OFFSET = 4
NONCE_BYTES = 8

# A seal stands where a group would, shorter than any envelope: magic, next position, checksum.
_SEAL = Struct("<4sQ")
_CRC = Struct("<I")
_SEAL_MAGIC = b"SEAL"
SEAL_BYTES = _SEAL.size + _CRC.size
SEAL_FRAME_BYTES = FRAME_BYTES + SEAL_BYTES
assert SEAL_BYTES < ENVELOPE_BYTES, "a seal is told from a group by its length"

_pack_frame = _FRAME.pack
_unpack_frame = _FRAME.unpack_from


def frame_head(length: int, nonce: int) -> bytes:
    """Return what stands before a body of `length` bytes."""
    return _pack_frame(length, nonce)


def frame_length(head: bytes, nonce: int) -> int:
    """Return the length a frame's head tells, or -1 when its nonce is another."""
    if len(head) < FRAME_BYTES:
        return -1
    length, found = _unpack_frame(head)
    return int(length) if found == nonce else -1


def nonce_bytes(nonce: int) -> bytes:
    """Return a nonce as it lies in a frame, to search for."""
    return nonce.to_bytes(NONCE_BYTES, "little")


def seal(next_position: int) -> bytes:
    """Return the body of a seal: a clean stop before `next_position`."""
    body = _SEAL.pack(_SEAL_MAGIC, next_position)
    return body + _CRC.pack(crc32c(body))


def is_seal(body: bytes) -> bool:
    """Tell a seal from a group."""
    return len(body) == SEAL_BYTES


def body_holds(body: bytes) -> bool:
    """Check a body, group or seal, against its checksum. Raises `UnknownEnvelope`."""
    if len(body) == SEAL_BYTES:
        return body.startswith(_SEAL_MAGIC) and body[_SEAL.size :] == _CRC.pack(
            crc32c(body[: _SEAL.size])
        )
    try:
        unpack(body)
    except UnknownEnvelope:
        raise
    except BadEnvelope:
        return False
    return True
