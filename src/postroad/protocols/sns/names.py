"""Names that clients hold: message ids, request ids, subscription ids, tokens of confirmation.

The rule kept here: they are made by a keyed hash, so that a subscription keeps its id through
restarts, and a token that nobody was sent is not accepted.
"""

from hashlib import blake2b
from hmac import compare_digest
from typing import Final

_NUMBER_DIGITS: Final = 12
_NUMBER_DIGITS_MAX: Final = 16
_SEQUENCE_BASE: Final = 10**19


class Names:
    """Makes and opens the names of one data directory; `secret` is its key."""

    def __init__(self, secret: bytes) -> None:
        key = blake2b(secret, digest_size=32).digest()
        self._fresh = blake2b(key=key, person=b"sns fresh", digest_size=16)
        self._subscription = blake2b(key=key, person=b"sns subscription", digest_size=10)
        self._token = blake2b(key=key, person=b"sns token", digest_size=32)
        self._begun = b""
        self._count = 0

    def fresh_id(self, now_ms: int) -> str:
        """An id that was never given before, shaped like a UUID of version 4; those of earlier
        starts differ by their time."""
        if not self._begun:
            self._begun = b"%d:" % now_ms
        self._count += 1
        hasher = self._fresh.copy()
        hasher.update(self._begun + b"%d" % self._count)
        h = hasher.hexdigest()
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def subscription_id(self, topic: str, binding: int) -> str:
        """The id of the subscription of a topic that this binding is."""
        hasher = self._subscription.copy()
        hasher.update(b"%d:%b" % (binding, topic.encode("utf-8", "surrogatepass")))
        h = hasher.hexdigest()
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{binding:0{_NUMBER_DIGITS}x}"

    def binding_of(self, topic: str, subscription_id: str) -> int | None:
        """The binding that a subscription's id means; `None` when it is not one of ours."""
        binding = _number(subscription_id.rpartition("-")[2])
        if binding is None:
            return None
        return binding if self.subscription_id(topic, binding) == subscription_id else None

    def token(self, topic: str, binding: int) -> str:
        """What confirms a subscription."""
        hasher = self._token.copy()
        hasher.update(b"%d:%b" % (binding, topic.encode("utf-8", "surrogatepass")))
        return f"{binding:x}x{hasher.hexdigest()}"

    def confirmed_by(self, topic: str, token: str) -> int | None:
        """The binding that a token confirms; `None` when it is not one of ours."""
        binding = _number(token.partition("x")[0])
        if binding is None:
            return None
        given, right = token.encode("utf-8", "replace"), self.token(topic, binding).encode()
        return binding if compare_digest(given, right) else None


def _number(digits: str) -> int | None:
    """The number of a binding. Longer ones are refused unread: a name of a million digits would
    have to be written out to be compared."""
    if len(digits) > _NUMBER_DIGITS_MAX or not digits.isascii() or not digits.isalnum():
        return None
    try:
        return int(digits, 16)
    except ValueError:
        return None


def sequence_number(number: int) -> str:
    """The SequenceNumber of the message of this number of a FIFO topic: 20 digits."""
    return str(_SEQUENCE_BASE + number)
