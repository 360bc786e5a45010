"""Delivery tags of a channel: kept in columns, against a dictionary of them."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from postroad.limits import AMQP_STRETCH_TAGS
from postroad.model.message import Delivery
from postroad.protocols.amqp.unacked import Source, Taking, Unacked

NOW_MS = 1_000


def deliveries(first: int, count: int, lease: int = 1) -> list[Delivery]:
    return [Delivery(7, first + at, lease, 1, 0, 0, b"") for at in range(count)]


def tags_of(taking: Taking) -> list[int]:
    return [tag for part in taking.parts for tag in part.tags]


def offsets_of(taking: Taking) -> list[int]:
    """In the order of the tags."""
    pairs = [pair for part in taking.parts for pair in zip(part.tags, part.offsets, strict=True)]
    return [offset for _, offset in sorted(pairs)]


def test_tags_of_a_channel_follow_one_another_whoever_consumes() -> None:
    unacked = Unacked()
    one, other = Source(1, "a"), Source(2, "b")
    assert unacked.add(one, deliveries(0, 3), NOW_MS) == 1
    assert unacked.skip(2) == 4
    assert unacked.add(other, deliveries(0, 1), NOW_MS) == 6
    taking = unacked.take([3, 6], [True, False], False)
    assert [(part.source.queue, part.tags.tolist()) for part in taking.parts] == [
        ("a", [1, 2, 3]),
        ("b", [6]),
    ]
    assert unacked.count == 0


def test_a_tag_is_settled_once() -> None:
    unacked = Unacked()
    unacked.add(Source(1, "a"), deliveries(0, 3), NOW_MS)
    assert unacked.take([2, 2, 3], [False] * 3, False).unknown == 2
    assert unacked.take([1], [False], False).unknown == -1
    assert unacked.take([2], [True], False).unknown == 2
    assert unacked.take([4], [True], False).unknown == 4
    assert tags_of(unacked.take([0], [True], False)) == [3]
    assert unacked.take([0], [True], False).unknown == -1


def test_a_tag_that_was_settled_settles_nothing_before_it() -> None:
    unacked = Unacked()
    unacked.add(Source(1, "a"), deliveries(0, 3), NOW_MS)
    unacked.take([2], [False], False)
    taking = unacked.take([2], [True], False)
    assert (taking.unknown, tags_of(taking)) == (2, [])
    assert unacked.count == 2


def test_what_is_held_can_be_put_back() -> None:
    unacked = Unacked()
    unacked.add(Source(1, "a"), deliveries(0, 4), NOW_MS)
    held = unacked.take([2], [True], True)
    assert unacked.count == 4
    assert unacked.take([1], [False], False).unknown == 1
    unacked.put_back(held)
    held = unacked.take([1, 3], [False, False], True)
    unacked.let_go(held)
    assert unacked.count == 2
    assert tags_of(unacked.take([0], [True], False)) == [2, 4]


def test_many_are_few_stretches_and_leave_nothing() -> None:
    unacked = Unacked()
    source = Source(1, "a")
    page = deliveries(0, 1_000)
    for _ in range(200):
        unacked.add(source, page, NOW_MS)
    assert unacked.count == 200_000
    assert len(unacked._stretches) <= 200_000 // AMQP_STRETCH_TAGS + 1
    # All but the first of each thousand: what is in the middle goes too.
    for first in range(0, 200_000, 1_000):
        tags = range(first + 2, first + 1_001)
        unacked.take(list(tags), [False] * len(tags), False)
    assert unacked.count == 200
    unacked.take([0], [True], False)
    assert not unacked._stretches


def test_a_delivery_is_overdue_when_its_own_time_is_over() -> None:
    unacked = Unacked()
    slow, quick = Source(1, "a", timeout_ms=60_000), Source(2, "b", timeout_ms=5_000)
    unacked.add(slow, deliveries(0, 1), NOW_MS)
    unacked.add(quick, deliveries(0, 1), NOW_MS + 10)
    assert unacked.overdue(NOW_MS + 5_010) is None
    assert unacked.overdue(NOW_MS + 5_011) is quick
    unacked.take([2], [False], False)
    assert unacked.overdue(NOW_MS + 60_010) is None
    assert unacked.overdue(NOW_MS + 60_011) is slow
    assert Unacked().overdue(10**12) is None


def test_one_that_may_take_for_ever_is_never_overdue() -> None:
    unacked = Unacked()
    unacked.add(Source(1, "a"), deliveries(0, 1), NOW_MS)
    assert unacked.overdue(10**12) is None


steps = some.lists(
    some.one_of(
        some.tuples(
            some.just("add"), some.integers(1, 3), some.integers(1, 6), some.integers(0, 700)
        ),
        some.tuples(some.just("skip"), some.integers(1, 300)),
        some.tuples(some.just("take"), some.integers(0, 60), some.booleans()),
        some.tuples(some.just("hold"), some.integers(0, 60), some.booleans()),
        some.tuples(some.just("row"), some.integers(1, 60), some.integers(1, 8)),
        some.tuples(some.just("end"), some.booleans()),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(steps)
def test_columns_say_what_a_dictionary_says(plan: list[Any]) -> None:
    unacked = Unacked()
    sources = {number: Source(number, str(number)) for number in (1, 2, 3)}
    known: dict[int, tuple[int, int]] = {}
    held: list[tuple[Taking, dict[int, tuple[int, int]]]] = []
    now_ms = offset = 0
    for step in plan:
        if step[0] == "add":
            _, number, count, ms = step
            now_ms += ms
            first = unacked.add(sources[number], deliveries(offset, count), now_ms)
            known |= {first + at: (number, offset + at) for at in range(count)}
            offset += count
        elif step[0] == "skip":
            unacked.skip(step[1])
        elif step[0] == "row":
            row = list(range(step[1], step[1] + step[2]))
            wrong = next((one for one in row if one not in known), -1)
            taking = unacked.take(row, [False] * len(row), False)
            assert taking.unknown == wrong
            gone_now = row if wrong < 0 else row[: row.index(wrong)]
            assert [known.pop(one)[1] for one in gone_now] == offsets_of(taking)
        elif step[0] == "end":
            for taking, gone in held:
                if step[1]:
                    unacked.let_go(taking)
                else:
                    unacked.put_back(taking)
                    known |= gone
            held.clear()
        else:
            what, tag, multiple = step
            is_known = tag in known or not tag
            meant = [
                one
                for one in known
                if is_known and (one == tag or (multiple and (one < tag or not tag)))
            ]
            taking = unacked.take([tag], [multiple], what == "hold")
            assert (taking.unknown == -1) == (bool(meant) or (multiple and not tag))
            found = {
                one: (part.source.number, at)
                for part in taking.parts
                for one, at in zip(part.tags, part.offsets, strict=True)
            }
            assert found == {one: known.pop(one) for one in meant}
            if what == "hold":
                held.append((taking, found))
        assert unacked.count == len(known) + sum(len(gone) for _, gone in held)
