"""What may be asked of the core.

One rule: a command names things by their names and carries all it needs; times are durations in ms,
and the core adds its own now.
"""

from collections.abc import Sequence

from postroad.model import exchanges
from postroad.model.batch import Batch, Run
from postroad.model.choices import Edit, Which
from postroad.model.claims import ClaimCommand
from postroad.model.groups import GroupCommand
from postroad.model.history import HistoryCommand
from postroad.model.kv import KvCommand
from postroad.model.lists import ListCommand
from postroad.model.policy import QueueSettings
from postroad.model.rounds import RoundCommand
from postroad.model.schedules import ScheduleCommand
from postroad.model.schemas import GetSchemas, SetSchema
from postroad.model.topics import TopicCommand
from postroad.model.value import value

ACK = 1
"""Done; never again."""
RELEASE = 2
"""Back to its place at once; no fault of the message, not counted as a delivery."""
RETRY = 3
"""Failed; again after `after_ms` (None: as the queue's retry policy says). Counted."""
REJECT = 4
"""Give up now: dead letter, or dropped where there is no dead-letter queue."""

SESSION_LEASE = -1
"""A `lease_ms` that means: no deadline; the lease ends with the caller's session."""


@value
class DeclareQueue:
    """Make a queue exist. The same again is fine; `compare` names the settings (fields of
    `QueueSettings`) and extras that must agree with a queue that exists already.

    `extras`: settings of a protocol the core only keeps (`"sqs.Policy" -> text`). `labels`: tags.
    Answer: `Declared`, or `Refused(SETTINGS_DIFFER)`.
    """

    name: str
    settings: QueueSettings = QueueSettings()
    extras: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    compare: tuple[str, ...] = ()


@value
class ChangeQueue:
    """Set settings, extras and labels of a queue; `None` leaves them; in the two maps a value of
    `None` removes that name. `only`: the fields of `settings` that are meant, all of them without
    it; the others stay as they are, whoever changes them meanwhile. Answer: `Done`."""

    name: str
    settings: QueueSettings | None = None
    extras: dict[str, str | None] | None = None
    labels: dict[str, str | None] | None = None
    only: tuple[str, ...] | None = None


@value
class DeleteQueue:
    """Remove a queue and all it holds; `if_unused`: only when no consumer is attached to it;
    `if_empty`: only when it holds no message. Answer: `Done`, or `Refused`: QUEUE_IN_USE,
    QUEUE_NOT_EMPTY."""

    name: str
    if_unused: bool = False
    if_empty: bool = False


@value
class PurgeQueue:
    """Drop every message a queue holds now, the leased ones too; `ready_only`: those that are
    ready, and no others: where these are many, a part of them at a time, with what comes back
    meanwhile and without what is published. Answer: `Purged(count)`, when it is done."""

    name: str
    ready_only: bool = False


@value
class DescribeQueue:
    """Settings and counts of one queue. Answer: `Described`."""

    name: str


@value
class ListQueues:
    """Names of queues in order, those after `after` that start with `prefix`, at most `count`.
    Answer: `Listed`."""

    prefix: str = ""
    after: str = ""
    count: int = 1_000


@value
class Publish:
    """Publish messages to one or more queues, all of it or nothing, as one atomic step.

    `bodies`: one per message. `heads`: one per message, or `None` for none. `delays_ms`: per
    message, `None` in it or for it all: the queue's own delay. `ttls_ms`: likewise, a message's own
    life. `repeated_ms`: all of it was asked before, up to so long ago, and may have been done: it
    is refused (CHANGED) where a queue could not tell by the deduplication ids. Answer: `Published`.
    """

    queues: tuple[str, ...]
    bodies: Sequence[bytes]
    heads: Sequence[bytes] | None = None
    delays_ms: Sequence[int | None] | None = None
    ttls_ms: Sequence[int | None] | None = None
    keys: Sequence[str | None] | None = None
    priorities: Sequence[int] | None = None
    dedup_ids: Sequence[str | None] | None = None
    repeated_ms: int | None = None


@value
class Receive:
    """Lease up to `count` ready messages, of 64 MiB together unless one is larger; with none ready,
    wait up to `wait_ms` (None: the queue's own).

    `lease_ms`: None: the queue's own; 0: it lapses at once; SESSION_LEASE: it ends with the
    caller's session. Answer: `Received` (possibly with no messages), once something is ready or the
    wait is over.
    """

    queue: str
    count: int = 1
    lease_ms: int | None = None
    wait_ms: int | None = None


@value
class Pop:
    """Take up to `count` messages for good, with no lease (at most once); waits like `Receive`.
    Answer: `Received`; each delivery's lease is 0."""

    queue: str
    count: int = 1
    wait_ms: int | None = None


@value
class Attach:
    """Attach a consumer to a queue: messages are pushed as `Received` answers to this ask's caller
    as long as it has credit. `consumer`: a number the caller chooses, unique among its consumers.
    `credit`: most messages leased to it at once (with `leased=False`, at-most-once, credit is used
    up by each message).
    `lease_ms` as in `Receive`, but None means SESSION_LEASE. `priority`: as long as a consumer of a
    higher one may be given messages, those of lower ones are not. `exclusive`: no other consumer
    may be attached beside it. `pool`: the caller's pool (`SetPool`) that its leases count in; 0:
    none. `window_bytes`: nothing is pushed to it while so many bytes are on their way to those
    consumers of the caller that have a window (`CountArrived`), 0: however many are; it is passed
    by one message at most. Answer: `Done`, then deliveries; `Detached` when the queue is gone; or
    `Refused(EXCLUSIVE_CONSUMER)` where it cannot be alone, or another one is to be."""

    queue: str
    consumer: int
    credit: int
    lease_ms: int | None = None
    leased: bool = True
    priority: int = 0
    exclusive: bool = False
    pool: int = 0
    window_bytes: int = 0


