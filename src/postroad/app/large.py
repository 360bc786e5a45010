"""Large bodies of calls: kept aside before a call is published, fetched before its task runs.

It stands between calls and runs and the claim check of the app. The rule kept here: what cannot be
fetched any more fails its message for good, and what cannot be reached now fails it for once.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from postroad.api.messages import Outgoing
from postroad.app.claims import Claims
from postroad.app.outcomes import BadBody
from postroad.claimcheck import CLAIM_HEADER, ClaimCheck
from postroad.errors import ClaimLost
from postroad.model.message import Delivery

_HEADER_BYTES = CLAIM_HEADER.encode()


def kept_aside(
    check: ClaimCheck | None, body: bytes, options: Mapping[str, Any]
) -> tuple[bytes, Mapping[str, Any]]:
    """What to publish for a body, and the options of the call with it; waits for the disk."""
    if not is_large(check, body) or check is None:
        return body, options
    text, claim = check.check_in(body)
    return text, {**options, "headers": {**(options.get("headers") or {}), CLAIM_HEADER: claim}}


def all_kept_aside(
    check: ClaimCheck | None, bodies: Sequence[bytes], headers: Mapping[str, Any]
) -> list[bytes | Outgoing]:
    """What to publish for bodies that have these headers in common; waits for the disk."""
    found: list[bytes | Outgoing] = []
    for body in bodies:
        if not is_large(check, body) or check is None:
            found.append(body)
            continue
        text, claim = check.check_in(body)
        found.append(Outgoing(text, {**headers, CLAIM_HEADER: claim}))
    return found


def is_large(check: ClaimCheck | None, body: bytes) -> bool:
    """Whether a body is kept aside."""
    return check is not None and len(body) > check.above_bytes


async def fetched(check: ClaimCheck | None, message: Delivery) -> Delivery:
    """A message with its body, wherever that is. Raises `BadBody` where it is gone or changed,
    `OSError` where it cannot be reached.
    """
    if check is None or not is_aside(check, message):
        return message
    try:
        return await asyncio.to_thread(check.whole, message)
    except ClaimLost as error:
        raise BadBody(str(error)) from None


def is_aside(check: ClaimCheck | None, message: Delivery) -> bool:
    """Whether the body of a message is kept elsewhere."""
    return check is not None and _HEADER_BYTES in message.head


async def told_keys(check: ClaimCheck | None, claims: Claims, messages: Sequence[Delivery]) -> None:
    """Tell claims the keys of messages whose bodies are kept elsewhere: one after another, for the
    bodies are large."""
    for message in messages:
        if is_aside(check, message) and not claims.knows(message):
            try:
                claims.learn(message, await fetched(check, message))
            except Exception as error:  # noqa: BLE001  (it fails the run of this message alone)
                claims.learn(message, error)
