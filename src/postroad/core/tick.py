"""What time alone makes true, in slices: lapses, delays, ends of life, dead letters, sweeping,
background moves.

One rule: a slice is small enough for a turn of the loop; what is left is due at once again, and
nothing is always served before what waits for its turn.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace

from postroad.core import history, tasks
from postroad.core import records as facts
from postroad.core.bits import PAGE
from postroad.core.burials import Burials
from postroad.core.decision import Missing, World
from postroad.core.exchanges import sweep
from postroad.core.kv.clock import kv_slice, next_kv_ms
from postroad.core.queue import Queue
from postroad.core.schedules.fire import next_schedule_ms, schedule_slice
from postroad.core.times import sooner
from postroad.core.topics import cleaner
from postroad.limits import (
    CLOCK_SLICES_MAX,
    DUE_SLICES_MAX,
    DUES_MENDED_MAX,
    LAPSE_SLICE,
    PAGE_SLICE,
    STALE_MAX,
)


class Clock:
    """What time does to one kind of thing: when next (0: never), and the records of a slice."""

    def __init__(
        self,
        next_ms: Callable[[World], int],
        records: Callable[[World, int], list[facts.Record] | Missing],
    ) -> None:
        self.next_ms = next_ms
        self.records = records


CLOCKS = (
    Clock(next_schedule_ms, schedule_slice),
    Clock(tasks.next_task_ms, tasks.task_slice),
    Clock(sweep.next_ms, sweep.sweep_slice),
    Clock(next_kv_ms, kv_slice),
    Clock(cleaner.next_cut_ms, cleaner.cut_slice),
    Clock(cleaner.next_feed_ms, cleaner.feed_slice),
)
"""Moves and realms that time has something to do with."""


class Schedule:
    """Which queue has something to do when. `ending`: (queue, holder) whose session is gone;
    `ended`: queues where one of those is over; `sweeping`: queues with pages to free. `clocks`: all
    else that time does, in order of precedence; `had`: slices each of them had while others waited;
    `in_a_row`: slices of queues since any of them had one. All derived."""

    def __init__(self) -> None:
        self.dues: list[tuple[int, int]] = []
        self.burials = Burials()
        self.ending: list[tuple[int, int, bool]] = []
        self.ended: list[int] = []
        self.sweeping: dict[int, None] = {}
        self.in_a_row = 0
        self.cleaner = cleaner.Cleaner()
        self.clocks = (
            Clock(self._ending_ms, self._end_holders),
            Clock(self._sweeping_ms, self._sweep),
            Clock(self.burials.next_ms, self.burials.records),
            *CLOCKS,
            Clock(self.cleaner.next_ms, self.cleaner.slice),
        )
        self.had = [0] * len(self.clocks)

    def look_at(self, queue: Queue) -> None:
        """A queue changed: enter when time has something to do there."""
        due = queue.next_due()
        if due and (not queue.heaped_due or due < queue.heaped_due):
            queue.heaped_due = due
            heappush(self.dues, (due, queue.id))
        if queue.pages.dead:
            self.burials.look_at(queue)

    def next_ms(self, world: World) -> int:
        """When `slice_of_time` has something to do, in ms; 0 for never."""
        if self.ending or self.sweeping:
            return 1
        next_ms = self._first_due(world)
        for clock in self.clocks:
            next_ms = sooner(next_ms, clock.next_ms(world))
        return next_ms

    def all_else(self, world: World, now: int) -> list[facts.Record] | Missing:
        """The records of a slice of anything but what is due in queues: of what stands first, but
        where it had its share while others waited these come first."""
        self.in_a_row = 0
        due: list[int] = []
        for at, clock in enumerate(self.clocks):
            if 0 < clock.next_ms(world) <= now:
                due.append(at)
        if not due:
            return []
        waiting = [at for at in due if self.had[at] < CLOCK_SLICES_MAX]
        if not waiting or len(due) == 1:
            self.had = [0] * len(self.clocks)
            waiting = due
        found = self.clocks[waiting[0]].records(world, now)
        # Whoever lacks bodies keeps the turn, or they would have to be loaded again.
        if not isinstance(found, Missing):
            self.had[waiting[0]] += 1
        return found

    def due_queue(self, world: World, now: int) -> Queue | None:
        """A queue where time has something to do now."""
        first = self._first_due(world)
        if not first or first > now:
            return None
        queue = world.state.queues[self.dues[0][1]]
        return queue if queue.next_due() == first else None

    def _first_due(self, world: World) -> int:
        """The earliest entry; where many are older than what is true now, as after a publish to
        ten thousand queues, not all are mended at once, and time comes back to one for nothing."""
        queues = world.state.queues
        if len(self.dues) > 2 * len(queues) + STALE_MAX:
            self.dues = list(
                {
                    one
                    for one in self.dues
                    if one[1] in queues and queues[one[1]].heaped_due == one[0]
                }
            )
            heapify(self.dues)
        mended = 0
        while self.dues:
            due, id = self.dues[0]
            queue = queues.get(id)
            if queue is None or queue.heaped_due != due:
                heappop(self.dues)
                if queue is not None and not queue.heaped_due:
                    self.look_at(queue)
                continue
            if mended >= DUES_MENDED_MAX:
                return due
            real = queue.next_due()
            if real == due:
                return due
            mended += 1
            queue.heaped_due = real
            if real:
                heapreplace(self.dues, (real, id))
            else:
                heappop(self.dues)
        return 0

    def _ending_ms(self, _world: World) -> int:
        return 1 if self.ending else 0

    def _end_holders(self, world: World, now: int) -> list[facts.Record]:
        id, holder, counted = self.ending[0]
        queue = world.state.queues.get(id)
        if queue is None or not queue.leases.held_by(holder, 1):
            self.ending.pop(0)
            self.ended.append(id)
            if queue is not None:
                queue.leases.forget_holder(holder)
            return []
        return [history.HolderLeft(id, holder, LAPSE_SLICE, counted, now)]

    def _sweeping_ms(self, _world: World) -> int:
        return 1 if self.sweeping else 0

    def _sweep(self, world: World, _now: int) -> list[facts.Record]:
        id = next(iter(self.sweeping))
        queue = world.state.queues.get(id) or world.state.buried.get(id)
        if queue is None or not queue.swept_next(1):
            del self.sweeping[id]
            return []
        return [facts.Swept(id, PAGE_SLICE)]


def slice_of_time(world: World, schedule: Schedule, now: int) -> list[facts.Record] | Missing:
    """The records of one slice; none when there is nothing to do now. Where queues always have
    something to do, all else has a turn now and then."""
    if schedule.in_a_row >= DUE_SLICES_MAX:
        found = schedule.all_else(world, now)
        if isinstance(found, Missing) or found:
            return found
    queue = schedule.due_queue(world, now)
    if queue is not None:
        schedule.in_a_row += 1
        return time_records(queue, now)
    return schedule.all_else(world, now)


def time_records(queue: Queue, now: int) -> list[facts.Record]:
    """What is due in one queue: ends of life first, then delays, then lapses."""
    settings = queue.settings
    records = ends_of_life(queue, now)
    due = queue.pages.next_due()
    if due and due <= now:
        records.append(facts.Ripened(queue.id, now, PAGE_SLICE))
    deadline = queue.leases.next_deadline()
    if deadline and deadline <= now:
        records.append(facts.Lapsed(queue.id, now, LAPSE_SLICE))
    past = queue.past
    if past is not None and 0 < past.next_ms(settings.keep_settled_ms) <= now:
        kept_until_ms = now - (settings.keep_settled_ms or 0)
        records.append(history.Forgotten(queue.id, kept_until_ms, PAGE_SLICE))
    return records


def ends_of_life(queue: Queue, now: int) -> list[facts.Record]:
    """Messages that are too old for their queue, or whose own time is over."""
    settings = queue.settings
    keep_dead = settings.expired_to_dead_letters and settings.dead_letter_queue is not None
    keep_dead = keep_dead or settings.dead_letter_exchange is not None
    death = facts.EXPIRED if keep_dead else 0
    records: list[facts.Record] = []
    if settings.life_ms is not None and queue.pages.length:
        before = queue.times.too_old(now - settings.life_ms, queue.next_offset)
        if before > queue.aged_before:
            most = max(queue.aged_before, queue.first_offset()) + PAGE_SLICE * PAGE
            records.append(facts.Aged(queue.id, min(before, most), death))
    expiry = queue.pages.next_expiry()
    if expiry and expiry <= now:
        records.append(facts.Expired(queue.id, now, PAGE_SLICE, death))
    return records
