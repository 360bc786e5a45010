"""A reference to a body that is kept aside, as it travels in a message.

It stands between a message and the place of its body. The rule kept here: a reference has a name
and no address, so that no message makes its receiver open what it should not.
"""

import hashlib
import re
from typing import Final

import msgspec

from postroad.errors import ClaimLost
from postroad.limits import CLAIM_BYTES_MAX
from postroad.model.message import Delivery

CLAIM_HEADER: Final = "postroad-claim"
"""The header that holds the reference, as JSON; the body of the message is the same text."""
NAME: Final = re.compile(r"[0-9a-f]{32}")
"""Of a body: made by chance, so that no two are the same."""

_HEADER_BYTES: Final = CLAIM_HEADER.encode()


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """A body that is kept aside: its `name`, its size and the hash of its `bytes`. `own`: no other
    message needs it, so that it may go once this one is acked."""

    name: str
    bytes: int
    sha256: str
    own: bool = False


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Claim).decode


def claim_for(name: str, body: bytes, *, own: bool = False) -> Claim:
    """The reference to a body."""
    return Claim(name, len(body), hashlib.sha256(body).hexdigest(), own)


def text_of(claim: Claim) -> str:
    """A reference as it travels."""
    return _encode(claim).decode()


def claim_of(message: Delivery) -> Claim | None:
    """The reference that a message is; `None` where its body is its own. Raises `ClaimLost` where
    it is none that can be followed.
    """
    if _HEADER_BYTES not in message.head:
        return None
    text = message.headers.get(CLAIM_HEADER)
    if text is None:
        return None
    try:
        claim = _decode(text if isinstance(text, str | bytes) else b"")
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ClaimLost(f"the reference to its body cannot be read: {error}") from None
    if NAME.fullmatch(claim.name) is None or not 0 <= claim.bytes <= CLAIM_BYTES_MAX:
        raise ClaimLost("the reference to its body names none that there can be")
    return claim


def checked(claim: Claim, body: bytes) -> bytes:
    """A body that was found, if it is the one meant. Raises `ClaimLost`."""
    if len(body) != claim.bytes or hashlib.sha256(body).hexdigest() != claim.sha256:
        raise ClaimLost(
            f"its body `{claim.name}` is not what it was when the message was published:"
            f" {len(body):,} bytes of {claim.bytes:,}, or others"
        )
    return body
