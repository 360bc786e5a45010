"""Acks of a story that come again, with more beside them: what clients do that heard no answer, and
those that were too late."""

from typing import TYPE_CHECKING

from postroad.model import commands as asks
from postroad.model.batch import Batch, Run
from tests.sim.workloads.batches import acks_of, next_batch
from tests.sim.workloads.work import Work

if TYPE_CHECKING:
    from tests.sim.workload import Session

KEPT = 6


class AgainWork(Work):
    """What one client acked in batches. `acked`: the last of it."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self.acked: list[asks.Settle] = []

    def next_command(self, session: "Session", publish: int) -> Batch | Run:
        """A batch with acks, at times with those of one before."""
        rng = session.rng
        if self.acked and (not session.held or rng.random() < 0.4):
            return next_batch(rng, publish, rng.choice(self.acked))
        if not session.held:
            return next_batch(rng, publish, None)
        acks = acks_of(session)
        self.acked = [*self.acked[1 - KEPT :], acks]
        return next_batch(rng, publish, acks)
