"""Consumers of groups of mode lease, and what is leased to whom.

One rule: looking changes nothing; a list goes on where the last one ended, and each looks at so
many leases at most.
"""

from collections.abc import Iterator

from postroad.core import history
from postroad.core.bits import PAGE, PAGE_BITS, bits_of, lowest, pack_mask
from postroad.core.decision import TOO_LONG, Decision, World, refuse, too_long
from postroad.core.leases import CONSUMERS_FROM
from postroad.core.pages import below_mask
from postroad.core.queue import Queue
from postroad.core.records import Record
from postroad.core.settled import done_record
from postroad.core.topics import records as facts
from postroad.core.topics.declare import no_such_partition, no_such_topic, page_of
from postroad.core.topics.log import Partition
from postroad.core.topics.topic import Consumer, Share
from postroad.limits import CLAIM_MAX, CONSUMERS_MAX, LAPSE_SLICE, LEASES_SEEN_MAX
from postroad.model.claims import (
    ConsumerDeclared,
    ConsumerDeleted,
    ConsumerInfo,
    ConsumersListed,
    CountLeases,
    DeclareConsumer,
    DeleteConsumer,
    LeaseInfo,
    LeasesCounted,
    LeasesListed,
    ListConsumers,
    ListLeases,
)
from postroad.model.names import bad_name
from postroad.model.replies import Why


class Place:
    """One partition of a topic, as a group of mode lease has it."""

    __slots__ = ("log", "queue", "share")

    def __init__(self, share: Share, queue: Queue, log: Partition) -> None:
        self.share = share
        self.queue = queue
        self.log = log


def share_of(world: World, topic_name: str, group: str) -> Share | Decision:
    """A group of mode lease, or why there is none."""
    topic = world.state.topics.by_name.get(topic_name)
    if topic is None:
        return no_such_topic(world.state, topic_name)
    share = topic.shares.get(group)
    if share is None:
        text = f"topic `{topic_name}` has no group `{group}` of mode lease"
        return refuse(Why.NO_SUCH_GROUP, text, world.state.changed)
    return share


def place_of(world: World, topic_name: str, group: str, number: int) -> Place | Decision:
    """One partition of a group, or why there is none."""
    share = share_of(world, topic_name, group)
    if isinstance(share, Decision):
        return share
    topics = world.state.topics
    topic = topics.all[share.topic]
    log = topics.partition_of(topic, number)
    if log is None:
        return no_such_partition(topic, number)
    return Place(share, world.state.queues[share.queues[number]], log)


def admit(world: World, share: Share, name: str, now: int) -> tuple[list[Record], int] | Decision:
    """The holder that a consumer's leases bear (0: nobody's by name), and the fact of its making if
    it is new; when it asked is noted."""
    if not name:
        return [], 0
    known = share.consumers.get(name)
    if known is not None:
        known.seen_ms = now
        return [], known.holder
    wrong = bad_name(name)
    if wrong is not None:
        return refuse(Why.BAD_NAME, wrong)
    if len(share.consumers) >= CONSUMERS_MAX:
        text = f"group `{share.name}` has {CONSUMERS_MAX:,} consumers; delete some first"
        return refuse(Why.TOO_MANY, text, share.touched)
    id = world.state.catalog.next_id
    return [facts.ConsumerMade(share.id, id, name, now)], CONSUMERS_FROM | id


def leased_from(queue: Queue, start: int) -> Iterator[int]:
    """The leased offsets from one on, in order."""
    for page in queue.pages.all.values():
        if page.base + PAGE <= start or page.base >> PAGE_BITS not in queue.leases.by_page:
            continue
        for slot in bits_of(page.leased & ~below_mask(page, start)):
            yield page.base + slot


def decide_list_leases(world: World, command: ListLeases, now: int) -> Decision:
    """What is leased, one by one."""
    place = place_of(world, command.topic, command.group, command.partition)
    if isinstance(place, Decision):
        return place
    if command.idle_ms < 0 or too_long(command.idle_ms):
        return refuse(Why.BAD_COMMAND, f"a time is not below 0; {TOO_LONG}")
    queue, share = place.queue, place.share
    most = min(max(command.count, 0), CLAIM_MAX)
    found: list[LeaseInfo] = []
    group = max(queue.touched, share.touched)
    for seen, offset in enumerate(leased_from(queue, max(0, command.start))):
        if command.end is not None and offset > command.end:
            break
        if len(found) >= most or seen >= LEASES_SEEN_MAX:
            return Decision([], LeasesListed(found, offset), group)
        info = _info(queue, share, offset, now)
        named = command.consumer is None or info.consumer == command.consumer
        if named and info.idle_ms >= command.idle_ms:
            found.append(info)
    return Decision([], LeasesListed(found, 0), group)


