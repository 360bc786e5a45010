"""One process, one seed: sessions, an engine, a disk that forgets, and a clock that jumps.

`World(seed).play()` lives one story to its end; it raises `Violation` where a promise is broken.
"""

import hashlib
import random
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from postroad.engine.engine import Engine
from postroad.engine.settings import EngineSettings
from postroad.errors import JournalFailed, PostroadError
from postroad.journal.options import JournalOptions
from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.ask import Ask
from postroad.store.checkpoint import Cut, MemoryCheckpoints
from tests.sim.audit import audit, finish
from tests.sim.checker import Checker
from tests.sim.clock import VirtualTime
from tests.sim.copies import Violation
from tests.sim.disk import Crashed, SimDisk
from tests.sim.faults import Faults
from tests.sim.furniture import FLOODS_EVERY, furnish, names_of
from tests.sim.process import Process
from tests.sim.scales import fanout_of, small_world
from tests.sim.tap import Tap
from tests.sim.themes import themes_of
from tests.sim.workload import Session

START_MS = 1_700_000_000_000
SPINS_MAX = 3_000
EVENTS_MAX = 40_000


class SimCheckpoints(MemoryCheckpoints):
    """Checkpoints that fail when told to: `failing` is the errno of the next commit. `then`: after
    so many commits something happens, as `later` has it."""

    def __init__(self, later: Callable[[int, Callable[[], None]], None]) -> None:
        super().__init__()
        self.later = later
        self.failing = 0
        self.commits = 0
        self.then: tuple[int, Callable[[], None]] | None = None

    def commit(self, cut: Cut) -> None:
        """Commit, or fail and change nothing."""
        if self.failing:
            number, self.failing = self.failing, 0
            raise OSError(number, "the checkpoint could not be written")
        super().commit(cut)
        self.commits += 1
        if self.then is not None:
            left, event = self.then
            self.then = (left - 1, event) if left > 1 else None
            if left == 1:
                self.later(0, event)


