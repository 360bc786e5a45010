"""Receives of FIFO queues by their ReceiveRequestAttemptId, for clients that lost an answer.

The rule kept here: what is remembered is places and leases, never bodies, and what a client changed
since is forgotten. It may be lost at any time; then the messages come when their leases end.
"""

from collections.abc import Sequence
from typing import Final

from postroad.limits import SQS_ATTEMPTS_MAX
from postroad.model.value import value
from postroad.protocols.sqs.receipts import Receipt

_Key = tuple[str, str]
"""A queue's name and an attempt id."""


@value
class Attempt:
    """What a receive was answered with: receipts, and when each message was received for the first
    time. `until_ms`: how long it may be asked for again."""

    receipts: tuple[Receipt, ...]
    firsts_ms: tuple[int, ...]
    until_ms: int


class Attempts:
    """The attempts of all queues, oldest first; a message is in the latest of its receives only."""

    def __init__(self, count_max: int = SQS_ATTEMPTS_MAX) -> None:
        self._count_max: Final = count_max
        self._attempts: dict[_Key, Attempt] = {}
        self._by_message: dict[tuple[int, int], _Key] = {}

    def __len__(self) -> int:
        return len(self._attempts)

    def find(self, name: str, attempt_id: str, now_ms: int) -> Attempt | None:
        """The receive of this id, if it is not too long ago."""
        attempt = self._attempts.get((name, attempt_id))
        return None if attempt is None or attempt.until_ms <= now_ms else attempt

    def keep(self, name: str, attempt_id: str, attempt: Attempt, now_ms: int) -> None:
        """A receive of this id was answered with messages."""
        key = (name, attempt_id)
        self._drop(key)
        self.forget(attempt.receipts)
        self._drop_old(now_ms)
        self._attempts[key] = attempt
        for receipt in attempt.receipts:
            self._by_message[receipt.queue, receipt.offset] = key

    def forget(self, receipts: Sequence[Receipt]) -> None:
        """These messages were deleted, given back, received again or leased for another time."""
        if not self._by_message:
            return
        for receipt in receipts:
            key = self._by_message.get((receipt.queue, receipt.offset))
            if key is not None:
                self._drop(key)

    def _drop_old(self, now_ms: int) -> None:
        while self._attempts:
            key, attempt = next(iter(self._attempts.items()))
            if attempt.until_ms > now_ms and len(self._attempts) < self._count_max:
                return
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        attempt = self._attempts.pop(key, None)
        for receipt in () if attempt is None else attempt.receipts:
            self._by_message.pop((receipt.queue, receipt.offset), None)
