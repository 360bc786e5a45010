"""Settle and extend: what becomes of leased messages.

One rule: offsets that were leased together are settled together, as one record per lease; each that cannot be is
named, and changes nothing. Compiled by mypyc where possible.
"""

from postroad.core import records as facts
from postroad.core.bits import PAGE, PAGE_BITS, lowest, pack_mask, runs, span_mask
from postroad.core.decision import Decision, World, no_such_queue, refuse
from postroad.core.queue import Queue
from postroad.core.retry import retry_due_ms
from postroad.core.decide.receive import next_lease
from postroad.model.commands import ACK, REJECT, RELEASE, RETRY, Extend, Settle
from postroad.model.replies import Settled, Why


class Held:
    """Of a list of receipts: what each living lease still holds of it, and what is left over.

    `masks`: lease -> bits of the page of `bases[lease]`. `late`: page base -> bits that can be acked without a lease.
    """

    def __init__(self) -> None:
        self.masks: dict[int, int] = {}
        self.bases: dict[int, int] = {}
        self.late: dict[int, int] = {}
        self.failed: list[tuple[int, Why]] = []

    def add(self, lease: int, base: int, mask: int) -> None:
        """Bits that a lease holds."""
        self.masks[lease] = self.masks.get(lease, 0) | mask
        self.bases[lease] = base


def decide_settle(world: World, command: Settle, now: int) -> Decision:
    """Ack, release, retry or reject."""
    queue = world.state.by_name.get(command.queue)
    if queue is None:
        return no_such_queue(world.state, command.queue)
    count = len(command.offsets)
    if len(command.leases) != count or len(command.counts) != count:
        return refuse(Why.BAD_COMMAND, "a settle has one lease and one count per offset")
    held = sort_receipts(
        queue, list(command.offsets), list(command.leases), list(command.counts), command
    )
    records: list[facts.Record] = []
    for lease, mask in held.masks.items():
        records.extend(_settle_lease(world, queue, lease, held.bases[lease], mask, command, now))
    for base, mask in held.late.items():
        first, span, packed = pack_mask(mask)
        records.append(facts.Dropped(queue.id, base + first, span, packed, facts.LATE))
    held.failed.sort()
    group = None if records else queue.touched
    return Decision(records, Settled(tuple(held.failed)), group)


def decide_extend(world: World, command: Extend, now: int) -> Decision:
    """Let leases end at another time."""
    queue = world.state.by_name.get(command.queue)
    if queue is None:
        return no_such_queue(world.state, command.queue)
    count = len(command.offsets)
    if len(command.leases) != count or command.lease_ms < 0:
        return refuse(Why.BAD_COMMAND, "an extend has one lease per offset, and a time not below 0")
    held = sort_receipts(queue, list(command.offsets), list(command.leases), [0] * count, None)
    records: list[facts.Record] = []
    fresh = next_lease(world, queue)
    for lease, mask in held.masks.items():
        segment = queue.leases.find(lease)
        assert segment is not None, "what is held has a living lease"
        low = segment.first[(lease & (PAGE - 1)) - segment.start] & (PAGE - 1)
        renewed = lease
        if queue.leases.mask(segment, lease) << low != mask:
            renewed = fresh
            fresh += 1
        first, span, packed = pack_mask(mask)
        records.append(
            facts.Extended(
                queue.id,
                lease,
                held.bases[lease] + first,
                span,
                packed,
                renewed,
                now + command.lease_ms,
            )
        )
    held.failed.sort()
    group = None if records else queue.touched
    return Decision(records, Settled(tuple(held.failed)), group)


def sort_receipts(
    queue: Queue,
    offsets: list[int],
    leases: list[int],
    counts: list[int],
    command: Settle | None,
) -> Held:
    """Which lease holds which of these offsets."""
    held = Held()
    count = len(offsets)
    at = 0
    while at < count:
        offset = offsets[at]
        lease = leases[at]
        stop = at + 1
        following = offset + 1
        while (
            stop < count
            and leases[stop] == lease
            and offsets[stop] == following
            and following & (PAGE - 1)
        ):
            stop += 1
            following += 1
        if not _add_run(queue, lease, offset, stop - at, held):
            for one in range(at, stop):
                _add_one(queue, lease, offsets[one], counts[one], one, command, held)
        at = stop
    return held


