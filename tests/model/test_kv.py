"""kv against dicts: whatever is asked, both know the same, also after restarts."""

from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from postroad.model import kv
from postroad.model import kv_replies as said
from postroad.model.kv import BYTES, MAP, SET, SORTED
from postroad.model.replies import Why
from tests.model.fields_kv import FieldDeeds
from tests.model.naive_kv import COLLECTIONS, NaiveKey
from tests.model.witness_kv import NAMED

KEYS = st.sampled_from(NAMED)
SPACES = st.sampled_from(["one", "two"])
MEMBERS = st.lists(st.sampled_from([b"", b"m", b"n", b"o", b"\xff"]), min_size=1, max_size=3)
SCORES = st.sampled_from([0.0, -0.0, 1.0, -2.5, 1e300, float("inf"), float("-inf")])
LONG = 20_000
VALUES = st.sampled_from([b"", b"1", b"41", b"text", b"long"]).map(
    lambda one: one.ljust(LONG) if one == b"long" else one
)
TTLS = st.sampled_from([None, None, 10, 50])
ONLY = st.sampled_from([kv.ALWAYS, kv.ALWAYS, kv.IF_ABSENT, kv.IF_PRESENT])
MANY = 300


class Kv(FieldDeeds):
    """What may happen to keys."""

    @initialize(many=st.booleans())
    def begin(self, many: bool) -> None:
        if many:
            self.fill("one", 0, MANY, None)

    @rule(
        space=SPACES,
        key=KEYS,
        value=VALUES,
        ttl_ms=TTLS,
        only=ONLY,
        keep=st.booleans(),
        old=st.booleans(),
    )
    def set(
        self,
        space: str,
        key: bytes,
        value: bytes,
        ttl_ms: int | None,
        only: int,
        keep: bool,
        old: bool,
    ) -> None:
        naive = self.naive[space]
        held = naive.keys.get(key)
        keep = keep and ttl_ms is None
        command = kv.KvSet(
            space, [key], [value], ttl_ms=ttl_ms, keep_ttl=keep, only=only, want_old=old
        )
        if old and held is not None and held.kind != BYTES:
            self.refused(command, Why.WRONG_KIND)
            return
        reply = self.ask(command)
        assert isinstance(reply, said.KvStored)
        may = only == kv.ALWAYS or (held is None) == (only == kv.IF_ABSENT)
        assert reply.done == may
        assert reply.old == ([None if held is None else held.content] if old else None)
        if may:
            ends = held.expires_ms if keep and held is not None else self.end(ttl_ms)
            naive.put(key, value, ends)
            self.changed(space, key, reply.versions[0])
        self.look()

    @rule(space=SPACES, key=KEYS, value=VALUES, right=st.booleans(), by_version=st.booleans())
    def compare_and_set(
        self, space: str, key: bytes, value: bytes, right: bool, by_version: bool
    ) -> None:
        held = self.naive[space].keys.get(key)
        if by_version:
            version = (0 if held is None else held.version) + (not right)
            reply = self.ask(kv.KvSet(space, [key], [value], versions=[version]))
        else:
            right = right and (held is None or held.kind == BYTES)
            now = None if held is None else held.content
            wanted = now if right else b"never"
            reply = self.ask(kv.KvSet(space, [key], [value], equals=[wanted]))  # type: ignore[list-item]
        assert isinstance(reply, said.KvStored)
        assert reply.done == right
        if right:
            self.naive[space].put(key, value)
            self.changed(space, key, reply.versions[0])
        self.look()

    @rule(space=SPACES, first=st.integers(0, MANY), count=st.integers(1, MANY), ttl_ms=TTLS)
    def fill(self, space: str, first: int, count: int, ttl_ms: int | None) -> None:
        keys = [b"key %d" % number for number in range(first, min(first + count, MANY + 1))]
        reply = self.ask(kv.KvSet(space, keys, keys, ttl_ms=ttl_ms))
        assert isinstance(reply, said.KvStored)
        for key, version in zip(keys, reply.versions, strict=True):
            self.naive[space].put(key, key, self.end(ttl_ms))
            self.changed(space, key, version)
        self.look()

    @rule(space=SPACES, first=st.integers(0, MANY), count=st.integers(1, MANY))
    def delete_many(self, space: str, first: int, count: int) -> None:
        keys = [b"key %d" % number for number in range(first, first + count)]
        there = [self.naive[space].keys.pop(key, None) for key in keys]
        reply = self.ask(kv.KvDelete(space, keys))
        assert reply == said.KvCounted(sum(one is not None for one in there))
        self.look()

    @rule(space=SPACES, keys=st.lists(KEYS, min_size=1, max_size=3))
    def delete(self, space: str, keys: list[bytes]) -> None:
        there = [self.naive[space].keys.pop(key, None) for key in keys]
        reply = self.ask(kv.KvDelete(space, keys))
        assert reply == said.KvCounted(sum(one is not None for one in there))
        self.look()

    @rule(space=SPACES, key=KEYS, by=st.integers(-5, 5), ttl_ms=TTLS)
    def increment(self, space: str, key: bytes, by: int, ttl_ms: int | None) -> None:
        naive = self.naive[space]
        held = naive.keys.get(key)
        number = naive.number(key)
        command = kv.KvIncrement(space, key, by, ttl_ms)
        if number is None:
            wrong = held is not None and held.kind != BYTES
            self.refused(command, Why.WRONG_KIND if wrong else Why.NOT_A_NUMBER)
            return
        if number + by < 0:
            return
        reply = self.ask(command)
        assert isinstance(reply, said.KvNumber)
        assert reply.number == number + by
        naive.put(key, b"%d" % reply.number, self.end(ttl_ms) if held is None else held.expires_ms)
        self.changed(space, key, reply.version)
        self.look()

    @rule(
        space=SPACES,
        key=KEYS,
        ttl_ms=TTLS,
        only=st.sampled_from([kv.ALWAYS, kv.IF_ABSENT, kv.IF_PRESENT, kv.IF_GREATER, kv.IF_LESS]),
    )
    def expire(self, space: str, key: bytes, ttl_ms: int | None, only: int) -> None:
        held = self.naive[space].keys.get(key)
        new = self.now + ttl_ms if ttl_ms is not None else float("inf")
        old = float("inf") if held is None or not held.expires_ms else held.expires_ms
        rules = {
            kv.ALWAYS: True,
            kv.IF_ABSENT: old == float("inf"),
            kv.IF_PRESENT: old != float("inf"),
            kv.IF_GREATER: new > old,
            kv.IF_LESS: new < old,
        }
        may = held is not None and rules[only] and not new == old == float("inf")
        reply = self.ask(kv.KvExpire(space, [key], ttl_ms, only=only))
        assert reply == said.KvCounted(int(may))
        if may and held is not None:
            held.expires_ms = self.end(ttl_ms)
            self.changed(space, key, self.version(space, key))
        self.look()

    @rule(space=SPACES, key=KEYS, into=SPACES, new_key=KEYS, only=ONLY)
    def rename(self, space: str, key: bytes, into: str, new_key: bytes, only: int) -> None:
        held = self.naive[space].keys.get(key)
        command = kv.KvRename(space, key, new_key, into, only)
        if held is None:
            self.refused(command, Why.NO_SUCH_KEY)
            return
        reply = self.ask(command)
        assert isinstance(reply, said.KvStored)
        goal = self.naive[into].keys
        assert reply.done == (only != kv.IF_ABSENT or new_key not in goal)
        if reply.done and (space, key) != (into, new_key):
            del self.naive[space].keys[key]
            goal[new_key] = held
            self.changed(into, new_key, reply.versions[0])
        self.look()

    @rule(
        space=SPACES,
        key=KEYS,
        kind=st.sampled_from(COLLECTIONS),
        members=MEMBERS,
        only=ONLY,
        value=VALUES,
        score=SCORES,
        many=st.sampled_from([0, 0, 0, MANY]),
        more=st.booleans(),
    )
    def put_members(
        self, space: str, key: bytes, kind: int, members: list[bytes], only: int, value: bytes,
        score: float, many: int, more: bool,
    ) -> None:  # fmt: skip
        members = [*members, *(b"%d" % number for number in range(many))]
        held = self.naive[space].collection(key, kind)
        command = self.putting(space, key, kind, members, only, value, score, more)
        if held is None:
            self.refused(command, Why.WRONG_KIND)
            return
        reply = self.ask(command)
        if kind == SET:
            only = kv.ALWAYS
        before = dict(held.members)
        touched = False
        for member in members:
            old = held.members.get(member)
            there = member in (before if kind == MAP else held.members)
            if (only == kv.IF_ABSENT and there) or (only == kv.IF_PRESENT and not there):
                continue
            if kind == SET:
                touched = touched or not there
                held.members[member] = b""
            elif kind == MAP:
                touched = True
                held.members[member] = value
                held.ends.pop(member, None)
            elif not there or not more or score > old:  # type: ignore[operator]
                touched = True
                held.members[member] = score
        new = len(held.members) - len(before)
        if isinstance(reply, said.KvScoresSet):
            assert reply.added == new
        else:
            assert reply == said.KvCounted(new)
        self.naive[space].keep(key, held)
        if touched:
            self.changed(space, key, self.version(space, key))
        self.look()

    def putting(
        self, space: str, key: bytes, kind: int, members: list[bytes], only: int, value: bytes,
        score: float, more: bool,
    ) -> Any:  # fmt: skip
        if kind == MAP:
            return kv.KvMapSet(space, key, members, [value] * len(members), only)
        if kind == SET:
            return kv.KvSetAdd(space, key, members)
        compare = kv.IF_GREATER if more else kv.ALWAYS
        return kv.KvSortedSet(space, key, members, [score] * len(members), only, compare)

    @rule(space=SPACES, key=KEYS, members=MEMBERS, by=st.integers(-3, 3))
    def increment_members(self, space: str, key: bytes, members: list[bytes], by: int) -> None:
        held = self.naive[space].collection(key, SORTED)
        member = members[0]
        command = kv.KvSortedSet(space, key, [member], [by], increment=True)
        if held is None:
            self.refused(command, Why.WRONG_KIND)
            return
        reply = self.ask(command)
        assert isinstance(reply, said.KvScoresSet)
        score = held.members.get(member, 0.0) + by  # type: ignore[operator]
        assert reply.scores == [score]
        held.members[member] = score
        self.naive[space].keep(key, held)
        self.changed(space, key, self.version(space, key))
        self.look()

    @rule(space=SPACES, key=KEYS, kind=st.sampled_from(COLLECTIONS), members=MEMBERS)
    def remove_members(self, space: str, key: bytes, kind: int, members: list[bytes]) -> None:
        held = self.naive[space].collection(key, kind)
        command = kv.KvMembersRemove(space, key, kind, members)
        if held is None:
            self.refused(command, Why.WRONG_KIND)
            return
        gone = {member for member in members if held.members.pop(member, None) is not None}
        assert self.ask(command) == said.KvCounted(len(gone))
        self.naive[space].keep(key, held)
        if gone:
            self.changed(space, key, self.version(space, key))
        self.look()

    @rule(
        space=SPACES,
        key=KEYS,
        kind=st.sampled_from(COLLECTIONS),
        count=st.integers(0, 4),
        take=st.booleans(),
    )
    def by_chance(self, space: str, key: bytes, kind: int, count: int, take: bool) -> None:
        held = self.naive[space].collection(key, kind)
        command = kv.KvMembersRandom(space, key, kind, count, take)
        if held is None:
            self.refused(command, Why.WRONG_KIND)
            return
        reply = self.ask(command)
        assert isinstance(reply, said.KvMembersScanned)
        assert len(set(reply.members)) == len(reply.members) == min(count, len(held.members))
        assert set(reply.members) <= set(held.members)
        if take and reply.members:
            for member in reply.members:
                del held.members[member]
            self.naive[space].keep(key, held)
            self.changed(space, key, self.version(space, key))
        self.look()

    @rule(
        space=SPACES,
        key=KEYS,
        low=st.none() | SCORES,
        high=st.none() | SCORES,
        opens=st.tuples(st.booleans(), st.booleans()),
        part=st.tuples(st.integers(0, 3), st.none() | st.integers(0, 400)),
        reverse=st.booleans(),
        remove=st.sampled_from([False, False, True]),
    )
    def range_by_score(
        self, space: str, key: bytes, low: float | None, high: float | None,
        opens: tuple[bool, bool], part: tuple[int, int | None], reverse: bool, remove: bool,
    ) -> None:  # fmt: skip
        held = self.naive[space].collection(key, SORTED)
        if held is None:
            return
        found = [
            (score, member)
            for score, member in held.in_order()
            if (low is None or score > low or (score == low and not opens[0]))
            and (high is None or score < high or (score == high and not opens[1]))
        ]
        counted = self.ask(kv.KvSortedCount(space, key, kv.BY_SCORE, low, high, *opens))
        assert counted == said.KvCounted(len(found))
        command = kv.KvSortedRange(
            space, key, kv.BY_SCORE, low, high, *opens, reverse, *part, remove
        )
        self.ranged(space, key, held, found, command)

    @rule(
        space=SPACES,
        key=KEYS,
        ranks=st.tuples(st.none() | st.integers(-4, 4), st.none() | st.integers(-4, 4)),
        reverse=st.booleans(),
        remove=st.sampled_from([False, False, True]),
    )
    def range_by_rank(
        self,
        space: str,
        key: bytes,
        ranks: tuple[int | None, int | None],
        reverse: bool,
        remove: bool,
    ) -> None:
        held = self.naive[space].collection(key, SORTED)
        if held is None:
            return
        every = held.in_order()
        count = len(every)
        first, last = (0 if ranks[0] is None else ranks[0]), (-1 if ranks[1] is None else ranks[1])
        first, last = (first + count if first < 0 else first), (last + count if last < 0 else last)
        if reverse:
            every.reverse()
        found = every[max(first, 0) : last + 1] if last >= 0 else []
        if reverse:
            found.reverse()
        command = kv.KvSortedRange(space, key, kv.BY_RANK, *ranks, reverse=reverse, remove=remove)
        self.ranged(space, key, held, found, command)

    def ranged(
        self, space: str, key: bytes, held: NaiveKey, found: list[tuple[float, bytes]],
        command: kv.KvSortedRange,
    ) -> None:  # fmt: skip
        if command.reverse:
            found.reverse()
        stop = None if command.count is None else command.offset + command.count
        found = found[command.offset : stop]
        reply = self.ask(command)
        members, scores = [member for _, member in found], [score for score, _ in found]
        assert reply == said.KvScored(members, scores, False)
        if command.remove and found:
            for member in members:
                del held.members[member]
            self.naive[space].keep(key, held)
            self.changed(space, key, self.version(space, key))
        self.look()

    @rule(space=SPACES)
    def flush(self, space: str) -> None:
        self.road.pass_time()
        reply = self.ask(kv.KvFlush(space))
        assert reply == said.KvCounted(len(self.naive[space].keys))
        self.naive[space].keys = {}
        self.look()


TestKv = Kv.TestCase
PROFILE = hypothesis_settings()
TestKv.settings = hypothesis_settings(max_examples=2 * PROFILE.max_examples, stateful_step_count=30)
