"""Settings of queues as values: lease, delay, retention, retry, dead letters, limits.

One rule: a setting that was not given has its default here and nowhere else.
"""

from msgspec import Struct

DAY_MS = 86_400_000

OVERFLOW_REJECT = "reject"
OVERFLOW_DROP_OLDEST = "drop-oldest"
OVERFLOW_DEAD_LETTER_OLDEST = "dead-letter-oldest"
OVERFLOW_REJECT_DEAD_LETTER = "reject-dead-letter"
"""What does not fit is refused to its publisher, and goes to the dead letters."""
OVERFLOWS_REFUSING = (OVERFLOW_REJECT, OVERFLOW_REJECT_DEAD_LETTER)
OVERFLOWS = (
    OVERFLOW_REJECT,
    OVERFLOW_DROP_OLDEST,
    OVERFLOW_DEAD_LETTER_OLDEST,
    OVERFLOW_REJECT_DEAD_LETTER,
)

BACKOFF_NONE = "none"
BACKOFF_FIXED = "fixed"
BACKOFF_EXPONENTIAL = "exponential"
BACKOFF_LINEAR = "linear"
BACKOFFS = (BACKOFF_NONE, BACKOFF_FIXED, BACKOFF_EXPONENTIAL, BACKOFF_LINEAR)

RETRY_FAILED = "failed"
RETRY_RETURNED = "returned"
RETRY_ALL = "all"
RETRY_WHENS = (RETRY_FAILED, RETRY_RETURNED, RETRY_ALL)

STANDARD = "standard"
"""Messages leave in order of arrival, as far as several consumers allow; where they bear keys, each
key has its fair share."""
FIFO = "fifo"
"""Messages of one key leave strictly in order, those of one key leased by one receiver at a
time."""
PRIORITY = "priority"
"""Messages of a higher priority leave first."""
KINDS = (STANDARD, FIFO, PRIORITY)

DEDUP_QUEUE = "queue"
DEDUP_KEY = "key"
DEDUP_SCOPES = (DEDUP_QUEUE, DEDUP_KEY)


class RetryPolicy(Struct, frozen=True, array_like=True, gc=False):
    """How long a message that came back waits before it is ready again.

    `none`: at once. `fixed`: `delay_ms`. `exponential`: a random time between 0 and
    `min(delay_ms_max, delay_ms * 2 ** (delivery count - 1))` (full jitter), the dice being
    a keyed hash so that a replay gives the same. `linear`: `min(delay_ms_max, delay_ms * delivery
    count)`. `when`: it is for messages that `failed`, for those that were `returned` (released,
    through no fault of theirs), or for `all` that come back.
    """

    backoff: str = BACKOFF_NONE
    delay_ms: int = 1_000
    delay_ms_max: int = 60_000
    when: str = RETRY_FAILED


class QueueSettings(Struct, frozen=True, array_like=True, gc=False):
    """Everything one may set on a queue. `None` means: not limited, or not used.

    `lease_ms`: how long a received message stays leased unless the receiver says otherwise.
    `delay_ms`: how long each message waits before it is ready the first time.
    `retention_ms`: messages older than this leave (to the dead letters if
    `expired_to_dead_letters`).
    `ttl_ms`: the same for the life of a message; the shorter of the two counts. 0: a message is for
    who waits as it comes, or is over.
    `deliveries_max`: after so many failed deliveries a message is dead.
    `dead_letter_queue`: name of the queue where dead messages go; without it they are dropped.
    `dead_letter_exchange`: instead of that, the exchange that dead messages go through, those that
    died of age or of a full queue too (`""`: to the queue or topic whose name is the routing key);
    with `dead_letter_routing_key`, or without one under the routing keys they came by. What has
    nowhere to go is dropped, or with `dead_letter_strict` stays dead in its queue until it has.
    `length_max`, `bytes_max`: messages and bytes the queue may hold, with `limits_waiting` beside
    those that are leased; with `limits_bodies` the bytes of bodies alone count, not what comes with
    them. `overflow` says what gives way.
    `wait_ms`: long-poll time of a receive that does not say its own.
    `message_bytes_max`: a larger message (body and head) is refused. `leased_max`: most messages
    leased at once.
    `kind`: standard, fifo or priority; `priority_max`: a message of a higher priority leaves among
    those of this one; neither ever changes. `dedup_window_ms`: for so long a message
    with the id of an earlier one is not taken again; `dedup_by_content`: the body stands for an id
    that was not given; `dedup_scope`: ids count for the whole `queue`, or for each `key` alone.
    `key_leased_max`: most messages of one key leased at once. `per_second`, `key_per_second`: most
    deliveries a second, of the queue and of one key. `single_active_consumer`: of the attached
    consumers the oldest alone is served. `exclusive`: lives as long as the session that declared
    it, and is for that session alone. `paused`: nothing is delivered. `expires_ms`: the queue goes
    when it was not used for so long. `keep_settled_ms`: what was settled stays readable for so
    long. `delete_when_unused`: the queue goes when the last consumer that was attached to it leaves
    it; one that never had any stays.
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
    kind: str = STANDARD
    dedup_window_ms: int | None = None
    dedup_by_content: bool = False
    dedup_scope: str = DEDUP_QUEUE
    key_leased_max: int | None = None
    per_second: int | None = None
    key_per_second: int | None = None
    single_active_consumer: bool = False
    exclusive: bool = False
    paused: bool = False
    expires_ms: int | None = None
    keep_settled_ms: int | None = None
    delete_when_unused: bool = False
    dead_letter_exchange: str | None = None
    dead_letter_routing_key: str | None = None
    dead_letter_strict: bool = False
    limits_waiting: bool = False
    limits_bodies: bool = False
    priority_max: int | None = None

    @property
    def life_ms(self) -> int | None:
        """The shorter of retention and ttl, in ms; `None` when neither is set."""
        if self.ttl_ms is None:
            return self.retention_ms
        if self.retention_ms is None:
            return self.ttl_ms
        return min(self.ttl_ms, self.retention_ms)
