"""Asks that came in one turn, decided as one: receives of a queue become one lease, acks one
record per lease.

One rule: everybody is told what deciding one by one would have told; where that is not plain at
once, they are decided one by one. Compiled by mypyc where possible.
"""

from typing import Any

from postroad.core import records as facts
from postroad.core.decide.receive import deadline_of, lease_record, messages_group, pick
from postroad.core.decide.settle import Held
from postroad.core.decide.weigh import weight_of
from postroad.core.decision import Shares, World, too_long
from postroad.core.demand import Demand
from postroad.core.exchanges.together import publishes_go_together
from postroad.core.handout import Handout
from postroad.core.kv.together import sets_go_together
from postroad.core.queue import Queue
from postroad.core.settled import done_record
from postroad.limits import RECEIVE_BYTES, RECEIVE_MAX
from postroad.model.ask import Ask
from postroad.model.commands import ACK, SESSION_LEASE, Receive, Settle
from postroad.model.exchanges import PublishTo
from postroad.model.kv import KvSet
from postroad.model.policy import QueueSettings
from postroad.model.sound import unsound


def go_together(one: Any, other: Any) -> bool:
    """Whether two commands may be decided as one: receives or acks of one queue that say the
    same, sets of keys of one space, publishes to one exchange. They may be unsound."""
    kind = type(one)
    if kind is not type(other):
        return False
    if kind is Receive:
        return bool(one.queue == other.queue and one.lease_ms == other.lease_ms)
    if kind is KvSet:
        return sets_go_together(one, other)
    if kind is PublishTo:
        return publishes_go_together(one, other)
    if kind is not Settle or one.outcome != ACK or other.outcome != ACK:
        return False
    same = one.queue == other.queue and one.queue_id == other.queue_id
    return bool(same and one.strict == other.strict)


class Leasing:
    """Receives of one queue that ask for the same lease, and all get what they ask for."""

    __slots__ = ("counts", "deadline_ms", "handout", "left", "queue")

    def __init__(self, queue: Queue, counts: list[int], deadline_ms: int, now: int) -> None:
        self.queue = queue
        self.counts = counts
        self.deadline_ms = deadline_ms
        self.handout = Handout(queue.id, now)
        self.left = sum(counts)

    def next_record(self, world: World) -> facts.Leased | None:
        """The lease of one page; apply it before asking for the next. `None` when all is
        leased."""
        if self.left <= 0:
            return None
        queue = self.queue
        picked = pick(queue, self.left)
        assert picked, "all that is asked for is ready"
        self.left -= picked[0][1].bit_count()
        return lease_record(world, queue, picked[0], self.deadline_ms, self.handout)

    def shares(self, world: World, asks: list[Ask]) -> Shares:
        """Who gets which of the messages."""
        wait = messages_group(world, self.queue, self.handout)
        return Shares(asks, self.counts, self.handout, wait)


def leasing_of(world: World, demand: Demand, asks: list[Ask], now: int) -> Leasing | None:
    """What receives that `go_together` come to, or `None` where they must be decided one by
    one."""
    command = asks[0].command
    if not isinstance(command, Receive) or not _sound(asks):
        return None
    queue = world.state.by_name.get(command.queue)
    if queue is None or queue.pages.lanes is not None or not _is_plain(queue.settings):
        return None
    lease_ms = command.lease_ms
    if (lease_ms is not None and lease_ms < SESSION_LEASE) or too_long(lease_ms):
        return None
    deadline_ms = deadline_of(queue, lease_ms, now)
    counts: list[int] = []
    for ask in asks:
        one = ask.command
        assert isinstance(one, Receive)
        counts.append(min(one.count, RECEIVE_MAX))
    # A lease that is its session's stands alone; and so does who may have to wait.
    if not deadline_ms or min(counts) < 1 or sum(counts) > queue.pages.ready:
        return None
    if demand.next_waiter(queue.id) is not None or _is_heavy(queue, counts):
        return None
    return Leasing(queue, counts, deadline_ms, now)


def _is_heavy(queue: Queue, counts: list[int]) -> bool:
    """Whether somebody might be given more bytes than one receive may have."""
    if max(counts) == 1:
        return False
    picked = queue.pages.lowest_ready(sum(counts), queue.purged_before)
    return weight_of(queue, picked) > RECEIVE_BYTES


def _is_plain(settings: QueueSettings) -> bool:
    """Whether anybody is given what is ready, at once and as much as one likes."""
    if settings.paused or settings.exclusive or settings.expires_ms is not None:
        return False
    return settings.leased_max is None and settings.per_second is None


def acks_of(world: World, asks: list[Ask], now: int) -> list[facts.Record] | None:
    """The records of acks that `go_together`, or `None` where they must be decided one by one:
    where a message is named twice, is gone, or is not held by the lease that is named."""
    command = asks[0].command
    if not isinstance(command, Settle) or not _sound(asks):
        return None
    queue = world.state.by_name.get(command.queue)
    if queue is None or command.queue_id not in (None, queue.id) or queue.settings.exclusive:
        return None
    held = Held(queue, False, False, True)
    try:
        count = _sort_all(held, asks)
    except (TypeError, ValueError, OverflowError):
        return None
    if held.failed or sum([mask.bit_count() for mask in held.masks.values()]) != count:
        return None
    records: list[facts.Record] = []
    for lease, mask in held.masks.items():
        records.append(done_record(queue, lease, held.bases[lease], mask, now))
    return records


def _sort_all(held: Held, asks: list[Ask]) -> int:
    """Take the receipts of all asks; how many they are, -1 where one ask stands out."""
    offsets: list[int] = []
    leases: list[int] = []
    counts: list[int] = []
    for ask in asks:
        one = ask.command
        assert isinstance(one, Settle)
        if too_long(one.after_ms) or not len(one.offsets) == len(one.leases) == len(one.counts):
            return -1
        if not one.offsets:
            return -1
        offsets.extend(one.offsets)
        leases.extend(one.leases)
        counts.extend(one.counts)
    held.sort(offsets, leases, counts)
    return len(offsets)


def _sound(asks: list[Ask]) -> bool:
    return all(unsound(ask.command) is None for ask in asks)
