"""The facts of the journal, in the past tense, each about one entity and carrying all that apply
needs.

One rule: a released record keeps its tag and its fields for good; a new need is a new field at the
end with a default, or a new kind. `first`, `span`, `mask` name offsets inside one page: `span`
offsets from `first` on, or those of them whose bit is set in `mask` (little-endian) when it is not
empty.
"""

from msgspec import Struct

from postroad.model.message import Note
from postroad.model.policy import QueueSettings

POPPED = 1
"""Dropped because a receiver took it without a lease."""
MOVED = 2
"""Dropped here because it was published elsewhere in the same step."""
OVERFLOWED = 3
"""Dropped because the queue was full."""
DEAD = 4
"""Dropped because it was dead and there is no dead-letter queue."""
LATE = 5
"""Dropped by an ack whose lease had lapsed."""
CANCELLED = 6
"""Dropped by somebody's word before anybody received it."""
PURGED = 7
"""Dropped with all else that was ready."""

MAX_DELIVERIES = 1
"""Dead after too many deliveries."""
REJECTED = 2
"""Dead by a consumer's word."""
EXPIRED = 3
"""Dead of old age."""
OVERFLOW = 4
"""Dead because the queue was full."""


OWN_DUE = 2**64 - 1
"""A due instant that means: as each queue's own delay says."""


class Record(Struct, array_like=True, gc=False):
    """A fact."""


class Born(Record, tag=1):
    """The data directory's first start. `salt`: key of the hash that stands in for dice."""

    salt: bytes
    now_ms: int


class QueueDeclared(Record, tag=2):
    """A queue exists from here on."""

    queue: int
    name: str
    settings: QueueSettings
    extras: dict[str, str]
    labels: dict[str, str]
    now_ms: int


class QueueChanged(Record, tag=3):
    """A queue's settings, extras and labels are these from here on."""

    queue: int
    settings: QueueSettings
    extras: dict[str, str]
    labels: dict[str, str]
    now_ms: int


class QueueDeleted(Record, tag=4):
    """A queue is gone; what it held is swept in slices."""

    queue: int


class RouteSetDefined(Record, tag=5):
    """This number stands for these queues; its shelf holds what is published to them together."""

    route: int
    queues: list[int]


class Published(Record, tag=6):
    """Messages were published to a queue, or to all queues of a route set.

    `shelf`: queue or route set; `first`: index of the first body in the shelf. `sizes`,
    `head_sizes`: u32 each, native little-endian; `head_sizes` empty: no heads. `dues`, `expires`:
    u64 ms each, 0 for none; OWN_DUE, or no `dues` at all: a queue's own delay counts. `notes`: one
    per message, of moved messages. `keys`: u64 keyed hash of each ordering key, 0 for none.
    `priorities`: u8 each. `ids`: 16 bytes each, the keyed hash of the deduplication id, zeros for
    none.
    """

    shelf: int
    first: int
    now_ms: int
    sizes: bytes
    blob: bytes
    head_sizes: bytes = b""
    heads: bytes = b""
    dues: bytes = b""
    expires: bytes = b""
    notes: list[Note] | None = None
    keys: bytes = b""
    priorities: bytes = b""
    ids: bytes = b""


class Leased(Record, tag=7):
    """Messages were leased. `deadline_ms` 0: no deadline. `holder` 0: bound to no session."""

    queue: int
    lease: int
    first: int
    span: int
    mask: bytes
    deadline_ms: int
    holder: int
    now_ms: int


class Acked(Record, tag=8):
    """Leased messages are done."""

    queue: int
    lease: int
    first: int
    span: int
    mask: bytes


class Returned(Record, tag=9):
    """Leased messages came back. `due_ms` 0: ready now. `counted`: the delivery counts against the
    message.
    `death` not 0: they came back dead, for this reason."""

    queue: int
    lease: int
    first: int
    span: int
    mask: bytes
    due_ms: int
    counted: bool
    death: int = 0


class Extended(Record, tag=10):
    """A lease's deadline moved. `renewed` differs from `lease` when only a part of the grant was
    meant: that part is
    from now on a grant of its own, still known by its old receipts."""

    queue: int
    lease: int
    first: int
    span: int
    mask: bytes
    renewed: int
    deadline_ms: int


class Lapsed(Record, tag=11):
    """Leases whose deadline is at or before `until_ms` lapsed, by (deadline, number), the first of
    them that together hold `limit` messages."""

    queue: int
    until_ms: int
    limit: int


class Ripened(Record, tag=12):
    """Delayed messages due at or before `until_ms` are ready: those of the first `pages` pages by
    (due, page)."""

    queue: int
    until_ms: int
    pages: int


class Aged(Record, tag=13):
    """Messages below offset `before` are too old: those not leased leave, or are dead if
    `death`."""

    queue: int
    before: int
    death: int


class Expired(Record, tag=14):
    """Messages whose own life ended at or before `until_ms` leave (or are dead if `death`), those
    of the first `pages` pages."""

    queue: int
    until_ms: int
    pages: int
    death: int


class Dropped(Record, tag=15):
    """Messages that were not leased are gone. `why`: POPPED, MOVED, OVERFLOWED, DEAD, LATE or
    CANCELLED."""

    queue: int
    first: int
    span: int
    mask: bytes
    why: int


class Condemned(Record, tag=16):
    """Ready or delayed messages are dead for the reason `death`, waiting to be moved to the dead
    letters."""

    queue: int
    first: int
    span: int
    mask: bytes
    death: int


class Purged(Record, tag=17):
    """All messages below offset `before` are gone, leased or not; their pages are swept in
    slices."""

    queue: int
    before: int


class Swept(Record, tag=18):
    """The first `pages` pages of what was purged or deleted were freed."""

    queue: int
    pages: int


class HolderEnded(Record, tag=19):
    """Leases of a session's holder came back because the session is gone, the first of them that
    together hold `limit` messages. `counted` as in Returned."""

    queue: int
    holder: int
    limit: int
    counted: bool


class Placed(Record, tag=20):
    """A block of a shelf (known by its first index) rests in the store, with the `kept` messages
    somebody wanted."""

    shelf: int
    first: int
    id: int
    size: int
    kept: int


class Rewritten(Record, tag=21):
    """A placed block was written again without its dead messages; the old copy is free."""

    shelf: int
    first: int
    id: int
    size: int
    kept: int


class Closed(Record, tag=25):
    """The open block of a shelf takes no more messages, so that it can be placed."""

    shelf: int
    first: int


class MoveTaskStarted(Record, tag=22):
    """A background move of what is below offset `before` in `source`; `target` 0: back to where
    each came from."""

    task: int
    source: int
    target: int
    per_second: int
    before: int
    total: int
    now_ms: int


class MoveTaskMoved(Record, tag=23):
    """The task moved so many more; it goes on from offset `after`, not before `due_ms`."""

    task: int
    count: int
    after: int
    due_ms: int


class MoveTaskEnded(Record, tag=24):
    """The task is over. `status`: completed, cancelled or failed."""

    task: int
    status: str
    failure: str
    now_ms: int


QueueRecord = (
    Born
    | QueueDeclared
    | QueueChanged
    | QueueDeleted
    | RouteSetDefined
    | Published
    | Leased
    | Acked
    | Returned
    | Extended
    | Lapsed
    | Ripened
    | Aged
    | Expired
    | Dropped
    | Condemned
    | Purged
    | Swept
    | HolderEnded
    | Placed
    | Rewritten
    | Closed
    | MoveTaskStarted
    | MoveTaskMoved
    | MoveTaskEnded
)
