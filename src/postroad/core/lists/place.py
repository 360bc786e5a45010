"""New messages in a list: where they are published, and what puts them where they stand.

One rule: a message is published as any other, at the end of its queue, and seated in the same step.
"""

from array import array

from postroad.core.bits import PAGE, PAGE_BITS, pack_mask, span_mask
from postroad.core.decide.load import Load, chunk_records
from postroad.core.decide.publish import refusal_of
from postroad.core.decision import Decision, World, refuse
from postroad.core.list_lane import ListLane
from postroad.core.lists import records as facts
from postroad.core.lists.look import END_NUMBERS, is_back
from postroad.core.queue import Queue
from postroad.core.records import QueueDeclared, Record
from postroad.limits import LIST_MIDDLE_MAX, MESSAGE_BYTES_MAX, QUEUES_MAX
from postroad.model.commands import Publish
from postroad.model.names import bad_name
from postroad.model.policy import QueueSettings
from postroad.model.replies import Why


def load_for(bodies: list[bytes], heads: list[bytes] | None, at_once: bool) -> Load:
    """Messages for a list; `at_once`: the queue's own delay does not count."""
    load = Load(bodies)
    if heads is not None and any(heads):
        load.heads = heads
    if at_once:
        load.dues = array("Q", bytes(8 * len(bodies)))
    return load


def refused_push(
    world: World, queue: Queue, load: Load, ahead: tuple[int, int] = (0, 0)
) -> Decision | None:
    """Why messages cannot come to a list, or `None`. `ahead`: messages, and their bytes, that come
    before them, or as negative numbers leave."""
    if queue.settings.dedup_window_ms is not None:
        text = f"queue `{queue.name}` takes no message twice; it is no list to push to"
        return refuse(Why.WRONG_KIND, text, queue.touched)
    return refusal_of(world, Publish((queue.name,), load.bodies, load.heads), [queue], ahead)


def refused_new(world: World, name: str, load: Load) -> Decision | None:
    """Why a list cannot be made of these messages, or `None`."""
    state = world.state
    wrong = bad_name(name)
    if wrong is not None:
        return refuse(Why.BAD_NAME, wrong)
    if len(state.queues) >= QUEUES_MAX:
        return refuse(Why.BAD_COMMAND, f"there are {QUEUES_MAX:,} queues; delete some first")
    refusal = refusal_of(world, Publish((), load.bodies, load.heads), [])
    if refusal is not None:
        return refusal
    heads = load.heads or [b""] * len(load.bodies)
    for body, head in zip(load.bodies, heads, strict=True):
        if len(body) + len(head) > MESSAGE_BYTES_MAX:
            return refuse(Why.TOO_LARGE, f"a message has at most {MESSAGE_BYTES_MAX:,} bytes")
    return None


def begun(queue: Queue, main_end: int) -> list[Record]:
    """What makes a queue a list with this main end, where it is not that already and may be."""
    if queue.list_end == main_end or (queue.list_end and queue.pages.length):
        return []
    return [facts.ListBegun(queue.id, main_end, queue.passing)]


def new_list(world: World, name: str, end: str, now: int) -> list[Record]:
    """A queue that is made by a push; its number is the next."""
    id = world.state.catalog.next_id
    return [
        QueueDeclared(id, name, QueueSettings(), {}, {}, now),
        facts.ListBegun(id, END_NUMBERS[end], True),
    ]


def first_push(world: World, name: str, end: str, load: Load, now: int) -> list[Record]:
    """Messages in a list that is made for them, all in its main lane."""
    made = new_list(world, name, end, now)
    return [*made, *chunk_records(world.state.catalog.next_id, 0, load, now)]


def push(world: World, queue: Queue, end: str, load: Load, now: int) -> list[Record]:
    """Messages at one end of a list."""
    records = begun(queue, END_NUMBERS[end])
    shelf = world.state.shelves[queue.id]
    records.extend(chunk_records(queue.id, shelf.next, load, now))
    # What was made a list just now has this end for its main one.
    if queue.list_end and not is_back(queue, end) and queue.pages.length:
        records.extend(fronted(queue.id, queue.next_offset, len(load.bodies)))
    return records


def fronted(queue: int, first: int, count: int) -> list[Record]:
    """Messages from offset `first` on stand in the front lane."""
    records: list[Record] = []
    while count > 0:
        slot = first & (PAGE - 1)
        part = min(count, PAGE - slot)
        low, span, packed = pack_mask(span_mask(slot, part))
        base = (first >> PAGE_BITS) << PAGE_BITS
        records.append(facts.Fronted(queue, base + low, span, packed))
        first += part
        count -= part
    return records


def seat(
    world: World, queue: Queue, load: Load, beside: int, side: int, now: int
) -> list[Record] | Decision:
    """One message next to another, or the refusal."""
    lane = queue.pages.lanes
    kept = side == facts.INSTEAD and _is_in_middle(queue, beside)
    if isinstance(lane, ListLane) and len(lane.keys) >= LIST_MIDDLE_MAX and not kept:
        text = f"list `{queue.name}` has {LIST_MIDDLE_MAX:,} messages put in between others"
        return refuse(Why.TOO_MANY, text, queue.touched)
    records: list[Record] = []
    if not queue.list_end:
        records.append(facts.ListBegun(queue.id, facts.RIGHT_END, queue.passing))
    shelf = world.state.shelves[queue.id]
    records.extend(chunk_records(queue.id, shelf.next, load, now))
    records.append(facts.Seated(queue.id, queue.next_offset, beside, side))
    return records


def _is_in_middle(queue: Queue, offset: int) -> bool:
    return (queue.pages.all[offset >> PAGE_BITS].mids >> (offset & (PAGE - 1))) & 1 == 1
