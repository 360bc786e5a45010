"""What clients do with groups that lease: consumers with names, and claims of what others hold."""

from typing import TYPE_CHECKING, Any

from postroad.model import claims, groups, topics
from postroad.model import commands as asks
from postroad.model.claims import ClaimIdle, ClaimLeases
from postroad.model.commands import SESSION_LEASE
from postroad.model.message import Delivery
from postroad.model.policy import QueueSettings
from postroad.model.replies import Received
from tests.sim.workloads.work import Work

CREW = "crew"
PARTITIONS = 2
CREWS = {
    "pack": QueueSettings(lease_ms=150),
    "few": QueueSettings(lease_ms=150, deliveries_max=3),
}
"""Groups that lease from one topic; in the second what was delivered too often is dead."""
CONSUMERS = ("anna", "ben", "cleo")
NEEDS = (
    topics.DeclareTopic(CREW, PARTITIONS),
    *(groups.DeclareGroup(CREW, name, settings, "earliest") for name, settings in CREWS.items()),
)

Receipt = tuple[str, int, Delivery]
"""Group, partition, and what was delivered."""

if TYPE_CHECKING:
    from tests.sim.workload import Session


class CrewWork(Work):
    """`held`, `old`: receipts that may be good, and those that were used. `tops`: the highest
    offset heard of, by partition."""

    def __init__(self, session: "Session") -> None:
        self.rng = session.rng
        self.held: list[Receipt] = []
        self.old: list[Receipt] = []
        self.tops = [0] * PARTITIONS

    def heard(self, command: Any, reply: Any) -> None:
        """An answer came."""
        if getattr(command, "topic", None) != CREW:
            return
        if isinstance(reply, topics.Appended):
            for number, offset in zip(reply.partitions, reply.offsets, strict=True):
                self.tops[number] = max(self.tops[number], offset + 1)
        elif isinstance(reply, Received) and command.partition is not None:
            of = [(command.group, command.partition, one) for one in reply.messages if one.lease]
            self.held = [*self.held[-80:], *of]
            for one in reply.messages:
                number = command.partition
                self.tops[number] = max(self.tops[number], one.offset + 1)

    def next_command(self, _: "Session", publish: int) -> Any:
        """Something to ask."""
        makes = (self.append, self.receive, self.settle, self.claim, self.claim_idle, self.manage)
        return self.rng.choices(makes, (12, 22, 20, 15, 13, 18))[0](publish)

    def _place(self) -> tuple[str, int]:
        return self.rng.choice(("pack", "pack", "few")), self.rng.choice((0, 0, 0, 1))

    def _lease_ms(self) -> int | None:
        return self.rng.choice((SESSION_LEASE, SESSION_LEASE, SESSION_LEASE, None, 40))

    def append(self, publish: int) -> Any:
        """Some messages to one partition."""
        rng = self.rng
        count = rng.choice((1, 3, 8))
        bodies = [b"%d.%d|" % (publish, at) + b"x" * rng.choice((0, 30)) for at in range(count)]
        return topics.Append(CREW, bodies, None, None, self._place()[1])

    def receive(self, _: int) -> Any:
        """In a name, or in nobody's."""
        rng = self.rng
        group, number = self._place()
        count, wait_ms = rng.choice((1, 2, 6)), rng.choice((0, 0, 0, 60))
        if rng.random() < 0.12:
            return groups.ReceiveShare(CREW, group, count, None, wait_ms, number)
        lease_ms = self._lease_ms()
        name = rng.choice(CONSUMERS)
        return groups.ReceiveShare(CREW, group, count, lease_ms, wait_ms, number, name)

    def settle(self, publish: int) -> Any:
        """What one holds, or what one held once."""
        rng = self.rng
        source = self.old if self.old and rng.random() < 0.25 else self.held
        if not source:
            return self.receive(publish)
        group, number, _ = rng.choice(source)
        mine = [one for one in source if one[:2] == (group, number)]
        picked = [one[2] for one in rng.sample(mine, min(len(mine), rng.choice((1, 2, 5))))]
        # Numbers of leases mean nothing beside another queue's.
        picked = [one for one in picked if one.queue == picked[0].queue]
        chance = rng.random()
        offsets, leases = [one.offset for one in picked], [one.lease for one in picked]
        counts = [one.delivery_count for one in picked]
        name, queue = groups.share_name(CREW, group, number), picked[0].queue
        if chance < 0.06:
            return asks.Extend(name, offsets, leases, rng.choice((30, 2_000)), queue)
        if chance < 0.8 and source is self.held:
            taken = {id(one) for one in picked}
            self.held = [one for one in self.held if id(one[2]) not in taken]
        self.old = [*self.old[-40:], *((group, number, one) for one in picked)]
        outcome = rng.choice((asks.ACK, asks.ACK, asks.ACK, asks.RELEASE, asks.RETRY))
        strict = rng.random() < 0.3
        return asks.Settle(name, offsets, leases, counts, outcome, None, strict, queue)

    def _claimer(self, publish: int) -> str:
        """One of those that come again, nobody, or somebody new."""
        return self.rng.choice((*CONSUMERS, *CONSUMERS, f"solo-{publish}"))

    def _idle_ms(self) -> int:
        return self.rng.choice((0, 0, 20, 100, 400))

    def claim(self, publish: int) -> Any:
        """By offsets."""
        rng = self.rng
        group, number = self._place()
        top = self.tops[number] + 1
        offsets = tuple(rng.sample(range(top), min(top, rng.choice((1, 4, 12)))))
        idle_ms, lease_ms, bodies = self._idle_ms(), self._lease_ms(), rng.random() < 0.8
        force = rng.random() < 0.25
        since_ms, deliveries = 0, None
        if rng.random() < 0.15:
            since_ms, deliveries = rng.choice((0, 90)), rng.choice((None, 1, 2))
        who = (CREW, group, offsets, self._claimer(publish), number)
        return ClaimLeases(*who, idle_ms, lease_ms, since_ms, deliveries, force, bodies)

    def claim_idle(self, publish: int) -> Any:
        """In order of the offsets, from anybody or from one."""
        rng = self.rng
        group, number = self._place()
        start = rng.choice((0, 0, rng.randint(0, self.tops[number])))
        of = rng.choice((None, None, *CONSUMERS))
        bodies = rng.random() < 0.8
        who = (CREW, group, self._claimer(publish), number)
        count = rng.choice((1, 3, 100))
        return ClaimIdle(*who, self._idle_ms(), start, count, self._lease_ms(), of, bodies)

    def manage(self, publish: int) -> Any:
        """Consumers come and go, the group is moved, the log is cut, somebody looks."""
        rng = self.rng
        group, number = self._place()
        name = rng.choice(CONSUMERS)
        kind = rng.randrange(20)
        if kind < 5:
            return claims.DeleteConsumer(CREW, group, name, rng.random() < 0.25)
        if kind < 7:
            return claims.DeclareConsumer(CREW, group, name)
        if kind < 9:
            return claims.ListLeases(CREW, group, number, count=rng.choice((2, 100)))
        if kind < 11:
            return claims.CountLeases(CREW, group, number)
        if kind < 13:
            return claims.ListConsumers(CREW, group)
        if kind < 15:
            offset = rng.randint(0, self.tops[number])
            of = (number, offset, True)
            return groups.SeekGroup(CREW, group, groups.LEASE, "earliest", *of)
        if kind == 15:
            return topics.CutTopic(CREW, 1, rng.randint(0, self.tops[1]))
        if kind == 16:
            return rng.choice(NEEDS)
        return self.receive(publish)
