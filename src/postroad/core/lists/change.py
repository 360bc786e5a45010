"""Push, insert, set, remove and trim: lists changed by command.

One rule: what a search must see whole and cannot is refused, and nothing is changed.
"""

from postroad.core.bits import PAGE, PAGE_BITS, pack_mask
from postroad.core.decision import Decision, Missing, World, no_such_queue, refuse
from postroad.core.lists import records as facts
from postroad.core.lists.look import Search, find, is_back, lane_of, part_of, search, span_of
from postroad.core.lists.place import first_push, load_for, push, refused_new, refused_push, seat
from postroad.core.queue import Queue
from postroad.core.records import CANCELLED, Dropped, Record
from postroad.limits import LIST_LOOK_MAX, LIST_TRIM_MAX
from postroad.model.lists import (
    ENDS,
    LEFT,
    RIGHT,
    ListInsert,
    ListLength,
    ListPush,
    ListRemove,
    ListRemoved,
    ListSet,
    ListTrim,
)
from postroad.model.replies import Done, Why

BAD_END = "an end of a list is `left` or `right`"


def decide_push(world: World, command: ListPush, now: int) -> Decision:
    """Messages at one end."""
    if command.end not in ENDS:
        return refuse(Why.BAD_COMMAND, BAD_END)
    queue = find(world, command.list, command.space, now)
    if isinstance(queue, Decision):
        return queue
    heads = None if command.heads is None else list(command.heads)
    count = len(command.bodies)
    if not count or (heads is not None and len(heads) != count):
        return refuse(Why.BAD_COMMAND, "a push has messages, and one entry per message in a list")
    load = load_for(list(command.bodies), heads, False)
    if queue is None:
        if command.only_if_exists:
            return Decision([], ListLength(0), world.state.changed)
        refusal = refused_new(world, command.list, load)
        if refusal is not None:
            return refusal
        return Decision(first_push(world, command.list, command.end, load, now), ListLength(count))
    if command.only_if_exists and not queue.pages.ready:
        return Decision([], ListLength(0), queue.touched)
    refusal = refused_push(world, queue, load)
    if refusal is not None:
        return refusal
    records = push(world, queue, command.end, load, now)
    coming = 0 if queue.settings.delay_ms else count
    return Decision(records, ListLength(queue.pages.ready + coming))


def decide_insert(world: World, command: ListInsert, now: int) -> Decision | Missing:
    """A message next to the first with a certain body."""
    queue = find(world, command.list, command.space, now)
    if isinstance(queue, Decision):
        return queue
    if queue is None or not queue.pages.ready:
        group = world.state.changed if queue is None else queue.touched
        return Decision([], ListLength(0), group)
    wanted = Search(command.pivot, 1)
    missing = search(world, queue, wanted, is_back(queue, LEFT))
    if missing is not None:
        return missing
    if not wanted.found:
        if not wanted.whole:
            return _too_long(queue)
        return Decision([], ListLength(-1), queue.touched)
    load = load_for([command.body], [command.head], True)
    refusal = refused_push(world, queue, load)
    if refusal is not None:
        return refusal
    # Seen from the front: where that is the right, what is left of something comes after it.
    before = command.before != is_back(queue, LEFT)
    side = facts.BEFORE if before else facts.AFTER
    records = seat(world, queue, load, wanted.found[0][1], side, now)
    if isinstance(records, Decision):
        return records
    return Decision(records, ListLength(queue.pages.ready + 1))


def decide_set(world: World, command: ListSet, now: int) -> Decision:
    """Another message in the place of one."""
    queue = find(world, command.list, command.space, now)
    if isinstance(queue, Decision):
        return queue
    if queue is None or not queue.pages.ready:
        return no_such_queue(world.state, command.list)
    length = queue.pages.ready
    start = command.index + length if command.index < 0 else command.index
    if not 0 <= start < length:
        text = f"list `{queue.name}` has no index {command.index}"
        return refuse(Why.OUT_OF_RANGE, text, queue.touched)
    page, mask, _ = part_of(queue, start, 1)[0]
    load = load_for([command.body], [command.head], True)
    slot = mask.bit_length() - 1
    size = 0 if page.sizes is None else page.sizes[slot]
    refusal = refused_push(world, queue, load, (-1, -size))
    if refusal is not None:
        return refusal
    offset = page.base + slot
    records = seat(world, queue, load, offset, facts.INSTEAD, now)
    if isinstance(records, Decision):
        return records
    return Decision([*records, Dropped(queue.id, offset, 1, b"", CANCELLED)], Done())


def decide_remove(world: World, command: ListRemove, now: int) -> Decision | Missing:
    """Messages with a certain body go."""
    queue = find(world, command.list, command.space, now)
    if isinstance(queue, Decision):
        return queue
    if queue is None:
        return Decision([], ListRemoved(0), world.state.changed)
    wanted = Search(command.body, abs(command.count))
    end = RIGHT if command.count < 0 else LEFT
    missing = search(world, queue, wanted, is_back(queue, end))
    if missing is not None:
        return missing
    if not wanted.whole and not wanted.is_over():
        return _too_long(queue)
    masks: dict[int, int] = {}
    for _, offset in wanted.found:
        number = offset >> PAGE_BITS
        masks[number] = masks.get(number, 0) | (1 << (offset & (PAGE - 1)))
    records = [_dropped(queue, number << PAGE_BITS, masks[number]) for number in sorted(masks)]
    return Decision(records, ListRemoved(len(wanted.found)), None if records else queue.touched)


def decide_trim(world: World, command: ListTrim, now: int) -> Decision:
    """All but a range goes."""
    queue = find(world, command.list, command.space, now)
    if isinstance(queue, Decision):
        return queue
    if queue is None:
        return Decision([], ListRemoved(0), world.state.changed)
    length = queue.pages.ready
    start, count = span_of(command.first, command.last, length)
    gone = length - count
    if gone > LIST_TRIM_MAX:
        text = f"a trim drops at most {LIST_TRIM_MAX:,} messages; purge the queue, or pop some"
        return refuse(Why.TOO_MANY, text, queue.touched)
    lane, back = lane_of(queue), is_back(queue, LEFT)
    masks = lane.outer(start, back)
    for number, mask in lane.outer(gone - start, not back).items():
        masks[number] = masks.get(number, 0) | mask
    records = [_dropped(queue, number << PAGE_BITS, masks[number]) for number in sorted(masks)]
    return Decision(records, ListRemoved(gone), None if records else queue.touched)


def _dropped(queue: Queue, base: int, mask: int) -> Record:
    first, span, packed = pack_mask(mask)
    return Dropped(queue.id, base + first, span, packed, CANCELLED)


def _too_long(queue: Queue) -> Decision:
    text = (
        f"list `{queue.name}` is longer than one search goes, {LIST_LOOK_MAX:,} messages or 16 MiB"
    )
    return refuse(Why.TOO_MANY, text, queue.touched)
