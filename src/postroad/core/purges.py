"""Purges of what is ready where something else has to stay, a slice per turn.

One rule: what is published after a purge was asked for stays, and who asked is told how many are
gone when all of them are. Volatile: what a crash interrupts was promised to nobody. Compiled by
mypyc where possible.
"""

from collections.abc import Callable, Sequence

from postroad.core import records as facts
from postroad.core.bits import pack_mask
from postroad.core.decide.declare import must_leave_some
from postroad.core.decide.pick import pick_ready
from postroad.core.decision import Answer, Step, World
from postroad.core.queue import Queue
from postroad.limits import PAGE_SLICE, PURGE_SLICE
from postroad.model.ask import Ask, Caller
from postroad.model.commands import PurgeQueue
from postroad.model.replies import Purged, Refused, Why

Apply = Callable[[Sequence[facts.Record]], None]


class Purge:
    """One on its way: what is ready of offsets from `after` to below `before` goes next; `count`
    are gone."""

    __slots__ = ("after", "ask", "before", "count", "queue")

    def __init__(self, ask: Ask, queue: Queue) -> None:
        self.ask = ask
        self.queue = queue.id
        self.before = queue.next_offset
        self.after = 0
        self.count = 0


class Purges:
    """Those that take longer than a turn, in order; the first is at work."""

    def __init__(self, world: World, apply_all: Apply) -> None:
        self.waiting: list[Purge] = []
        self._world = world
        self._apply_all = apply_all

    def begin(self, ask: Ask) -> bool:
        """Whether an ask is such a purge, which is answered when it is done."""
        command = ask.command
        if not isinstance(command, PurgeQueue) or not command.ready_only:
            return False
        queue = self._world.state.by_name.get(command.name)
        if queue is None or not _is_long(queue) or not must_leave_some(queue):
            return False
        self.waiting.append(Purge(ask, queue))
        return True

    def next_slice(self) -> Step | None:
        """Some more of the first purge, and its answer with the last of it; `None`: there is
        none."""
        if not self.waiting:
            return None
        purge = self.waiting[0]
        queue = self._world.state.queues.get(purge.queue)
        records: list[facts.Record] = []
        picked = []
        if queue is not None:
            picked = pick_ready(queue, PURGE_SLICE, purge.after, purge.before)
        for page, mask in picked[:PAGE_SLICE]:
            first, span, packed = pack_mask(mask)
            records.append(
                facts.Dropped(purge.queue, page.base + first, span, packed, facts.PURGED)
            )
            purge.after = page.base + mask.bit_length()
            purge.count += mask.bit_count()
        self._apply_all(records)
        if queue is not None and pick_ready(queue, 1, purge.after, purge.before):
            return Step(records, [], True)
        del self.waiting[0]
        answer = Answer(purge.ask, Purged(purge.count), self._world.state.group)
        return Step(records, [answer], True)

    def forget(self, caller: Caller) -> None:
        """A caller is gone: nobody wants to know how many more would have gone."""
        self.waiting = [purge for purge in self.waiting if purge.ask.caller is not caller]

    def stop(self) -> list[Answer]:
        """The process stops: those that are not done are not."""
        text = "the server stops; the purge is not done, ask again"
        refused = Refused(Why.STOPPING, text)
        answers = [Answer(purge.ask, refused, 0) for purge in self.waiting]
        self.waiting.clear()
        return answers


def _is_long(queue: Queue) -> bool:
    """Whether what is ready is more than a slice."""
    return queue.pages.ready > PURGE_SLICE or len(queue.pages.ready_list) > PAGE_SLICE
