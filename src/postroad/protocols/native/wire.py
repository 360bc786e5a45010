"""Frames: a length, a kind, the number of a request, and a payload.

It stands between the bytes of a connection and both ends of it. The rule kept here: a frame that
is longer than allowed is refused by its length, before any of it is kept.
"""

import struct
from typing import Final, NamedTuple

from postroad.limits import NATIVE_FRAME_BYTES_MAX
from postroad.protocols.native.spec import Kind

HEAD: Final = struct.Struct(">IBI")
"""Length of the rest, kind, number of the request (0: of none)."""
LENGTH_BYTES: Final = 4
HEAD_BYTES: Final = HEAD.size
REST_BYTES_MIN: Final = HEAD_BYTES - LENGTH_BYTES
REST_BYTES_MAX: Final = 2**32 - 1
NUMBER_MAX: Final = 2**32 - 1


class Frame(NamedTuple):
    """One frame; `kind` may be one that nobody knows."""

    kind: int
    number: int
    payload: bytes


def frame(kind: Kind, number: int = 0, payload: bytes = b"") -> bytes:
    """The bytes of a frame. Raises `ValueError` where they are more than a frame can have."""
    size = REST_BYTES_MIN + len(payload)
    if size > REST_BYTES_MAX:
        raise ValueError(f"{size:,} bytes do not fit into a frame")
    return HEAD.pack(size, kind, number) + payload


class Decoder:
    """Bytes, however they were cut, to frames. `fault`: why nothing more comes of this stream."""

    def __init__(self, frame_bytes_max: int = NATIVE_FRAME_BYTES_MAX) -> None:
        """`frame_bytes_max`: the largest length that is taken."""
        self.fault = ""
        self.is_too_large = False
        self._max = frame_bytes_max
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._wanted = LENGTH_BYTES

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are whole now; what is behind a fault is dropped."""
        if self.fault:
            return []
        if self._kept:
            self._kept.append(data)
            self._kept_bytes += len(data)
            if self._kept_bytes < self._wanted:
                return []
            data = b"".join(self._kept)
            self._kept.clear()
        return self._split(data)

    @property
    def wanted_bytes(self) -> int:
        """How long the frame is of which a part has come; as far as that is known."""
        return self._wanted

    def _split(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        at, end = 0, len(data)
        while end - at >= LENGTH_BYTES:
            size = int.from_bytes(data[at : at + LENGTH_BYTES], "big")
            if not REST_BYTES_MIN <= size <= self._max:
                self._fail(size)
                return frames
            stop = at + LENGTH_BYTES + size
            if stop > end:
                break
            _, kind, number = HEAD.unpack_from(data, at)
            frames.append(Frame(kind, number, data[at + HEAD_BYTES : stop]))
            at = stop
        self._keep(data, at)
        return frames

    def _keep(self, data: bytes, at: int) -> None:
        left = len(data) - at
        self._kept_bytes = left
        self._wanted = LENGTH_BYTES
        if left:
            self._kept.append(data[at:] if at else data)
        if left >= LENGTH_BYTES:
            self._wanted += int.from_bytes(data[at : at + LENGTH_BYTES], "big")

    def _fail(self, size: int) -> None:
        self.is_too_large = size > self._max
        self.fault = (
            f"a frame of {size:,} bytes is longer than {self._max:,}"
            if self.is_too_large
            else f"a frame of {size} bytes is none: {REST_BYTES_MIN} are the least"
        )
