"""The driver for programs that open a directory in process and call from threads.

One rule: the calling thread that finds no append in flight writes and syncs itself; the others wait
and share the next. One keeper thread does what nobody waits for; it starts at first need and ends
when there is nothing to keep.
"""

import threading
from collections import deque
from pathlib import Path

from postroad.engine.clock import Clock, SystemClock
from postroad.engine.directory import Directory
from postroad.engine.engine import Engine
from postroad.engine.jobs import Job, Lane, Load
from postroad.engine.settings import EngineSettings
from postroad.engine.sinks import Sinks
from postroad.errors import BrokerClosed, JournalFailed
from postroad.limits import KEEPER_IDLE_S
from postroad.model.ask import Ask, Caller
from postroad.model.commands import Command
from postroad.model.replies import Reply

FOREVER_MS = 1 << 62


class Call:
    """One call on its way: its reply, and how to wake the thread that waits for it."""

    __slots__ = ("bell", "reply")

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.bell: threading.Event | None = None

    def take(self, _number: int, reply: Reply) -> None:
        """The answer."""
        self.reply = reply
        if self.bell is not None:
            self.bell.set()


class BlockingDriver:
    """An engine that threads call."""

    def __init__(
        self,
        path: Path | None,
        settings: EngineSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings or EngineSettings()
        self.clock = clock or SystemClock()
        self._directory = Directory(path, self.settings, self.clock.now_ms())
        self.report = self._directory.report
        self.clock.not_before(self._directory.parts.now_ms)
        self.engine = Engine(self._directory.parts, Sinks().send)
        self._mutex = threading.Lock()
        self._open_jobs: deque[Job] = deque()
        self._keep_jobs: deque[Job] = deque()
        self._taken: dict[int, Job] = {}
        self._waiting: deque[Call] = deque()
        self._sessions = (self.report.epoch << 40) + 1
        self._own_session = self._sessions
        self._keeper: threading.Thread | None = None
        self._keeper_bell = threading.Event()
        self._keeper_plan_ms = FOREVER_MS
        self._closing = False
        self._closed = False

    def caller(self) -> Caller:
        """A session of its own, for what must be tied to one: session leases, standing asks."""
        with self._mutex:
            self._sessions += 1
            return Caller(self._sessions, _no_sink)

    def ask(self, command: Command) -> Reply:
        """Ask, and wait for the answer. Raises `BrokerClosed`, `JournalFailed`."""
        call = Call()
        caller = Caller(0, call.take, self._own_session)
        try:
            with self._mutex:
                if self._closed or self._closing:
                    raise BrokerClosed
                self._sessions += 1
                caller.number = self._sessions
                self.engine.submit(Ask(caller, 0, command))
                job = self._turn()
            return self._carry_on(call, job)
        except BaseException:
            # An interrupt, say: nobody will take the answer, so nothing may be leased for it.
            with self._mutex:
                if call.reply is not None:
                    self.engine.give_back(call.reply)
                self.engine.forget(caller)
                self._drop_taken()
            raise

    def _carry_on(self, call: Call, job: Job | None) -> Reply:
        """Run jobs, or wait, until a call has its answer."""
        while True:
            if job is not None:
                job = self._run(job)
            if call.reply is not None:
                if job is not None:
                    self._hand_over(job)
                return call.reply
            if job is None:
                job = self._wait(call)

    def run_for(self, until_ms: int) -> None:
        """Let time do its work up to an instant of a clock that a test moves."""
        while True:
            with self._mutex:
                due = self.engine.next_wake()
                job = self._turn() if due and due <= until_ms else self._next_job(True)
            if job is None:
                return
            while job is not None:
                job = self._run(job, True)

    def close(self) -> None:
        """Save a last checkpoint, seal the journal, and let go of the directory. No thread is left
        behind."""
        with self._mutex:
            if self._closed or self._closing:
                return
            self._closing = True
            self.engine.stop_waiting()
            self.engine.keeper.close()
        self._stop_keeper()
        self._finish()
        with self._mutex:
            self._closed = True
            for call in self._waiting:
                if call.bell is not None:
                    call.bell.set()
            try:
                if self.engine.fault is None:
                    self.engine.journal.close()
            finally:
                self._directory.close()

    def _finish(self) -> None:
        """Run everything that is left, on this thread; what others run meanwhile is waited for."""
        while self.engine.fault is None:
            with self._mutex:
                self._keeper_bell.clear()
                job = self._turn(True)
                if job is None and self.engine.keeper.saved() and self.engine.idle():
                    return
                others = job is None and len(self._taken) > 0
            if others:
                self._keeper_bell.wait(KEEPER_IDLE_S)
            while job is not None:
                job = self._run(job, True)

    def _turn(self, everything: bool = False) -> Job | None:
        """A turn of the engine, with the mutex held; returns a job to run, if there is one for this
        thread."""
        try:
            jobs = self.engine.turn(self.clock.now_ms())
        except BaseException as error:
            self._break(f"the engine broke: {error!r}; open it again")
            raise
        for job in jobs:
            if job.lane == Lane.KEEP:
                self._keep_jobs.append(job)
            else:
                self._open_jobs.append(job)
        self._look_after()
        return self._next_job(everything)

    def _next_job(self, everything: bool = False) -> Job | None:
        jobs = self._open_jobs
        if everything and not jobs:
            jobs = self._keep_jobs
        if not jobs:
            return None
        # Entered before it is taken, so that no interrupt can lose it.
        self._taken[threading.get_ident()] = jobs[0]
        return jobs.popleft()

    def _drop_taken(self) -> None:
        """This thread leaves in the middle of a job: what was only read is read by another, but
        how much was written nobody knows."""
        job = self._taken.pop(threading.get_ident(), None)
        if isinstance(job, Load):
            self._open_jobs.append(job)
        elif job is not None:
            self._break("a call was interrupted while it wrote; open it again")

    def _break(self, fault: str) -> None:
        self.engine.fault = self.engine.fault or fault
        self._wake_all()

    def _run(self, job: Job, everything: bool = False) -> Job | None:
        """Run a job, tell the engine, and return the next job for this thread."""
        result: object
        try:
            result = job.run()
        except Exception as error:  # noqa: BLE001  (the engine decides what a failed job means)
            result = error
        with self._mutex:
            try:
                self.engine.finished(job, result)
            except BaseException as error:
                self._break(f"the engine broke: {error!r}; open it again")
                raise
            self._taken.pop(threading.get_ident(), None)
            if self._closing:
                self._keeper_bell.set()
            if self.engine.fault is not None:
                self._wake_all()
                return None
            return self._turn(everything)

    def _hand_over(self, job: Job) -> None:
        """This thread has its answer: somebody who waits runs the job, or the keeper does."""
        with self._mutex:
            self._open_jobs.appendleft(job)
            self._taken.pop(threading.get_ident(), None)
            if self._closing:
                self._keeper_bell.set()
            while self._waiting:
                call = self._waiting.popleft()
                if call.reply is None and call.bell is not None:
                    call.bell.set()
                    return
            self._start_keeper()
            self._keeper_bell.set()

    def _wait(self, call: Call) -> Job | None:
        """Wait until the answer is there, a job is to be run, or time has something to do."""
        with self._mutex:
            if call.reply is not None:
                return None
            self._check_alive()
            job = self._next_job()
            if job is not None:
                return job
            if call.bell is None:
                call.bell = threading.Event()
            call.bell.clear()
            self._waiting.append(call)
            wait_s = KEEPER_IDLE_S
            # Whoever writes for us looks after what is due when that is done. To do it here would
            # hold the mutex against them, slice after slice, for as long as there is any.
            if not self._others_write():
                due = self.engine.next_wake()
                wait_s = max(0, due - self.clock.now_ms()) / 1_000 if due else KEEPER_IDLE_S
        call.bell.wait(wait_s)
        return self._woken(call)

    def _woken(self, call: Call) -> Job | None:
        with self._mutex:
            if call in self._waiting:
                self._waiting.remove(call)
            if call.reply is not None:
                return None if self._waiting else self._next_job()
            self._check_alive()
            return self._turn()

    def _others_write(self) -> bool:
        return any(job.lane != Lane.KEEP for job in self._taken.values())

    def _check_alive(self) -> None:
        if self.engine.fault is not None:
            raise JournalFailed(self.engine.fault)
        if self._closed:
            raise BrokerClosed

    def _wake_all(self) -> None:
        for call in self._waiting:
            if call.bell is not None:
                call.bell.set()
        self._keeper_bell.set()

    def _look_after(self) -> None:
        """Make sure the keeper comes when something is due that no call will do."""
        if self._closing:
            return
        if self._keep_jobs:
            self._start_keeper()
            self._keeper_bell.set()
            return
        due = self.engine.next_wake()
        if due and due < self._keeper_plan_ms:
            self._keeper_plan_ms = due
            self._start_keeper()
            self._keeper_bell.set()

    def _start_keeper(self) -> None:
        if self._keeper is None and not self._closing:
            keeper = threading.Thread(target=self._keep, name="postroad-keeper", daemon=True)
            self._keeper = keeper
            try:
                keeper.start()
            except RuntimeError:
                # No thread is to be had now; the next call tries again.
                self._keeper = None
            except BaseException:
                # If it came up all the same, it ends when it sees that it is not the keeper.
                self._keeper = None
                raise

    def _stop_keeper(self) -> None:
        keeper = self._keeper
        if keeper is not None:
            self._keeper_bell.set()
            keeper.join()

    def _keep(self) -> None:
        while True:
            with self._mutex:
                if self._keeper is not threading.current_thread():
                    return
                if self._closing or self.engine.fault is not None:
                    self._keeper = None
                    return
                self._keeper_bell.clear()
                now = self.clock.now_ms()
                due = self.engine.next_wake()
                planned = self._keeper_plan_ms
                job = self._next_job(True)
                if job is None and due and due <= now:
                    self._keeper_plan_ms = 0
                    job = self._turn(True)
                    due = self.engine.next_wake()
                plan = due or FOREVER_MS
                # A nearer plan stands though its reason may be gone: one look in vain costs less
                # than a bell for every receive whose lease record soon goes along with an ack.
                self._keeper_plan_ms = planned if now < planned < plan else plan
            while job is not None:
                job = self._run(job, True)
            if self._rest():
                return

    def _rest(self) -> bool:
        """Sleep until something is due; true when there was nothing for so long that the keeper
        ends."""
        wait_s = max(0, self._keeper_plan_ms - self.clock.now_ms()) / 1_000
        if self._keeper_bell.wait(min(wait_s, KEEPER_IDLE_S)) or wait_s < KEEPER_IDLE_S:
            return False
        with self._mutex:
            if self._keeper is not threading.current_thread():
                return True
            busy = self._keep_jobs or self._open_jobs or self._keeper_bell.is_set()
            due = self.engine.next_wake()
            far = not due or due - self.clock.now_ms() > KEEPER_IDLE_S * 1_000
            # A slot comes whether or not anybody calls.
            planned = self.engine.core.state.schedules.next_ms()
            if busy or not far or planned or self._closing:
                return False
            self._keeper = None
            self._keeper_plan_ms = FOREVER_MS
            return True


def _no_sink(_number: int, _reply: Reply) -> None:
    """A caller whose asks bring their own sink."""
