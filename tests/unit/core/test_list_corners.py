"""Lists among everything else a queue can be: waits, settings, limits, restarts."""

import pytest

from postroad.core.bits import PAGE
from postroad.core.list_lane import ListLane
from postroad.model import commands, exchanges, kv, lists, topics
from postroad.model.batch import Batch, BatchDone
from postroad.model.lists import (
    LEFT,
    RIGHT,
    DescribeList,
    ListDescribed,
    ListInsert,
    ListLength,
    ListMove,
    ListPop,
    ListPush,
    ListRange,
    ListSet,
    ListTrim,
)
from postroad.model.replies import Done, Received, Refused, Why
from tests.unit.core.list_road import Lists, letters
from tests.unit.core.road import bodies_of


@pytest.fixture
def r() -> Lists:
    return Lists()


def test_who_waits_for_lists_is_served_in_order_of_arrival(r: Lists) -> None:
    others = [r.connect(number) for number in range(2, 6)]
    r.declare("l")
    asked: list[commands.Command] = [
        ListPop(("k", "l"), LEFT, wait_ms=1_000),
        commands.Receive("l", wait_ms=1_000),
        ListMove("l", "m", LEFT, LEFT, 1_000),
        ListPop(("l",), RIGHT, 2, 1_000),
    ]
    for other, command in zip(others, asked, strict=True):
        assert r.ask(command, other) is None
    r.push(RIGHT, *letters("abcde"))
    r.settle_down()
    assert r.told_to(2) == [b"a"]
    received = next(reply for one, reply in r.told if one == 3)
    assert isinstance(received, Received)
    assert bodies_of(received.messages) == [b"b"]
    assert r.told_to(4) == [b"c"]
    assert r.told_to(5) == letters("ed")
    assert r.all("m") == [b"c"]
    r.check()


def test_one_may_wait_for_a_list_that_is_not_there(r: Lists) -> None:
    other = r.connect(2)
    assert r.ask(ListPop(("k", "l"), RIGHT, wait_ms=500), other) is None
    assert r.ask(ListPop(("k",), RIGHT, wait_ms=500), other) is None
    assert r.push(LEFT, b"a", to="k") == 1
    assert r.told_to(1) == [b"a"]
    assert "k" not in r.state.by_name
    r.wait(500)
    assert r.told_to(2) == []
    assert not r.core.demand.lists
    assert not r.core.demand.sessions


def test_a_waiting_move_makes_its_target(r: Lists) -> None:
    assert r.ask(ListMove("l", "m", RIGHT, LEFT, 500), r.connect(2)) is None
    r.push(LEFT, b"a")
    r.settle_down()
    assert r.told_to(1) == [b"a"]
    assert r.all("m") == [b"a"]
    assert "l" not in r.state.by_name
    r.check()


def test_a_push_may_be_only_for_lists_that_are_there(r: Lists) -> None:
    assert r.ask(ListPush("l", LEFT, [b"a"], only_if_exists=True)) == ListLength(0)
    assert "l" not in r.state.by_name
    r.push(LEFT, b"a")
    assert r.ask(ListPush("l", LEFT, [b"b"], only_if_exists=True)) == ListLength(2)


def test_a_list_of_settings_or_in_use_stays_when_it_is_empty(r: Lists) -> None:
    for keep in ("declare", "change", "wait", "bind"):
        r.push(LEFT, b"a", to=keep)
        described = r.ask(DescribeList(keep))
        assert described == ListDescribed(1, LEFT, True)
    r.declare("declare")
    r.ask(commands.ChangeQueue("change", labels={"a": "b"}))
    assert len(r.receive("wait")) == 1
    waiting = r.connect(2)
    assert r.ask(commands.Receive("wait", wait_ms=1_000), waiting) is None
    r.ask(exchanges.DeclareExchange("x"))
    r.ask(exchanges.Bind("x", "bind"))
    for keep in ("declare", "change", "bind"):
        assert r.pop(LEFT, of=keep) == [b"a"]
    r.ask(commands.PurgeQueue("wait"))
    r.settle_down()
    assert "wait" in r.state.by_name, "somebody waits for it"
    r.core.forget(waiting)
    r.settle_down()
    assert "wait" not in r.state.by_name
    assert set(r.state.by_name) == {"declare", "change", "bind"}
    r.ask(exchanges.Unbind("x", "bind"))
    assert set(r.state.by_name) == {"declare", "change"}
    r.check()


def test_an_empty_list_takes_the_orientation_of_the_next_push(r: Lists) -> None:
    r.declare("l")
    r.push(LEFT, b"a")
    r.pop(LEFT)
    r.push(RIGHT, b"b")
    assert r.ask(DescribeList("l")) == ListDescribed(1, RIGHT, False)


