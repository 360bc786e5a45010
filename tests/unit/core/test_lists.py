"""A queue seen as a list: both ends, and what lies between."""

from collections.abc import Sequence

import pytest

from postroad.core.list_lane import ListLane
from postroad.model import commands
from postroad.model.lists import (
    LEFT,
    RIGHT,
    ListInsert,
    ListLength,
    ListPosition,
    ListPositions,
    ListRemove,
    ListRemoved,
    ListSet,
    ListTrim,
)
from postroad.model.replies import Done, Refused
from tests.unit.core.list_road import Lists, letters
from tests.unit.core.road import bodies_of


@pytest.fixture
def r() -> Lists:
    return Lists()


def test_a_list_is_read_from_left_to_right_whichever_end_was_pushed_first(r: Lists) -> None:
    for first, second in ((LEFT, RIGHT), (RIGHT, LEFT)):
        assert r.push(first, b"a", b"b") == 2
        assert r.push(second, b"c") == 3
        assert r.push(first, b"d") == 4
        wanted = letters("dbac") if first == LEFT else letters("cabd")
        assert r.all() == wanted
        assert r.all(first=-2) == wanted[-2:]
        assert r.all(first=1, last=2) == wanted[1:3]
        assert r.pop(LEFT) + r.pop(RIGHT, 2) == [wanted[0], wanted[3], wanted[2]]
        r.check()
        assert r.pop(LEFT, 9) == [wanted[1]]
        assert "l" not in r.state.by_name, "made by a push, gone when it is empty"
        r.check()


def test_a_pushed_message_is_a_message_like_any_other(r: Lists) -> None:
    r.declare("l")
    r.publish(b"a", to=("l",))
    assert r.push(LEFT, b"b") == 2
    assert r.push(RIGHT, b"c") == 3
    r.publish(b"d", to=("l",))
    # The first push was at the left: what is published comes there too.
    assert r.all() == letters("dbac")
    held = r.receive("l", 2)
    assert bodies_of(held) == letters("ca"), "as a pop from the right"
    assert r.all() == letters("db")
    assert not r.settle(held[:1], commands.RELEASE)
    assert r.all() == letters("dbc"), "what is released is back in its place"
    r.check()
    assert not r.settle(held[1:])
    assert r.pop(RIGHT, 3) == letters("cbd")
    assert r.counts("l") == (0, 0, 0, 0), "it was declared, and stays"


def test_who_takes_first_from_a_queue_takes_the_oldest_from_either_end(r: Lists) -> None:
    for end in (LEFT, RIGHT):
        r.declare(end)
        r.publish(b"a", b"b", b"c", to=(end,))
        assert r.pop(end, of=end) == [b"a"]
        assert r.pop(end, 2, of=end) == [b"b", b"c"]


def test_a_front_lane_goes_over_many_pages(r: Lists) -> None:
    count = 9_000
    numbers = [b"%d" % one for one in range(count)]
    r.push(RIGHT, b"first")
    r.push(LEFT, *numbers)
    r.push(RIGHT, *numbers)
    order = [*reversed(numbers), b"first", *numbers]
    assert r.all() == order
    assert r.all(first=8_990, last=9_010) == order[8_990:9_011]
    assert r.all(first=-4_200, last=-4_190) == order[-4_200:-4_189]
    r.check()
    assert r.pop(RIGHT, 5_000) == order[:-5_001:-1]
    order = order[:-5_000]
    assert bodies_of(r.receive("l", 6_000)) == order[:6_000]
    assert r.pop(LEFT, 10_000) == order[6_000:]
    r.check()


def test_messages_are_put_in_between_and_in_the_place_of_others(r: Lists) -> None:
    for first, second in ((LEFT, RIGHT), (RIGHT, LEFT)):
        r.push(first, b"b")
        r.push(second, b"d")
        wanted = letters("bd") if first == LEFT else letters("db")
        assert r.all() == wanted
        assert r.ask(ListInsert("l", b"b", b"x")) == ListLength(3)
        wanted.insert(wanted.index(b"b"), b"x")
        assert r.ask(ListInsert("l", b"d", b"y", before=False)) == ListLength(4)
        wanted.insert(wanted.index(b"d") + 1, b"y")
        assert r.ask(ListInsert("l", b"x", b"z", before=False)) == ListLength(5)
        wanted.insert(wanted.index(b"x") + 1, b"z")
        assert r.ask(ListInsert("l", b"?", b"z")) == ListLength(-1)
        assert r.all() == wanted
        for at in (0, -1, 2):
            assert r.ask(ListSet("l", at, b"s%d" % at)) == Done()
            wanted[at] = b"s%d" % at
        assert r.all() == wanted
        r.check()
        assert r.pop(LEFT, 2) + r.pop(RIGHT, 9) == wanted[:2] + wanted[:1:-1]
        r.check()


