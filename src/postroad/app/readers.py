"""A reader: a function, the topics whose messages it is given in batches, and its group.

It stands between the decorator and the run. The rule kept here: the function stays the function it
was; calling the reader calls it.
"""

import inspect
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property, update_wrapper
from random import uniform
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, Protocol, TypedDict, TypeVar

from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.api.readers import Reader, reader_of
from postroad.api.topics import TopicOperations
from postroad.app.batches import BatchCodec
from postroad.app.bounds import check_count, check_seconds
from postroad.app.outcomes import RetryAfter
from postroad.app.retry import Retry, check_retry
from postroad.errors import BadCommand, BadWorker, SettingsDiffer, TopicNotFound
from postroad.limits import (
    READER_BATCH_MAX,
    READER_MEMBERS_MAX,
    READER_SESSION_S,
    TOPIC_PARTITIONS_MAX,
)
from postroad.model.policy import BACKOFF_EXPONENTIAL, BACKOFF_FIXED, BACKOFF_LINEAR
from postroad.model.topics import EARLIEST, LATEST
from postroad.model.value import value

if TYPE_CHECKING:
    from postroad.app.app import App

P = ParamSpec("P")
R = TypeVar("R")

DEAD_LETTER: Final = "dead-letter"
SKIP: Final = "skip"
STOP: Final = "stop"
_DOUBLINGS_MAX: Final = 40

Where = str | int | datetime
"""A place in a topic: `"earliest"`, `"latest"`, an offset, or an instant."""


@value
class ReadOptions:
    """How a reader reads.

    `batch`: messages given at once, at most. `wait_s`: a batch that is not full waits so long for
    more. `start`: where the group begins that has read nothing yet. `retry`: how often a batch that
    failed is run again, and after how long. `failing`: what becomes of a message that fails for
    good: `dead-letter` (to `dead_letter_queue`, `<group>.dead` unless said otherwise), `skip`, or
    `stop`: the reader ends, and begins there the next time. `timeout_s`: how long a run may take.
    `partitions`: a topic that is not there is made with so many. `members`: of the group, in each
    process: so many batches at a time. `session_s`: a member of which nothing was heard so long is
    out, and others read its partitions.
    """

    batch: int = 500
    wait_s: float = 0.0
    start: Where = EARLIEST
    retry: Retry = Retry()
    failing: str = DEAD_LETTER
    dead_letter_queue: str = ""
    timeout_s: float | None = None
    partitions: int | None = None
    members: int = 1
    session_s: float = READER_SESSION_S

    def check(self, what: str) -> None:
        """Raise `BadWorker` about `what` where it makes no sense."""
        check_count(f"{what}: `batch`", self.batch, 1, READER_BATCH_MAX)
        check_count(f"{what}: `members`", self.members, 1, READER_MEMBERS_MAX)
        if self.partitions is not None:
            check_count(f"{what}: `partitions`", self.partitions, 1, TOPIC_PARTITIONS_MAX)
        if self.timeout_s is not None:
            check_seconds(f"{what}: `timeout_s`", self.timeout_s, 0.001)
        check_seconds(f"{what}: `session_s`", self.session_s, 0.001)
        check_seconds(f"{what}: `wait_s`", self.wait_s, 0)
        if not isinstance(self.dead_letter_queue, str):
            raise BadWorker(f"{what}: `dead_letter_queue` is the name of a queue")
        if self.failing not in (DEAD_LETTER, SKIP, STOP):
            raise BadWorker(f"{what}: `failing` is {DEAD_LETTER}, {SKIP} or {STOP}")
        place_of(self.start)
        check_retry(what, self.retry)


class Reading(TypedDict, total=False):
    """What one may say about a reader; `ReadOptions` says what each means."""

    batch: int
    wait_s: float
    start: Where
    retry: Retry
    failing: str
    dead_letter_queue: str
    timeout_s: float | None
    partitions: int | None
    members: int
    session_s: float