def test_what_is_no_list_says_so(r: Lists) -> None:
    r.declare("fifo", kind="fifo")
    r.declare("levels", kind="priority")
    r.declare("fair")
    r.publish(b"a", to=("fair",), keys=["k"])
    r.declare("rated", key_per_second=5)
    r.declare("once", dedup_window_ms=1_000, dedup_by_content=True)
    r.ask(topics.DeclareTopic("topic"))
    for name in ("fifo", "levels", "fair", "rated", "topic"):
        for command in (
            ListPush(name, LEFT, [b"a"]),
            ListPop((name,), LEFT),
            ListMove(name, "m", LEFT, LEFT),
            ListRange(name),
            DescribeList(name),
            ListTrim(name, 0, 0),
        ):
            refused = r.ask(command)
            assert isinstance(refused, Refused), (name, refused)
            assert refused.why == Why.WRONG_KIND
    refused = r.ask(ListPush("once", LEFT, [b"a"]))
    assert isinstance(refused, Refused)
    assert refused.why == Why.WRONG_KIND
    r.push(LEFT, b"a")
    refused = r.ask(ListMove("l", "fifo", LEFT, LEFT))
    assert isinstance(refused, Refused)
    assert r.all() == [b"a"], "a refused move moves nothing"


def test_a_key_of_the_same_name_in_the_space_that_is_named_is_in_the_way(r: Lists) -> None:
    r.ask(kv.KvSet("0", [b"l"], [b"v"]))
    refused = r.ask(ListPush("l", LEFT, [b"a"], space="0"))
    assert isinstance(refused, Refused)
    assert refused.why == Why.WRONG_KIND
    assert r.ask(ListPush("l", LEFT, [b"a"])) == ListLength(1)
    assert isinstance(r.ask(ListRange("l", space="0")), Refused)


def test_keys_of_messages_are_kept_in_a_list_and_do_not_count(r: Lists) -> None:
    r.push(RIGHT, b"a")
    r.publish(b"b", b"c", to=("l",), keys=["k", "j"])
    assert r.all() == letters("abc")
    r.check()
    r.restart(2, r.cut(), len(r.steps))
    assert r.all() == letters("abc")
    r.check()


def test_a_full_list_refuses_pushes_and_moves_but_not_what_takes_a_place(r: Lists) -> None:
    r.declare("l", length_max=2)
    r.push(LEFT, b"a", b"b")
    r.push(LEFT, b"c", to="m")
    for command in (
        ListPush("l", RIGHT, [b"c"]),
        ListMove("m", "l", LEFT, RIGHT),
        ListInsert("l", b"a", b"c"),
    ):
        refused = r.ask(command)
        assert isinstance(refused, Refused)
        assert refused.why == Why.QUEUE_FULL
    assert r.ask(ListSet("l", 0, b"d")) == Done()
    assert r.move("left right", target="l") == [b"d"]
    assert r.all() == letters("ad")
    r.check()


def test_a_list_that_drops_the_oldest_drops_by_age(r: Lists) -> None:
    r.declare("l", length_max=2, overflow="drop-oldest")
    r.push(RIGHT, b"a", b"b")
    r.push(LEFT, b"c")
    assert r.all() == letters("cb")
    r.push(LEFT, b"x", to="m")
    r.move("left left", source="m", target="l")
    assert r.all() == letters("xc")
    r.check()


def test_a_delayed_push_comes_to_its_end_when_it_is_time(r: Lists) -> None:
    r.declare("l", delay_ms=100)
    assert r.push(RIGHT, b"a") == 0
    assert r.push(LEFT, b"b") == 0
    r.wait(100)
    assert r.all() == letters("ba")
    assert r.ask(ListInsert("l", b"a", b"x")) == ListLength(3)
    assert r.all() == letters("bxa")
    r.check()


def test_a_restart_finds_every_message_in_its_place(r: Lists) -> None:
    r.declare("l")
    r.push(LEFT, *letters("abc"))
    r.push(RIGHT, *letters("de"))
    r.ask(ListInsert("l", b"d", b"x"))
    r.ask(ListSet("l", 0, b"y"))
    held = r.receive("l", 3)
    wanted = r.all()
    rows, start = r.cut(), len(r.steps)
    r.ask(ListInsert("l", b"b", b"z"))
    wanted.insert(wanted.index(b"b"), b"z")
    for used in (({}, 0), (rows, start)):
        r.restart(r.core.world.epoch + 1, *used)
        assert r.all() == wanted
        r.check()
    r.settle(held, commands.RELEASE)
    assert r.all() == [*wanted, *reversed(bodies_of(held))]
    r.check()


