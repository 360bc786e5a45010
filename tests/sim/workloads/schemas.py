"""What clients do with schemas: a queue and a topic are held to one, which comes, changes and goes.

A schema of a story is a text that each body must contain.
"""

from typing import TYPE_CHECKING, Any

from postroad.core.schemas.checker import Checker
from postroad.model import commands as asks
from postroad.model import exchanges as x
from postroad.model import topics
from postroad.model.policy import QueueSettings
from postroad.model.schemas import GetSchemas, SchemasListed, SchemaStored, SetSchema
from tests.sim.workloads.work import Work

FORMED = "formed"
SHEETS = "sheets"
HELD = (FORMED, SHEETS)
MARKS = ("<a>", "<b>")
NEEDS = (
    asks.DeclareQueue(FORMED, QueueSettings(lease_ms=800)),
    topics.DeclareTopic(SHEETS, 1),
)

if TYPE_CHECKING:
    from tests.sim.workload import Session


class Marks(Checker):
    """Knows the schemas of stories."""

    def fault(self, schema: str) -> str | None:
        """Whether it is one of them."""
        return None if schema in MARKS else "no schema of this story"

    def misfit(self, schema: str, body: bytes) -> str | None:
        """Whether the text is not there."""
        return None if schema.encode() in body else f"{schema} is not in it"


class SchemaWork(Work):
    """`versions`: the newest heard of, by queue or topic."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self.versions: dict[str, int] = {}

    def heard(self, command: Any, reply: Any) -> None:
        """An answer came."""
        if isinstance(reply, SchemaStored):
            self.versions[command.destination] = reply.version
        elif isinstance(reply, SchemasListed) and reply.versions:
            self.versions[command.destination] = reply.versions[-1].version

    def next_command(self, session: "Session", publish: int) -> Any:
        """Something to ask."""
        rng = session.rng
        chance = rng.random()
        name = rng.choice(HELD)
        if chance < 0.14:
            version = self.versions.get(name, 0) if rng.random() < 0.5 else None
            return SetSchema(name, rng.choice((None, *MARKS, "nonsense")), version)
        if chance < 0.2:
            return GetSchemas(name)
        if chance < 0.24:
            return rng.choice(NEEDS)
        if chance < 0.4:
            return asks.Receive(FORMED, 20, None, 0)
        if chance < 0.6:
            return session.settle(0)
        bodies = [
            b"%d.%d|" % (publish, at) + b"".join(mark.encode() for mark in self._marks(session))
            for at in range(rng.choice((1, 1, 2, 9)))
        ]
        if chance < 0.75:
            return topics.Append(SHEETS, bodies)
        if chance < 0.85:
            return x.PublishTo("", (FORMED,), bodies)
        names = (FORMED,) if rng.random() < 0.6 else (FORMED, "plain")
        return asks.Publish(names, bodies)

    def _marks(self, session: "Session") -> list[str]:
        return session.rng.choice(([MARKS[0]], list(MARKS), list(MARKS), [MARKS[1]], []))
