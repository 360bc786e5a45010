"""Settings of queues as values: lease, delay, retention, retry, dead letters, limits.

One rule: a setting that was not given has its default here and nowhere else.
"""

from msgspec import Struct

DAY_MS = 86_400_000

OVERFLOW_REJECT = "reject"
OVERFLOW_DROP_OLDEST = "drop-oldest"
OVERFLOW_DEAD_LETTER_OLDEST = "dead-letter-oldest"
OVERFLOWS = (OVERFLOW_REJECT, OVERFLOW_DROP_OLDEST, OVERFLOW_DEAD_LETTER_OLDEST)

BACKOFF_NONE = "none"
BACKOFF_FIXED = "fixed"
BACKOFF_EXPONENTIAL = "exponential"
BACKOFFS = (BACKOFF_NONE, BACKOFF_FIXED, BACKOFF_EXPONENTIAL)


class RetryPolicy(Struct, frozen=True, array_like=True, gc=False):
    """How long a message that failed waits before it is ready again.

    `none`: at once. `fixed`: `delay_ms`. `exponential`: a random time between 0 and
    `min(delay_ms_max, delay_ms * 2 ** (delivery count - 1))` (full jitter), the dice being
    a keyed hash so that a replay gives the same.
    """

    backoff: str = BACKOFF_NONE
    delay_ms: int = 1_000
    delay_ms_max: int = 60_000


class QueueSettings(Struct, frozen=True, array_like=True, gc=False):
    """Everything one may set on a queue. `None` means: not limited, or not used.

    `lease_ms`: how long a received message stays leased unless the receiver says otherwise.
    `delay_ms`: how long each message waits before it is ready the first time.
    `retention_ms`: messages older than this leave (to the dead letters if
    `expired_to_dead_letters`).
    `ttl_ms`: the same for the life of a message; the shorter of the two counts.
    `deliveries_max`: after so many failed deliveries a message is dead.
    `dead_letter_queue`: name of the queue where dead messages go; without it they are dropped.
    `length_max`, `bytes_max`: messages and body bytes the queue may hold; `overflow` says what
    gives way.
    `wait_ms`: long-poll time of a receive that does not say its own.
    `message_bytes_max`: a larger message (body and head) is refused. `leased_max`: most messages
    leased at once.
    """

    lease_ms: int = 30_000
    delay_ms: int = 0
    retention_ms: int | None = None
    ttl_ms: int | None = None
    deliveries_max: int | None = None
    dead_letter_queue: str | None = None
    retry: RetryPolicy = RetryPolicy()
    length_max: int | None = None
    bytes_max: int | None = None
    overflow: str = OVERFLOW_REJECT
    expired_to_dead_letters: bool = False
    wait_ms: int = 0
    message_bytes_max: int | None = None
    leased_max: int | None = None

    @property
    def life_ms(self) -> int | None:
        """The shorter of retention and ttl, in ms; `None` when neither is set."""
        if self.ttl_ms is None:
            return self.retention_ms
        if self.retention_ms is None:
            return self.ttl_ms
        return min(self.ttl_ms, self.retention_ms)