def _info(queue: Queue, share: Share, offset: int, now: int) -> LeaseInfo:
    lease = queue.leases.at(offset)
    segment = queue.leases.find(lease)
    page = queue.page_of(offset)
    assert segment is not None, "a leased message has a lease"
    assert page is not None, "and a page"
    index = (lease & (PAGE - 1)) - segment.start
    return LeaseInfo(
        offset,
        share.name_of(segment.holder[index]),
        max(0, now - segment.granted[index]),
        page.count_of(offset & (PAGE - 1)) + 1,
        lease,
        segment.deadline[index],
    )


def decide_count_leases(world: World, command: CountLeases, _now: int) -> Decision:
    """How much is leased."""
    place = place_of(world, command.topic, command.group, command.partition)
    if isinstance(place, Decision):
        return place
    queue, share = place.queue, place.share
    numbers = [one for one in queue.pages.all if one in queue.leases.by_page]
    first = last = -1
    if numbers:
        low, high = queue.pages.all[numbers[0]], queue.pages.all[numbers[-1]]
        first = low.base + lowest(low.leased)
        last = high.base + high.leased.bit_length() - 1
    held = [(share.name_of(holder), count) for holder, count in queue.leases.held.items()]
    counted = LeasesCounted(queue.leased, first, last, tuple(sorted(held)), queue.id)
    return Decision([], counted, max(queue.touched, share.touched))


def decide_declare_consumer(world: World, command: DeclareConsumer, now: int) -> Decision:
    """Make a consumer exist."""
    share = share_of(world, command.topic, command.group)
    if isinstance(share, Decision):
        return share
    if command.consumer in share.consumers:
        return Decision([], ConsumerDeclared(False), share.touched)
    wrong = bad_name(command.consumer)
    if wrong is not None:
        return refuse(Why.BAD_NAME, wrong)
    admitted = admit(world, share, command.consumer, now)
    if isinstance(admitted, Decision):
        return admitted
    return Decision(admitted[0], ConsumerDeclared(True))


def decide_delete_consumer(world: World, command: DeleteConsumer, now: int) -> Decision:
    """Settle what a consumer holds, some of it, and remove it when that was all."""
    share = share_of(world, command.topic, command.group)
    if isinstance(share, Decision):
        return share
    consumer = share.consumers.get(command.consumer)
    if consumer is None:
        text = f"group `{share.name}` has no consumer `{command.consumer}`"
        return refuse(Why.NO_SUCH_CONSUMER, text, share.touched)
    records: list[Record] = []
    settled = left = 0
    for id in share.queues:
        queue = world.state.queues[id]
        held = queue.leases.held.get(consumer.holder, 0)
        mine = 0
        if held and settled < LAPSE_SLICE:
            leases = queue.leases.held_by(consumer.holder, LAPSE_SLICE - settled)
            mine = sum(map(queue.leases.left_of, leases))
            records.extend(_settled(queue, lease, command.dropped, now) for lease in leases)
        settled += mine
        left += held - mine
    if not left:
        records.append(facts.ConsumerDeleted(share.id, consumer.id))
    return Decision(records, ConsumerDeleted(settled, left))


def _settled(queue: Queue, lease: int, dropped: bool, now: int) -> Record:
    segment = queue.leases.find(lease)
    assert segment is not None, "only living leases are held"
    first = segment.first[(lease & (PAGE - 1)) - segment.start]
    base = first & ~(PAGE - 1)
    mask = queue.leases.mask(segment, lease) << (first - base)
    if dropped:
        return done_record(queue, lease, base, mask, now)
    low, span, packed = pack_mask(mask)
    return history.CameBack(queue.id, lease, base + low, span, packed, 0, False, 0, now)


def decide_list_consumers(world: World, command: ListConsumers, now: int) -> Decision:
    """The consumers of a group."""
    share = share_of(world, command.topic, command.group)
    if isinstance(share, Decision):
        return share
    count = min(command.count, CLAIM_MAX)
    names, more = page_of(sorted(share.consumers), "", command.after, count)
    leases = [world.state.queues[id].leases for id in share.queues]
    touched = max([share.touched, *(world.state.queues[id].touched for id in share.queues)])
    found: list[ConsumerInfo] = []
    for name in names:
        one: Consumer = share.consumers[name]
        held = sum(each.held.get(one.holder, 0) for each in leases)
        idle_ms = max(0, now - (one.seen_ms or one.created_ms))
        inactive_ms = max(0, now - (one.active_ms or one.created_ms))
        found.append(ConsumerInfo(name, held, idle_ms, inactive_ms))
    return Decision([], ConsumersListed(found, more), touched)


def delivered_before(queue: Queue) -> int:
    """The offset after the last message that was ever delivered, or passed over."""
    at = queue.next_offset
    while at > 0:
        page = queue.pages.all.get((at - 1) >> PAGE_BITS)
        if page is None:
            return at
        slot = at - page.base - 1
        if page.anew:
            page.tidy()
        if page.firsts is None:
            touched = ~page.ready & ((2 << slot) - 1)
            if touched:
                return page.base + touched.bit_length()
        else:
            while slot >= 0 and (page.ready >> slot) & 1 and not page.firsts[slot]:
                slot -= 1
            if slot >= 0:
                return page.base + slot + 1
        at = page.base
    return at
