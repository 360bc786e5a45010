"""Groups whose members share out among themselves: who enters, who leads, who is fenced."""

from typing import Any

from postroad.core.topics import rules
from postroad.core.topics.circle import the_circle
from postroad.model import groups, rounds
from postroad.model.ask import Caller
from postroad.model.groups import CommitOffsets, DescribeGroup, GroupDescribed, LeaveGroup, Position
from postroad.model.replies import Done, Refused, Reply, Why
from postroad.model.rounds import (
    Entered,
    EnterGroup,
    MemberNamed,
    Shared,
    ShareOut,
    StayInGroup,
)
from tests.unit.core.topics.log_road import LogRoad

LIKES = (("range", b"r"), ("sticky", b"s"))


class Ring(LogRoad):
    """Members that ask and wait, and what they were told."""

    def __init__(self) -> None:
        super().__init__()
        self.topic(partitions=4)
        self.callers: dict[str, Caller] = {}

    def send(self, who: str, command: Any) -> int:
        caller = self.callers.setdefault(who, self.connect(10 + len(self.callers)))
        self.ask(command, caller)
        return self.asked

    def told_of(self, number: int) -> Reply | None:
        return next((reply for one, reply in self.told if one == number), None)

    def enter(self, who: str, member: str = "", **more: Any) -> int:
        more.setdefault("strategies", LIKES)
        return self.send(who, EnterGroup("g", member=member, **more))

    def entered(self, number: int) -> Entered:
        reply = self.told_of(number)
        assert isinstance(reply, Entered), reply
        return reply

    def why_of(self, number: int) -> Why:
        reply = self.told_of(number)
        assert isinstance(reply, Refused), reply
        return reply.why

    def share_out(self, who: str, as_told: Entered, **more: Any) -> int:
        return self.send(who, ShareOut("g", as_told.member, as_told.generation, **more))

    def stay(self, as_told: Entered) -> Reply | None:
        return self.ask(StayInGroup("g", as_told.member, as_told.generation))

    def commit(self, as_told: Entered, offset: int, **more: Any) -> Reply | None:
        position = Position("t", 0, offset, **more)
        return self.ask(CommitOffsets("g", (position,), as_told.member, as_told.generation))

    def described(self) -> GroupDescribed:
        reply = self.ask(DescribeGroup("g"))
        assert isinstance(reply, GroupDescribed)
        return reply


def pair() -> tuple[Ring, Entered, Entered]:
    """Two members in a stable group; the first leads."""
    road = Ring()
    first = road.enter("a")
    one = road.entered(first)
    second = road.enter("b")
    assert road.told_of(second) is None
    assert road.stay(one) == rounds_again()
    again = road.enter("a", one.member)
    one, two = road.entered(again), road.entered(second)
    wait = road.share_out("b", two)
    given = road.share_out("a", one, shares=((one.member, b"0"), (two.member, b"1")))
    assert road.told_of(given) == Shared(one.generation, "range", "consumer", b"0")
    assert road.told_of(wait) == Shared(one.generation, "range", "consumer", b"1")
    return road, one, two


def rounds_again() -> Refused:
    return Refused(Why.REBALANCING, "the group rebalances; enter it again")


def test_one_alone_leads_itself_at_once() -> None:
    road = Ring()
    one = road.entered(road.enter("a"))
    assert one.generation == 1
    assert one.leader == one.member
    assert one.members == ((one.member, "", b"r"),)
    assert road.described().state == rounds.COMPLETING
    assert road.told_of(road.share_out("a", one, shares=((one.member, b"all"),))) == Shared(
        1, "range", "consumer", b"all"
    )
    assert road.described().state == rounds.STABLE
    road.check()


def test_all_enter_again_before_anybody_is_told_and_only_the_leader_hears_of_all() -> None:
    road, one, two = pair()
    assert one.generation == two.generation == 2
    assert one.leader == two.leader == one.member
    assert {name for name, _, _ in one.members} == {one.member, two.member}
    assert two.members == ()
    seats = [(one.member, one.metadata, one.share) for one in road.described().members]
    assert seats == sorted([(one.member, b"r", b"0"), (two.member, b"r", b"1")])
    assert road.stay(one) == road.stay(two) == Done()
    road.check()


