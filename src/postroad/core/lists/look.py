"""A queue seen as a list: whether it can be, what is where, and which bodies are in it.

One rule: only what is ready is seen. Compiled by mypyc where possible.
"""

from postroad.core.decision import Decision, Missing, World, refuse
from postroad.core.handout import Bodies, Piece, downward, pieces_of
from postroad.core.kv.look import look
from postroad.core.list_lane import ListLane
from postroad.core.lists.records import LEFT_END, RIGHT_END
from postroad.core.order import is_ordered
from postroad.core.queue import Queue
from postroad.core.stretches import Stretch, outermost
from postroad.limits import LIST_LOOK_BYTES_MAX, LIST_LOOK_MAX
from postroad.model.lists import LEFT, RIGHT
from postroad.model.policy import STANDARD
from postroad.model.replies import Why

END_NUMBERS = {LEFT: LEFT_END, RIGHT: RIGHT_END}
END_NAMES = {0: "", LEFT_END: LEFT, RIGHT_END: RIGHT}


def find(world: World, name: str, space: str, now: int) -> Queue | Decision | None:
    """The queue of this name, `None` where there is none, or the refusal."""
    state = world.state
    if space:
        place = look(state.kv, space, name.encode("utf-8", "surrogatepass"), now)
        if place.entry is not None:
            text = f"`{name}` is a key of space `{space}`, not a list"
            return refuse(Why.WRONG_KIND, text, place.group)
    queue = state.by_name.get(name)
    if queue is None:
        if name in state.topics.by_name:
            return refuse(Why.WRONG_KIND, f"`{name}` is a topic, not a list", state.changed)
        return None
    settings = queue.settings
    limited = settings.key_leased_max is not None or settings.key_per_second is not None
    if settings.kind != STANDARD or limited or is_ordered(queue.pages):
        text = f"queue `{name}` orders its messages by key or priority; it is no list"
        return refuse(Why.WRONG_KIND, text, queue.touched)
    return queue


def lane_of(queue: Queue) -> ListLane:
    """The order of a list; of a queue that is none yet, for a look."""
    lanes = queue.pages.lanes
    if isinstance(lanes, ListLane):
        return lanes
    lane = ListLane(queue.pages.all)
    lane.mend(queue.purged_before)
    return lane


def is_back(queue: Queue, end: str) -> bool:
    """Whether an end is that of the main lane. Of a queue that is no list yet it is the right."""
    return END_NUMBERS[end] == (queue.list_end or RIGHT_END)


def span_of(first: int, last: int, length: int) -> tuple[int, int]:
    """Where a range begins, and how many there are in it."""
    if first < 0:
        first = max(0, first + length)
    if last < 0:
        last += length
    last = min(last, length - 1)
    return (first, last - first + 1) if first <= last else (0, 0)


def part_of(queue: Queue, start: int, count: int) -> list[Stretch]:
    """The `count` messages from index `start` on, left to right; all of them are there."""
    length = queue.pages.ready
    back = is_back(queue, LEFT)
    if start <= length - start - count:
        return _cut(lane_of(queue), back, start, count)
    found = _cut(lane_of(queue), not back, length - start - count, count)
    found.reverse()
    return [(page, mask, not down) for page, mask, down in found]


def _cut(lane: ListLane, back: bool, skip: int, count: int) -> list[Stretch]:
    found: list[Stretch] = []
    for page, whole, down in lane.walk(back, skip):
        if count <= 0:
            break
        mask = outermost(whole, count, down)
        count -= mask.bit_count()
        found.append((page, mask, down))
    return found


def pieces_in(queue: Queue, stretches: list[Stretch]) -> list[Piece]:
    """Messages as pieces, in the order they stand in."""
    found: list[Piece] = []
    for page, mask, down in stretches:
        pieces = pieces_of(queue, page.base, mask, page)
        found.extend(downward(pieces) if down else pieces)
    return found


class Search:
    """The ready messages with one body. `found`: (index from where the search began, offset) of
    each; `looked`: how many were looked at; `whole`: whether that was all there are."""

    def __init__(self, body: bytes, most: int) -> None:
        self.body = body
        self.most = most
        self.found: list[tuple[int, int]] = []
        self.looked = 0
        self.whole = True

    def is_over(self) -> bool:
        """Whether enough were found."""
        return len(self.found) >= self.most > 0

    def add(self, piece: Piece, bodies: Bodies) -> None:
        """Look at the messages of a piece."""
        body = self.body
        column = bodies.bodies
        if body not in column:
            self.looked += piece.count
            return
        for step in range(piece.count):
            at = piece.count - 1 - step if piece.down else step
            if column[at] == body:
                self.found.append((self.looked, piece.offset + at))
                if self.is_over():
                    return
            self.looked += 1


def search(
    world: World, queue: Queue, wanted: Search, back: bool, looked_max: int = 0
) -> Missing | None:
    """Look for a body from the front on or from the back, as far as one command may."""
    pieces: list[Piece] = []
    held = 0
    block = (-1, -1)
    count = 0
    most = min(looked_max or LIST_LOOK_MAX, LIST_LOOK_MAX)
    wanted.whole = most >= queue.pages.ready or 0 < looked_max <= LIST_LOOK_MAX
    for page, mask, down in lane_of(queue).walk(back):
        part = outermost(mask, most - count, down)
        count += part.bit_count()
        for piece in pieces_in(queue, [(page, part, down)]):
            if (piece.shelf, piece.block) != block:
                block = (piece.shelf, piece.block)
                held += piece.size
            if held > LIST_LOOK_BYTES_MAX and pieces:
                wanted.whole = False
                return _look_through(world, wanted, pieces)
            pieces.append(piece)
        if count >= most:
            break
    return _look_through(world, wanted, pieces)


def _look_through(world: World, wanted: Search, pieces: list[Piece]) -> Missing | None:
    for piece in pieces:
        bodies = world.library.fetch(piece)
        if bodies is None:
            return Missing(pieces)
        wanted.add(piece, bodies)
        if wanted.is_over():
            break
    return None
