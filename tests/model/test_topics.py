"""Topics and groups against lists: whatever is asked, in whatever order, both know the same; the
journal and the rows of a checkpoint tell the same story at any place."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from postroad.core.load import canonical
from postroad.model import claims, commands, groups, topics
from postroad.model.replies import Done, Received, Refused, Settled, Why
from tests.unit.core.road import replayed
from tests.unit.core.topics.log_road import LogRoad

KEEP_MS = 500
LEASE_MS = 100
PARTITIONS = 2
KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
NUMBERS = st.integers(0, PARTITIONS - 1)
NAMES = st.sampled_from(["", "anna", "ben"])
FOREVER_MS = 1 << 60


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
        self.granted_ms = 0
        self.who = ""
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
        self.consumers: set[str] = set()
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

    @deed(6, number=NUMBERS, count=st.integers(1, 4), who=NAMES)
    def receive(self, number: int, count: int, who: str) -> None:
        lease_ms = commands.SESSION_LEASE if who == "anna" else None
        leased = self.road.lease(
            count, "work", "log", partition=number, consumer=who, lease_ms=lease_ms
        )
        self.consumers |= {who} - {""}
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
            self.hand(one, who, message.lease)

    def hand(self, one: Worked, who: str, lease: int) -> None:
        """Somebody has a message from now on; Anna's have no end."""
        one.lease, one.who, one.granted_ms = lease, who, self.road.now
        one.until_ms = FOREVER_MS if who == "anna" else self.road.now + LEASE_MS

    @deed(4, number=NUMBERS, who=NAMES, of=NAMES, idle_ms=st.sampled_from([0, 30]))
    def claim(self, number: int, who: str, of: str, idle_ms: int) -> None:
        """What is leased for long enough changes hands, all at once and nothing else."""
        old = [(at, one.lease, one.count) for at, one in self.held(number)]
        lease_ms = commands.SESSION_LEASE if who == "anna" else None
        reply = self.road.ask(
            claims.ClaimIdle("log", "work", who, number, idle_ms, 0, 3, lease_ms, of or None)
        )
        assert isinstance(reply, Received)
        self.consumers |= {who} - {""}
        start, now = self.starts[number], self.road.now
        wanted = [
            (at, one)
            for at, one in self.held(number)
            if now - one.granted_ms >= idle_ms and (not of or one.who == of)
        ]
        gone: list[int] = []
        taken: list[int] = []
        for at, one in wanted:
            if len(taken) == 3:
                break
            if at < start:
                gone.append(at)
                one.lease, one.done = 0, True
            else:
                taken.append(at)
        assert list(reply.gone) == gone
        assert [message.offset for message in reply.messages] == taken
        for message in reply.messages:
            one = self.works[number][message.offset]
            one.count += 1
            assert message.delivery_count == one.count
            assert message.lease != one.lease
            self.hand(one, who, message.lease)
        self.forget(number)
        stale = [row for row in old if row[0] in taken]
        if stale:
            offsets, leases, counts = (list(column) for column in zip(*stale, strict=True))
            name = groups.share_name("log", "work", number)
            settled = self.road.ask(commands.Settle(name, offsets, leases, counts))
            assert isinstance(settled, Settled)
            assert len(settled.failed) == len(stale)

    def held(self, number: int) -> list[tuple[int, Worked]]:
        return [(at, one) for at, one in sorted(self.works[number].items()) if one.lease]

    @deed(1, who=st.sampled_from(["anna", "ben"]), dropped=st.booleans())
    def dismiss(self, who: str, dropped: bool) -> None:
        reply = self.road.ask(claims.DeleteConsumer("log", "work", who, dropped))
        if who not in self.consumers:
            assert isinstance(reply, Refused)
            return
        self.consumers.remove(who)
        mine = [one for number in (0, 1) for _, one in self.held(number) if one.who == who]
        assert reply == claims.ConsumerDeleted(len(mine), 0)
        for one in mine:
            one.lease, one.done = 0, dropped
            one.count -= not dropped
        for number in (0, 1):
            self.forget(number)

    @deed(1, number=NUMBERS, share=st.floats(0, 1))
    def set_back(self, number: int, share: float) -> None:
        """What nobody holds begins anew at an offset."""
        start, end = self.starts[number], len(self.logs[number])
        to = start + int((end - start) * share)
        command = groups.SeekGroup(
            "log", "work", "lease", partition=number, offset=to, keep_leases=True
        )
        assert self.road.ask(command) == Done()
        self.road.settle_down()
        for at in range(start, end):
            one = self.works[number].setdefault(at, Worked())
            if one.lease:
                continue
            if at < to or one.done:
                self.works[number][at] = one = Worked()
            one.done = at < to

    @deed(4, number=NUMBERS, outcome=st.sampled_from([commands.ACK, commands.RETRY]))
    def settle(self, number: int, outcome: int) -> None:
        held = self.held(number)
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
        # What was bound to no name and no time would come back here; all of it has one.
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
    def leases_are_listed(self) -> None:
        if not self.road.state.topics.shares:
            return
        known = self.road.ask(claims.ListConsumers("log", "work"))
        assert isinstance(known, claims.ConsumersListed)
        assert {one.consumer for one in known.consumers} == self.consumers
        for number in range(PARTITIONS):
            listed = self.road.ask(claims.ListLeases("log", "work", number))
            assert isinstance(listed, claims.LeasesListed)
            found = [(one.offset, one.consumer, one.deliveries) for one in listed.leases]
            assert found == [(at, one.who, one.count) for at, one in self.held(number)]

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