def test_the_strategy_is_what_most_like_of_what_all_have() -> None:
    road = Ring()
    one = road.entered(road.enter("a", strategies=(("x", b""), ("range", b""), ("sticky", b""))))
    second = road.enter("b", strategies=(("sticky", b"2"), ("range", b"")))
    third = road.enter("c", strategies=(("sticky", b"3"), ("range", b"")))
    road.enter("a", one.member, strategies=(("x", b""), ("range", b"1"), ("sticky", b"")))
    assert road.entered(second).strategy == road.entered(third).strategy == "sticky"
    alien = road.enter("d", strategies=(("other", b""),))
    assert road.why_of(alien) == Why.SETTINGS_DIFFER
    assert road.why_of(road.enter("e", kind="connect")) == Why.SETTINGS_DIFFER


def test_commits_of_another_generation_are_fenced() -> None:
    road, one, two = pair()
    assert road.commit(two, 5, metadata="m", leader_epoch=3) == Done()
    part = road.described().parts[0]
    assert (part.offset, part.metadata, part.leader_epoch) == (5, "m", 3)
    third = road.enter("c")
    assert road.commit(two, 6) == Done()
    road.enter("a", one.member)
    road.enter("b", two.member)
    new = road.entered(third)
    refused = road.commit(two, 7)
    assert isinstance(refused, Refused)
    assert refused.why == Why.WRONG_GENERATION
    refused = road.commit(new, 7)
    assert isinstance(refused, Refused)
    assert refused.why == Why.REBALANCING
    outside = road.ask(CommitOffsets("g", (Position("t", 0, 9),)))
    assert isinstance(outside, Refused)
    assert outside.why == Why.WRONG_GENERATION
    assert road.described().parts[0].offset == 6
    road.check()


def test_who_does_not_enter_again_in_time_is_out() -> None:
    road, one, two = pair()
    third = road.enter("c")
    again = road.enter("b", two.member)
    for _ in range(7):
        road.wait(10_000)
    new = road.entered(third)
    assert road.entered(again).leader == new.leader != one.member
    assert road.why(StayInGroup("g", one.member, one.generation)) == Why.NO_SUCH_MEMBER


def test_who_is_silent_is_out_and_the_others_enter_again() -> None:
    road, one, two = pair()
    road.wait(20_000)
    assert road.stay(one) == Done()
    road.wait(10_000)
    assert road.stay(one) == rounds_again()
    new = road.entered(road.enter("a", one.member))
    assert new.generation == 3
    assert len(new.members) == 1
    assert road.why(ShareOut("g", two.member, 2)) == Why.NO_SUCH_MEMBER
    road.check()


def test_a_leader_that_never_shares_out_is_out() -> None:
    road = Ring()
    one = road.entered(road.enter("a", session_ms=1_000_000))
    second = road.enter("b", session_ms=1_000_000)
    one = road.entered(road.enter("a", one.member, session_ms=1_000_000))
    two = road.entered(second)
    wait = road.share_out("b", two)
    road.wait(60_000)
    assert road.why_of(wait) == Why.REBALANCING
    assert road.why(StayInGroup("g", one.member, one.generation)) == Why.NO_SUCH_MEMBER
    assert road.entered(road.enter("b", two.member)).leader == two.member


def test_a_static_member_comes_back_to_its_share_and_the_old_one_is_fenced() -> None:
    road = Ring()
    one = road.entered(road.enter("a", static_id="box-1"))
    second = road.enter("b", static_id="box-2")
    one = road.entered(road.enter("a", one.member, static_id="box-1"))
    two = road.entered(second)
    road.share_out("a", one, shares=((two.member, b"mine"),), static_id="box-1")
    back = road.entered(road.enter("b2", static_id="box-2"))
    assert back.generation == two.generation
    assert back.member != two.member
    shared = road.told_of(road.share_out("b2", back, static_id="box-2"))
    assert isinstance(shared, Shared)
    assert shared.share == b"mine"
    old = StayInGroup("g", two.member, two.generation, "box-2")
    assert road.why(old) == Why.FENCED
    position = (Position("t", 0, 1),)
    late = CommitOffsets("g", position, two.member, two.generation, "box-2")
    assert road.why(late) == Why.FENCED
    assert road.ask(CommitOffsets("g", position, back.member, 2, "box-2")) == Done()
    late_enter = road.enter("b", two.member, static_id="box-2")
    assert road.why_of(late_enter) == Why.FENCED
    assert road.ask(LeaveGroup("g", "", "box-2")) == Done()
    assert road.described().state == rounds.PREPARING


