"""How a file journal is set up.

It stands beside the journal files. The rule kept here: anything weaker than a sync for each append
is spelled out by whoever opens the journal, never a default.
"""

import os
from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

from postroad.journal.frame import NONCE_BYTES
from postroad.limits import (
    GROUP_BYTES_MAX,
    JOURNAL_BYTES,
    RESERVE_BYTES,
    SEGMENT_BYTES,
    SYNC_INTERVAL_MS,
)
from postroad.model.value import value


class Sync(StrEnum):
    """When an append is made durable: before it is answered, now and then, or by the system."""

    ALWAYS = "always"
    INTERVAL = "interval"
    NEVER = "never"


@value
class JournalOptions:
    """Sizes in bytes; `bound_bytes` is for all the journal has on disk: segments, spares, reserve.
    `sync_interval_ms` is by the clock the groups carry."""

    segment_bytes: int = SEGMENT_BYTES
    reserve_bytes: int = RESERVE_BYTES
    max_group: int = GROUP_BYTES_MAX
    sync: Sync = Sync.ALWAYS
    sync_interval_ms: int = SYNC_INTERVAL_MS
    bound_bytes: int = JOURNAL_BYTES


NonceSource: TypeAlias = Callable[[], int]


def random_nonce() -> int:
    """Return a nonce nobody can have guessed."""
    return int.from_bytes(os.urandom(NONCE_BYTES), "little")
