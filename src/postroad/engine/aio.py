"""The driver for servers and asyncio programs: the engine on the loop, its jobs on a thread per
lane.

One rule: the loop waits for the disk only where that is shorter than waking a thread (`Pace`), and
a thread comes back to the loop once per job, never per message.
"""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import postroad
from postroad.engine.call import Call
from postroad.engine.clock import Clock, SystemClock
from postroad.engine.directory import Directory
from postroad.engine.engine import Engine
from postroad.engine.figures import figures
from postroad.engine.jobs import Job, Lane
from postroad.engine.pace import Pace
from postroad.engine.settings import DURABILITY, SYNC_INTERVAL, EngineSettings
from postroad.engine.sinks import Sinks
from postroad.engine.stopwatch import Stopwatch, Watch
from postroad.errors import BrokerClosed, JournalFailed
from postroad.model.ask import Ask, Caller
from postroad.model.commands import Command
from postroad.model.replies import Reply

T = TypeVar("T")

TIMER_GRAIN_MS = 1
"""Two wake-ups closer than this are one."""


class LaneThread:
    """One thread that runs the jobs of a lane in order; it starts with its first job."""

    def __init__(self, lane: Lane, done: Callable[[Job, object], None]) -> None:
        self._lane = lane
        self._done = done
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._running: threading.Thread | None = None

    def put(self, job: Job) -> None:
        """Run a job after those before it."""
        if self._running is None:
            name = f"postroad-{self._lane.name.lower()}"
            self._running = threading.Thread(target=self._run, name=name, daemon=True)
            self._running.start()
        self._jobs.put(job)

    def stop(self) -> None:
        """End the thread once its jobs are done, and wait for that."""
        if self._running is not None:
            self._jobs.put(None)
            self._running.join()
            self._running = None

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            result: object
            try:
                result = job.run()
            except BaseException as error:  # noqa: BLE001  (a lane that ended would hang everybody)
                result = error
            self._done(job, result)