class TopicReader(Generic[P, R]):
    """A function that is given the messages of topics in batches. Call it to run the function here
    and now.
    """

    def __init__(
        self,
        app: "App",
        function: Callable[P, R],
        topics: tuple[str, ...],
        group: str,
        options: ReadOptions,
    ) -> None:
        """Use `App.reader`."""
        update_wrapper(self, function)
        self.app = app
        self.function = function
        self.topics = topics
        self.group = group
        self.options = options
        self.name = f"{function.__module__}:{function.__qualname__}"
        self.is_coroutine = inspect.iscoroutinefunction(function)
        if not topics or not all(isinstance(topic, str) for topic in topics):
            raise BadWorker(f"reader `{self.name}`: name a topic, or several")
        options.check(f"reader `{self.name}`")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function itself."""
        return self.function(*args, **kwargs)

    @cached_property
    def codec(self) -> BatchCodec:
        """What makes arguments of messages."""
        return BatchCodec(self.function, self.function.__qualname__)

    @property
    def dead_letter_queue(self) -> str:
        """Where messages go that failed for good."""
        return self.options.dead_letter_queue or f"{self.group}.dead"

    def replay(self, *, to: Where, partition: int | None = None) -> None:
        """Let the group read its topics anew from there; as `App.replay`."""
        for topic in self.topics:
            self.app.replay(topic, group=self.group, to=to, partition=partition)

    async def areplay(self, *, to: Where, partition: int | None = None) -> None:
        """As `replay`, for a running loop."""
        for topic in self.topics:
            await self.app.areplay(topic, group=self.group, to=to, partition=partition)

    def member(self) -> Reader:
        """A member of the group, which has not joined yet."""
        session_ms = round(self.options.session_s * 1_000)
        member = reader_of(
            self.topics, self.group, {"count": self.options.batch, "session_ms": session_ms}
        )
        start, member.start_offset = place_of(self.options.start)
        member.start = EARLIEST if start is None else start
        member.holds_start = True
        return member

    def wait_s(self, attempt: int, error: Exception) -> float:
        """How long a batch waits after its `attempt`th failure."""
        if isinstance(error, RetryAfter):
            return error.seconds
        retry = self.options.retry
        if retry.backoff == BACKOFF_FIXED:
            return retry.base_s
        if retry.backoff == BACKOFF_LINEAR:
            return min(retry.max_s, retry.base_s * attempt)
        if retry.backoff != BACKOFF_EXPONENTIAL:
            return 0.0
        longest_s: float = retry.base_s * (1 << min(attempt - 1, _DOUBLINGS_MAX))
        longest_s = min(retry.max_s, longest_s)
        return uniform(0, longest_s) if retry.jitter else longest_s


class Reads(Protocol):
    """What makes a function a reader."""

    def __call__(self, function: Callable[P, R], /) -> TopicReader[P, R]:
        """The reader."""


def declared_reader(app: "App", topics: str | Sequence[str], group: str, options: Reading) -> Reads:
    """What makes a function the reader of a group; as `App.reader`."""
    settings = ReadOptions(**options)

    def declared(function: Callable[P, R]) -> TopicReader[P, R]:
        if not callable(function):
            raise BadWorker(f"a reader is made of a function, not of {function!r}")
        reader = TopicReader(app, function, topics_of(topics), group, settings)
        earlier = app.readers.get(group)
        if earlier is not None and earlier.name != reader.name:
            raise BadWorker(
                f"group `{group}` has the reader `{earlier.name}`, and `{reader.name}` wants it"
                " too; give each a group of its own"
            )
        app.readers[group] = reader
        return reader

    return declared


def place_of(where: Where) -> tuple[int | str | None, int | None]:
    """(`"earliest"`, `"latest"` or an instant in ms; an offset): one of them is `None`. Raises
    `BadCommand` where it is neither.
    """
    if isinstance(where, datetime):
        if where.tzinfo is None:
            raise BadCommand("an instant needs its time zone: `datetime.now(UTC)`, for one")
        return round(where.timestamp() * 1_000), None
    if isinstance(where, int) and not isinstance(where, bool) and where >= 0:
        return None, where
    if where in (EARLIEST, LATEST):
        return str(where), None
    raise BadCommand(f"a place is `{EARLIEST}`, `{LATEST}`, an offset or a datetime, not {where!r}")


def declaring_topics(later: Operations, reader: TopicReader[Any, Any]) -> Asks[None]:
    """Make a reader's topics and its dead-letter queue exist. Raises `SettingsDiffer` where a topic
    has other partitions than the reader says.
    """
    wanted = reader.options.partitions
    for topic in reader.topics:
        operations = TopicOperations(topic, later.learn)
        try:
            has = len((yield from operations.describe()).partitions)
        except TopicNotFound:
            yield from operations.declare(wanted or 1)
            continue
        if wanted not in (None, has):
            raise SettingsDiffer(
                f"topic `{topic}` has {has} partitions, and reader `{reader.name}` says"
                f" {wanted}; leave it out, or change the topic",
                topic,
            )
    if reader.options.failing == DEAD_LETTER:
        yield from later.declare(reader.dead_letter_queue)


def replaying(
    later: Operations, topic: str, group: str, to: Where, partition: int | None
) -> Asks[None]:
    """Let a group read a topic anew from a place on. Raises `GroupInUse`, `TopicNotFound`."""
    start, offset = place_of(to)
    operations = TopicOperations(topic, later.learn)
    yield from operations.reset_offsets(
        group, to=EARLIEST if start is None else start, offset=offset, partition=partition
    )


def topics_of(topics: str | Sequence[str]) -> tuple[str, ...]:
    """One name, or several."""
    return (topics,) if isinstance(topics, str) else tuple(dict.fromkeys(topics))
