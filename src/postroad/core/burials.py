"""Dead messages leave their queues, a slice per turn: whose turn it is, and where to look next.

One rule: queues with dead messages take turns; and where a strict queue's stay, those behind them
are looked at before they are looked at again. Compiled by mypyc where possible.
"""

from postroad.core import records as facts
from postroad.core.bits import PAGE, pack_mask, take_lowest, unpack_mask
from postroad.core.decide.bury import Buried, bury_records
from postroad.core.decide.carry import move_records
from postroad.core.decision import Missing, World
from postroad.core.page import Page
from postroad.core.queue import Queue
from postroad.core.times import sooner
from postroad.limits import (
    DEAD_LOOK_MS,
    DEAD_REST_LOOK_MS,
    DEAD_SLICE,
    DEAD_WAIT_MS,
    DEAD_WAIT_MS_MAX,
)


class Grave:
    """How far a queue's dead messages were looked at. `after`: the offset up to which they were, in
    this round; `looks`: slices of the round in which none could leave; `held_ms`: until when the
    queue rests."""

    __slots__ = ("after", "held_ms", "looks")

    def __init__(self) -> None:
        self.after = 0
        self.looks = 0
        self.held_ms = 0


class Burials:
    """Queues that may have dead messages to move, who was served last comes last. Derived."""

    def __init__(self) -> None:
        self.graves: dict[int, Grave] = {}

    def look_at(self, queue: Queue) -> None:
        """A queue has dead messages."""
        if queue.id not in self.graves:
            self.graves[queue.id] = Grave()

    def next_ms(self, world: World) -> int:
        """When `records` has something to do, in ms; 0 for never. A queue whose dead are gone has
        no turn any more."""
        next_ms = 0
        empty: list[int] = []
        for id, grave in self.graves.items():
            queue = world.state.queues.get(id)
            if queue is None or not queue.pages.dead:
                empty.append(id)
            elif _can_bury(world, queue):
                next_ms = sooner(next_ms, grave.held_ms or 1)
                if next_ms == 1:
                    break
        for id in empty:
            del self.graves[id]
        return next_ms

    def records(self, world: World, now: int) -> list[facts.Record] | Missing:
        """The next dead messages of the queue whose turn it is; none where none of them, or of any
        queue's, can leave now."""
        for id, grave in self.graves.items():
            queue = world.state.queues.get(id)
            if queue is None or grave.held_ms > now or not _can_bury(world, queue):
                continue
            buried = _dead_records(world, queue, grave.after, now)
            if isinstance(buried, Missing):
                # It keeps its turn, or what is loaded for it would have to be loaded again.
                return buried
            del self.graves[id]
            self.graves[id] = grave
            _look_on(queue, grave, buried, now)
            world.dead_dropped += _count(buried.records, (facts.DEAD,))
            return buried.records
        return []


def _look_on(queue: Queue, grave: Grave, buried: Buried, now: int) -> None:
    """Where to look next, and when: those that stayed come again after all that are behind them,
    and the more of them there are, the later."""
    grave.held_ms = 0 if buried.records else now + DEAD_LOOK_MS
    if not queue.settings.dead_letter_strict:
        return
    grave.after = buried.after
    grave.looks += not buried.records
    if _next_dead(queue, grave.after) is None:
        # Those of this slice that leave are still among the dead.
        leaving = _count(buried.records, (facts.DEAD, facts.MOVED))
        stayed = grave.looks or queue.pages.dead > leaving
        rest_ms = max(DEAD_WAIT_MS, min(grave.looks * DEAD_REST_LOOK_MS, DEAD_WAIT_MS_MAX))
        grave.held_ms = now + rest_ms if stayed else 0
        grave.after = grave.looks = 0


def _can_bury(world: World, queue: Queue) -> bool:
    """Whether a queue's dead messages have somewhere to go; a dead-letter queue that does not exist
    holds them up."""
    if not queue.pages.dead:
        return False
    if queue.settings.dead_letter_exchange is not None:
        return not world.short_of_space
    name = queue.settings.dead_letter_queue
    if name is None:
        return True
    target = world.state.by_name.get(name)
    return target is not None and target is not queue and not world.short_of_space


def _dead_records(world: World, queue: Queue, after: int, now: int) -> Buried | Missing:
    """The facts about the first dead messages from an offset on."""
    found = _next_dead(queue, after)
    if found is None:
        # What it stopped at left another way.
        return Buried([], after)
    page, dead = found
    mask = take_lowest(dead, DEAD_SLICE)
    stop = page.base + mask.bit_length()
    if queue.settings.dead_letter_exchange is not None:
        return bury_records(world, queue, page, mask, now)
    if queue.settings.dead_letter_queue is None:
        first, span, packed = pack_mask(mask)
        return Buried([facts.Dropped(queue.id, page.base + first, span, packed, facts.DEAD)], stop)
    target = world.state.by_name[queue.settings.dead_letter_queue]
    moved = move_records(world, queue, target, [(page, mask)], True, now)
    return moved if isinstance(moved, Missing) else Buried(moved.records, stop)


def _next_dead(queue: Queue, after: int) -> tuple[Page, int] | None:
    """The lowest page with dead messages from offset `after` on, and which these are."""
    pages = queue.pages
    page = pages.first_dead(queue.purged_before)
    if page is None or page.base >= after:
        return None if page is None else (page, page.dead)
    for number in sorted(pages.dead_list):
        later = pages.all.get(number)
        if later is not None and later.base + PAGE > after:
            seen = max(0, after - later.base)
            dead = later.dead >> seen << seen
            if dead:
                return later, dead
    return None


def _count(records: list[facts.Record], why: tuple[int, ...]) -> int:
    """How many messages are dropped for one of these reasons."""
    return sum(
        unpack_mask(0, one.span, one.mask).bit_count()
        for one in records
        if isinstance(one, facts.Dropped) and one.why in why
    )