class AsyncDriver:
    """An engine on an asyncio loop. All methods are the loop's own; none may be called from another
    thread."""

    def __init__(self, directory: Directory, settings: EngineSettings, clock: Clock) -> None:
        self._loop = asyncio.get_running_loop()
        self._create_future = self._loop.create_future
        self._directory = directory
        self.settings = settings
        self.clock = clock
        self.report = directory.report
        self.sinks = Sinks()
        self.engine = Engine(directory.parts, self.sinks.send)
        self.secret = self.engine.core.state.catalog.salt
        self.durability = DURABILITY[settings.sync]
        self.compiled = postroad.COMPILED
        self.failed: asyncio.Future[str] = self._loop.create_future()
        # With an interval most appends are short, and a few sync all that was written meanwhile.
        spared = settings.sync == SYNC_INTERVAL
        self.pace = Pace(0 if spared else settings.loop_write_us)
        self._watch: Watch = Stopwatch()
        self._lanes = {lane: LaneThread(lane, self._job_done) for lane in Lane}
        self._kept_busy = 0
        self._sessions = (self.report.epoch << 40) + 1
        self._own_session = self._sessions
        self._turn_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0
        self._closing = False
        self._closed = False
        self._quiet: asyncio.Future[None] | None = None
        self._calls: set[asyncio.Future[Reply]] = set()

    @property
    def short_of_space(self) -> bool:
        """Whether the disk is so full that publishes are refused."""
        return self.engine.core.world.short_of_space

    @classmethod
    async def open(
        cls,
        path: Path | None,
        settings: EngineSettings | None = None,
        clock: Clock | None = None,
    ) -> "AsyncDriver":
        """Lock, recover, claim. Raises `PostroadError` with one line that says what to do."""
        settings = settings or EngineSettings()
        clock = clock or SystemClock()
        now_ms = clock.now_ms()
        directory = await _in_thread(lambda: Directory(path, settings, now_ms))
        clock.not_before(directory.parts.now_ms)
        driver = cls(directory, settings, clock)
        driver._need_turn()
        return driver

    def caller(self, sink: Callable[[int, Reply], None]) -> Caller:
        """A session; its answers go to `sink(number, reply)`."""
        self._sessions += 1
        return Caller(self._sessions, sink)

    def submit(self, caller: Caller, number: int, command: Command) -> None:
        """Ask; the answer comes to the caller's sink."""
        self.engine.submit(Ask(caller, number, command))
        if not self._turn_is_due:
            self._need_turn()

    def forget(self, caller: Caller) -> None:
        """A session is gone: its leases end, its answers are dropped."""
        self.engine.forget(caller)
        self._need_turn()

    def cancel(self, caller: Caller, number: int) -> None:
        """A caller does not want to wait for one of its asks: it is answered now."""
        self.engine.cancel(caller, number)
        self._need_turn()

    async def ask(self, command: Command) -> Reply:
        """Ask as a caller of its own. Raises `BrokerClosed`, `JournalFailed`."""
        if self._closing:
            raise BrokerClosed
        if self.engine.fault is not None:
            raise JournalFailed(self.engine.fault)
        answer: asyncio.Future[Reply] = self._create_future()
        self._sessions += 1
        call = Call(answer)
        caller = Caller(self._sessions, call.take, self._own_session)
        self._calls.add(answer)
        self.engine.submit(Ask(caller, 0, command))
        if not self._turn_is_due:
            self._need_turn()
        try:
            return await answer
        except asyncio.CancelledError:
            # The answer may have come in this moment, or just before: nobody works on it.
            if call.reply is not None:
                self.engine.give_back(call.reply)
            self.forget(caller)
            raise
        finally:
            self._calls.discard(answer)

    def figures(self) -> dict[str, float]:
        """Gauges and counters by name."""
        return figures(self.engine) | {
            "sinks_failed_total": self.sinks.failed,
            "journal_appends_on_loop_total": self.pace.on_loop,
        }

    async def catch_up(self) -> None:
        """Let be done all that is due by the clock, for tests whose clock jumps."""
        while True:
            now_ms = self.clock.now_ms()
            due_ms = self.engine.next_wake()
            rests = not (0 < due_ms <= now_ms or self.engine.reads())
            if rests or self.engine.fault is not None:
                return
            self._need_turn()
            taken = self._create_future()
            self._loop.call_soon(taken.set_result, None)
            await taken

    def stop_waiting(self) -> None:
        """Answer every standing receive empty."""
        self.engine.stop_waiting()
        self._need_turn()

    async def close(self) -> None:
        """Answer who waits, save a last checkpoint, seal the journal, let go of the directory."""
        if self._closing:
            return
        self._closing = True
        self.engine.stop_waiting()
        self.engine.keeper.close()
        if self.engine.fault is None:
            self._quiet = self._loop.create_future()
            self._need_turn()
            await self._quiet
        if self._timer is not None:
            self._timer.cancel()
        self._closed = True
        try:
            await _in_thread(self._stop)
        finally:
            self._watch.close()
            for answer in self._calls:
                if not answer.done():
                    answer.set_exception(BrokerClosed())

    def _stop(self) -> None:
        for lane in self._lanes.values():
            lane.stop()
        try:
            if self.engine.fault is None:
                self.engine.journal.close()
        finally:
            self._directory.close()

    def _need_turn(self) -> None:
        if not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        try:
            self._take_turn()
        except BaseException as error:
            # An interrupt too: nobody knows how far the turn, or a write in it, had come.
            self._break(error)
            raise

    def _break(self, error: BaseException) -> None:
        self.engine.fault = self.engine.fault or f"the engine broke: {error!r}; start again"
        self._fail()

    def _take_turn(self) -> None:
        self._turn_is_due = False
        if self._closed:
            return
        if self.engine.fault is not None:
            self._fail()
            return
        now_ms = self.clock.now_ms()
        for job in self.engine.turn(now_ms):
            if job.lane == Lane.JOURNAL and not self._kept_busy and self.pace.takes(job):
                self._write(job)
                continue
            # What is placed or checkpointed meanwhile makes a sync slow.
            self._kept_busy += job.lane == Lane.KEEP
            self._lanes[job.lane].put(job)
        if self._closing:
            # Asked before the broker was closed, and taken only now.
            self.engine.stop_waiting()
        if self._quiet is not None and self.engine.idle() and self.engine.keeper.saved():
            if not self._quiet.done():
                self._quiet.set_result(None)
            return
        self._set_timer(self.engine.next_wake(), now_ms)

    def _write(self, job: Job) -> None:
        """An append right here. What it made durable leaves before the turn that follows."""
        began = self._watch.seconds()
        result = _outcome(job)
        self.pace.took(max(0.0, self._watch.seconds() - began))
        self.engine.finished(job, result)
        self._need_turn()

    def _set_timer(self, wake_ms: int, now_ms: int) -> None:
        if not wake_ms:
            return
        if wake_ms <= now_ms:
            self._need_turn()
            return
        if self._timer is not None and now_ms < self._timer_ms <= wake_ms + TIMER_GRAIN_MS:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ms = wake_ms
        self._timer = self._loop.call_later((wake_ms - now_ms) / 1_000, self._timer_rings)

    def _timer_rings(self) -> None:
        self._timer = None
        self._need_turn()

    def _job_done(self, job: Job, result: object) -> None:
        """On the lane's thread."""
        self._loop.call_soon_threadsafe(self._finished, job, result)

    def _finished(self, job: Job, result: object) -> None:
        self._kept_busy -= job.lane == Lane.KEEP
        try:
            self.engine.finished(job, result)
        except BaseException as error:
            self._break(error)
            raise
        # A turn that is due looks at this too. One more beside it would come again and again, each
        # asking for the next, and nothing else would have its turn on the loop.
        if not self._turn_is_due:
            self._turn()

    def _fail(self) -> None:
        fault = self.engine.fault
        assert fault is not None, "only a failed engine fails"
        if not self.failed.done():
            self.failed.set_result(fault)
        for answer in self._calls:
            if not answer.done():
                answer.set_exception(JournalFailed(fault))
        if self._quiet is not None and not self._quiet.done():
            self._quiet.set_result(None)


def _outcome(job: Job) -> object:
    """What came of a job, or the exception; the engine decides what a failed one means."""
    try:
        return job.run()
    except Exception as error:  # noqa: BLE001  (see above)
        return error


async def _in_thread(call: Callable[[], T]) -> T:
    """Run a call on a thread of its own, which ends with it; the loop's executor would stay."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001  (raised again where it is awaited)
            loop.call_soon_threadsafe(_fail_with, answer, error)
        else:
            loop.call_soon_threadsafe(_settle, answer, result)

    thread = threading.Thread(target=run, name="postroad-open", daemon=True)
    thread.start()
    try:
        return await answer
    finally:
        thread.join()


def _fail_with(answer: "asyncio.Future[T]", error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)


def _settle(answer: "asyncio.Future[T]", reply: T) -> None:
    if not answer.done():
        answer.set_result(reply)
