"""What may happen to fields that end, to decimals, and to who watches a key."""

from decimal import Decimal, InvalidOperation

from hypothesis import strategies as st
from hypothesis.stateful import rule

from postroad.model import kv
from postroad.model import kv_replies as said
from postroad.model.kv import BYTES, MAP
from postroad.model.replies import Why
from tests.model.witness_kv import NAMED, KvWitness

KEYS = st.sampled_from(NAMED)
SPACES = st.sampled_from(["one", "two"])
FIELDS = st.lists(st.sampled_from([b"", b"m", b"n", b"o"]), min_size=1, max_size=3)


class FieldDeeds(KvWitness):
    """Rules beside those of whole keys and members."""

    @rule(ms=st.sampled_from([1, 10, 50]), all_of_it=st.booleans())
    def wait(self, ms: int, all_of_it: bool) -> None:
        self.road.now += ms
        for space in self.naive.values():
            space.pass_time(self.now)
        ended = {name: space.end_fields(self.now) for name, space in self.naive.items()}
        if any(ended.values()):
            self.look_at_fields()
        # A map counts fields whose end has come until their room is freed.
        if all_of_it or any(ended.values()):
            self.road.pass_time()
        for name, keys in ended.items():
            for key in keys:
                self.changed(name, key, self.version(name, key))
        self.look(counts=all_of_it)

    def look_at_fields(self) -> None:
        """What has ended is not there, freed or not."""
        for name, space in self.naive.items():
            for key, held in space.keys.items():
                if held.kind == MAP:
                    page = self.ask(kv.KvMembersScan(name, key, MAP, 0, 1_000))
                    assert isinstance(page, said.KvMembersScanned)
                    assert sorted(page.members) == sorted(held.members)

    @rule(
        space=SPACES,
        key=KEYS,
        fields=FIELDS,
        ttl_ms=st.sampled_from([None, 1, 10, 50]),
        only=st.sampled_from([kv.ALWAYS, kv.IF_ABSENT, kv.IF_PRESENT, kv.IF_GREATER, kv.IF_LESS]),
    )
    def expire_fields(
        self, space: str, key: bytes, fields: list[bytes], ttl_ms: int | None, only: int
    ) -> None:
        held = self.naive[space].collection(key, MAP)
        command = kv.KvFieldExpire(space, key, fields, ttl_ms, only=only)
        if held is None:
            self.refused(command, Why.WRONG_KIND)
            return
        new = float("inf") if ttl_ms is None else self.now + ttl_ms
        wanted: list[int] = []
        changed = False
        for field in fields:
            if field not in held.members:
                wanted.append(kv.FIELD_ABSENT)
                continue
            old = held.ends.get(field, float("inf"))
            rules = {
                kv.ALWAYS: True,
                kv.IF_ABSENT: old == float("inf"),
                kv.IF_PRESENT: old != float("inf"),
                kv.IF_GREATER: new > old,
                kv.IF_LESS: new < old,
            }
            may = rules[only] and not new == old == float("inf")
            wanted.append(kv.FIELD_CHANGED if may else kv.FIELD_UNCHANGED)
            changed = changed or may
        for field, one in zip(fields, wanted, strict=True):
            if one == kv.FIELD_CHANGED:
                held.ends.pop(field, None)
                if ttl_ms is not None:
                    held.ends[field] = self.now + ttl_ms
        assert self.ask(command) == said.KvEndsSet(wanted)
        if changed:
            self.changed(space, key, self.version(space, key))
        seen = self.ask(kv.KvFieldEnds(space, key, fields))
        ends = [held.ends.get(one, 0) if one in held.members else None for one in fields]
        assert seen == said.KvEndsSeen(ends, self.now)
        self.look()

    @rule(
        space=SPACES,
        key=KEYS,
        field=FIELDS,
        value=st.sampled_from([b"", b"41"]),
        keep=st.booleans(),
    )
    def set_fields_for_a_time(
        self, space: str, key: bytes, field: list[bytes], value: bytes, keep: bool
    ) -> None:
        held = self.naive[space].collection(key, MAP)
        fields = sorted(set(field))
        ttl_ms = None if keep else 10
        command = kv.KvMapSet(
            space, key, fields, [value] * len(fields), ttl_ms=ttl_ms, keep_ttl=keep
        )
        if held is None:
            self.refused(command, Why.WRONG_KIND)
            return
        new = [one for one in fields if one not in held.members]
        assert self.ask(command) == said.KvCounted(len(new))
        for one in fields:
            held.members[one] = value
            if not keep:
                held.ends[one] = self.now + 10
        self.naive[space].keep(key, held)
        self.changed(space, key, self.version(space, key))
        self.look()

    @rule(space=SPACES, key=KEYS, tenths=st.integers(-30, 30))
    def add(self, space: str, key: bytes, tenths: int) -> None:
        """Tenths are exact; other texts are no numbers."""
        held = self.naive[space].keys.get(key)
        command = kv.KvAdd(space, key, b"%de-1" % tenths)
        if held is not None and held.kind != BYTES:
            self.refused(command, Why.WRONG_KIND)
            return
        text = b"0" if held is None else held.content
        assert isinstance(text, bytes)
        try:
            known = Decimal(text.decode()) if text.strip() == text else None
        except InvalidOperation:
            known = None
        if known is None:
            self.refused(command, Why.NOT_A_NUMBER)
            return
        reply = self.ask(command)
        assert isinstance(reply, said.KvDecimal)
        assert Decimal(reply.number.decode()) == known + Decimal(tenths) / 10
        ends = 0 if held is None else held.expires_ms
        self.naive[space].put(key, reply.number, ends)
        self.changed(space, key, reply.version)
        self.look()

    @rule(space=SPACES, key=KEYS, comes=st.booleans())
    def watch(self, space: str, key: bytes, comes: bool) -> None:
        """A watch holds as long as nothing happened to the key, be it there or not."""
        self.road.pass_time()
        seen = self.ask(kv.KvLook(space, [key]))
        assert isinstance(seen, said.KvSeen)
        watch = seen.infos[0].watch
        if comes and seen.infos[0].kind == 0:
            self.ask(kv.KvSet(space, [key], [b"now"]))
            self.ask(kv.KvDelete(space, [key]))
            self.highest = max(self.highest, self.road.state.kv.numbers.versions)
        reply = self.ask(kv.KvSet(space, [key], [b"1"], versions=[watch]))
        assert isinstance(reply, said.KvStored)
        assert reply.done == (not comes or seen.infos[0].kind != 0)
        if reply.done:
            self.naive[space].put(key, b"1")
            self.changed(space, key, reply.versions[0])
        self.look()
