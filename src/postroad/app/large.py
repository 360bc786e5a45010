"""Large bodies of calls: kept aside before a call is published, fetched before its task runs, and
forgotten once its message is acked.

It stands between calls and runs and the claim check of the app. The rule kept here: what cannot be
fetched any more fails its message for good, and what cannot be reached now fails it for once; a
body goes after the ack and never before it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from postroad.api.asks import Asks
from postroad.api.messages import Outgoing
from postroad.app.claims import Claims
from postroad.app.outcomes import BadBody
from postroad.claimcheck import CLAIM_HEADER, ClaimCheck
from postroad.claimcheck.claim import claim_of
from postroad.errors import ClaimLost
from postroad.limits import CLAIMS_DROPPED_AT_ONCE, CLAIMS_DROPPED_MAX
from postroad.model.message import HEAD_PLAIN, Delivery
from postroad.model.policy import QueueSettings

_HEADER_BYTES = CLAIM_HEADER.encode()
_log = logging.getLogger("postroad.app")

Acked = Callable[[Sequence[Delivery]], None]
"""Hears of messages whose ack is durable."""


def kept_aside(
    check: ClaimCheck | None, body: bytes, options: Mapping[str, Any]
) -> tuple[bytes, Mapping[str, Any]]:
    """What to publish for a body, and the options of the call with it; waits for the disk."""
    if not is_large(check, body) or check is None:
        return body, options
    text, claim = check.check_in(body, own=True)
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
        text, claim = check.check_in(body, own=True)
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
        return _without_claim(await asyncio.to_thread(check.whole, message))
    except ClaimLost as error:
        raise BadBody(str(error)) from None


def _without_claim(message: Delivery) -> Delivery:
    """A message with its body as if it had come with it, where the body goes with the ack: who
    passes its headers on must not promise what is gone then.
    """
    claim = claim_of(message)
    if claim is None or not claim.own or message.head[0] != HEAD_PLAIN:
        return message
    headers = msgspec.msgpack.decode(message.head[1:])
    del headers[CLAIM_HEADER]
    head = bytes((HEAD_PLAIN,)) + msgspec.msgpack.encode(headers) if headers else b""
    return msgspec.structs.replace(message, head=head)


def may_go(check: ClaimCheck | None, message: Delivery) -> bool:
    """Whether the body of an acked message may be one that nobody needs: a dead letter, and what
    was moved, may have gone to several queues.
    """
    return is_aside(check, message) and message.note is None


def is_aside(check: ClaimCheck | None, message: Delivery) -> bool:
    """Whether the body of a message is kept elsewhere."""
    return check is not None and _HEADER_BYTES in message.head


def then(asks: Asks[None], messages: Sequence[Delivery], acked: Acked) -> Asks[None]:
    """An ack, after which somebody hears of it: once all of it is durable, at no other time."""
    yield from asks
    acked(messages)


class Forgetting:
    """The bodies that go with the acks of one worker, beside its other work."""

    def __init__(self, check: ClaimCheck | None) -> None:
        self._check = check
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = 0

    def hears(self, settings: QueueSettings) -> Acked | None:
        """Who is to hear of the acks of a queue so that bodies go with them; `None`: nobody, where
        no body is kept aside, or the queue keeps what was acked for those who want it back.
        """
        if self._check is None or settings.keep_settled_ms is not None:
            return None
        return self._acked

    async def ended(self, wait_s: float) -> None:
        """Wait so long for what is under way: a place that hangs holds up no stop."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=wait_s)
            for task in late:
                task.cancel()
            if late:
                _log.warning("bodies of acked messages are left to a sweep: the worker stops")
                await asyncio.wait(late)

    def _acked(self, messages: Sequence[Delivery]) -> None:
        large = [one for one in messages if may_go(self._check, one)]
        # Where the place is slower than the acks a sweep finds the others.
        if large and self._under_way < CLAIMS_DROPPED_MAX:
            self._under_way += len(large)
            task = asyncio.get_running_loop().create_task(self._go(large))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _go(self, messages: list[Delivery]) -> None:
        assert self._check is not None, "without a place nobody hears of acks"
        try:
            await let_go(self._check, messages)
        finally:
            self._under_way -= len(messages)


async def let_go(check: ClaimCheck, messages: Sequence[Delivery]) -> None:
    """Forget bodies of messages that are acked, where no other message needs them; what cannot be
    forgotten now is found by a sweep.
    """
    try:
        # A thread that has begun cannot be ended: it has little to do.
        for start in range(0, len(messages), CLAIMS_DROPPED_AT_ONCE):
            part = messages[start : start + CLAIMS_DROPPED_AT_ONCE]
            await asyncio.to_thread(check.drop, part, own=True)
    except Exception as error:  # noqa: BLE001  (a place out of reach; the messages are done)
        _log.warning("bodies of acked messages are left to a sweep: %r", error)


async def told_keys(check: ClaimCheck | None, claims: Claims, messages: Sequence[Delivery]) -> None:
    """Tell claims the keys of messages whose bodies are kept elsewhere: one after another, for the
    bodies are large."""
    for message in messages:
        if is_aside(check, message) and not claims.knows(message):
            try:
                claims.learn(message, await fetched(check, message))
            except Exception as error:  # noqa: BLE001  (it fails the run of this message alone)
                claims.learn(message, error)
