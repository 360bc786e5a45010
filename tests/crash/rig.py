"""An engine on the sim disk driven from one place, and a script whose promises are kept apart."""

from typing import Any

from postroad.engine.engine import Engine
from postroad.engine.jobs import Job
from postroad.engine.recover import recover
from postroad.engine.settings import EngineSettings
from postroad.journal.files import FileJournal
from postroad.journal.options import JournalOptions
from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.ask import Ask, Caller
from postroad.store.checkpoint import Checkpoints, MemoryCheckpoints
from postroad.store.files import FileStore
from tests.sim.disk import SimDisk

START_MS = 1_700_000_000_000
OPTIONS = JournalOptions(segment_bytes=16_384, reserve_bytes=8_192, bound_bytes=65_536)
SETTINGS = EngineSettings(cache_bytes=16_384, journal_bytes=65_536, records_between_checkpoints=40)


class Stopped(Exception):  # noqa: N818  (it is no error that a process stops itself)
    """The engine has a fault, as it must after what happened to its disk."""


class Rig:
    """One life of an engine; jobs run at once, in the order they came."""

    def __init__(
        self,
        disk: SimDisk,
        checkpoints: Checkpoints,
        settings: EngineSettings = SETTINGS,
        now_ms: int = START_MS,
    ) -> None:
        self.now_ms = now_ms
        for path in ("/data", "/data/journal", "/data/store"):
            disk.make_directory(path)
        self.nonces = disk.life << 32
        journal = FileJournal(disk, "/data/journal", OPTIONS, self.nonce)
        store = FileStore(disk, "/data/store", file_bytes=32_768)
        salt = bytes(32)
        parts, self.report = recover(journal, store, checkpoints, settings, salt, now_ms)
        self.engine = Engine(parts, lambda caller, number, reply: caller.sink(number, reply))
        self.replies: dict[int, replies.Reply] = {}
        self.asked = 0
        self.caller = Caller(self.report.epoch << 40, self.replies.__setitem__)
        self.jobs: list[Job] = []

    def nonce(self) -> int:
        self.nonces += 1
        return self.nonces * 0x9E3779B97F4A7C15 & (1 << 64) - 1

    def ask(self, command: Any) -> Any:
        """Ask, and run jobs until the answer is there. Raises `Stopped`."""
        self.asked += 1
        self.engine.submit(Ask(self.caller, self.asked, command))
        for _ in range(1_000):
            self.turn()
            if self.asked in self.replies:
                return self.replies.pop(self.asked)
        raise AssertionError(f"never answered: {command}")

    def turn(self) -> None:
        """One turn, and one job."""
        self.now_ms += 1
        self.jobs += self.engine.turn(self.now_ms)
        if self.engine.fault is not None:
            raise Stopped(self.engine.fault)
        if not self.jobs:
            return
        job = self.jobs.pop(0)
        result: object
        try:
            result = job.run()
        except Exception as error:  # noqa: BLE001  (the engine decides what a failed job means)
            result = error
        self.engine.finished(job, result)
        if self.engine.fault is not None:
            raise Stopped(self.engine.fault)

    def rest(self, ms: int = 0) -> None:
        """Let time pass, and run whatever is to run."""
        self.now_ms += ms
        for _ in range(10_000):
            self.turn()
            due = self.engine.next_wake()
            if not self.jobs and self.engine.idle() and not (due and due <= self.now_ms):
                return
        raise AssertionError("things do not come to rest")

    def stop(self) -> None:
        """A clean stop."""
        self.engine.keeper.close()
        for _ in range(10_000):
            self.turn()
            if not self.jobs and self.engine.idle() and self.engine.keeper.saved():
                break
        self.engine.journal.close()


class Promises:
    """What a script was promised: bodies that must be there, and bodies that must not."""

    def __init__(self) -> None:
        self.there: set[bytes] = set()
        self.maybe: set[bytes] = set()
        self.gone: set[bytes] = set()

    def play(self, rig: Rig) -> None:
        """Publish, receive, ack, pop, fan out, move, purge; several checkpoints and segments."""
        for name in ("in", "out", "side"):
            reply = rig.ask(asks.DeclareQueue(name))
            assert isinstance(reply, replies.Declared)
        for turn in range(14):
            self.publish(rig, ("in",), turn, 6)
            self.publish(rig, ("out", "side"), turn, 2)
            if turn % 2:
                self.ack(rig, "in", 5)
            if turn % 4 == 3:
                self.pop(rig, "out", 2)
            if turn % 5 == 4:
                rig.ask(asks.Move("in", "side", 3))
        rig.rest()

    def publish(self, rig: Rig, queues: tuple[str, ...], turn: int, count: int) -> None:
        stem = b"%s/%d/" % ("+".join(queues).encode(), turn)
        bodies = [stem + b"%d|" % at + bytes(range(200)) * (at % 4 * 2) for at in range(count)]
        self.maybe.update(bodies)
        reply = rig.ask(asks.Publish(queues, bodies))
        if isinstance(reply, replies.Published):
            self.maybe.difference_update(bodies)
            self.there.update(bodies)

    def ack(self, rig: Rig, queue: str, count: int) -> None:
        received = rig.ask(asks.Receive(queue, count, 60_000, 0))
        bodies = [one.body for one in received.messages]
        offsets = [one.offset for one in received.messages]
        leases = [one.lease for one in received.messages]
        self.there.difference_update(bodies)
        self.maybe.update(bodies)
        settled = rig.ask(asks.Settle(queue, offsets, leases, [1] * len(leases)))
        assert settled == replies.Settled()
        self.maybe.difference_update(bodies)
        self.gone.update(bodies)

    def pop(self, rig: Rig, queue: str, count: int) -> None:
        # Popped from one queue, these are still in the other.
        rig.ask(asks.Pop(queue, count, 0))

    def hold(self, rig: Rig) -> None:
        """What is there is what was promised."""
        seen: set[bytes] = set()
        for name in rig.ask(asks.ListQueues()).names:
            at = 0
            while (peeked := rig.ask(asks.Peek(name, at, 500))).messages:
                seen.update(one.message.body for one in peeked.messages)
                at = peeked.next_offset
        assert not self.there - seen, f"lost: {sorted(body[:12] for body in self.there - seen)[:5]}"
        assert not seen & self.gone, "acked and back"
        assert seen <= self.there | self.maybe, "never published"


def fresh(disk: SimDisk) -> tuple[Rig, MemoryCheckpoints]:
    """The first life on a disk."""
    checkpoints = MemoryCheckpoints()
    return Rig(disk, checkpoints), checkpoints
