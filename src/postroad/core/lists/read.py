"""Length, range and position: lists looked at, and not touched.

One rule: a look sees what is ready, in the order it would leave in.
"""

from postroad.core.decision import Decision, Missing, World, refuse
from postroad.core.handout import Handout
from postroad.core.lists.look import (
    END_NAMES,
    Search,
    find,
    is_back,
    part_of,
    pieces_in,
    search,
    span_of,
)
from postroad.limits import LIST_LOOK_MAX, LIST_RANGE_MAX
from postroad.model.lists import (
    LEFT,
    RIGHT,
    DescribeList,
    ListDescribed,
    ListItems,
    ListPosition,
    ListPositions,
    ListRange,
)
from postroad.model.replies import Why


def decide_describe(world: World, command: DescribeList, now: int) -> Decision:
    """How long a list is."""
    queue = find(world, command.list, command.space, now)
    if isinstance(queue, Decision):
        return queue
    if queue is None:
        return Decision([], ListDescribed(0, "", False), world.state.changed)
    described = ListDescribed(queue.pages.ready, END_NAMES[queue.list_end], queue.passing)
    return Decision([], described, queue.touched)


def decide_range(world: World, command: ListRange, now: int) -> Decision:
    """The messages of a range."""
    queue = find(world, command.list, command.space, now)
    if isinstance(queue, Decision):
        return queue
    if queue is None:
        return Decision([], ListItems("", []), world.state.changed)
    start, count = span_of(command.first, command.last, queue.pages.ready)
    if count > LIST_RANGE_MAX:
        text = f"a range has at most {LIST_RANGE_MAX:,} messages; ask for less at a time"
        return refuse(Why.TOO_MANY, text, queue.touched)
    handout = Handout(queue.id, now)
    handout.name = queue.name
    handout.pieces = pieces_in(queue, part_of(queue, start, count) if count else [])
    for piece in handout.pieces:
        # A look shows deliveries so far, a handout the next one.
        firsts = piece.firsts
        counts = [0] * piece.count if piece.counts is None else list(piece.counts)
        piece.counts = [one - 1 for one in counts]
        piece.firsts = [0] * piece.count if firsts is None else firsts
    return Decision([], handout, queue.touched)


def decide_position(world: World, command: ListPosition, now: int) -> Decision | Missing:
    """Where a body is."""
    if not command.rank or command.count < 0 or command.looked_max < 0:
        text = "a rank is not 0; how many to find and to look at are not negative"
        return refuse(Why.BAD_COMMAND, text)
    queue = find(world, command.list, command.space, now)
    if isinstance(queue, Decision):
        return queue
    if queue is None:
        return Decision([], ListPositions(()), world.state.changed)
    skipped = abs(command.rank) - 1
    wanted = Search(command.body, command.count and skipped + command.count)
    backwards = command.rank < 0
    back = is_back(queue, RIGHT if backwards else LEFT)
    missing = search(world, queue, wanted, back, command.looked_max)
    if missing is not None:
        return missing
    if not wanted.whole and not wanted.is_over():
        text = f"list `{queue.name}` is longer than one search goes, {LIST_LOOK_MAX:,} messages"
        return refuse(Why.TOO_MANY, text, queue.touched)
    last = queue.pages.ready - 1
    indexes = [last - at if backwards else at for at, _ in wanted.found[skipped:]]
    return Decision([], ListPositions(tuple(indexes)), queue.touched)
