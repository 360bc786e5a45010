"""What the core may answer.

One rule: anything a client can cause comes back as a value, `Refused(why)` among them; exceptions
are for broken promises.
"""

from enum import IntEnum

from postroad.model.batch import BatchDone, RunDone
from postroad.model.claims import ClaimReply
from postroad.model.exchanges import BindingsListed, Bound, ExchangeDescribed, Routed
from postroad.model.groups import GroupReply
from postroad.model.history import HistoryReply
from postroad.model.kv_replies import KvReply
from postroad.model.lists import ListReply
from postroad.model.message import Delivery
from postroad.model.policy import QueueSettings
from postroad.model.rounds import RoundReply
from postroad.model.schedules import ScheduleReply
from postroad.model.schemas import SchemasListed, SchemaStored
from postroad.model.topics import TopicReply
from postroad.model.value import value


class Why(IntEnum):
    """Why a command was refused. Each protocol maps every one of these to its own error."""

    NO_SUCH_QUEUE = 1
    SETTINGS_DIFFER = 2
    BAD_NAME = 3
    BAD_SETTINGS = 4
    QUEUE_FULL = 5
    NO_SPACE = 6
    TOO_LARGE = 7
    NO_SUCH_LEASE = 8
    NO_SUCH_CONSUMER = 9
    NO_SUCH_TASK = 10
    TASK_RUNNING = 11
    TOO_MANY_LEASED = 12
    STOPPING = 13
    BAD_COMMAND = 14
    LOCKED = 15
    CHANGED = 16
    PROGRAM_FAILED = 17
    NO_SUCH_MESSAGE = 19
    NO_SUCH_EXCHANGE = 30
    NO_SUCH_BINDING = 31
    EXCHANGE_IN_USE = 32
    EXCHANGE_INTERNAL = 33
    BAD_FILTER = 34
    UNROUTABLE = 35
    TOO_MANY = 36
    WRONG_KIND = 40
    NOT_A_NUMBER = 41
    NO_SUCH_KEY = 42
    KV_FULL = 43
    DOES_NOT_FIT = 44
    NAME_TAKEN = 20
    NO_SUCH_TOPIC = 21
    NO_SUCH_PARTITION = 22
    NO_SUCH_GROUP = 23
    NO_SUCH_MEMBER = 24
    WRONG_GENERATION = 25
    OUT_OF_RANGE = 26
    GROUP_IN_USE = 27
    REBALANCING = 28
    FENCED = 29
    EXCLUSIVE_CONSUMER = 45
    QUEUE_IN_USE = 46
    QUEUE_NOT_EMPTY = 47
    NO_SUCH_SCHEDULE = 48


@value
class Refused:
    """The command was refused and changed nothing. `text`: one line for a person."""

    why: Why
    text: str = ""


@value
class Done:
    """It is done, and nothing more is to be said."""


@value
class Declared:
    """`created` is false when the queue existed."""

    queue: int
    created: bool


@value
class Published:
    """`places[i]` = (queue id, offset of the first message) for the i-th target; the messages of
    one publish have consecutive offsets in each. `published_ms`: the time they carry. `offsets`:
    one per message, where some were known already and have the offset of the first that came with
    their id; `None` where all are new. `known`: which they are, 0 being the first. Both are of a
    publish to one queue; of one to several `targets` has them for each in turn, `None` where all
    are new, and is empty where they are new to all."""

    places: tuple[tuple[int, int], ...]
    published_ms: int
    offsets: tuple[int, ...] | None = None
    known: tuple[int, ...] = ()
    targets: "tuple[KnownThere | None, ...]" = ()


@value
class KnownThere:
    """What one of several targets of a publish knew already; as in `Published`."""

    offsets: tuple[int, ...]
    known: tuple[int, ...]


@value
class Received:
    """Deliveries in order; empty when the wait was over first. `consumer`: whose push it is, 0 for
    a receive or pop; `pushed_bytes`: what a push counts for in its consumer's window: heads too,
    and small messages as the mean of their neighbours. Of a claim: `next_offset`: where to go on,
    0 at the end; `gone`: offsets that were leased and are forgotten by the log."""

    messages: list[Delivery]
    consumer: int = 0
    next_offset: int = 0
    gone: tuple[int, ...] = ()
    pushed_bytes: int = 0


@value
class Detached:
    """The queue of an attached consumer is gone: the last answer to its ask."""

    consumer: int


@value
class Settled:
    """`failed`: indexes that could not be settled or extended, with the reason."""

    failed: tuple[tuple[int, Why], ...] = ()


@value
class Purged:
    """How many messages were dropped."""

    count: int


@value
class PeekedMessage:
    """A message and the state it is in: `ready`, `delayed`, `leased`, `dead` or `settled`; `due_ms`
    of a delayed one; of a settled one when it settled, or a little later."""

    state: str
    due_ms: int
    message: Delivery


@value
class Peeked:
    """In offset order; `next_offset`: where to go on."""

    messages: list[PeekedMessage]
    next_offset: int


@value
class Described:
    """A queue: its settings and what it holds now."""

    queue: int
    name: str
    settings: QueueSettings
    extras: dict[str, str]
    labels: dict[str, str]
    created_ms: int
    changed_ms: int
    ready: int
    delayed: int
    leased: int
    dead: int
    next_offset: int
    consumers: int = 0
    changes: int = 0
    settled: int = 0


@value
class Listed:
    """Queue names in order; `more`: whether others follow."""

    names: list[str]
    more: bool


@value
class Moved:
    """How many were moved, or would be. `next_offset`: where to look for more of those that were
    chosen; 0: there are no more. `offsets`: which, of a dry run."""

    count: int
    next_offset: int = 0
    offsets: tuple[int, ...] = ()


@value
class TaskStarted:
    """The number of a background move."""

    task: int


@value
class TaskStopped:
    """The task was stopped after moving this many."""

    moved: int


@value
class TaskInfo:
    """A background move: `status` is running, completed, cancelled or failed; `total` at its
    start."""

    task: int
    status: str
    source: str
    target: str | None
    per_second: int | None
    moved: int
    total: int
    failure: str
    started_ms: int


@value
class TasksListed:
    """Newest first."""

    tasks: list[TaskInfo]


Reply = (
    Refused
    | Done
    | Declared
    | Published
    | Received
    | Detached
    | Settled
    | Purged
    | Peeked
    | Described
    | Listed
    | Moved
    | TaskStarted
    | TaskStopped
    | TasksListed
    | HistoryReply
    | ExchangeDescribed
    | Bound
    | BindingsListed
    | Routed
    | KvReply
    | ListReply
    | ScheduleReply
    | SchemaStored
    | SchemasListed
    | TopicReply
    | GroupReply
    | ClaimReply
    | RoundReply
    | BatchDone
    | RunDone
)
