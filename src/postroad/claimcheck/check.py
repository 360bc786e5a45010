"""The claim check: bodies above a size are kept aside, and fetched where their message arrives.

It stands between a program and its broker. The rule kept here: what is fetched is what was
published, to the byte, or it is an error that says so.
"""

import io
import os
import re
import secrets
from collections.abc import Iterable
from typing import BinaryIO, Final, Unpack

import msgspec

from postroad.api.messages import Body, MessageOptions, Outgoing, bytes_of
from postroad.claimcheck.claim import (
    CLAIM_HEADER,
    NAME,
    Claim,
    checked,
    claim_for,
    claim_of,
    text_of,
)
from postroad.claimcheck.places import PART, Place, place_of
from postroad.engine.clock import Clock, SystemClock
from postroad.errors import BadCommand, ClaimLost
from postroad.limits import CLAIM_ABOVE_BYTES, CLAIM_BYTES_MAX
from postroad.model.message import Delivery

_OURS: Final = re.compile(f"{NAME.pattern}({re.escape(PART)})?")


class ClaimCheck:
    """Large bodies, kept in a directory or under any URL of fsspec such as `s3://bucket/claims`.

    Whoever publishes and whoever consumes have one each, of the same place. It may be used by many
    threads at once. Raises `BadCommand` where fsspec or what it needs is not installed.
    """

    def __init__(
        self,
        where: str | os.PathLike[str],
        *,
        above_bytes: int = CLAIM_ABOVE_BYTES,
        clock: Clock | None = None,
    ) -> None:
        """`above_bytes`: larger bodies are kept aside. `clock`: for tests."""
        if isinstance(above_bytes, bool) or not isinstance(above_bytes, int) or above_bytes < 0:
            raise BadCommand("`above_bytes` is a whole number from 0 on")
        self.where = str(where)
        self.above_bytes = above_bytes
        self._clock = clock or SystemClock()
        self._place: Place = place_of(where)

    def outgoing(self, body: Body, **options: Unpack[MessageOptions]) -> Outgoing:
        """A message to be published, to one queue: with the body where it is small, else with a
        reference to it, which is durable when this returns. Raises `OSError`, `BadCommand`.
        """
        text, found = self.check_in(bytes_of(body))
        if found is not None:
            options["headers"] = {**(options.get("headers") or {}), CLAIM_HEADER: found}
        return Outgoing(text, **options)

    def check_in(self, body: bytes, *, own: bool = False) -> tuple[bytes, str | None]:
        """What to publish for a body, and the header `postroad-claim` that goes with it: `None`
        where it is small, and its own message. `own`: it is published once, to one queue, and the
        body goes with the ack of a worker. Raises `OSError`, `BadCommand`.
        """
        if len(body) <= self.above_bytes:
            return body, None
        if len(body) > CLAIM_BYTES_MAX:
            raise BadCommand(f"a body that is kept aside has at most {CLAIM_BYTES_MAX:,} bytes")
        claim = claim_for(secrets.token_hex(16), body, own=own)
        self._place.put(claim.name, body)
        text = text_of(claim)
        return text.encode(), text

    def body(self, message: Delivery) -> bytes:
        """The body of a message, wherever it is. Raises `ClaimLost` where it is gone or changed,
        `OSError` where it cannot be reached.
        """
        claim = claim_of(message)
        if claim is None:
            return message.body
        self._check_size(claim)
        with self._open(claim) as file:
            return checked(claim, file.read())

    def whole(self, message: Delivery) -> Delivery:
        """A message with its body; raises as `body` does."""
        body = self.body(message)
        return message if body is message.body else msgspec.structs.replace(message, body=body)

    def open(self, message: Delivery) -> BinaryIO:
        """The body of a message as a file, to be read in pieces. Only its size is looked at before.
        Raises as `body` does.
        """
        claim = claim_of(message)
        if claim is None:
            return io.BytesIO(message.body)
        self._check_size(claim)
        return self._open(claim)

    def drop(self, messages: Delivery | Iterable[Delivery], *, own: bool = False) -> None:
        """Forget the bodies of messages that are acked, and will not come again; with `own` those
        alone that no other message needs. Raises `OSError`, `ClaimLost`.
        """
        for message in [messages] if isinstance(messages, Delivery) else messages:
            claim = claim_of(message)
            if claim is not None and (claim.own or not own):
                self._place.remove(claim.name)

    def sweep(self, older_than_s: float) -> int:
        """Forget bodies that were kept so long ago, and what crashes have left of others; how many.

        Whether a message needs them is not looked at: choose a time that no message outlives, its
        stay among dead letters included. Raises `OSError`.
        """
        if isinstance(older_than_s, bool) or not older_than_s >= 0:
            raise BadCommand("`older_than_s` is a number of seconds from 0 on")
        count = 0
        for name in self._place.older_than(self._clock.now_ms() - round(older_than_s * 1_000)):
            # What else lies there is none of ours.
            if _OURS.fullmatch(name) is None:
                continue
            self._place.remove(name)
            count += not name.endswith(PART)
        return count

    def _check_size(self, claim: Claim) -> None:
        """What has another size is not read: it may be anything."""
        try:
            size = self._place.size(claim.name)
        except FileNotFoundError:
            raise self._gone(claim) from None
        if size != claim.bytes:
            raise ClaimLost(
                f"its body `{claim.name}` in `{self.where}` has {size:,} bytes in place of"
                f" {claim.bytes:,}"
            )

    def _open(self, claim: Claim) -> BinaryIO:
        try:
            return self._place.open(claim.name)
        except FileNotFoundError:
            raise self._gone(claim) from None

    def _gone(self, claim: Claim) -> ClaimLost:
        return ClaimLost(f"its body `{claim.name}` is not in `{self.where}` any more")