class World:
    """All of a story; `tell` hears it in lines."""

    def __init__(self, seed: int, tell: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.tell = tell
        self.rng = random.Random(seed)
        self.time = VirtualTime(START_MS)
        self.disk = SimDisk(random.Random(self.rng.getrandbits(64)))
        self.disk.short_writes = self.rng.choice((0.0, 0.0, 0.2))
        self.checkpoints = SimCheckpoints(self.after)
        self.tap = Tap()
        self.checker = Checker(self.tap)
        self.salt = self.rng.randbytes(32)
        self.faults = Faults(self, random.Random(self.rng.getrandbits(64)))
        self.settings = EngineSettings(
            cache_bytes=self.rng.choice((32, 64, 256)) * 1024,
            journal_bytes=self.rng.choice((128, 512)) * 1024,
            records_between_checkpoints=self.rng.choice((25, 60, 300)),
            fanout_queues_max=fanout_of(seed),
        )
        self.options = JournalOptions(
            segment_bytes=self.rng.choice((32, 64)) * 1024,
            reserve_bytes=32 * 1024,
            bound_bytes=self.settings.journal_bytes,
            max_group=self.rng.choice((2_000, 3_000, 16_384, 1 << 20)),
            sync=self.faults.sync,
        )
        self.themes = themes_of(seed, self.rng)
        self.names = names_of(self.rng)
        self.process: Process | None = None
        self.sessions: list[Session] = []
        self.frozen = False
        self.slow_ms = self.rng.choice((0, 1, 8))
        self.publishes = 0
        self.spins = 0
        self.lives = 0
        self.engines: list[Engine] = []
        self._hash = hashlib.sha256()
        self._nonce = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0

    def play(self, operations: int = 160) -> str:
        """Live the story; returns the digest of all that was written and said."""
        with small_world(self.time, self.seed):
            self.start()
            furnish(self)
            for number in range(operations):
                self.run_for(int(self.rng.expovariate(1 / 12)))
                self.faults.strike()
                self._act()
                if number == operations // 2 and self.seed % FLOODS_EVERY == 0 and self.process:
                    self.ask(self.sessions[0], asks.PurgeQueue("plain"))
                if number % 40 == 39:
                    audit(self)
            finish(self)
        return self._hash.hexdigest()

    def say(self, line: str) -> None:
        """Tell what happens, if anybody listens."""
        if self.tell is not None:
            self.tell(f"{self.time.true_ms - START_MS:>9} {line}")

    def digest(self, *parts: bytes) -> None:
        """Something was written or said."""
        for part in parts:
            self._hash.update(part)

    def nonce(self) -> int:
        """Numbers that do not repeat, for the journal's segments."""
        self._nonce += 1
        return self._nonce * 0x9E3779B97F4A7C15 & (1 << 64) - 1

    def after(self, delay_ms: int, event: Callable[[], None]) -> None:
        """Let something happen later."""
        self._sequence += 1
        heappush(self._heap, (self.time.true_ms + delay_ms, self._sequence, event))

    def job_ms(self) -> int:
        """How long the next half of a job takes."""
        if self.frozen or not self.slow_ms:
            return 0
        return self.rng.choice((0, 1, self.slow_ms))

    def now_ms(self) -> int:
        """The engine's now."""
        assert self.process is not None
        return self.process.clock.now_ms()

    def ask(self, session: Session, command: Any) -> int:
        """A session asks; returns the number of its ask."""
        assert self.process is not None
        session.next_ask += 1
        number = session.next_ask
        session.asked[number] = command
        if self.tell is not None:
            self.say(f"  {session.caller.number & 0xFFFF}#{number} asks {_short(command)}")
        self.checker.asked(session.caller.number, number, command, self.now_ms())
        self.process.engine.submit(Ask(session.caller, number, command))
        self._plan_turn()
        return number

    def turn(self) -> None:
        """One turn of the engine, and the next one planned."""
        process = self.process
        if process is None:
            return
        process.turn()
        if process.alive:
            self._plan_wake(process)

    def session(self) -> Session:
        """A new client."""
        process = self.process
        assert process is not None
        session: Session

        def hear(number: int, reply: replies.Reply) -> None:
            if self.tell is not None:
                self.say(f"  {session.caller.number & 0xFFFF}#{number} hears {_short(reply)}")
            self.digest(repr(reply).encode())
            self.checker.answered(session.caller.number, number, reply, self.now_ms())
            session.hear(number, reply)

        names = [*self.names, "temp-0"]
        session = Session(process.caller(hear), self.rng, names, self.themes)
        return session

    def forget(self, session: Session) -> None:
        """A client's connection ends."""
        assert self.process is not None
        self.say(f"  {session.caller.number & 0xFFFF} is gone")
        self.process.engine.forget(session.caller)
        self.checker.forgotten(session.caller.number)
        self._plan_turn()

    def start(self) -> None:
        """The process starts; what goes wrong then is tried again."""
        if self.process is not None:
            return
        try:
            process = Process(self)
        except Crashed:
            self.say("the power goes while starting")
            self.disk.crash()
            self.after(5, self.start)
            return
        except (OSError, JournalFailed) as error:
            self.say(f"the start fails: {error}")
            self.faults.start_failed()
            self.disk.kill()
            self.after(5, self.start)
            return
        except PostroadError as error:
            raise Violation(f"the start is refused: {error}") from error
        self.lives += 1
        self.engines.append(process.engine)
        self.process = process
        self.checker.began(self.now_ms())
        self.say(f"life {self.lives} begins: {process.report}")
        self.sessions = [self.session() for _ in range(3)]
        self.turn()

    def die(self, why: str, *, power: bool) -> None:
        """The process is gone, with or without the power."""
        self.say(f"the process is gone: {why}{', and the power too' if power else ''}")
        last_ms = self.now_ms()
        self.process = None
        self.sessions = []
        if power:
            self.disk.crash()
        else:
            self.disk.kill()
        self.checkpoints.crash()
        self.checkpoints.then = None
        self.checker.died(last_ms)
        self.after(self.rng.randint(0, 200), self.start)

    def stopped_itself(self, fault: str) -> None:
        """The engine has a fault: the process must stop."""
        if not self.faults.may_fault:
            raise Violation(f"the process stopped itself without a reason: {fault}")
        self.die(fault, power=self.faults.power_goes_too())

    def run_for(self, ms: int) -> None:
        """Let time pass."""
        until = self.time.true_ms + ms
        while self._heap and self._heap[0][0] <= until:
            self.step()
        self.time.true_ms = max(until, self.time.true_ms)

    def step(self) -> None:
        """The next event happens."""
        at, _, event = heappop(self._heap)
        if at > self.time.true_ms:
            self.time.true_ms = at
            self.spins = 0
        try:
            event()
        except Crashed as crashed:
            self.die(str(crashed), power=True)

    def _plan_turn(self) -> None:
        process = self.process
        if process is not None and not process.turn_planned:
            process.turn_planned = True
            self.after(
                0 if self.frozen else self.rng.choice((0, 0, 1)), self._planned_turn(process)
            )

    def _planned_turn(self, process: Process) -> Callable[[], None]:
        def planned() -> None:
            if process.alive and process.turn_planned:
                self.turn()

        return planned

    def _plan_wake(self, process: Process) -> None:
        due = process.engine.next_wake()
        if not due:
            return
        delay = max(0, due - self.now_ms())
        if not delay and process.busy():
            delay = 1
        self.spins += not delay
        if self.spins > SPINS_MAX:
            raise Violation("the engine wants to be woken again and again, and does nothing")
        at = self.time.true_ms + delay
        if process.wake_at <= self.time.true_ms or at < process.wake_at:
            process.wake_at = at
            self.after(delay, lambda: self._wake(process, at))

    def _wake(self, process: Process, at: int) -> None:
        if process.alive and process.wake_at == at:
            process.wake_at = 0
            self.turn()

    def _act(self) -> None:
        if self.process is None:
            return
        at = self.rng.randrange(len(self.sessions))
        session = self.sessions[at]
        if self.rng.random() < 0.015:
            self.sessions[at] = self.session()
            self.forget(session)
            return
        for _ in range(self.rng.choice((1, 1, 1, 4))):
            self.publishes += 1
            self.ask(session, session.next_command(self.publishes))

    def has_events(self) -> bool:
        """Whether anything is to happen."""
        return bool(self._heap)

    def quiesce(self) -> Process:
        """No faults any more: wait until everything asked is answered and nothing is due."""
        self.faults.lift()
        for _ in range(EVENTS_MAX):
            process = self.process
            if process is not None and self._is_quiet(process):
                return process
            if not self._heap:
                break
            self.step()
        waiting = [(one.session, one.number, one.command) for one in self.checker.unanswered()]
        raise Violation(f"things do not come to rest; unanswered: {waiting[:3]}")

    def _is_quiet(self, process: Process) -> bool:
        engine = process.engine
        due = engine.next_wake()
        return (
            engine.idle()
            and not process.busy()
            and not process.turn_planned
            and not engine.keeper.stuck
            and not engine.journal.short_of_space
            and not self.checker.unanswered()
            and (not due or due > self.now_ms())
        )

    def hear(self, session: Session, command: Any) -> Any:
        """Ask, and let the world go on until the answer is there."""
        heard: list[replies.Reply] = []
        number = self.ask(session, command)
        sink = session.caller.sink

        def hear(of: int, reply: replies.Reply) -> None:
            sink(of, reply)
            if of == number:
                heard.append(reply)

        session.caller.sink = hear
        for _ in range(EVENTS_MAX):
            if heard or not self._heap:
                break
            self.step()
        session.caller.sink = sink
        if not heard:
            raise Violation(f"never answered: {command}")
        return heard[0]

    def let_be(self) -> None:
        """What is to happen in this very moment happens."""
        while self._heap and self._heap[0][0] <= self.time.true_ms:
            self.step()


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 400 else f"{text[:200]}... {text[-190:]}"