def test_a_static_leader_that_comes_back_does_not_share_out_anew() -> None:
    road = Ring()
    one = road.entered(road.enter("a", static_id="box"))
    road.share_out("a", one, shares=((one.member, b"all"),))
    back = road.entered(road.enter("a2", static_id="box"))
    assert back.leader != back.member
    assert back.members == ()
    shared = road.told_of(road.share_out("a2", back))
    assert isinstance(shared, Shared)
    assert shared.share == b"all"


def test_a_name_may_be_asked_for_first_and_is_waited_for() -> None:
    road = Ring()
    named = road.told_of(road.enter("a", named_first=True, prefix="client"))
    assert isinstance(named, MemberNamed)
    assert named.member.startswith("client-")
    second = road.enter("b")
    assert road.told_of(second) is None
    one = road.enter("a", named.member)
    assert road.entered(one).generation == road.entered(second).generation
    lost = road.told_of(road.enter("c", named_first=True))
    assert isinstance(lost, MemberNamed)
    road.wait(30_000)
    assert road.why_of(road.enter("c", lost.member)) == Why.NO_SUCH_MEMBER
    assert road.why_of(road.enter("d", "made up")) == Why.NO_SUCH_MEMBER


def test_an_empty_group_may_wait_for_others_first() -> None:
    road = Ring()
    first = road.enter("a", gather_ms=3_000)
    road.wait(1_000)
    second = road.enter("b", gather_ms=3_000)
    assert road.told_of(first) is None
    road.wait(2_000)
    assert road.entered(first).generation == road.entered(second).generation == 1


def test_members_leave_and_an_empty_group_keeps_what_was_committed() -> None:
    road, one, two = pair()
    assert road.commit(one, 9) == Done()
    assert road.why(groups.DeleteGroup("g")) == Why.GROUP_IN_USE
    assert road.why(groups.JoinGroup("g", "m", ("t",))) == Why.SETTINGS_DIFFER
    assert road.ask(LeaveGroup("g", one.member)) == Done()
    assert road.why(LeaveGroup("g", one.member)) == Why.NO_SUCH_MEMBER
    assert road.ask(LeaveGroup("g", two.member)) == Done()
    assert road.described().state == rounds.EMPTY
    assert road.described().parts[0].offset == 9
    assert isinstance(road.ask(groups.JoinGroup("g", "m", ("t",))), groups.Membership)
    assert road.why_of(road.enter("a")) == Why.SETTINGS_DIFFER
    road.check()


def test_members_enter_anew_after_a_restart_in_a_later_generation() -> None:
    road, one, two = pair()
    road.restart(2)
    assert road.why(StayInGroup("g", one.member, one.generation)) == Why.NO_SUCH_MEMBER
    refused = road.commit(two, 1)
    assert isinstance(refused, Refused)
    assert refused.why == Why.NO_SUCH_MEMBER
    new = road.entered(road.enter("a"))
    assert new.generation == 3
    assert new.member not in (one.member, two.member)


def test_a_caller_that_is_gone_is_not_told_and_may_come_again() -> None:
    road, one, two = pair()
    third = road.enter("c")
    road.enter("b", two.member)
    road.core.forget(road.callers["b"])
    road.enter("a", one.member)
    new = road.entered(third)
    again = road.entered(road.enter("b", two.member))
    assert again.generation == new.generation


def test_the_silence_of_who_waited_for_its_share_counts_from_when_its_caller_is_gone() -> None:
    road = Ring()
    one = road.entered(road.enter("a", session_ms=1_000))
    second = road.enter("b", session_ms=1_000)
    one = road.entered(road.enter("a", one.member, session_ms=1_000))
    two = road.entered(second)
    road.wait(10)
    road.share_out("b", two)
    road.wait(980)
    assert road.stay(one) == Done()
    road.wait(15)
    road.core.forget(road.callers["b"])
    assert [seat.member for seat in road.described().members] == [one.member, two.member]
    road.wait(10)
    assert [seat.member for seat in road.described().members] == [one.member]
    road.check()


