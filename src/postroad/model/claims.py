"""Leases of groups in commands and replies: who holds what, and how others take it over.

One rule: a claim gives a message to one consumer and takes it from the other in the same step; a
consumer of a group of mode lease has a name, and what it holds outlives its session and a restart.
"""

from postroad.model.value import value


@value
class ClaimLeases:
    """Take over leased messages of a group of mode lease, by their offsets.

    `consumer`: who has them from now on, made where it is not there; "" for nobody by name.
    `idle_ms`: only those leased at least so long ago. `lease_ms` as in `ReceiveShare`. `since_ms`:
    the new lease counts as granted so long ago. `deliveries`: times delivered from now on; `None`:
    once more. `force`: take what is ready too. Without `bodies` nothing is delivered and the
    delivery is not counted. Answer: `Received`, or `Claimed` without `bodies`; `gone` names what
    the log has forgotten, whose leases are over. Offsets that are not leased, or not long enough,
    are passed over.
    """

    topic: str
    group: str
    offsets: tuple[int, ...]
    consumer: str = ""
    partition: int = 0
    idle_ms: int = 0
    lease_ms: int | None = None
    since_ms: int = 0
    deliveries: int | None = None
    force: bool = False
    bodies: bool = True


@value
class ClaimIdle:
    """Take over what was leased at least `idle_ms` ago, in order of the offsets from `start` on, at
    most `count`. `of`: only what this consumer holds; a consumer that names itself has its own
    leases anew. The rest as `ClaimLeases`. The answer's `next_offset`: where to go on, 0 at the
    end."""

    topic: str
    group: str
    consumer: str = ""
    partition: int = 0
    idle_ms: int = 0
    start: int = 0
    count: int = 100
    lease_ms: int | None = None
    of: str | None = None
    bodies: bool = True


@value
class ListLeases:
    """What is leased in a partition, from offset `start` to `end` and at most `count`; `consumer`:
    only what it holds; `idle_ms`: only what was leased so long ago. Answer: `LeasesListed`."""

    topic: str
    group: str
    partition: int = 0
    start: int = 0
    end: int | None = None
    count: int = 100
    consumer: str | None = None
    idle_ms: int = 0


@value
class CountLeases:
    """How much is leased in a partition, and by whom. Answer: `LeasesCounted`."""

    topic: str
    group: str
    partition: int = 0


@value
class DeclareConsumer:
    """Make a consumer of a group of mode lease exist; whoever receives or claims in its name makes
    it too. Answer: `ConsumerDeclared`."""

    topic: str
    group: str
    consumer: str


@value
class DeleteConsumer:
    """Remove a consumer. What it holds goes back to its place, or is `dropped` as if acked, about a
    thousand messages at a time: with some left the consumer stays, and the same is asked again.
    Answer: `ConsumerDeleted`."""

    topic: str
    group: str
    consumer: str
    dropped: bool = False


@value
class ListConsumers:
    """The consumers of a group in order of their names, those after `after`. Answer:
    `ConsumersListed`."""

    topic: str
    group: str
    after: str = ""
    count: int = 1_000


@value
class Claimed:
    """What was claimed without bodies: the offsets, and the lease of each."""

    offsets: tuple[int, ...]
    leases: tuple[int, ...]
    next_offset: int = 0
    gone: tuple[int, ...] = ()


@value
class LeaseInfo:
    """One leased message: by whom ("": by nobody with a name), for how long already, delivered how
    often, under which lease. `until_ms`: when the lease lapses, 0 for never."""

    offset: int
    consumer: str
    idle_ms: int
    deliveries: int
    lease: int
    until_ms: int


@value
class LeasesListed:
    """In order of the offsets. `next_offset`: where to go on, 0 at the end."""

    leases: list[LeaseInfo]
    next_offset: int


@value
class LeasesCounted:
    """`first`, `last`: the lowest and highest leased offset, -1 for none; `consumers`: who holds
    how many, in order of the names; `queue`: number of the queue the receipts are of."""

    count: int
    first: int
    last: int
    consumers: tuple[tuple[str, int], ...]
    queue: int


@value
class ConsumerDeclared:
    """`created` is false when the consumer existed."""

    created: bool


@value
class ConsumerDeleted:
    """How many messages it held and were settled, and how many are `left`; none: it is gone."""

    settled: int
    left: int


@value
class ConsumerInfo:
    """A consumer, how many messages it holds, and how long ago it last asked (`idle_ms`) and last
    got some (`inactive_ms`). The two begin with its making, and after a restart again so."""

    consumer: str
    leased: int
    idle_ms: int
    inactive_ms: int


@value
class ConsumersListed:
    """In order of the names; `more`: whether others follow."""

    consumers: list[ConsumerInfo]
    more: bool


ClaimCommand = (
    ClaimLeases
    | ClaimIdle
    | ListLeases
    | CountLeases
    | DeclareConsumer
    | DeleteConsumer
    | ListConsumers
)

ClaimReply = (
    Claimed | LeasesListed | LeasesCounted | ConsumerDeclared | ConsumerDeleted | ConsumersListed
)