def test_a_list_is_purged_and_begun_anew(r: Lists) -> None:
    r.declare("l")
    r.push(LEFT, *letters("abc"))
    r.push(RIGHT, *letters("de"))
    r.ask(ListInsert("l", b"d", b"x"))
    r.ask(commands.PurgeQueue("l"))
    assert r.all() == []
    r.push(RIGHT, *letters("fg"))
    r.push(LEFT, b"h")
    assert r.all() == letters("hfg")
    r.check()


def test_unsound_commands_of_lists_are_refused(r: Lists) -> None:
    for command in (
        ListPush("l", "top", [b"a"]),
        ListPush("l", LEFT, []),
        ListPush("l", LEFT, [b"a"], [b"", b""]),
        ListPush("l", LEFT, ["a"]),  # type: ignore[list-item]
        ListPush("", LEFT, [b"a"]),
        ListPop((), LEFT),
        ListPop(("l",), "top"),
        ListPop(("l",), LEFT, 0),
        ListMove("l", "m", LEFT, "top"),
        lists.ListRange("l", "0"),  # type: ignore[arg-type]
    ):
        assert isinstance(r.ask(command), Refused), command
    assert not r.state.by_name


def test_a_move_that_waited_is_refused_where_its_list_is_none(r: Lists) -> None:
    r.ask(ListMove("l", "m", LEFT, LEFT, wait_ms=10_000), r.connect(2))
    r.ask(ListMove("k", "m", LEFT, LEFT, wait_ms=10_000, space="s"), r.connect(3))
    r.declare("l", kind="priority")
    r.publish(b"a", to=("l",))
    r.ask(kv.KvSet("s", [b"k"], [b"1"]))
    r.push(LEFT, b"a", to="k")
    r.settle_down()
    for number in (1, 2):
        refused = next(reply for one, reply in r.told if one == number)
        assert isinstance(refused, Refused)
        assert refused.why == Why.WRONG_KIND
    r.check()


def test_a_batch_that_is_all_or_nothing_keeps_a_list_that_it_empties_and_fills(r: Lists) -> None:
    r.push(LEFT, b"a")
    [one] = r.receive("l")
    done = commands.Settle("l", [one.offset], [one.lease], [1], commands.ACK)
    again = commands.Publish(("l",), [b"b"])
    assert isinstance(r.ask(Batch((done, again), all_or_nothing=True)), BatchDone)
    assert r.all() == [b"b"]
    [one] = r.receive("l")
    done = commands.Settle("l", [one.offset], [one.lease], [1], commands.ACK)
    r.ask(Batch((done,), all_or_nothing=True))
    assert not r.state.by_name
    r.check()


def test_a_pop_does_not_wait_behind_a_receive_that_may_lease_no_more(r: Lists) -> None:
    r.declare("l", leased_max=1)
    r.push(RIGHT, *letters("abc"))
    r.receive("l", lease_ms=100_000)
    assert r.ask(commands.Receive("l", wait_ms=1_000), r.connect(2)) is None
    assert r.items(r.ask(ListPop(("l",), LEFT, wait_ms=5_000), r.connect(3))) == [b"b"]
    number = r.asked + 1
    assert r.ask(commands.Pop("l", wait_ms=5_000), r.connect(4)) is None
    r.wait(1_000)
    popped = next(reply for one, reply in r.told if one == number)
    assert isinstance(popped, Received), "who waits behind the one that left is looked at"
    assert bodies_of(popped.messages) == [b"c"]


def test_a_list_that_is_received_from_keeps_nothing_of_what_left(r: Lists) -> None:
    r.push(RIGHT, b"a")
    r.declare("l")
    for _ in range(3):
        r.publish(*[b"b"] * PAGE, to=("l",))
        r.ask(commands.Pop("l", PAGE))
    lane = r.queue("l").pages.lanes
    assert isinstance(lane, ListLane)
    assert lane.main == list(r.queue("l").pages.all)
    r.check()


@pytest.mark.parametrize("restarts", [False, True])
def test_a_queue_is_a_list_again_once_its_messages_with_keys_have_left(
    r: Lists, restarts: bool
) -> None:
    r.declare("l")
    r.publish(b"a", b"b", to=("l",), keys=["k", None])
    assert isinstance(r.ask(ListPush("l", LEFT, [b"c"])), Refused)
    r.ask(commands.Pop("l"))
    if restarts:
        r.restart(2, r.cut(), len(r.steps))
    r.push(RIGHT, b"c")
    r.publish(b"d", to=("l",), keys=["j"])
    assert r.all() == letters("bcd")
    page = r.queue("l").pages.all[0]
    assert page.key_number(3) == r.core.world.number_of("j")
    r.check()
