"""When time next has something to do, anywhere in the core.

One rule: it is looked up once after something was done, however often it is asked for; most turns
only carry on what was written, and change nothing.
"""

from postroad.core.decision import World
from postroad.core.demand import Demand
from postroad.core.life import Life
from postroad.core.serve import Server
from postroad.core.tick import Schedule
from postroad.core.times import sooner
from postroad.core.topics.desk import Desk


class Wake:
    """`stale`: something was done since the last look."""

    def __init__(
        self,
        world: World,
        demand: Demand,
        schedule: Schedule,
        server: Server,
        life: Life,
        desk: Desk,
    ) -> None:
        self.world = world
        self.demand = demand
        self.schedule = schedule
        self.server = server
        self.life = life
        self.desk = desk
        self.stale = True
        self._due_ms = 0
        self._when_short = False

    def next_ms(self) -> int:
        """When `Core.tick` has something to do, in ms: 0 for never."""
        short = self.world.short_of_space
        if self.stale or short is not self._when_short:
            self.stale = False
            self._when_short = short
            self._due_ms = self.look()
        return self._due_ms

    def look(self) -> int:
        """The same, whatever was known."""
        goes_on = self.server.lists.moving or self.server.purges.waiting
        best = 1 if goes_on or self.world.state.fanouts.all else 0
        best = sooner(best, self.schedule.next_ms(self.world))
        best = sooner(best, self.life.next_ms())
        best = sooner(best, self.demand.next_end())
        best = sooner(best, self.desk.next_end())
        return sooner(best, self.server.rates.next_due())
