"""One life of the broker: an engine whose jobs run on the sim disk, when the world chooses."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from postroad.core.load import canonical, load_rows
from postroad.core.machine import Core
from postroad.core.state import State
from postroad.engine.cache import Cache
from postroad.engine.clock import SystemClock
from postroad.engine.engine import Engine
from postroad.engine.jobs import Append, Job, Lane
from postroad.engine.recover import Replay, _read_all, recover
from postroad.journal.files import FileJournal
from postroad.model.ask import Caller
from postroad.model.replies import Reply
from postroad.store.files import FileStore
from tests.sim.copies import Violation
from tests.sim.overlooked import overlooked
from tests.sim.workloads.schemas import Marks

if TYPE_CHECKING:
    from tests.sim.world import World

JOURNAL, STORE = "/data/journal", "/data/store"


class Process:
    """Lives until the world forgets it; jobs that come back later go nowhere."""

    def __init__(self, world: "World") -> None:
        self.world = world
        disk = world.disk
        for path in ("/data", JOURNAL, STORE):
            disk.make_directory(path)
        disk.sync_directory("/data")
        self.clock = SystemClock()
        journal = FileJournal(disk, JOURNAL, world.options, world.nonce)
        self.was_sealed = journal.sealed
        store = FileStore(disk, STORE, file_bytes=48 * 1024)
        world.tap.reopened(journal)
        parts, self.report = recover(
            journal, store, world.checkpoints, world.settings, world.salt, self.clock.now_ms()
        )
        world.tap.claimed(journal)
        self.clock.not_before(parts.now_ms)
        self.engine = Engine(parts, self._send)
        self.engine.core.world.checker = Marks()
        self.lanes: dict[Lane, deque[Job]] = {lane: deque() for lane in Lane}
        self.running: set[Lane] = set()
        self.sessions = (self.report.epoch << 40) + 1
        self.turn_planned = False
        self.wake_at = 0

    @property
    def alive(self) -> bool:
        """Whether this is still the life being lived."""
        return self.world.process is self

    def busy(self) -> bool:
        """Whether any job waits or runs."""
        return bool(self.running) or any(self.lanes.values())

    def caller(self, sink: Callable[[int, Reply], None]) -> Caller:
        """A session's caller, with a number of its own."""
        self.sessions += 1
        return Caller(self.sessions, sink)

    def turn(self) -> None:
        """One turn of the engine, and what comes of it."""
        self.turn_planned = False
        for job in self.engine.turn(self.clock.now_ms()):
            self.lanes[job.lane].append(job)
        for lane in Lane:
            self._start(lane)
        if self.engine.fault is not None:
            self.world.stopped_itself(self.engine.fault)
        elif not self.engine.core.demand.stirred:
            forgotten = overlooked(self.engine.core)
            if forgotten:
                raise Violation(f"messages are ready for {forgotten}, who are not served")

    def _start(self, lane: Lane) -> None:
        if lane in self.running or not self.lanes[lane]:
            return
        self.running.add(lane)
        self.world.after(self.world.job_ms(), lambda: self._run(lane))

    def _run(self, lane: Lane) -> None:
        if not self.alive:
            return
        job = self.lanes[lane].popleft()
        result: object
        try:
            result = job.run()
        except Exception as error:  # noqa: BLE001  (the engine decides what a failed job means)
            result = error
        if isinstance(job, Append):
            self.world.digest(*job.frames)
            if isinstance(result, int):
                self.world.tap.written(job.frames, result)
        self.world.after(self.world.job_ms(), lambda: self._finish(lane, job, result))

    def _finish(self, lane: Lane, job: Job, result: object) -> None:
        if not self.alive:
            return
        self.running.discard(lane)
        self.engine.finished(job, result)
        if self.engine.fault is not None:
            self.world.stopped_itself(self.engine.fault)
        elif not self.turn_planned:
            self.world.turn()

    def _send(self, caller: Caller, number: int, reply: Reply) -> None:
        if not self.alive:
            raise Violation(f"a dead process said {reply}")
        caller.sink(number, reply)


def reread(world: "World") -> State:
    """The state as the next start would find it, and nothing on the disk changed."""
    journal = FileJournal(world.disk, JOURNAL, world.options, world.nonce)
    cut, rows = world.checkpoints.load()
    cache = Cache(world.settings.cache_bytes)
    core = Core(cache)
    load_rows(core.state, rows)
    _read_all(journal, cut, Replay(core.state, cache))
    return core.state


def compare(live: State, other: State, what: str) -> None:
    """Two states are the same, or a violation says where they differ."""
    ours, theirs = canonical(live), canonical(other)
    if ours == theirs:
        return
    wrong = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    first = wrong[0]
    raise Violation(
        f"{what} differs in {len(wrong)} rows, first {first!r}:"
        f" {ours.get(first)!r} live, {theirs.get(first)!r} there"
    )
