"""What goes wrong in a story, and when."""

import errno
import random
from typing import TYPE_CHECKING

from postroad.journal.options import Sync
from tests.sim.audit import stop

if TYPE_CHECKING:
    from tests.sim.world import World

KINDS = ("power", "power", "cut", "kill", "fail", "full", "slow", "save", "jump", "back", "stop")


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
        if self.rng.random() < 0.3:
            self._empty()

    def lift(self) -> None:
        """No faults for a while."""
        disk = self.world.disk
        disk.fail_at = set()
        disk.crash_at = None
        self.world.checkpoints.failing = 0
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

    def _jump(self) -> None:
        self.world.time.skew_ms += self.rng.choice((700, 5_000, 90_000, 86_400_000))

    def _back(self) -> None:
        self.world.time.skew_ms -= self.rng.choice((5, 3_000, 7_200_000))

    def _stop(self) -> None:
        stop(self.world)
