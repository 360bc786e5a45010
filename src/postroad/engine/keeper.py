"""What goes on behind the acknowledgements: placing under pressure, checkpoints, trimming the
journal.

One rule: a checkpoint is the state after one group; it counts once that group is durable, and only
then is the journal below its floor let go.
"""

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from postroad.core.decision import Step
from postroad.core.state import State
from postroad.engine.cache import Key
from postroad.engine.jobs import Compact, Delete, Feed, Job, Place, Room, Trim
from postroad.engine.placer import Placer
from postroad.limits import CHECKPOINT_SHARE, CUT_ROW_BYTES, PLACE_RETRY_MS, SPACE_LOOK_MS
from postroad.store.checkpoint import Cut

if TYPE_CHECKING:
    from postroad.engine.engine import Parts


class Keeper:
    """`bytes`, `records`: written to the journal since the last cut. `closing`: everything is to be
    placed and saved."""

    def __init__(self, parts: "Parts", take_step: Callable[[Step], None]) -> None:
        self.core = parts.core
        self.cache = parts.cache
        self.journal = parts.journal
        self.store = parts.store
        self.checkpoints = parts.checkpoints
        self.settings = parts.settings
        self.epoch = parts.epoch
        self.placer = Placer(parts.core, parts.cache, parts.store, take_step)
        self.bytes = parts.bytes_since
        self.records = parts.records_since
        self.closing = False
        self.fault: str | None = None
        self.checkpoints_done = 0
        self._wanted = False
        self._cut: Cut | None = None
        self._mark = 0
        self._last_mark = parts.cut_group
        self._trimming = False
        self._feeding = False
        self._fed = False
        self._retry_ms = 0
        self._look_ms = 0
        self._looking = False
        self._lent = False
        self._again = False
        self._durable = self.core.state.durable
        self._n = 0
        self._now = 0
        self._jobs: list[Job] = []
        self._unpin: list[Key] = []

    @property
    def stuck(self) -> bool:
        """The store has no room: publishes are refused."""
        return self.placer.stuck

    def holds_back(self) -> bool:
        """Whether publishers must wait because placing or a checkpoint is behind."""
        return self.cache.bytes > 2 * self.cache.write_bytes_max or self.journal.near_bound

    def saved(self) -> bool:
        """After `closing`: whether all that was asked for is saved."""
        idle = not (self.placer.placing or self.placer.deleting or self.placer.compacting)
        return idle and self._cut is None and not self._wanted and not self._feeding

    def close(self) -> None:
        """Place everything and save a last checkpoint."""
        self.closing = True
        self._wanted = True

    def take_freed(self, state: State) -> None:
        """Blocks nobody wants any more."""
        self.placer.take_freed(state)

    def unpin_later(self, keys: list[Key]) -> None:
        """Blocks an ask needed are free again after the next turn."""
        self._unpin.extend(keys)

    def unpinned(self) -> None:
        """Replies were filled: some blocks may go now."""
        self.placer.bury()

    def is_durable(self, group: int) -> None:
        """Groups up to this one are durable."""
        self._durable = group
        self.placer.is_durable(group)

    def wants_cut(self) -> bool:
        """Whether a group should be closed soon so that a checkpoint can be cut behind it."""
        return self._wanted and self._cut is None and self._ready_to_cut()

    def packed(self, group: int, n: int, now: int) -> None:
        """A group was closed: the state is what it is after it."""
        self._n = n
        if self.wants_cut():
            self._make_cut(group, now)

    def work(self, now: int) -> None:
        """Start what is due; jobs come out of `take_jobs`."""
        self._now = now
        for key in self._unpin:
            self.cache.unpin(key)
        if self._unpin:
            self._unpin = []
            self.placer.bury()
        self._want_when_due(now)
        self._look_for_room(now)
        self._place(now)
        self._checkpoint()
        # What is left to compact when the process stops, the next start finds again.
        compact = None if self.closing else self.placer.compact()
        for job in (self.placer.delete(), compact):
            if job is not None:
                self._jobs.append(job)

    def cut_when_idle(self, now: int) -> None:
        """Nothing is being written: a checkpoint can be cut right here."""
        if self.wants_cut():
            self._make_cut(self._durable, now)

    def take_jobs(self) -> list[Job]:
        """The jobs started since the last call."""
        jobs, self._jobs = self._jobs, []
        return jobs

    def next_wake(self, writing: bool) -> int:
        """When there is work though nothing happens, in ms; 0 for never. `writing`: a group is on
        its way, and what waits for its end comes with it."""
        if self._unpin or (self._cut is not None and not self._feeding and self._can_feed()):
            return 1
        placing = self.placer.placing
        looking = self.placer.to_look and not self.placer.compacting and not self.placer.stuck
        if looking and not self.closing:
            return 1
        waits = self._wanted and self._cut is None and not placing and not writing
        if waits and (self.closing or self.wants_cut()):
            return 1
        times: list[int] = []
        if self.placer.stuck and not placing:
            times.append(self.placer.retry_ms)
        if self._is_short() and not self._looking:
            times.append(max(1, self._look_ms))
        if self._again and not self._wanted and self._cut is None:
            times.append(self._retry_ms)
        return min(times, default=0)

    def finished(self, job: Job, result: object) -> None:
        """A job came back."""
        if isinstance(job, Feed):
            self._feed_finished(job, result)
        elif isinstance(job, Place | Compact | Delete):
            self.placer.finished(job, result, self._now)
            self.fault = self.fault or self.placer.fault
        elif isinstance(job, Room):
            self._looking = False
        else:
            self._trimming = False
            if isinstance(result, BaseException):
                self.fault = f"the journal could not be trimmed: {result}"

    def _want_when_due(self, now: int) -> None:
        if self._wanted or self._cut is not None or now < self._retry_ms:
            return
        # While placing is stuck or a trim on its way, one more checkpoint would free nothing.
        near = self.journal.near_bound and not self.placer.stuck and not self._trimming
        share = self.settings.journal_bytes // CHECKPOINT_SHARE
        full = self.bytes >= share or self.records >= self.settings.records_between_checkpoints
        if near or full or self._again:
            self._wanted = True
            self._again = False
            # What is young is likely to be consumed soon, and then never placed.
            self._mark = self.core.state.group if near else self._last_mark

    def _place(self, now: int) -> None:
        before = 0
        if self._wanted and self._cut is None:
            before = 1 << 62 if self.closing else self._mark + 1
        most = self.cache.write_bytes_max
        if (
            self.cache.bytes > most * 3 // 4
            and self.cache.bytes - self.cache.leaving_bytes > most // 2
        ):
            before = 1 << 62
        retry = self.placer.stuck and now >= self.placer.retry_ms
        if before or retry:
            job = self.placer.place(before or 1 << 62, now)
            if job is not None:
                self._jobs.append(job)
            elif retry and not self.placer.placing:
                self.placer.stuck = False

    def _is_short(self) -> bool:
        """Whether the journal waits for room; what it lent to a checkpoint it wants back later."""
        return self.journal.short_of_space and not self._lent

    def _look_for_room(self, now: int) -> None:
        if self._is_short() and not self._looking and now >= self._look_ms:
            self._look_ms = now + SPACE_LOOK_MS
            self._looking = True
            self._jobs.append(Room(self.journal, release=False))

    def _ready_to_cut(self) -> bool:
        """Whether all that must be placed before the cut is."""
        if self.placer.stuck:
            return True
        if self.placer.placing:
            return False
        oldest = self.cache.oldest_group()
        return not oldest or (not self.closing and oldest > self._mark)

    def _make_cut(self, group: int, now: int) -> None:
        oldest = self.cache.oldest_group()
        floor = min(oldest, group + 1) if oldest else group + 1
        self.core.state.ledger.cut()
        self._cut = Cut(group + 1, self.epoch, self._n, now, floor)
        self._wanted = False
        self._last_mark = group
        self._fed = False
        self.bytes = 0
        self.records = 0

    def _can_feed(self) -> bool:
        cut = self._cut
        return cut is not None and (
            bool(self.core.state.ledger.owed) or self._durable >= cut.position - 1
        )

    def _checkpoint(self) -> None:
        """Encode some rows of the running checkpoint, and send them on."""
        cut = self._cut
        if cut is None or self._feeding or not self._can_feed():
            return
        ledger = self.core.state.ledger
        paid = ledger.pay_some(CUT_ROW_BYTES)
        whole = paid and self._durable >= cut.position - 1
        self._feeding = True
        self._jobs.append(
            Feed(self.checkpoints, ledger.take(), not self._fed, cut if whole else None)
        )
        self._fed = True

    def _feed_finished(self, job: Feed, result: object) -> None:
        self._feeding = False
        if isinstance(result, BaseException):
            self._cut = None
            self._retry_ms = self._now + PLACE_RETRY_MS
            self.core.touch_everything()
            self._wanted = False
            self._again = True
            if not isinstance(result, OSError):
                self.fault = f"the checkpoint failed: {result}"
            elif self.closing:
                self.fault = f"the last checkpoint failed: {result}; the journal has everything"
            elif result.errno == errno.ENOSPC:
                # The checkpoint is what lets the journal be trimmed, so it comes first.
                self._lent = True
                self._looking = True
                self._jobs.append(Room(self.journal, release=True))
            return
        if job.cut is not None:
            self._cut = None
            self.checkpoints_done += 1
            self._lent = False
            self.placer.look_for_sparse = True
            self._trimming = True
            self._jobs.append(Trim(self.journal, job.cut.floor))
