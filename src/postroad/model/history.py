"""What may be asked about the past of queues and of single messages, and what is answered.

It stands beside `commands` and `replies`, which take these in. The rule kept here: what settled is
named by its offset, its first place, or a time; whoever was told once that it was put back is told
nothing new by asking again.
"""

from postroad.model.choices import Edit, Which
from postroad.model.message import Death
from postroad.model.value import value


@value
class PutBack:
    """Publish up to `count` settled messages again, at the end of the queue that keeps them, in one
    atomic step: those at `offsets`, or those `which` says from offset `start` on. Each begins a new
    life with no deliveries and its note names the old; it is kept as settled no more. `dry_run`:
    say which, and change nothing. Answer: `Moved`."""

    queue: str
    count: int = 1_000
    offsets: tuple[int, ...] | None = None
    start: int = 0
    which: Which | None = None
    edit: Edit | None = None
    dry_run: bool = False


@value
class Cancel:
    """Drop messages that are ready or delayed: whoever published them changed his mind. What is
    leased, dead or gone is named in the answer. Answer: `Cancelled`."""

    queue: str
    offsets: tuple[int, ...]


@value
class Reschedule:
    """Let messages that are ready or delayed be ready `after_ms` from now. What is leased, dead or
    gone is named in the answer; a FIFO queue keeps its order and refuses. Answer: `Cancelled`, of
    those that have a new time."""

    queue: str
    offsets: tuple[int, ...]
    after_ms: int = 0


@value
class DescribeMessage:
    """What is known of one message, live or kept: where it came from, its deaths elsewhere, and its
    last returns. Answer: `MessageDescribed`, or `Refused(NO_SUCH_MESSAGE)`."""

    queue: str
    offset: int


@value
class Cancelled:
    """`count` were cancelled, or rescheduled; `missing`: the offsets, in order, at which there was
    nothing that could be."""

    count: int
    missing: tuple[int, ...] = ()


@value
class Return:
    """A delivery that ended without an ack: leased under `lease` at `leased_ms`, back at
    `returned_ms`, ready again at `due_ms` (0: at once). `why`: lapsed, released, retried, rejected,
    session-ended or restarted. `holder`: number of the consumer or session, 0: bound to none."""

    leased_ms: int
    returned_ms: int
    due_ms: int
    why: str
    lease: int
    holder: int


@value
class MessageDescribed:
    """`state` as in `PeekedMessage`, with `settled` for what is kept. `identity`: (queue number,
    offset) of its first place; `moved_from`: name of the queue it was moved from last. `deaths`:
    one for each queue and reason, the latest last. `returns`: the last 16, oldest
    first, as far as its queue remembers."""

    queue: int
    offset: int
    state: str
    due_ms: int
    identity: tuple[int, int]
    published_ms: int
    failed_deliveries: int
    first_received_ms: int
    moved_from: str | None
    deaths: tuple[Death, ...]
    returns: tuple[Return, ...]


HistoryCommand = PutBack | Cancel | Reschedule | DescribeMessage
HistoryReply = Cancelled | MessageDescribed
