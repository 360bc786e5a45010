"""Routes decided so far: which queues a routing key leads to.

One rule: a route is remembered until anything changes that could make it another; the memory has a
bound, and forgetting costs time only. Compiled by mypyc where possible.
"""

from postroad.core.queue import Queue
from postroad.core.topics.topic import Topic
from postroad.limits import (
    HEAD_CACHED_BYTES_MAX,
    HEAD_ROUTES_CACHED_MAX,
    KEYS_CACHED_CHARS_MAX,
    KEYS_CACHED_MAX,
    MESSAGE_BYTES_MAX,
    ROUTE_QUEUES_CACHED_MAX,
    ROUTE_RESTS_CACHED_MAX,
    ROUTES_CACHED_MAX,
)
from postroad.model.policy import FIFO, OVERFLOWS_REFUSING, PRIORITY, QueueSettings

Keys = tuple[str, ...]


class Terms:
    """What the settings of the queues of a route come to, so that a publish to ten thousand looks
    at those alone that have a say. `version`: of all settings it was made of. `bytes_max`: a
    message that no queue finds too large; `choosy`: queues that may refuse one that is not,
    `sifting`: those that take none twice, `bounded`: those with a limit of length or bytes; `each`:
    how many take several messages one by one, `each_leveled`: so many where these have
    priorities."""

    __slots__ = ("bounded", "bytes_max", "choosy", "each", "each_leveled", "sifting", "version")

    def __init__(self, queues: list[Queue], version: int) -> None:
        self.version = version
        self.bytes_max = MESSAGE_BYTES_MAX
        self.choosy: list[Queue] = []
        self.sifting: list[Queue] = []
        self.bounded: list[Queue] = []
        self.each = self.each_leveled = 0
        for queue in queues:
            self._add(queue, queue.settings)

    def _add(self, queue: Queue, settings: QueueSettings) -> None:
        bytes_max = settings.message_bytes_max
        if bytes_max is not None and bytes_max < self.bytes_max:
            self.bytes_max = bytes_max
        if settings.dedup_window_ms is not None:
            self.sifting.append(queue)
        bounded = settings.length_max is not None or settings.bytes_max is not None
        if bounded:
            self.bounded.append(queue)
        if settings.kind == FIFO or (bounded and settings.overflow in OVERFLOWS_REFUSING):
            self.choosy.append(queue)
        each = takes_each(settings)
        self.each += each
        self.each_leveled += each or settings.kind == PRIORITY


def takes_each(settings: QueueSettings) -> bool:
    """Whether a queue enters several messages one by one."""
    if settings.delay_ms or settings.bytes_max is not None or settings.kind == FIFO:
        return True
    return settings.dedup_by_content and settings.dedup_window_ms is not None


class Route:
    """The queues a message goes to, in order of their numbers, and the topics; the same set is the
    same object. `rests`: routes without some of the queues."""

    __slots__ = ("_terms", "ids", "names", "queues", "rests", "topics")

    def __init__(self, queues: list[Queue], topics: list[Topic]) -> None:
        self.queues = queues
        self.topics = topics
        self.ids = tuple([queue.id for queue in queues])
        self.names = tuple([queue.name for queue in queues])
        self.rests: dict[tuple[int, ...], Route] = {}
        self._terms: Terms | None = None

    def terms(self, version: int) -> Terms:
        """What its queues' settings come to, which are of this version."""
        terms = self._terms
        if terms is None or terms.version != version:
            terms = Terms(self.queues, version)
            self._terms = terms
        return terms


class Routes:
    """What was decided. `by_key`: where the key alone decides, else `None`; `by_head`: where the
    head does too. `version`: how often settings of queues changed."""

    def __init__(self) -> None:
        self.version = 0
        self.by_key: dict[tuple[int, Keys], Route | None] = {}
        self.by_head: dict[tuple[int, Keys, bytes], Route] = {}
        self._known: dict[tuple[tuple[int, ...], tuple[int, ...]], Route] = {}
        self._queues = 0

    def forget(self) -> None:
        """Something changed."""
        if self._known or self.by_key:
            self.by_key = {}
            self.by_head = {}
            self._known = {}
            self._queues = 0

    def route(self, queues: dict[int, Queue], topics: dict[int, Topic]) -> Route:
        """The route to these queues and topics."""
        ids = tuple(sorted(queues))
        topic_ids = tuple(sorted(topics))
        known = self._known.get((ids, topic_ids))
        if known is None:
            if self._queues + len(ids) > ROUTE_QUEUES_CACHED_MAX:
                self.forget()
            known = Route([queues[id] for id in ids], [topics[id] for id in topic_ids])
            self._known[ids, topic_ids] = known
            self._queues += len(ids) + len(topic_ids) + 1
        return known

    def without(self, route: Route, gone: tuple[int, ...]) -> Route:
        """A route without some of its queues."""
        rest = route.rests.get(gone)
        if rest is None:
            left = set(gone)
            queues = {queue.id: queue for queue in route.queues if queue.id not in left}
            rest = self.route(queues, {topic.id: topic for topic in route.topics})
            if len(route.rests) >= ROUTE_RESTS_CACHED_MAX:
                route.rests = {}
            route.rests[gone] = rest
        return rest

    def keep_by_key(self, exchange: int, keys: Keys, route: Route | None) -> None:
        """Remember what the keys lead to; `None`: they do not decide alone."""
        if not _is_short(keys):
            return
        if len(self.by_key) >= ROUTES_CACHED_MAX:
            self.by_key = {}
        self.by_key[exchange, keys] = route

    def keep_by_head(self, exchange: int, keys: Keys, head: bytes, route: Route) -> None:
        """Remember what keys and head lead to."""
        if len(head) > HEAD_CACHED_BYTES_MAX or not _is_short(keys):
            return
        if len(self.by_head) >= HEAD_ROUTES_CACHED_MAX:
            self.by_head = {}
        self.by_head[exchange, keys, head] = route


def _is_short(keys: Keys) -> bool:
    """Whether keys may be remembered: a client may send as many and as long ones as it likes."""
    if len(keys) == 1:
        return len(keys[0]) <= KEYS_CACHED_CHARS_MAX
    return len(keys) <= KEYS_CACHED_MAX and sum(map(len, keys)) <= KEYS_CACHED_CHARS_MAX
