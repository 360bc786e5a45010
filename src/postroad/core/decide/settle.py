"""Settle and extend: what becomes of leased messages.

One rule: offsets that were leased together are settled together, as one record per lease; each that
cannot be is named, and changes nothing. Compiled by mypyc where possible.
"""

from postroad.core import history
from postroad.core import records as facts
from postroad.core.bits import PAGE, PAGE_BITS, lowest, mask_of, pack_mask, runs, span_mask
from postroad.core.decide.receive import next_lease
from postroad.core.decision import TOO_LONG, Decision, World, no_such_queue, refuse, too_long
from postroad.core.queue import Queue
from postroad.core.retry import retry_due_ms
from postroad.core.settled import done_record
from postroad.limits import FAILURE_CHARS_MAX
from postroad.model.commands import ACK, REJECT, RELEASE, RETRY, Extend, Settle
from postroad.model.policy import RETRY_ALL, RETRY_FAILED, RETRY_RETURNED
from postroad.model.replies import Settled, Why


class Held:
    """Receipts, sorted out: what each living lease still holds of them, and what is left over.

    `gone_ok`: a message that is gone is no failure; `late_ok`: nor is one whose lease lapsed, while
    nobody else has leased it; `purged_ok`: nor is a lease on what was purged. `masks`: lease ->
    bits of the page that begins at `bases[lease]`. `late`: first offset of a page -> bits that can
    be acked without a lease.
    """

    def __init__(self, queue: Queue, gone_ok: bool, late_ok: bool, purged_ok: bool) -> None:
        self.queue = queue
        self.gone_ok = gone_ok
        self.late_ok = late_ok
        self.purged_ok = purged_ok
        self.masks: dict[int, int] = {}
        self.bases: dict[int, int] = {}
        self.late: dict[int, int] = {}
        self.failed: list[tuple[int, Why]] = []

    def sort(self, offsets: list[int], leases: list[int], counts: list[int]) -> None:
        """Take all receipts, in runs of rising offsets of one page under one lease."""
        count = len(offsets)
        at = 0
        while at < count:
            offset = offsets[at]
            lease = leases[at]
            stop = at + 1
            last = offset
            end = offset | (PAGE - 1)
            while stop < count and leases[stop] == lease and last < offsets[stop] <= end:
                last = offsets[stop]
                stop += 1
            if last - offset == stop - at - 1:
                mask = span_mask(offset & (PAGE - 1), stop - at)
            else:
                mask = mask_of(offsets[at:stop])
            if not self._add_mask(lease, offset, mask):
                for one in range(at, stop):
                    self._add_one(lease, offsets[one], counts[one], one)
            at = stop
        self.failed.sort()

    def _add_mask(self, lease: int, offset: int, mask: int) -> bool:
        """The usual case: the lease holds all of a run; `mask` relative to the page of `offset`."""
        queue = self.queue
        if offset < queue.purged_before and not self.purged_ok:
            return False
        segment = queue.leases.find(lease)
        if segment is None:
            return False
        first = segment.first[(lease & (PAGE - 1)) - segment.start]
        if first >> PAGE_BITS != offset >> PAGE_BITS:
            return False
        if mask & ~(queue.leases.mask(segment, lease) << (first & (PAGE - 1))):
            return False
        self.masks[lease] = self.masks.get(lease, 0) | mask
        self.bases[lease] = offset & ~(PAGE - 1)
        return True

    def _add_one(self, lease: int, offset: int, count: int, index: int) -> None:
        """A receipt on its own: the lease may have been renewed or lapsed, the message gone."""
        queue = self.queue
        if offset >= 0 and lease >= 0 and offset < queue.next_offset:
            moved = queue.moved.get(offset)
            if moved is not None and moved[0] == lease:
                lease = moved[1]
            if self._add_mask(lease, offset, 1 << (offset & (PAGE - 1))):
                return
            if self.gone_ok and is_gone(queue, offset):
                return
            if self.late_ok and _unclaimed(queue, offset, lease, count):
                base = offset & ~(PAGE - 1)
                self.late[base] = self.late.get(base, 0) | (1 << (offset & (PAGE - 1)))
                return
        self.failed.append((index, Why.NO_SUCH_LEASE))


def decide_settle(world: World, command: Settle, now: int) -> Decision:
    """Ack, release, retry or reject."""
    queue = _queue_of(world, command)
    if isinstance(queue, Decision):
        return queue
    count = len(command.offsets)
    if len(command.leases) != count or len(command.counts) != count:
        return refuse(Why.BAD_COMMAND, "a settle has one lease and one count per offset")
    if too_long(command.after_ms):
        return refuse(Why.BAD_COMMAND, TOO_LONG)
    if command.outcome not in (ACK, RELEASE, RETRY, REJECT):
        return refuse(Why.BAD_COMMAND, "an outcome is ack, release, retry or reject")
    if command.failure:
        wrong = _untellable(command.failure)
        if wrong:
            return refuse(Why.BAD_COMMAND, wrong)
    acked = command.outcome == ACK
    held = Held(queue, acked, acked and not command.strict, True)
    held.sort(list(command.offsets), list(command.leases), list(command.counts))
    records: list[facts.Record] = []
    for lease, mask in held.masks.items():
        part = Part(queue, lease, held.bases[lease], mask)
        records.extend(_settle_part(world, part, command, now))
    for base, mask in held.late.items():
        records.append(done_record(queue, 0, base, mask, now))
    group = None if records else queue.touched
    return Decision(records, Settled(tuple(held.failed)), group)


