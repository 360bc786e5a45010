"""What clients do with topics: three logs, their groups, and one topic that comes and goes."""

from typing import TYPE_CHECKING, Any

from postroad.model import groups, topics
from postroad.model.policy import QueueSettings
from postroad.model.topics import TopicSettings
from tests.sim.workloads.work import Work

if TYPE_CHECKING:
    from tests.sim.workload import Session

TOPICS = {
    "log": (2, TopicSettings()),
    "brief": (1, TopicSettings(retention_ms=4_000, retention_bytes=9_000)),
    "table": (1, TopicSettings(compact=True, compact_messages=4, tombstone_ms=500)),
    "passing": (2, TopicSettings(retention_ms=60_000)),
}
BUSY = ("log", "log", "brief", "table", "table", "passing")
READERS = "readers"
OUTSIDE = "outside"
WORKERS = "workers"
WORK = QueueSettings(lease_ms=500, deliveries_max=3)
KEYS = [b"a", b"b", b"c"]


class TopicWork(Work):
    """One client's use of topics; `told`: the generation it was told last, and what it reads."""

    def __init__(self, session: "Session") -> None:
        self.rng = session.rng
        self.name = f"m{self.rng.randrange(3)}"
        self.told = 0
        self.owned: tuple[tuple[str, int], ...] = ()
        self.ends: dict[tuple[str, int], int] = {}
        self.begun = False

    def next_command(self, _: "Session", publish: int) -> Any:
        """Something to ask."""
        if not self.begun or self.rng.random() < 0.06:
            self.begun = True
            name = self.rng.choice(sorted(TOPICS))
            return topics.DeclareTopic(name, *TOPICS[name])
        makes = (self.append, self.fetch, self.look, self.member, self.commit, self.share)
        return self.rng.choices(makes, (36, 20, 8, 12, 16, 20))[0](publish)

    def heard(self, _: Any, reply: Any) -> None:
        """An answer came."""
        if isinstance(reply, groups.Membership):
            self.told, self.owned = reply.generation, reply.assignment
        elif isinstance(reply, topics.Fetched):
            for part in reply.parts:
                self.ends[part.topic, part.partition] = max(0, part.end)

    def _place(self) -> tuple[str, int]:
        name = self.rng.choice(BUSY)
        return name, self.rng.randrange(TOPICS[name][0])

    def append(self, publish: int) -> Any:
        """Messages with bodies of their own."""
        rng = self.rng
        name, number = self._place()
        count = rng.choice((1, 1, 2, 5, 20))
        bodies = [
            b"%d.%d|" % (publish, at) + b"x" * rng.choice((0, 40, 700)) for at in range(count)
        ]
        keys = [rng.choice(KEYS) for _ in bodies] if name == "table" else None
        return topics.Append(name, bodies, None, keys, rng.choice((None, number)))

    def fetch(self, _: int) -> Any:
        """From somewhere, perhaps waiting for the end."""
        rng = self.rng
        name, number = self._place()
        offset = rng.randint(0, self.ends.get((name, number), 0))
        wait = rng.choice((0, 0, 200))
        if wait:
            offset = self.ends.get((name, number), 0)
        span = topics.Span(name, number, offset)
        return topics.Fetch((span,), rng.choice((3, 100)), rng.choice((50, 5_000)), 1, wait)

    def look(self, _: int) -> Any:
        """Find, cut, change and delete."""
        rng = self.rng
        name, number = self._place()
        chance = rng.random()
        if chance < 0.3:
            return topics.FindOffset(name, number, rng.choice(("earliest", "latest")))
        if chance < 0.5 and name != "log":
            return topics.CutTopic(name, number, self.ends.get((name, number), 0) // 2)
        if chance < 0.7:
            return topics.ChangeTopic("log", labels={"n": str(rng.randrange(9))})
        if chance < 0.8:
            return topics.ChangeTopic("passing", partitions=rng.choice((2, 3)))
        return topics.DeleteTopic("passing") if chance < 0.9 else topics.DescribeTopic(name)

    def member(self, _: int) -> Any:
        """Join, live, leave."""
        chance = self.rng.random()
        if not self.told or chance < 0.2:
            return groups.JoinGroup(READERS, self.name, ("log", "passing"), "sticky", 1_500)
        if chance < 0.9:
            return groups.Heartbeat(READERS, self.name, self.told, self.owned)
        return groups.LeaveGroup(READERS, self.name)

    def commit(self, publish: int) -> Any:
        """How far one is, as a member or from outside."""
        chance = self.rng.random()
        position = groups.Position("log", self.rng.randrange(2), publish, "")
        if chance < 0.1:
            return groups.DeleteGroup(self.rng.choice((READERS, "brief", "brief")))
        if chance < 0.2:
            return groups.CommitOffsets("brief", (position,))
        if chance < 0.5:
            return groups.CommitOffsets(OUTSIDE, (position,))
        return groups.CommitOffsets(READERS, (position,), self.name, self.told)

    def share(self, _: int) -> Any:
        """A group that leases."""
        rng = self.rng
        name = rng.choice(("log", "table", "brief"))
        chance = rng.random()
        if chance < 0.3:
            return groups.DeclareGroup(name, WORKERS, WORK, rng.choice(("earliest", "latest")))
        if chance < 0.75:
            wait = rng.choice((0, 0, 150))
            return groups.ReceiveShare(name, WORKERS, rng.choice((1, 5)), None, wait)
        if chance < 0.95:
            return groups.SeekGroup(name, WORKERS, "lease", "earliest")
        return groups.DeleteGroup(WORKERS, name)
