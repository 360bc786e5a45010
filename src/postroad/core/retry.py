"""Attempt -> how long to wait: the retry policy, with dice that a replay throws the same.

One rule: chance is a keyed hash of the data directory's salt and the message, never a random
number.
"""

from hashlib import blake2b

from postroad.model.policy import (
    BACKOFF_EXPONENTIAL,
    BACKOFF_FIXED,
    BACKOFF_LINEAR,
    RetryPolicy,
)


def retry_due_ms(
    policy: RetryPolicy, attempt: int, now: int, salt: bytes, message: tuple[int, int]
) -> int:
    """When a message (queue id, offset) is ready again after its `attempt`th failure, in ms.

    Attempts count from 1; 0 means at once.
    """
    if policy.backoff == BACKOFF_FIXED:
        wait_ms = min(policy.delay_ms, policy.delay_ms_max)
    elif policy.backoff == BACKOFF_EXPONENTIAL:
        most_ms = min(policy.delay_ms_max, policy.delay_ms << min(attempt - 1, 40))
        wait_ms = dice(salt, *message, attempt) % (most_ms + 1)
    elif policy.backoff == BACKOFF_LINEAR:
        wait_ms = min(policy.delay_ms_max, policy.delay_ms * attempt)
    else:
        wait_ms = 0
    return now + wait_ms if wait_ms else 0


def dice(salt: bytes, *words: int) -> int:
    """A number below 2**64 that depends on the salt and the words, and looks like chance."""
    text = b"".join(word.to_bytes(8, "little") for word in words)
    return int.from_bytes(blake2b(text, digest_size=8, key=salt).digest(), "little")