def test_one_may_insert_in_one_place_for_ever(r: Lists) -> None:
    r.push(RIGHT, b"a", b"z")
    wanted = [b"a", b"z"]
    for at in range(300):
        body = b"%d" % at
        pivot = wanted[-2] if at % 3 else b"z"
        before = at % 2 == 0
        assert r.ask(ListInsert("l", pivot, body, before)) == ListLength(len(wanted) + 1)
        wanted.insert(wanted.index(pivot) + (not before), body)
    assert r.all() == wanted
    r.check()
    lane = r.queue("l").pages.lanes
    assert isinstance(lane, ListLane)
    assert len(lane.keys) == 300


def test_a_held_message_comes_back_between_those_put_in_around_it(r: Lists) -> None:
    r.push(RIGHT, b"a", b"b", b"c")
    held = r.receive("l", 2)
    assert r.ask(ListInsert("l", b"c", b"x")) == ListLength(2)
    assert r.ask(ListSet("l", 0, b"y")) == Done()
    r.settle(held, commands.RELEASE)
    assert r.all() == letters("abyc")
    held = r.receive("l", 3)
    r.wait(30_000)
    assert r.all() == letters("abyc")
    r.check()


def test_equal_messages_are_removed_from_either_side_or_all(r: Lists) -> None:
    for first in (LEFT, RIGHT):
        r.push(first, *letters("abacada" if first == RIGHT else "adacaba"))
        assert r.ask(ListRemove("l", b"a", 1)) == ListRemoved(1)
        assert r.all() == letters("bacada")
        assert r.ask(ListRemove("l", b"a", -2)) == ListRemoved(2)
        assert r.all() == letters("bacd")
        assert r.ask(ListRemove("l", b"a")) == ListRemoved(1)
        assert r.ask(ListRemove("l", b"a")) == ListRemoved(0)
        assert r.all() == letters("bcd")
        r.check()
        assert r.ask(ListTrim("l", 9, 10)) == ListRemoved(3)
        assert "l" not in r.state.by_name


def test_a_list_is_trimmed_to_a_range(r: Lists) -> None:
    r.push(RIGHT, *letters("cdef"))
    r.push(LEFT, *letters("ba"))
    assert r.ask(ListTrim("l", 0, -1)) == ListRemoved(0)
    assert r.ask(ListTrim("l", 1, -2)) == ListRemoved(2)
    assert r.all() == letters("bcde")
    assert r.ask(ListTrim("l", 2, 2)) == ListRemoved(3)
    assert r.all() == [b"d"]
    r.check()


def test_a_body_is_found_by_its_rank(r: Lists) -> None:
    r.push(LEFT, *reversed(letters("abcabcabc")))

    def positions(rank: int = 1, count: int = 1, looked_max: int = 0) -> Sequence[int]:
        found = r.ask(ListPosition("l", b"b", rank, count, looked_max))
        assert isinstance(found, ListPositions), found
        return found.positions

    assert positions() == (1,)
    assert positions(rank=2) == (4,)
    assert positions(rank=-1) == (7,)
    assert positions(count=0) == (1, 4, 7)
    assert positions(rank=-2, count=0) == (4, 1)
    assert positions(count=2, rank=2) == (4, 7)
    assert positions(count=0, looked_max=5) == (1, 4)
    assert positions(rank=4) == ()
    assert isinstance(r.ask(ListPosition("l", b"b", rank=0)), Refused)


def test_a_move_takes_from_one_end_and_puts_at_another_in_one_step(r: Lists) -> None:
    r.push(LEFT, *letters("abc"))
    steps = len(r.steps)
    assert r.move("right left") == [b"a"]
    assert len(r.steps) == steps + 1
    assert r.move("right left") == [b"b"]
    assert r.move("right right") == [b"c"]
    assert "l" not in r.state.by_name
    assert r.all("m") == letters("bac")
    assert r.move("right left") == []
    r.check()


def test_a_list_is_turned_round_by_moves_to_itself(r: Lists) -> None:
    r.push(RIGHT, *letters("abc"))
    assert r.move("right left", target="l") == [b"c"]
    assert r.all() == letters("cab")
    assert r.move("left right", target="l") == [b"c"]
    assert r.all() == letters("abc")
    for _ in range(4):
        r.move("left right", target="l")
    assert r.all() == letters("bca")
    r.check()
