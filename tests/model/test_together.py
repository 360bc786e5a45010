"""Asks of one turn are told what deciding them one by one, in the same order, would have told."""

from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from postroad.core.together import go_together
from postroad.model.ask import Ask, Caller
from postroad.model.commands import DeclareQueue, DescribeQueue, Extend, Publish, Receive, Settle
from postroad.model.message import Delivery
from postroad.model.policy import QueueSettings
from postroad.model.replies import Described, Received, Reply, Settled
from tests.unit.engine.rooms import Room

LONG_MS = 10_000
PICKS = st.lists(st.integers(0, 30), min_size=0, max_size=4)
TAKES = st.tuples(
    st.just("take"), st.integers(0, 5), st.sampled_from([None, None, 40, -1, -2]), st.just(0)
)
WAITS = st.tuples(st.just("take"), st.integers(1, 3), st.none(), st.sampled_from([0, 20]))
ACKS = st.tuples(st.just("ack"), PICKS, st.sampled_from([1, 1, 1, 2]), st.booleans())
EXTENDS = st.tuples(st.just("extend"), PICKS)
DEEDS = st.lists(st.one_of(TAKES, TAKES, WAITS, ACKS, ACKS, EXTENDS), max_size=6)
TURNS = st.lists(
    st.tuples(st.integers(0, 6), DEEDS, st.sampled_from([0, 1, 30, 120])), min_size=1, max_size=8
)
SETTINGS = st.builds(
    QueueSettings,
    lease_ms=st.sampled_from([100, LONG_MS]),
    leased_max=st.sampled_from([None, None, 4]),
)


class Side:
    """One of two engines that are asked the same; `together`: with nothing in between."""

    def __init__(self, settings: QueueSettings, together: bool) -> None:
        self.room = Room()
        self.together = together
        self.given: list[Delivery] = []
        self.asked = 0
        self.heard: dict[int, Reply] = {}
        self.room.ask(DeclareQueue("mail", settings))

    def turn(self, sent: int, deeds: list[Any], ms: int) -> None:
        for number in range(sent):
            self.room.ask(Publish(("mail",), [b"%d" % number]))
        given = list(self.given)
        for deed in deeds:
            self.put(command_of(deed, given))
            if not self.together:
                # Only what follows each other comes together.
                self.room.engine.submit(Ask(self.room.caller, 0, DescribeQueue("mail")))
        self.room.rest()
        self.room.rest(ms)

    def put(self, command: Any) -> None:
        self.asked += 1
        caller = Caller((1 << 50) + self.asked, self.hear)
        self.room.engine.submit(Ask(caller, self.asked, command))

    def hear(self, number: int, reply: Reply) -> None:
        assert number not in self.heard, "an ask is answered once"
        self.heard[number] = reply
        if isinstance(reply, Received):
            self.given.extend(reply.messages)

    def told(self) -> list[Any]:
        """What was said, by ask; lease numbers are the core's own business."""
        said = [self.heard.get(number) for number in range(1, self.asked + 1)]
        return [
            [(one.offset, one.body, one.delivery_count) for one in reply.messages]
            if isinstance(reply, Received)
            else reply
            for reply in said
        ]

    def counts(self) -> tuple[int, ...]:
        reply = self.room.ask(DescribeQueue("mail"))
        assert isinstance(reply, Described)
        self.room.engine.core.state.check()
        return reply.ready, reply.delayed, reply.leased, reply.dead


def command_of(deed: Any, given: list[Delivery]) -> Any:
    if deed[0] == "take":
        return Receive("mail", *deed[1:])
    given = sorted(given, key=lambda one: (one.offset, one.delivery_count, one.lease))
    picked = [given[pick % len(given)] for pick in deed[1]] if given else []
    offsets, leases = [one.offset for one in picked], [one.lease for one in picked]
    if deed[0] == "extend":
        return Extend("mail", offsets, leases, 60)
    counts = [one.delivery_count for one in picked]
    return Settle("mail", offsets, leases, counts, deed[2], None, deed[3])


@given(SETTINGS, TURNS)
def test_what_came_together_is_told_what_one_by_one_is_told(
    settings: QueueSettings, turns: list[Any]
) -> None:
    one, other = Side(settings, True), Side(settings, False)
    for turn in turns:
        note(f"{turn}")
        one.turn(*turn)
        other.turn(*turn)
        assert one.told() == other.told()
        assert one.counts() == other.counts()


def test_receives_that_come_together_are_one_lease_and_their_acks_one_record() -> None:
    side = Side(QueueSettings(lease_ms=LONG_MS), True)
    side.turn(9, [("take", 1, None, 0)] * 3 + [("take", 2, None, 0)], 0)
    assert [one.offset for one in side.given] == [0, 1, 2, 3, 4]
    assert len({one.lease for one in side.given}) == 1
    before = side.room.engine.records_written
    side.turn(0, [("ack", [pick], 1, False) for pick in (4, 0, 2)], 0)
    assert side.room.engine.records_written == before + 1
    assert side.counts() == (4, 0, 2, 0)


def test_what_differs_does_not_go_together() -> None:
    receive = Receive("mail", 1)
    assert go_together(receive, Receive("mail", 5, None, 20))
    assert not go_together(receive, Receive("post", 1))
    assert not go_together(receive, Receive("mail", 1, 50))
    ack = Settle("mail", [1], [1], [1])
    assert go_together(ack, Settle("mail", [2], [1], [1]))
    assert not go_together(ack, Settle("mail", [2], [1], [1], strict=True))
    assert not go_together(ack, Settle("mail", [2], [1], [1], queue_id=1))
    assert not go_together(ack, Settle("mail", [2], [1], [1], 2))
    assert not go_together(ack, receive)
    assert not go_together(DescribeQueue("mail"), DescribeQueue("mail"))


def test_nonsense_among_many_is_refused_alone() -> None:
    side = Side(QueueSettings(lease_ms=LONG_MS), True)
    side.turn(2, [("take", 1, None, 0)] * 2, 0)
    one, other = side.given
    good = [Settle("mail", [each.offset], [each.lease], [1]) for each in (one, other)]
    bad: list[Any] = ["x", None, b"", [None], ["x"], [1 << 70], [1, 2]]
    for nonsense in bad:
        side.put(Receive("mail", nonsense))
        side.put(Receive("mail", 1, nonsense, nonsense))
        side.put(Receive(nonsense, 1))
        side.put(Settle("mail", nonsense, [one.lease], [1]))
        side.put(Settle("mail", [one.offset], nonsense, nonsense))
        side.put(Settle("mail", [one.offset], [one.lease], [1], nonsense))
    side.asked = 1_000
    for command in good:
        side.put(command)
    side.room.rest()
    assert [side.heard[number] for number in (1_001, 1_002)] == [Settled(), Settled()]
    assert len(side.heard) == 2 + 6 * len(bad) + 2
    assert side.counts() == (0, 0, 0, 0)