@value
class GrantCredit:
    """Set (`absolute`) or raise the credit of a consumer; a negative number takes some away, and
    what is leased beyond the rest must be settled first. Answer: `Done`."""

    consumer: int
    credit: int
    absolute: bool = False


@value
class CountArrived:
    """Say that pushes have come to where they are no longer on their way: the sum of their
    `Received.pushed_bytes`. As much more may be pushed to consumers with a window. Answer:
    `Done`."""

    pushed_bytes: int


@value
class SetPool:
    """Say how many messages all consumers of one of the caller's pools may have leased at once
    (`None`: as many as they like). Leases of a consumer that was detached count until they are
    settled. `pool`: a number the caller chooses, from 1. Answer: `Done`."""

    pool: int
    limit: int | None


@value
class Detach:
    """Detach a consumer; its leases stay with the session. Answer: `Done`."""

    consumer: int


@value
class Settle:
    """Settle leased messages: `offsets[i]` was leased under `leases[i]`, delivered for the
    `counts[i]`th time.

    `outcome`: ACK, RELEASE, RETRY (`after_ms`) or REJECT. Each message stands alone:
    what cannot be settled is named in the answer, the rest is done. An ack of a message that is
    gone already is fine. A message whose lease lapsed can still be acked while nobody else has
    leased it since, unless `strict`. `queue_id`: the number of the queue the leases are of; with
    it a queue made anew under the name is left alone. `failure`: of a retry or a reject, what went
    wrong, in words for whoever looks at the dead letter; kept with the messages that die of it.
    Answer: `Settled`, or `Refused(NO_SUCH_LEASE)` where another queue has the name now.
    """

    queue: str
    offsets: Sequence[int]
    leases: Sequence[int]
    counts: Sequence[int]
    outcome: int = ACK
    after_ms: int | None = None
    strict: bool = False
    queue_id: int | None = None
    failure: str = ""


@value
class Extend:
    """Let leases end `lease_ms` from now (the receipt stays the same); `queue_id` as in `Settle`.
    Answer: `Settled`, or `Refused(NO_SUCH_LEASE)`."""

    queue: str
    offsets: Sequence[int]
    leases: Sequence[int]
    lease_ms: int
    queue_id: int | None = None


@value
class Peek:
    """Look at messages without touching them: from offset `start`, at most `count`, those in one of
    `states` (ready, delayed, leased, dead; empty: all of these; settled: those that are kept).
    Answer: `Peeked`."""

    queue: str
    start: int = 0
    count: int = 10
    states: tuple[str, ...] = ()


@value
class Move:
    """Move up to `count` ready messages (or, with `offsets`, just those) from one queue to another
    in one atomic step. `target` None: each goes back to the queue it was moved from last; those
    whose source is gone stay. `states`: ready, delayed or both, or else settled, of which each
    begins a new life. `which` is looked for from offset `start` on. `edit`: what becomes of them on
    the way. `dry_run`: say which, and change nothing.
    Answer: `Moved`."""

    source: str
    target: str | None = None
    count: int = 1_000
    offsets: tuple[int, ...] | None = None
    states: tuple[str, ...] = ("ready",)
    start: int = 0
    which: Which | None = None
    edit: Edit | None = None
    dry_run: bool = False


@value
class StartMoveTask:
    """Move all messages that are in `source` now, in the background, at most `per_second` (None: as
    fast as may be); survives restarts. `target` None: back to where each came from. `settled`: what
    is kept instead; without a target it is put back into `source`. `which`, `edit` as in `Move`.
    Answer: `TaskStarted`."""

    source: str
    target: str | None = None
    per_second: int | None = None
    settled: bool = False
    which: Which | None = None
    edit: Edit | None = None


@value
class CancelMoveTask:
    """Stop a running task. Answer: `TaskStopped(moved)` or `Refused(NO_SUCH_TASK)`."""

    task: int


@value
class ListMoveTasks:
    """The tasks of a source, newest first. Answer: `TasksListed`."""

    source: str
    count: int = 10


Command = (
    DeclareQueue
    | ChangeQueue
    | DeleteQueue
    | PurgeQueue
    | DescribeQueue
    | ListQueues
    | Publish
    | Receive
    | Pop
    | Attach
    | GrantCredit
    | CountArrived
    | SetPool
    | Detach
    | Settle
    | Extend
    | Peek
    | Move
    | StartMoveTask
    | CancelMoveTask
    | ListMoveTasks
    | HistoryCommand
    | exchanges.DeclareExchange
    | exchanges.ChangeExchange
    | exchanges.DeleteExchange
    | exchanges.DescribeExchange
    | exchanges.ListExchanges
    | exchanges.Bind
    | exchanges.Unbind
    | exchanges.RemoveBinding
    | exchanges.ChangeBinding
    | exchanges.ListBindings
    | exchanges.PublishTo
    | KvCommand
    | ListCommand
    | ScheduleCommand
    | GetSchemas
    | SetSchema
    | TopicCommand
    | GroupCommand
    | ClaimCommand
    | RoundCommand
    | Batch
    | Run
)
