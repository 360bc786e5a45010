"""What clients do with kv: few keys, so that they meet."""

from typing import TYPE_CHECKING, Any

from postroad.model import kv
from tests.sim.workloads.work import Work

if TYPE_CHECKING:
    from tests.sim.workload import Session

SPACE = "room"
FLUSHED = "hall"
KEYS = [b"k%d" % at for at in range(6)]
TALLIES = [b"tally%d" % at for at in range(2)]
MEMBERS = [b"a", b"b", b"c"]
COLLECTIONS = ((b"m1", kv.MAP), (b"s1", kv.SET), (b"z1", kv.SORTED))


class KvWork(Work):
    """One client's use of kv; `versions`: what it last heard; `fresh`: what shows what it set."""

    def __init__(self, session: "Session") -> None:
        self.rng = session.rng
        self.asked = 0
        self.versions: dict[bytes, int] = {}
        self.fresh: kv.KvGet | None = None

    def next_command(self, _: "Session", publish: int) -> Any:
        """Something to ask."""
        self.asked += 1
        if self.fresh is not None and self.rng.random() < 0.5:
            # What is read right after it was asked for may not be durable yet.
            read, self.fresh = self.fresh, None
            return read
        makes = (self.set, self.get, self.change, self.count, self.gather, self.look)
        return self.rng.choices(makes, (30, 25, 12, 10, 18, 8))[0](b"%d" % publish)

    def heard(self, command: Any, reply: Any) -> None:
        """An answer came."""
        versions = getattr(reply, "versions", None)
        if versions and isinstance(command, kv.KvSet | kv.KvGet):
            self.versions.update(zip(command.keys, versions, strict=True))

    def _space(self) -> str:
        return FLUSHED if self.rng.random() < 0.15 else SPACE

    def set(self, mark: bytes) -> kv.KvSet:
        """Set one key or several, perhaps for a time, perhaps under a condition."""
        rng = self.rng
        keys = tuple(rng.sample(KEYS, rng.choice((1, 1, 1, 2, 4))))
        values = [mark + b"." + key + b"x" * rng.choice((0, 0, 30, 900)) for key in keys]
        ttl = rng.choice((None, None, None, 300, 2_500, 40_000))
        space = self._space()
        self.fresh = kv.KvGet(space, keys)
        chance = rng.random()
        if chance < 0.2 and space == SPACE:
            versions = [self.versions.get(key, 0) for key in keys]
            return kv.KvSet(space, keys, values, ttl, versions=versions)
        if chance < 0.3:
            return kv.KvSet(space, keys, values, ttl, only=rng.choice((1, 2)))
        if chance < 0.35:
            return kv.KvSet(space, keys, values, keep_ttl=True)
        return kv.KvSet(space, keys, values, ttl)

    def get(self, _: bytes) -> Any:
        """Read some of what there may be."""
        rng = self.rng
        if rng.random() < 0.3:
            key, kind = rng.choice(COLLECTIONS[:2])
            return kv.KvMembers(SPACE, key, kind, tuple(MEMBERS))
        return kv.KvGet(self._space(), tuple(rng.sample(KEYS, 3)))

    def look(self, _: bytes) -> Any:
        """Look at versions and ends."""
        return kv.KvLook(SPACE, tuple(KEYS))

    def change(self, _: bytes) -> Any:
        """Delete, expire, rename or flush."""
        rng = self.rng
        key = rng.choice(KEYS)
        kind = rng.randrange(8)
        if kind < 3:
            return kv.KvDelete(self._space(), (key,))
        if kind < 5:
            return kv.KvExpire(SPACE, (key,), rng.choice((50, 1_000, 30_000)))
        if kind < 7:
            old, new = rng.sample(KEYS, 2)
            return kv.KvRename(SPACE, old, new)
        return kv.KvFlush(FLUSHED)

    def count(self, _: bytes) -> kv.KvIncrement:
        """Add to a tally."""
        return kv.KvIncrement(SPACE, self.rng.choice(TALLIES), self.rng.randint(1, 3))

    def gather(self, mark: bytes) -> Any:
        """Put into a collection, or take out of it."""
        rng = self.rng
        key, kind = rng.choice(COLLECTIONS)
        some = tuple(rng.sample(MEMBERS, rng.randint(1, 2)))
        if rng.random() < 0.3:
            return kv.KvMembersRemove(SPACE, key, kind, some)
        if kind == kv.MAP:
            return kv.KvMapSet(SPACE, key, some, tuple(mark + one for one in some))
        if kind == kv.SET:
            return kv.KvSetAdd(SPACE, key, some)
        return kv.KvSortedSet(SPACE, key, some, tuple(float(int(mark)) for _ in some))
