"""What clients do with maps whose fields end: set with an end, overwritten, kept, taken away, read
before and after."""

from typing import TYPE_CHECKING, Any

from postroad.model import kv
from postroad.model import kv_replies as answers
from tests.sim.workloads.work import Work

if TYPE_CHECKING:
    from tests.sim.workload import Session

SPACE = "fields"
MAPS = (b"f1", b"f2")
FIELDS = (b"a", b"b", b"c", b"d", b"e")
AT_ONCE = 1
"""The checker follows all orders in which what is on its way may be done."""


class FieldWork(Work):
    """`open`: commands on their way. `now`: the broker's time when it last told it."""

    def __init__(self, session: "Session") -> None:
        self.rng = session.rng
        self.open = 0
        self.now = 0

    def next_command(self, session: "Session", publish: int) -> Any:
        """Something to ask."""
        if self.open >= AT_ONCE:
            return session.settle(0)
        self.open += 1
        makes = (self.set, self.expire, self.ends, self.values, self.take)
        return self.rng.choices(makes, (30, 18, 16, 22, 14))[0](b"%d" % publish)

    def heard(self, command: Any, reply: Any) -> None:
        """An answer came."""
        if getattr(command, "space", "") == SPACE:
            self.open -= 1
        if isinstance(reply, answers.KvEndsSeen):
            self.now = reply.now_ms

    def set(self, mark: bytes) -> kv.KvMapSet:
        """Set some fields, which end or do not."""
        rng = self.rng
        fields = self._some()
        values = tuple(mark + field for field in fields)
        only = rng.choice((kv.ALWAYS, kv.ALWAYS, kv.ALWAYS, kv.IF_ABSENT, kv.IF_PRESENT))
        if rng.random() < 0.2:
            return kv.KvMapSet(SPACE, self._map(), fields, values, only, keep_ttl=True)
        ttl_ms, until_ms = self._end() if rng.random() < 0.6 else (None, None)
        return kv.KvMapSet(SPACE, self._map(), fields, values, only, ttl_ms, until_ms)

    def expire(self, _: bytes) -> kv.KvFieldExpire:
        """Give some fields another end, or none."""
        only = self.rng.choice((kv.ALWAYS, kv.ALWAYS, kv.IF_ABSENT, kv.IF_PRESENT))
        ttl_ms, until_ms = self._end() if self.rng.random() < 0.6 else (None, None)
        return kv.KvFieldExpire(SPACE, self._map(), self._some(), ttl_ms, until_ms, only)

    def ends(self, _: bytes) -> kv.KvFieldEnds:
        """When all of them end."""
        return kv.KvFieldEnds(SPACE, self._map(), FIELDS)

    def values(self, _: bytes) -> kv.KvMembers:
        """All of them."""
        return kv.KvMembers(SPACE, self._map(), kv.MAP, FIELDS)

    def take(self, _: bytes) -> Any:
        """Take some away, or all of them, or put all under another key."""
        kind = self.rng.randrange(8)
        if kind < 5:
            return kv.KvMembersRemove(SPACE, self._map(), kv.MAP, self._some())
        if kind < 6:
            return kv.KvDelete(SPACE, (self._map(),))
        old, new = self.rng.sample(MAPS, 2)
        return kv.KvRename(SPACE, old, new)

    def _map(self) -> bytes:
        return self.rng.choice(MAPS)

    def _some(self) -> tuple[bytes, ...]:
        return tuple(self.rng.sample(FIELDS, self.rng.choice((1, 1, 2, 3))))

    def _end(self) -> tuple[int | None, int | None]:
        rng = self.rng
        after_ms = rng.choice((120, 300, 900, 5_000, 60_000))
        kind = rng.randrange(5)
        if kind < 2 or (kind < 4 and not self.now):
            return after_ms, None
        return (None, self.now + after_ms + 500) if kind < 4 else (None, None)
