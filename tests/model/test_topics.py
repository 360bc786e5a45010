"""Topics and groups against lists: whatever is asked, in whatever order, both know the same; the
journal and the rows of a checkpoint tell the same story at any place."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from postroad.core.load import canonical
from postroad.model import commands, groups, topics
from postroad.model.replies import Done, Refused, Settled, Why
from tests.unit.core.road import replayed
from tests.unit.core.topics.log_road import LogRoad

KEEP_MS = 500
LEASE_MS = 100
PARTITIONS = 2
KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
NUMBERS = st.integers(0, PARTITIONS - 1)


class Entry:
    """A message of the model."""

    def __init__(self, key: bytes | None, body: bytes, at_ms: int) -> None:
        self.key = key
        self.body = body
        self.at_ms = at_ms


class Worked:
    """What a group of mode lease knows of one message."""

    def __init__(self) -> None:
        self.lease = 0
        self.until_ms = 0
        self.count = 0
        self.done = False


Deed = TypeVar("Deed", bound=Callable[..., None])
DEEDS: dict[str, st.SearchStrategy[Any]] = {}
WEIGHTED: list[str] = []


def deed(weight: int, **given: st.SearchStrategy[Any]) -> Callable[[Deed], Deed]:
    """One of the things that happen, `weight` times as often as the rarest."""

    def enter(function: Deed) -> Deed:
        DEEDS[function.__name__] = st.fixed_dictionaries(given)
        WEIGHTED.extend([function.__name__] * weight)
        return function

    return enter


class Topics(RuleBasedStateMachine):
    """Topic `log` is kept for a time, topic `table` is compacted; group `work` leases from the
    log, group `read` commits."""

    def __init__(self) -> None:
        super().__init__()
        self.road = LogRoad()
        self.logs: list[list[Entry]] = [[] for _ in range(PARTITIONS)]
        self.starts = [0] * PARTITIONS
        self.table: list[Entry] = []
        self.works: list[dict[int, Worked]] = [{} for _ in range(PARTITIONS)]
        self.commits: dict[int, int] = {}
        self.generation = 0
        self.members: dict[str, int] = {}
        self.epoch = 1
        self.rows: dict[bytes, bytes] = {}
        self.row_step = 0
        self.bodies = 0

    @initialize()
    def begin(self) -> None:
        road = self.road
        road.topic("log", PARTITIONS, retention_ms=KEEP_MS)
        road.topic("table", 1, compact=True, compact_messages=3, tombstone_ms=1_000)
        road.share("work", "log", lease_ms=LEASE_MS)

    @deed(5, number=NUMBERS, count=st.integers(1, 5), keyed=st.booleans())
    def publish(self, number: int, count: int, keyed: bool) -> None:
        bodies = [self.body() for _ in range(count)]
        keys = [b"k"] * count if keyed else None
        done = self.road.append(*bodies, to="log", partition=number, keys=keys)
        assert list(done.offsets) == [len(self.logs[number]) + at for at in range(count)]
        for body in bodies:
            self.works[number][len(self.logs[number])] = Worked()
            self.logs[number].append(Entry(None, body, self.road.now))

    @deed(4, key=KEYS, ends=st.booleans())
    def put(self, key: bytes, ends: bool) -> None:
        body = b"" if ends else self.body()
        self.road.append(body, to="table", keys=[key], tombstones=[ends])
        self.table.append(Entry(key, body, self.road.now))

    def body(self) -> bytes:
        self.bodies += 1
        return b"%d" % self.bodies

    @deed(4, ms=st.sampled_from([1, 30, 100, 400]))
    def wait(self, ms: int) -> None:
        self.road.now += ms
        self.time_passes()

    @deed(1)
    def clean(self) -> None:
        self.road.work()
        self.time_passes()

    @deed(1, number=NUMBERS, share=st.floats(0, 1))
    def cut(self, number: int, share: float) -> None:
        start, end = self.starts[number], len(self.logs[number])
        before = start + int((end - start) * share)
        self.road.ask(topics.CutTopic("log", number, before))
        self.starts[number] = before
        self.forget(number)

    @deed(5, number=NUMBERS, count=st.integers(1, 4))
    def receive(self, number: int, count: int) -> None:
        leased = self.road.lease(count, "work", "log", partition=number)
        ready = [
            offset
            for offset, one in sorted(self.works[number].items())
            if not one.done and not one.lease and offset >= self.starts[number]
        ]
        assert [message.offset for message in leased] == ready[:count]
        for message in leased:
            one = self.works[number][message.offset]
            assert message.body == self.logs[number][message.offset].body
            one.count += 1
            assert message.delivery_count == one.count
            one.lease, one.until_ms = message.lease, self.road.now + LEASE_MS

    @deed(4, number=NUMBERS, outcome=st.sampled_from([commands.ACK, commands.RETRY]))
    def settle(self, number: int, outcome: int) -> None:
        held = [(at, one) for at, one in sorted(self.works[number].items()) if one.lease]
        if not held:
            return
        name = groups.share_name("log", "work", number)
        columns = zip(*[(at, one.lease, one.count) for at, one in held], strict=True)
        offsets, leases, counts = (list(column) for column in columns)
        command = commands.Settle(name, offsets, leases, counts, outcome, 0)
        assert self.road.ask(command) == Settled()
        for _, one in held:
            one.lease = 0
            one.done = outcome == commands.ACK
        self.forget(number)

    @deed(2, member=st.sampled_from(["m", "n"]))
    def join(self, member: str) -> None:
        reply = self.road.ask(groups.JoinGroup("read", member, ("log",), session_ms=300))
        assert isinstance(reply, groups.Membership)
        assert reply.generation > self.generation
        self.generation = reply.generation
        self.members[member] = reply.generation

    @deed(3, member=st.sampled_from(["m", "n"]), number=NUMBERS, offset=st.integers(0, 9))
    def commit(self, member: str, number: int, offset: int) -> None:
        """Only a member that owns the partition, in the generation it was told, commits."""
        group = self.road.state.topics.group_of.get("read")
        known = None if group is None else group.members.get(member)
        told = self.members.get(member, 99)
        owns = known is not None and self.road.log("log", number).id in known.owned
        position = groups.Position("log", number, offset)
        reply = self.road.ask(groups.CommitOffsets("read", (position,), member, told))
        if owns:
            assert reply == Done()
            self.commits[number] = offset
        else:
            assert isinstance(reply, Refused)
            assert reply.why in (Why.NO_SUCH_MEMBER, Why.WRONG_GENERATION, Why.NO_SUCH_GROUP)

    @deed(1)
    def checkpoint(self) -> None:
        ledger = self.road.state.ledger
        ledger.cut()
        self.row_step = len(self.road.steps)
        while not ledger.pay_some(1 << 20):
            pass
        for key, row in ledger.take().items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row

    @deed(1, from_rows=st.booleans())
    def restart(self, from_rows: bool) -> None:
        self.one_story()
        self.epoch += 1
        if not from_rows:
            self.rows, self.row_step = {}, 0
        self.road.restart(self.epoch, self.rows, self.row_step)
        self.members.clear()
        self.time_passes()

    def time_passes(self) -> None:
        self.road.settle_down()
        now = self.road.now
        for number, entries in enumerate(self.logs):
            while self.starts[number] < len(entries):
                if entries[self.starts[number]].at_ms + KEEP_MS > now:
                    break
                self.starts[number] += 1
            for one in self.works[number].values():
                if one.lease and one.until_ms <= now:
                    one.lease = 0
            self.forget(number)
        group = self.road.state.topics.group_of.get("read")
        alive = {} if group is None else group.members
        self.members = {name: told for name, told in self.members.items() if name in alive}

    def forget(self, number: int) -> None:
        """What the log forgets is gone from the group too, once nobody works on it."""
        for offset in list(self.works[number]):
            if offset < self.starts[number] and not self.works[number][offset].lease:
                del self.works[number][offset]

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(WEIGHTED, key=WEIGHTED.count, reverse=True)))
        getattr(self, name)(**data.draw(DEEDS[name], name))

    @invariant()
    def logs_agree(self) -> None:
        for number, entries in enumerate(self.logs):
            if not self.road.state.topics.by_name:
                return
            start = self.starts[number]
            log = self.road.log("log", number)
            assert (log.start, log.end) == (start, len(entries))
            assert self.road.bodies(start, number, "log") == [one.body for one in entries[start:]]

    @invariant()
    def the_last_of_each_key_is_there(self) -> None:
        if not self.road.state.topics.by_name:
            return
        last = {one.key: at for at, one in enumerate(self.table)}
        log = self.road.log("table")
        part = self.road.fetch(log.start, to="table", count=10_000)
        found = {message.offset: message.body for message in part.messages}
        for at, body in found.items():
            assert self.table[at].body == body
        for at in last.values():
            assert at in found or self.table[at].body == b""

    @invariant()
    def commits_stay(self) -> None:
        if not self.commits:
            return
        described = self.road.ask(groups.DescribeGroup("read"))
        assert isinstance(described, groups.GroupDescribed)
        known = {part.partition: part.offset for part in described.parts if part.offset >= 0}
        assert known == self.commits
        assert described.generation >= self.generation

    def teardown(self) -> None:
        self.one_story()

    def one_story(self) -> None:
        live = canonical(self.road.state)
        self.road.state.check()
        assert canonical(replayed(self.road.records())) == live
        assert canonical(replayed(self.road.records(self.row_step), self.rows.items())) == live


TestTopics = Topics.TestCase
PROFILE = hypothesis_settings()
TestTopics.settings = hypothesis_settings(max_examples=PROFILE.max_examples, stateful_step_count=60)
