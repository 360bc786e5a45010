"""A core with kv and a naive one beside it, through checkpoints and restarts."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from postroad.core.load import canonical
from postroad.model import kv
from postroad.model import kv_replies as said
from postroad.model.kv import BYTES, MAP, SORTED
from postroad.model.replies import Refused, Reply, Why
from tests.model.naive_kv import NaiveSpace
from tests.unit.core.road import Road, replayed

NAMED = [b"a", b"b", b"c", b"d"]


class KvWitness(RuleBasedStateMachine):
    """Sees that both know the same, whatever happens to the process."""

    def __init__(self) -> None:
        super().__init__()
        self.road = Road()
        self.naive = {"one": NaiveSpace(), "two": NaiveSpace()}
        self.rows: dict[bytes, bytes] = {}
        self.start = 0
        self.cut_at: int | None = None
        self.paid: dict[bytes, bytes | None] = {}
        self.highest = 0
        self.epoch = 1

    @property
    def now(self) -> int:
        return self.road.now

    def ask(self, command: Any) -> Reply:
        reply = self.road.ask(command)
        assert reply is not None, "kv never lets anybody wait"
        return reply

    def refused(self, command: Any, why: Why) -> None:
        reply = self.ask(command)
        assert isinstance(reply, Refused), reply
        assert reply.why is why

    def end(self, ttl_ms: int | None) -> int:
        return 0 if ttl_ms is None else self.now + ttl_ms

    @rule()
    def begin_a_checkpoint(self) -> None:
        if self.cut_at is None:
            self.road.state.ledger.cut()
            self.cut_at = len(self.road.steps)
            self.paid = {}

    @rule(rows_max=st.integers(1, 5))
    def go_on_with_it(self, rows_max: int) -> None:
        if self.cut_at is not None:
            done = self.road.state.ledger.pay_some(1 << 20, rows_max)
            self.paid.update(self.road.state.ledger.take())
            if done:
                self.finish_checkpoint()

    @rule(from_rows=st.booleans())
    def restart(self, from_rows: bool) -> None:
        self.epoch += 1
        if not from_rows:
            self.rows, self.start = {}, 0
        self.road.restart(self.epoch, self.rows, self.start)
        self.cut_at = None
        self.look(counts=False)

    def finish_checkpoint(self) -> None:
        if self.cut_at is None:
            return
        ledger = self.road.state.ledger
        while not ledger.pay_some(1 << 20):
            pass
        self.paid.update(ledger.take())
        for key, row in self.paid.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row
        self.start = self.cut_at
        self.cut_at = None

    def version(self, space: str, key: bytes) -> int:
        reply = self.ask(kv.KvLook(space, [key]))
        assert isinstance(reply, said.KvSeen)
        return reply.infos[0].version

    def changed(self, space: str, key: bytes, version: int) -> None:
        """A key was changed: it has a version that none ever had."""
        held = self.naive[space].keys.get(key)
        if held is not None:
            assert version > self.highest
            self.highest = held.version = version

    def look(self, counts: bool = False) -> None:
        """Both know the same of all keys."""
        for name, space in self.naive.items():
            keys: list[bytes] = []
            cursor = 0
            while True:
                page = self.ask(kv.KvScan(name, cursor, 97))
                assert isinstance(page, said.KvScanned)
                keys += page.keys
                cursor = page.cursor
                if not cursor:
                    break
            assert sorted(keys) == sorted(space.keys)
            self.look_at(name, space, [*NAMED, *keys[:20]])
            if counts:
                assert self.ask(kv.KvCount(name)) == said.KvCounted(len(keys))

    def look_at(self, name: str, space: NaiveSpace, keys: list[bytes]) -> None:
        seen = self.ask(kv.KvLook(name, keys))
        assert isinstance(seen, said.KvSeen)
        for key, info in zip(keys, seen.infos, strict=True):
            held = space.keys.get(key)
            if held is None:
                assert info.watch < 0
                assert info == said.KvInfo(0, 0, 0, 0, info.watch)
                continue
            told = (held.kind, held.version, held.expires_ms, held.size)
            assert info.version == held.version, (name, key, info, held.version)
            assert info == said.KvInfo(*told, held.version)
            if held.kind == BYTES:
                assert self.ask(kv.KvGet(name, [key])) == said.KvGot([held.content], [held.version])  # type: ignore[list-item]
                continue
            page = self.ask(kv.KvMembersScan(name, key, held.kind, 0, 1_000))
            assert isinstance(page, said.KvMembersScanned)
            assert sorted(page.members) == sorted(held.members)
            if held.kind == MAP:
                assert dict(zip(page.members, page.values, strict=True)) == held.members
            elif held.kind == SORTED:
                assert dict(zip(page.members, page.scores, strict=True)) == held.members

    def teardown(self) -> None:
        self.road.state.check()
        self.finish_checkpoint()
        live = canonical(self.road.state)
        assert canonical(replayed(self.road.records())) == live
        assert canonical(replayed(self.road.records(self.start), self.rows.items())) == live
        self.road.now += 1_000
        for space in self.naive.values():
            space.pass_time(self.now)
        ended = {name: space.end_fields(self.now) for name, space in self.naive.items()}
        self.road.pass_time()
        for name, keys in ended.items():
            for key in keys:
                self.changed(name, key, self.version(name, key))
        self.look(counts=True)
        self.road.check()
        for name in self.naive:
            self.ask(kv.KvFlush(name))
        self.road.pass_time()
        state = self.road.state.kv
        assert state.size() == 0
        assert not state.entries.pages + state.members.pages + state.calendar.pages