def _add_run(queue: Queue, lease: int, offset: int, count: int, held: Held) -> bool:
    """The usual case: the lease holds all of a run."""
    if offset < queue.purged_before:
        return False
    segment = queue.leases.find(lease)
    if segment is None:
        return False
    first = segment.first[(lease & (PAGE - 1)) - segment.start]
    if first >> PAGE_BITS != offset >> PAGE_BITS:
        return False
    mask = span_mask(offset & (PAGE - 1), count)
    if mask & ~(queue.leases.mask(segment, lease) << (first & (PAGE - 1))):
        return False
    held.add(lease, offset & ~(PAGE - 1), mask)
    return True


def _add_one(
    queue: Queue,
    lease: int,
    offset: int,
    count: int,
    index: int,
    command: Settle | None,
    held: Held,
) -> None:
    """A receipt on its own: its lease may have been renewed, may have lapsed, or the message may be gone."""
    if offset >= 0 and lease >= 0 and offset < queue.next_offset:
        moved = queue.moved.get(offset)
        if moved is not None and moved[0] == lease:
            lease = moved[1]
        if _add_run(queue, lease, offset, 1, held):
            return
        if command is not None and command.outcome == ACK:
            if _gone(queue, offset):
                return
            if not command.strict and _unclaimed(queue, offset, count):
                base = offset & ~(PAGE - 1)
                held.late[base] = held.late.get(base, 0) | (1 << (offset & (PAGE - 1)))
                return
    held.failed.append((index, Why.NO_SUCH_LEASE))


def _gone(queue: Queue, offset: int) -> bool:
    page = queue.page_of(offset)
    return page is None or not (page.live >> (offset & (PAGE - 1))) & 1


def _unclaimed(queue: Queue, offset: int, count: int) -> bool:
    """Nobody has leased the message since it was delivered for the `count`th time."""
    page = queue.page_of(offset)
    assert page is not None, "asked only of what is held"
    slot = offset & (PAGE - 1)
    if (page.leased >> slot) & 1:
        return False
    return 0 < count and page.count_of(slot) <= count


def _settle_lease(
    world: World, queue: Queue, lease: int, base: int, mask: int, command: Settle, now: int
) -> list[facts.Record]:
    first, span, packed = pack_mask(mask)
    first += base
    outcome = command.outcome
    dead_letters = queue.settings.dead_letter_queue is not None
    if outcome == ACK or (outcome == REJECT and not dead_letters):
        return [facts.Acked(queue.id, lease, first, span, packed)]
    if outcome == REJECT:
        return [facts.Returned(queue.id, lease, first, span, packed, 0, True, facts.REJECTED)]
    if outcome == RELEASE:
        return [facts.Returned(queue.id, lease, first, span, packed, 0, False)]
    assert outcome == RETRY, "an outcome is one of four"
    if command.after_ms is not None:
        due = now + command.after_ms if command.after_ms > 0 else 0
        return [facts.Returned(queue.id, lease, first, span, packed, due, True)]
    return _retry_by_policy(world, queue, lease, base, mask, now)


def _retry_by_policy(
    world: World, queue: Queue, lease: int, base: int, mask: int, now: int
) -> list[facts.Record]:
    """Each message waits as long as the queue's policy says; those that wait equally long are one record."""
    page = queue.page_of(base + lowest(mask))
    assert page is not None, "a leased message has a page"
    by_due: dict[int, int] = {}
    for start, length in runs(mask):
        for slot in range(start, start + length):
            due = retry_due_ms(
                queue.settings.retry,
                page.count_of(slot) + 1,
                now,
                world.state.catalog.salt,
                queue.id,
                base + slot,
            )
            by_due[due] = by_due.get(due, 0) | (1 << slot)
    records: list[facts.Record] = []
    for due, part in by_due.items():
        first, span, packed = pack_mask(part)
        records.append(facts.Returned(queue.id, lease, base + first, span, packed, due, True))
    return records
