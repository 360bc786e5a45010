"""What a decider gives back: facts, and what to say once they are durable.

One rule: a decider reads the state and changes nothing; where it needs bodies that are not in
memory it says so.
"""

from array import array
from collections.abc import Callable, Sequence
from hashlib import blake2b

from postroad.core.handout import Handout, Library, Piece
from postroad.core.queue import Queue
from postroad.core.records import Record
from postroad.core.schedules.calendar import Calendar
from postroad.core.schemas.checker import Checker
from postroad.core.state import State
from postroad.limits import (
    DURATION_MS_MAX,
    FANOUT_QUEUES_MAX,
    KEY_HASHES_KEPT,
    KV_BYTES_MAX,
    WEBHOOK_QUEUES_MAX,
)
from postroad.model.ask import Ask
from postroad.model.replies import Refused, Reply, Why

TOO_LONG = f"a duration is at most {DURATION_MS_MAX:,} ms"


class World:
    """What a decider may read. `epoch` numbers new leases; `short_of_space`: publishes are
    refused. `numbers`: of keys seen lately. `checker`: who knows schemas.
    `calendar`: who can read cron.
    `kv_bytes_max`: memory of all keys. `pushes_max`: most queues that are pushed. `attached`: how
    many consumers a queue has now.
    `dead_dropped`: dead letters that nobody took, since the start. `fanout_queues_max`: to more
    queues a publish is a fan-out; `at_once`: not now, what is decided is part of a batch;
    `behind`: while a program runs, the queues that its fan-outs go to."""

    __slots__ = (
        "at_once",
        "attached",
        "behind",
        "calendar",
        "checker",
        "dead_dropped",
        "epoch",
        "fanout_queues_max",
        "kv_bytes_max",
        "library",
        "numbers",
        "pushes_max",
        "short_of_space",
        "state",
    )

    def __init__(self, state: State, library: Library) -> None:
        self.state = state
        self.library = library
        self.epoch = 0
        self.short_of_space = False
        self.checker = Checker()
        self.calendar = Calendar()
        self.attached: Callable[[int], int] = _nobody
        self.kv_bytes_max = KV_BYTES_MAX
        self.pushes_max = WEBHOOK_QUEUES_MAX
        self.numbers: dict[str, int] = {}
        self.dead_dropped = 0
        self.fanout_queues_max = FANOUT_QUEUES_MAX
        self.at_once = False
        self.behind: set[int] | None = None

    def changes_of(self, queue: Queue) -> int:
        """A number that differs after every fact about a queue, also across restarts."""
        return (self.epoch << 40) + queue.changes + 1

    def number_of(self, key: str) -> int:
        """The number of an ordering key in records: a keyed hash, never 0."""
        number = self.numbers.get(key)
        if number is None:
            if len(self.numbers) >= KEY_HASHES_KEPT:
                self.numbers.clear()
            packed = key.encode("utf-8", "surrogatepass")
            salt = self.state.catalog.salt[:64]
            number = int.from_bytes(blake2b(packed, digest_size=8, key=salt).digest(), "big") or 1
            self.numbers[key] = number
        return number

    def numbers_of(self, keys: Sequence[str | None]) -> "array[int]":
        """Of each key its number, 0 for none."""
        known = self.numbers
        try:
            return array("Q", map(known.__getitem__, keys))  # type: ignore[arg-type]
        except KeyError:
            # A new one, or none.
            return array("Q", [0 if key is None else self.number_of(key) for key in keys])


def _nobody(_queue: int) -> int:
    """Where nobody can be attached."""
    return 0


class Decision:
    """Records to apply, and the reply. `read`: the reply rests on what this queue was last; it
    waits for that and no
    record of its own (0: for none)."""

    __slots__ = ("read_group", "records", "reply")

    def __init__(
        self, records: list[Record], reply: Reply | Handout, read_group: int | None = None
    ) -> None:
        self.records = records
        self.reply = reply
        self.read_group = read_group


class Missing:
    """Bodies that must be in memory before the same can be decided; nothing was changed."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: list[Piece]) -> None:
        self.pieces = pieces


class Answer:
    """A reply for an ask, free to leave once group `wait` is durable."""

    __slots__ = ("ask", "reply", "wait")

    def __init__(self, ask: Ask, reply: Reply | Handout, wait: int) -> None:
        self.ask = ask
        self.reply = reply
        self.wait = wait


class Shares:
    """Messages for several asks: `counts[i]` of the handout's, in order, are for `asks[i]`; none of
    them may be seen before group `wait` is durable."""

    __slots__ = ("asks", "counts", "handout", "wait")

    def __init__(self, asks: list[Ask], counts: list[int], handout: Handout, wait: int) -> None:
        self.asks = asks
        self.counts = counts
        self.handout = handout
        self.wait = wait


class Step:
    """The records of one atomic step and the answers that came of it. `urgent`: somebody waits for
    the records. `shares`: further answers, of receives that were decided as one."""

    __slots__ = ("answers", "records", "shares", "urgent")

    def __init__(self, records: list[Record], answers: list[Answer], urgent: bool) -> None:
        self.records = records
        self.answers = answers
        self.urgent = urgent
        self.shares: Shares | None = None

    def followed_by(self, records: list[Record], group: int) -> "Step":
        """The same step with more records, which its answers wait for."""
        answers = [Answer(one.ask, one.reply, max(one.wait, group)) for one in self.answers]
        return Step([*self.records, *records], answers, True)


def joined(steps: Sequence[Step]) -> Step:
    """Steps that followed each other, as one."""
    records = [record for step in steps for record in step.records]
    answers = [answer for step in steps for answer in step.answers]
    return Step(records, answers, any(step.urgent for step in steps))


def refuse(why: Why, text: str, group: int = 0) -> Decision:
    """Nothing changes; the reason goes back once group `group` is durable."""
    return Decision([], Refused(why, text), group)


def too_long(*durations_ms: int | None) -> bool:
    """Whether a duration is longer than instants can tell."""
    return any(one is not None and one > DURATION_MS_MAX for one in durations_ms)


def no_such_queue(state: State, name: str) -> Decision:
    """The queue is not there; what deleted it may still be on its way to the disk."""
    return refuse(Why.NO_SUCH_QUEUE, f"queue `{name}` does not exist", state.changed)