def decide_extend(world: World, command: Extend, now: int) -> Decision:
    """Let leases end at another time."""
    queue = _queue_of(world, command)
    if isinstance(queue, Decision):
        return queue
    count = len(command.offsets)
    if len(command.leases) != count or command.lease_ms < 0:
        return refuse(Why.BAD_COMMAND, "an extend has one lease per offset, and a time not below 0")
    if too_long(command.lease_ms):
        return refuse(Why.BAD_COMMAND, TOO_LONG)
    held = Held(queue, False, False, False)
    held.sort(list(command.offsets), list(command.leases), [0] * count)
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
    group = None if records else queue.touched
    return Decision(records, Settled(tuple(held.failed)), group)


def _queue_of(world: World, command: Settle | Extend) -> Queue | Decision:
    """The queue the leases are of, or the refusal."""
    queue = world.state.find(command.queue)
    if queue is None:
        return no_such_queue(world.state, command.queue)
    if command.queue_id is not None and command.queue_id != queue.id:
        text = f"the queue of these leases is gone, another is named `{queue.name}` now"
        return refuse(Why.NO_SUCH_LEASE, text, world.state.changed)
    return queue


def is_gone(queue: Queue, offset: int) -> bool:
    """Whether a message that was there is settled, moved or purged."""
    page = queue.page_of(offset)
    return page is None or not (page.live >> (offset & (PAGE - 1))) & 1


def _unclaimed(queue: Queue, offset: int, lease: int, count: int) -> bool:
    """Nobody has leased the message since it was delivered for the `count`th time under a lease.

    A delivery that was put back uncounted does not show in the count; there the lease's number
    tells, for later leases have higher ones."""
    page = queue.page_of(offset)
    assert page is not None, "asked only of what is held"
    slot = offset & (PAGE - 1)
    if (page.leased >> slot) & 1:
        return False
    if lease < page.taken_last_by(slot):
        return False
    return count > 0 and page.count_of(slot) <= count


class Part:
    """What one lease holds of the receipts: bits of the page that begins at `base`."""

    def __init__(self, queue: Queue, lease: int, base: int, mask: int) -> None:
        self.queue = queue
        self.lease = lease
        self.base = base
        self.mask = mask


def _untellable(failure: str) -> str:
    """Why a text cannot be kept with what died of it; empty where it can."""
    if len(failure) > FAILURE_CHARS_MAX:
        return f"what went wrong is told in at most {FAILURE_CHARS_MAX:,} characters"
    try:
        failure.encode()
    except UnicodeEncodeError as error:
        return f"what went wrong is told in characters that UTF-8 can carry: {error.reason}"
    return ""


def _settle_part(world: World, part: Part, command: Settle, now: int) -> list[facts.Record]:
    queue, lease = part.queue.id, part.lease
    first, span, packed = pack_mask(part.mask)
    first += part.base
    outcome = command.outcome
    settings = part.queue.settings
    dead_letters = (
        settings.dead_letter_queue is not None or settings.dead_letter_exchange is not None
    )
    # Of what was purged only the lease is left: it ends, so that its holder has its credit back.
    purged = first < part.queue.purged_before
    if purged or outcome == ACK or (outcome == REJECT and not dead_letters):
        return [done_record(part.queue, lease, part.base, part.mask, now)]
    failure = command.failure
    if outcome == REJECT:
        came = (0, True, facts.REJECTED, now, failure)
        return [history.CameBack(queue, lease, first, span, packed, *came)]
    failed = outcome == RETRY
    if failure and not (failed and _last_time(part)):
        failure = ""
    if failed and command.after_ms is not None:
        due = now + command.after_ms if command.after_ms > 0 else 0
        return [history.CameBack(queue, lease, first, span, packed, due, True, 0, now, failure)]
    if settings.retry.when not in (RETRY_ALL, RETRY_FAILED if failed else RETRY_RETURNED):
        return [history.CameBack(queue, lease, first, span, packed, 0, failed, 0, now, failure)]
    return _retry_by_policy(world, part, failure if failed else None, now)


def _last_time(part: Part) -> bool:
    """Whether one of the messages dies when this delivery counts too."""
    most = part.queue.settings.deliveries_max
    page = part.queue.page_of(part.base + lowest(part.mask))
    if not most or page is None:
        return False
    for start, length in runs(part.mask):
        for slot in range(start, start + length):
            if page.count_of(slot) + 1 >= most:
                return True
    return False


def _retry_by_policy(world: World, part: Part, failure: str | None, now: int) -> list[facts.Record]:
    """Each message waits as long as the queue's policy says; equally long ones are one record.
    `failure` is `None` where the work did not fail."""
    queue = part.queue
    failed = failure is not None
    page = queue.page_of(part.base + lowest(part.mask))
    assert page is not None, "a leased message has a page"
    salt = world.state.catalog.salt
    by_due: dict[int, int] = {}
    for start, length in runs(part.mask):
        for slot in range(start, start + length):
            attempt = page.count_of(slot) + 1 if failed else max(1, page.count_of(slot))
            message = (queue.id, part.base + slot)
            due = retry_due_ms(queue.settings.retry, attempt, now, salt, message)
            by_due[due] = by_due.get(due, 0) | (1 << slot)
    records: list[facts.Record] = []
    for due, mask in by_due.items():
        first, span, packed = pack_mask(mask)
        first += part.base
        came = (due, failed, 0, now, failure or "")
        records.append(history.CameBack(queue.id, part.lease, first, span, packed, *came))
    return records
