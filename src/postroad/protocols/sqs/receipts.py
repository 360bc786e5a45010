"""Names that clients hold: receipt handles, message ids, request ids.

The rule kept here: they are derived from places and counters by a keyed hash, so that they are the
same after a restart, and a handle nobody was given is not accepted.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct as Packer
from typing import Final

from postroad.model.value import value

_VERSION: Final = 1
_BODY: Final = Packer(">BQQQII")
_TAG_BYTES: Final = 6
# 33 and 6 bytes are 39: a multiple of three, so that a handle has no padding.
_HANDLE_CHARS: Final = 52


@value
class Receipt:
    """What a handle says: which delivery of which message, and when it was received."""

    queue: int
    offset: int
    lease: int
    count: int
    received_s: int


class Names:
    """Makes and opens the names of one data directory; `secret` is its key."""

    def __init__(self, secret: bytes) -> None:
        key = blake2b(secret, digest_size=32).digest()
        self._receipt = blake2b(key=key, person=b"sqs receipt", digest_size=_TAG_BYTES)
        self._message = blake2b(key=key, person=b"sqs message", digest_size=16)
        self._request = blake2b(key=key, person=b"sqs request", digest_size=12)
        self._prefix = ""
        self._requests = 0

    def receipt(self, name: str, receipt: Receipt) -> str:
        """The handle for a delivery from queue `name`."""
        body = _BODY.pack(
            _VERSION,
            receipt.queue,
            receipt.offset,
            receipt.lease,
            receipt.count & 0xFFFF_FFFF,
            receipt.received_s & 0xFFFF_FFFF,
        )
        return urlsafe_b64encode(body + self._tag(name, body)).decode()

    def open(self, name: str, handle: str) -> Receipt | None:
        """What a handle given with queue `name` says; `None` when it is not one of ours."""
        if len(handle) != _HANDLE_CHARS or not handle.isascii():
            return None
        try:
            sealed = urlsafe_b64decode(handle)
        except ValueError:
            return None
        if len(sealed) != _BODY.size + _TAG_BYTES:
            return None
        body = sealed[: _BODY.size]
        if not compare_digest(sealed[_BODY.size :], self._tag(name, body)):
            return None
        version, queue, offset, lease, count, received_s = _BODY.unpack(body)
        if version != _VERSION:
            return None
        return Receipt(queue, offset, lease, count, received_s)

    def message_id(self, queue: int, offset: int) -> str:
        """The id of the message whose first place this is, shaped like a UUID of version 4."""
        hasher = self._message.copy()
        hasher.update(b"%d:%d" % (queue, offset))
        h = hasher.hexdigest()
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def request_id(self, now_ms: int) -> str:
        """A fresh id for an answer; it differs from those of earlier starts by their time."""
        if not self._prefix:
            hasher = self._request.copy()
            hasher.update(b"%d" % now_ms)
            h = hasher.hexdigest()
            self._prefix = f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-"
        self._requests += 1
        # A format of `012x` would cost as much as the rest of an answer's head.
        return self._prefix + str(self._requests).zfill(12)

    def _tag(self, name: str, body: bytes) -> bytes:
        hasher = self._receipt.copy()
        hasher.update(name.encode("utf-8", "surrogatepass"))
        hasher.update(body)
        return hasher.digest()