def test_a_newcomer_alone_is_waited_for_no_longer_than_the_others_may_take() -> None:
    road, one, two = pair()
    third = road.enter("c", session_ms=200_000, rebalance_ms=100)
    for _ in range(5):
        road.wait(10_000)
        assert road.stay(one) == road.stay(two) == rounds_again()
    road.wait(9_999)
    assert road.told_of(third) is None
    road.wait(1)
    assert road.entered(third).members == ((road.entered(third).member, "", b"r"),)
    road.check()


def test_what_is_counted_of_members_is_what_a_look_at_all_of_them_gives() -> None:
    road = Ring()
    road.enter("s", static_id="till", rebalance_ms=50)
    for turn in range(60):
        who = f"m{turn * 7 % 5}"
        if turn % 11 == 10:
            road.enter("s", static_id="till", strategies=LIKES[: 1 + turn % 2])
        elif turn % 4 == 3 and the_circle(road.state.topics.group_of["g"]).seats:
            seats = the_circle(road.state.topics.group_of["g"]).seats
            road.ask(LeaveGroup("g", sorted(seats)[turn % len(seats)]))
        else:
            road.enter(who, strategies=LIKES[: 1 + turn % 2], rebalance_ms=50)
        road.wait(turn % 3 * 30)
        circle = the_circle(road.state.topics.group_of["g"])
        seats = circle.seats
        assert circle.missing == sum(not one.has_entered for one in seats.values())
        assert circle.said_bytes == sum(one.said_bytes() for one in seats.values())
        every = [name for one in seats.values() for name in one.strategies]
        assert circle.known == {name: every.count(name) for name in every}
        assert list(seats) == [one.name for one in seats.values()]


def test_single_commits_are_forgotten() -> None:
    road = Ring()
    positions = (Position("t", 0, 5, "", 2), Position("t", 1, 6))
    assert road.ask(CommitOffsets("g", positions)) == Done()
    assert road.ask(rounds.ForgetOffsets("g", (("t", 0), ("t", 3)))) == Done()
    assert [part.offset for part in road.described().parts] == [-1, 6, -1, -1]
    assert road.why(rounds.ForgetOffsets("g", (("t", 9),))) == Why.NO_SUCH_PARTITION
    assert road.why(rounds.ForgetOffsets("h", (("t", 0),))) == Why.NO_SUCH_GROUP
    road.enter("a")
    assert road.why(rounds.ForgetOffsets("g", (("t", 1),))) == Why.GROUP_IN_USE
    road.check()


def test_groups_are_listed_with_their_states() -> None:
    road, _, _ = pair()
    road.ask(CommitOffsets("idle", (Position("t", 0, 5),)))
    road.ask(groups.JoinGroup("shared", "m", ("t",)))
    listed = road.ask(rounds.ListGroupStates())
    assert isinstance(listed, rounds.GroupStatesListed)
    assert [(one.group, one.state, one.kind) for one in listed.groups] == [
        ("g", "Stable", "consumer"),
        ("idle", "Empty", ""),
        ("shared", "Stable", ""),
    ]
    only = road.ask(rounds.ListGroupStates(states=("Empty",)))
    assert isinstance(only, rounds.GroupStatesListed)
    assert [one.group for one in only.groups] == ["idle"]


def test_whoever_waits_is_told_when_the_process_stops() -> None:
    road, _, _ = pair()
    third = road.enter("c")
    answers = road.core.stop_waiting()
    assert [(one.ask.number, one.reply) for one in answers] == [(third, rounds_again())]


def test_the_last_place_of_a_group_is_for_whom_it_was_named(monkeypatch: Any) -> None:
    monkeypatch.setattr(rules, "GROUP_MEMBERS_MAX", 1)
    road = Ring()
    named = road.told_of(road.enter("a", named_first=True))
    assert isinstance(named, MemberNamed)
    assert road.why_of(road.enter("b", named_first=True)) == Why.TOO_MANY
    assert road.entered(road.enter("a", member=named.member)).member == named.member
