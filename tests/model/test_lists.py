"""Lists against Python's own: whatever is done at their ends and between, both know the same, also
after leases, waits, checkpoints and restarts."""

from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from postroad.model import commands, lists
from postroad.model.lists import ENDS
from postroad.model.message import Delivery
from postroad.model.replies import Done, Received, Refused, Reply, Why
from tests.model.naive_lists import Item, NaiveList
from tests.unit.core.road import Road, bodies_of

LEASE_MS = 100
FEW = st.lists(st.sampled_from([b"x", b"y", b"z"]), min_size=1, max_size=5)
NAMES = st.sampled_from(["a", "a", "b"])
SIDES = st.sampled_from(ENDS)
BODIES = st.sampled_from([b"x", b"y", b"z"])
INDEXES = st.integers(-6, 6)
EDGES = st.sampled_from([0, 1, -1, -2, -6, 6])
NEAR_A_PAGE = 4_090


class Lists(RuleBasedStateMachine):
    """What may happen to two lists."""

    def __init__(self) -> None:
        super().__init__()
        self.road = Road()
        self.naive: dict[str, NaiveList] = {}
        self.waiting: list[tuple[int, str, str]] = []
        self.callers = 10
        self.rows: dict[bytes, bytes] = {}
        self.start = 0
        self.cut_at: int | None = None

    @initialize(shifted=st.booleans(), ends=st.permutations(ENDS), bodies=FEW)
    def begin(self, shifted: bool, ends: list[str], bodies: list[bytes]) -> None:
        if shifted:
            self.declare("a")
            self.road.fill(NEAR_A_PAGE, "a")
            self.road.ask(commands.PurgeQueue("a"))
        for end in ends:
            self.push("a", end, bodies, False)

    def ask(self, command: Any) -> Reply:
        reply = self.road.ask(command)
        assert reply is not None, "nothing here waits"
        return reply

    def the(self, name: str) -> NaiveList:
        return self.naive.get(name) or NaiveList(False)

    def look(self) -> None:
        """Let who waits be served, and what is empty go; then both know the same."""
        self.road.settle_down()
        for name in list(self.naive):
            self.serve(name)
        told = dict(self.road.told)
        assert not [one for one in self.waiting if one[0] in told], "served out of turn"
        for name, naive in list(self.naive.items()):
            if naive.passing and not naive.items:
                del self.naive[name]
        assert set(self.road.state.by_name) == set(self.naive)
        for name, naive in self.naive.items():
            found = self.ask(lists.ListRange(name))
            assert isinstance(found, lists.ListItems), found
            assert bodies_of(found.messages) == naive.bodies
            described = lists.ListDescribed(len(naive.ready), naive.main, naive.passing)
            assert self.ask(lists.DescribeList(name)) == described

    def serve(self, name: str) -> None:
        naive = self.naive[name]
        told = dict(self.road.told)
        for one in [one for one in self.waiting if one[1] == name]:
            if not naive.ready:
                return
            taken = naive.outermost(one[2], 1)
            naive.drop(taken)
            self.waiting.remove(one)
            assert _bodies(told[one[0]]) == [item.body for item in taken]

    @rule(name=NAMES, what=st.sampled_from([*["declare"] * 4, "purge", "delete"]))
    def upset(self, name: str, what: str) -> None:
        if what == "declare":
            self.declare(name)
        elif what == "purge":
            self.ask(commands.PurgeQueue(name))
            self.the(name).items.clear()
        else:
            self.ask(commands.DeleteQueue(name))
            self.naive.pop(name, None)
        self.look()

    def declare(self, name: str) -> None:
        self.road.declare(name, lease_ms=LEASE_MS)
        if name in self.naive:
            self.naive[name].passing = False
        else:
            self.naive[name] = NaiveList(False)

    @rule(name=NAMES, end=SIDES, bodies=FEW, only=st.booleans())
    def push(self, name: str, end: str, bodies: list[bytes], only: bool) -> None:
        reply = self.ask(lists.ListPush(name, end, bodies, only_if_exists=only))
        if only and not self.the(name).ready:
            assert reply == lists.ListLength(0)
            return
        naive = self.naive.setdefault(name, NaiveList(True))
        naive.push(end, *map(Item, bodies))
        assert reply == lists.ListLength(len(naive.ready))
        self.look()

    @rule(name=NAMES, bodies=st.lists(BODIES, min_size=1, max_size=3))
    def publish(self, name: str, bodies: list[bytes]) -> None:
        if name in self.naive:
            self.road.publish(*bodies, to=(name,))
            self.naive[name].items.extend(map(Item, bodies))
            self.look()

    @rule(names=st.permutations(["a", "b"]), end=SIDES, count=st.integers(1, 4))
    def pop(self, names: list[str], end: str, count: int) -> None:
        reply = self.ask(lists.ListPop(tuple(names), end, count))
        name = next((name for name in names if self.the(name).ready), "")
        naive = self.the(name)
        taken = naive.outermost(end, count)
        naive.drop(taken)
        assert isinstance(reply, lists.ListItems)
        assert reply.list == name
        assert bodies_of(reply.messages) == [item.body for item in taken]
        self.look()

    @rule(name=NAMES, end=SIDES)
    def wait_for(self, name: str, end: str) -> None:
        self.callers += 1
        caller = self.road.connect(self.callers)
        assert self.road.now < 1 << 40
        self.road.ask(lists.ListPop((name,), end, wait_ms=1 << 30), caller)
        self.waiting.append((self.road.asked, name, end))
        self.look()

    @rule(pair=st.tuples(NAMES, NAMES), ends=st.tuples(SIDES, SIDES))
    def move(self, pair: tuple[str, str], ends: tuple[str, str]) -> None:
        reply = self.ask(lists.ListMove(*pair, *ends))
        assert isinstance(reply, lists.ListItems)
        source = self.the(pair[0])
        if not source.ready:
            assert reply == lists.ListItems("", [])
            return
        item = source.outermost(ends[0], 1)[0]
        if pair[0] != pair[1]:
            source.drop([item])
        target = self.naive.setdefault(pair[1], NaiveList(True))
        target.push(ends[1], fresh := Item(item.body))
        source.drop([item])
        assert bodies_of(reply.messages) == [fresh.body]
        assert reply.list == pair[1]
        self.look()

    @rule(name=NAMES, pivot=BODIES, body=BODIES, before=st.booleans())
    def insert(self, name: str, pivot: bytes, body: bytes, before: bool) -> None:
        reply = self.ask(lists.ListInsert(name, pivot, body, before))
        naive = self.the(name)
        found = next((item for item in naive.row if item.body == pivot), None)
        if found is None:
            assert reply == lists.ListLength(-1 if naive.ready else 0)
            return
        naive.seat(Item(body), found, before)
        assert reply == lists.ListLength(len(naive.ready))
        self.look()

    @rule(name=NAMES, index=INDEXES, body=BODIES)
    def set(self, name: str, index: int, body: bytes) -> None:
        reply = self.ask(lists.ListSet(name, index, body))
        naive = self.the(name)
        if not -len(naive.row) <= index < len(naive.row):
            assert isinstance(reply, Refused)
            why = Why.OUT_OF_RANGE if naive.ready else Why.NO_SUCH_QUEUE
            assert reply.why == why
            return
        assert reply == Done()
        naive.replace(naive.row[index], Item(body))
        self.look()

    @rule(name=NAMES, body=BODIES, count=st.integers(-2, 2))
    def remove(self, name: str, body: bytes, count: int) -> None:
        reply = self.ask(lists.ListRemove(name, body, count))
        naive = self.the(name)
        found = [item for item in naive.row if item.body == body]
        if count < 0:
            found.reverse()
        found = found[: abs(count)] if count else found
        assert reply == lists.ListRemoved(len(found))
        naive.drop(found)
        self.look()

    @rule(name=NAMES, first=EDGES, last=EDGES)
    def trim(self, name: str, first: int, last: int) -> None:
        reply = self.ask(lists.ListTrim(name, first, last))
        naive = self.the(name)
        kept = _part(naive.row, first, last)
        gone = [item for item in naive.row if item not in kept]
        assert reply == lists.ListRemoved(len(gone))
        naive.drop(gone)
        self.look()

    @rule(name=NAMES, first=INDEXES, last=INDEXES)
    def range(self, name: str, first: int, last: int) -> None:
        reply = self.ask(lists.ListRange(name, first, last))
        assert _bodies(reply) == [item.body for item in _part(self.the(name).row, first, last)]

    @rule(name=NAMES, body=BODIES, rank=st.sampled_from([1, 2, -1, -2]), count=st.integers(0, 2))
    def position(self, name: str, body: bytes, rank: int, count: int) -> None:
        reply = self.ask(lists.ListPosition(name, body, rank, count))
        found = [at for at, item in enumerate(self.the(name).row) if item.body == body]
        found = (found if rank > 0 else found[::-1])[abs(rank) - 1 :]
        assert reply == lists.ListPositions(tuple(found[:count] if count else found))

    @rule(name=NAMES, count=st.integers(1, 4))
    def receive(self, name: str, count: int) -> None:
        if name not in self.naive:
            return
        received = self.road.receive(name, count, LEASE_MS)
        taken = self.naive[name].ready[:count]
        assert bodies_of(received) == [item.body for item in taken]
        for item, message in zip(taken, received, strict=True):
            item.until_ms = self.road.now + LEASE_MS
            item.lease = message
        self.look()

    @rule(name=NAMES, which=st.integers(0, 9), ack=st.booleans())
    def settle(self, name: str, which: int, ack: bool) -> None:
        naive = self.the(name)
        held = [item for item in naive.items if item.lease is not None]
        if held:
            item = held[which % len(held)]
            lease = item.lease
            assert isinstance(lease, Delivery)
            outcome = commands.ACK if ack else commands.RELEASE
            assert not self.road.settle([lease], outcome)
            item.until_ms, item.lease = 0, None
            if ack:
                naive.drop([item])
            self.look()

    @rule(ms=st.sampled_from([10, LEASE_MS]))
    def wait(self, ms: int) -> None:
        self.road.now += ms
        for naive in self.naive.values():
            naive.lapse(self.road.now)
        self.look()

    @rule()
    def begin_a_checkpoint(self) -> None:
        if self.cut_at is None:
            self.road.state.ledger.cut()
            self.cut_at = len(self.road.steps)

    @rule()
    def finish_the_checkpoint(self) -> None:
        if self.cut_at is None:
            return
        ledger = self.road.state.ledger
        while not ledger.pay_some(1 << 20):
            pass
        for key, row in ledger.take().items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row
        self.start = self.cut_at
        self.cut_at = None

    @rule(from_rows=st.booleans())
    def restart(self, from_rows: bool) -> None:
        if not from_rows:
            self.rows, self.start = {}, 0
        self.road.restart(self.road.core.world.epoch + 1, self.rows, self.start)
        self.cut_at = None
        self.waiting.clear()
        self.look()

    @rule()
    def save_and_restart(self) -> None:
        self.begin_a_checkpoint()
        self.finish_the_checkpoint()
        self.restart(True)

    def teardown(self) -> None:
        self.road.check()


def _bodies(reply: object) -> list[bytes]:
    assert isinstance(reply, lists.ListItems | Received), reply
    messages: list[Delivery] = list(reply.messages)
    return bodies_of(messages)


def _part(row: list[Item], first: int, last: int) -> list[Item]:
    """A range as Redis has it."""
    low = max(0, first + len(row)) if first < 0 else first
    high = last + len(row) if last < 0 else last
    return row[low : high + 1] if low <= high else []


TestLists = Lists.TestCase
PROFILE = hypothesis_settings()
TestLists.settings = hypothesis_settings(
    max_examples=4 * PROFILE.max_examples, stateful_step_count=50
)
