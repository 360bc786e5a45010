"""What goes wrong in a story, and when."""

import errno
import random
from typing import TYPE_CHECKING

from postroad.journal.options import Sync
from postroad.model import commands as asks
from postroad.model.policy import QueueSettings
from tests.sim.audit import stop
from tests.sim.process import JOURNAL

if TYPE_CHECKING:
    from tests.sim.world import World

KINDS = (
    *("power", "power", "cut", "kill", "fail", "full", "slow", "save", "jump", "back", "stop"),
    *("doubt", "spoil", "after", "after"),
)


class Faults:
    """Strikes by chance. `may_fault`: a fault of the disk may have stopped the process."""

    def __init__(self, world: "World", rng: random.Random) -> None:
        self.world = world
        self.rng = rng
        self.rate = rng.choice((0.0, 0.02, 0.05, 0.1))
        self.kinds = list(KINDS) if rng.random() < 0.4 else rng.sample(KINDS, 4)
        loose = rng.random() < 0.1
        self.sync = Sync.INTERVAL if loose else Sync.ALWAYS
        # What is not synced may be lost with the power: that is what a weaker setting means.
        self.power_may_go = not loose
        self.may_fault = False
        self.full_until = 0
        self.doubting = False

    def strike(self) -> None:
        """Perhaps something goes wrong now."""
        if self.full_until and self.world.time.true_ms >= self.full_until:
            self._empty()
        if self.rng.random() >= self.rate or self.world.process is None:
            return
        kind = self.rng.choice(self.kinds)
        if kind in ("power", "cut") and not self.power_may_go:
            kind = "kill"
        self.world.say(f"fault: {kind}")
        getattr(self, f"_{kind}")()

    def start_failed(self) -> None:
        """The disk does not even let the process start."""
        self.world.disk.fail_at = set()
        self.world.disk.fail_when = None
        if self.rng.random() < 0.3:
            self._empty()

    def lift(self) -> None:
        """No faults for a while."""
        disk = self.world.disk
        disk.fail_at = set()
        disk.fail_when = None
        disk.crash_at = None
        self.world.checkpoints.failing = 0
        self.world.checkpoints.then = None
        self.doubting = False
        self._empty()

    def rise(self) -> None:
        """Faults may come again; those of before are over."""
        self.may_fault = False
        self.world.checker.space_was_short = False

    def end(self) -> None:
        """No faults any more."""
        self.lift()
        self.rate = 0.0

    def _empty(self) -> None:
        self.world.disk.capacity = None
        self.full_until = 0

    def _power(self) -> None:
        self.world.die("power cut", power=True)

    def _cut(self) -> None:
        disk = self.world.disk
        disk.crash_at = disk.calls + self.rng.randint(1, 40)

    def _kill(self) -> None:
        power = self.power_may_go and self.rng.random() < 0.3
        self.world.die("kill -9", power=power)

    def _fail(self) -> None:
        disk = self.world.disk
        disk.fail_at = {disk.calls + self.rng.randint(1, 40)}
        self.may_fault = True
        self.world.checker.space_was_short = True

    def _full(self) -> None:
        disk = self.world.disk
        disk.capacity = disk.used() + self.rng.choice((0, 10_000, 60_000))
        self.full_until = self.world.time.true_ms + self.rng.randint(50, 6_000)
        self.may_fault = True
        self.world.checker.space_was_short = True

    def _slow(self) -> None:
        self.world.slow_ms = self.rng.choice((0, 1, 5, 60))

    def _save(self) -> None:
        self.world.checkpoints.failing = self.rng.choice((errno.EIO, errno.ENOSPC))
        self.world.checker.space_was_short = True

    def power_goes_too(self) -> bool:
        """Whether the power goes when the process stops itself. Where the disk is in doubt it goes
        later: first a start believes what it finds in the system's memory."""
        if not self.doubting:
            return self.power_may_go and self.rng.random() < 0.5
        self.doubting = False
        if self.power_may_go:
            self.world.after(self.rng.randint(220, 900), self._power_if_running)
        return False

    def _doubt(self) -> None:
        self.world.disk.fail_when = self._sync_fails
        self.doubting = True
        self.may_fault = True
        self.world.checker.space_was_short = True

    def _sync_fails(self, name: str, path: str) -> int | None:
        if name != "sync" or not path.startswith(JOURNAL):
            return None
        self.world.disk.fail_when = None
        return errno.EIO

    def _spoil(self) -> None:
        """A queue is in a checkpoint and deleted, and the next checkpoint fails."""
        world = self.world
        session = world.sessions[0]
        name = session.new_name()
        world.ask(session, asks.DeclareQueue(name, QueueSettings(lease_ms=700)))

        def saved() -> None:
            if session in world.sessions:
                world.ask(session, asks.DeleteQueue(name))
                self._save()

        # The first checkpoint from here on may have been cut before.
        world.checkpoints.then = (2, saved)

    def _after(self) -> None:
        """The process ends with a checkpoint saved that it has not heard of."""
        self.world.checkpoints.then = (1, self._end_if_running)

    def _power_if_running(self) -> None:
        # Not once the story is at its end, where nothing goes wrong any more.
        if self.world.process is not None and self.rate:
            self._power()

    def _end_if_running(self) -> None:
        if self.world.process is not None:
            self._kill()

    def _jump(self) -> None:
        self.world.time.skew_ms += self.rng.choice((700, 5_000, 90_000, 86_400_000))

    def _back(self) -> None:
        self.world.time.skew_ms -= self.rng.choice((5, 3_000, 7_200_000))

    def _stop(self) -> None:
        stop(self.world)
