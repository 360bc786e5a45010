"""An engine without threads or files, driven a job at a time, for looking at single turns."""

from typing import Any

from postroad.engine.engine import Engine
from postroad.engine.jobs import Job
from postroad.engine.recover import recover
from postroad.engine.settings import EngineSettings
from postroad.journal.memory import MemoryJournal
from postroad.model.ask import Ask, Caller
from postroad.model.replies import Reply
from postroad.store.checkpoint import MemoryCheckpoints
from postroad.store.memory import MemoryStore

TURNS_MAX = 1_000


class Room:
    """Journal, store and checkpoints outlive `start`; what is set to fail fails once."""

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        self.journal = MemoryJournal()
        self.store = MemoryStore()
        self.checkpoints = MemoryCheckpoints()
        self.now_ms = 1_000
        self.said: list[Reply] = []
        self.ran: list[Job] = []
        self.asked = 0
        self.start()

    def start(self) -> None:
        """A start, as after a crash."""
        self.checkpoints.crash()
        parts, self.report = recover(
            self.journal, self.store, self.checkpoints, self.settings, b"salt", self.now_ms
        )
        self.engine = Engine(parts, lambda caller, number, reply: caller.sink(number, reply))
        self.caller = Caller(self.report.epoch << 40, lambda _, reply: self.said.append(reply))
        self.rest()

    def ask(self, command: Any) -> Any:
        """Ask, and run jobs until nothing is left to run; the last answer."""
        self.asked += 1
        self.engine.submit(Ask(self.caller, self.asked, command))
        self.rest()
        return self.said[-1]

    def rest(self, ms: int = 0) -> None:
        """Let time pass and run all jobs there are."""
        self.now_ms += ms
        jobs = self.engine.turn(self.now_ms)
        for _ in range(TURNS_MAX):
            if jobs:
                self._run(jobs.pop(0))
            elif not 0 < self.engine.next_wake() <= self.now_ms:
                return
            jobs += self.engine.turn(self.now_ms)
        raise AssertionError("the engine does not come to rest")

    def _run(self, job: Job) -> None:
        self.ran.append(job)
        result: object
        try:
            result = job.run()
        except Exception as error:  # noqa: BLE001  (the engine decides what it means)
            result = error
        self.engine.finished(job, result)
