"""A walk through a list may begin anywhere: what is passed over is counted, not looked at."""

import random
from collections.abc import Iterator
from itertools import islice

import pytest

from postroad.core.bits import PAGE, bits_of
from postroad.core.list_lane import ListLane
from postroad.core.page import Page
from postroad.model import commands
from postroad.model.lists import (
    LEFT,
    RIGHT,
    ListInsert,
    ListLength,
    ListPop,
    ListRemoved,
    ListSet,
    ListTrim,
)
from tests.unit.core.list_road import Lists


def walked(lane: ListLane, back: bool, skip: int) -> Iterator[int]:
    for page, mask, down in lane.walk(back, skip):
        slots = bits_of(mask)
        yield from (page.base + slot for slot in (reversed(list(slots)) if down else slots))


def offsets(lane: ListLane, back: bool, skip: int) -> list[int]:
    return list(walked(lane, back, skip))


def lane_of(r: Lists) -> ListLane:
    lane = r.queue("l").pages.lanes
    assert isinstance(lane, ListLane)
    return lane


def bodies(first: int, count: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, first + count)]


def mixed(r: Lists, chance: random.Random) -> None:
    """A list of three pages with a front lane, holes, and places in the middle of all kinds."""
    r.declare("l")
    r.push(RIGHT, *bodies(0, 4_000))
    r.push(LEFT, *bodies(4_000, 4_500))
    r.push(RIGHT, *bodies(8_500, 500))
    taken = r.receive("l", 300)
    last = b"0"
    for number in range(150):
        where = chance.randrange(r.queue("l").pages.ready)
        if chance.random() < 0.3:
            r.ask(ListSet("l", where, b"s%d" % number))
        else:
            pivot = last if chance.random() < 0.5 else r.all("l", where, where)[0]
            last = b"i%d" % number
            told = r.ask(ListInsert("l", pivot, last, chance.random() < 0.5))
            assert isinstance(told, ListLength)
            assert told.length > 0
    for end in (LEFT, RIGHT):
        r.ask(ListPop(("l",), end, 7))
    r.settle(taken[:100], commands.RELEASE)
    r.receive("l", 40)


@pytest.mark.parametrize("seed", range(3))
def test_a_walk_may_begin_at_any_place_from_either_end(seed: int) -> None:
    r = Lists()
    chance = random.Random(seed)
    mixed(r, chance)
    lane = lane_of(r)
    size = r.queue("l").pages.ready
    assert len(lane.open) > 90
    for back in (False, True):
        whole = offsets(lane, back, 0)
        assert len(set(whole)) == len(whole) == size
        near = [
            whole.index(lane.offsets[key]) + step for key in lane.open for step in (-1, 0, 1, 2)
        ]
        for skip in {0, size - 1, size, size + 5, *near, *range(0, size, 997)}:
            if skip >= 0:
                assert list(islice(walked(lane, back, skip), 5)) == whole[skip : skip + 5]
        for skip in chance.sample(near, 10):
            assert offsets(lane, back, max(0, skip)) == whole[max(0, skip) :]
    r.check()


def test_any_index_and_any_range_is_found_among_places_in_the_middle() -> None:
    r = Lists()
    chance = random.Random(7)
    mixed(r, chance)
    size = r.queue("l").pages.ready
    whole = r.all()
    for _ in range(200):
        first = chance.randrange(size)
        last = min(size - 1, first + chance.choice((0, 0, 1, 5, 300)))
        assert r.all("l", first, last) == whole[first : last + 1]
        assert r.all("l", first - size, last - size) == whole[first : last + 1]


def test_a_list_of_nothing_but_places_in_the_middle_has_indexes_too() -> None:
    r = Lists()
    r.declare("l")
    r.push(RIGHT, b"0", b"1")
    for number in range(2, 60):
        r.ask(ListInsert("l", b"0", b"%d" % number))
    r.ask(ListTrim("l", 0, -3))
    wanted = bodies(2, 58)
    assert len(lane_of(r).open) == len(wanted)
    assert r.all() == wanted
    for at, body in enumerate(wanted):
        assert r.all("l", at, at) == [body]
        assert r.all("l", at - 58, at - 58) == [body]


def sparse(chance: random.Random) -> ListLane:
    """A lane of a few messages on up to four pages, some of them in front, some in the middle."""
    pages = {number: Page(1, number) for number in chance.sample(range(5), chance.randint(1, 4))}
    lane = ListLane(pages)
    for page in pages.values():
        for _ in range(chance.choice((1, 3, 12))):
            page.live |= 1 << chance.choice((chance.randrange(PAGE), chance.randrange(8), PAGE - 1))
        page.ready = page.live
        if chance.random() < 0.4:
            lane.to_front(page, page.live & chance.getrandbits(PAGE))
        lane.load(page)
    lane.mend(0)
    places = [(page, slot) for page in pages.values() for slot in bits_of(page.live)]
    for page, slot in chance.sample(places, chance.randint(0, len(places))):
        beside = lane.key_of(*chance.choice(places))
        key = lane.key_beside(beside, chance.random() < 0.5)
        if key and not (page.front | page.mids) >> slot & 1:
            lane.put(page, slot, key)
        if chance.random() < 0.2:
            page.ready &= ~(1 << slot)
            lane.taken(page, 1 << slot)
    lane.check(0)
    return lane


def test_the_outer_messages_are_on_the_pages_that_have_any_of_them_and_on_no_other() -> None:
    for seed in range(300):
        lane = sparse(random.Random(seed))
        ready = [
            (lane.key_of(page, slot), page.number, slot)
            for page in lane.pages.values()
            for slot in bits_of(page.ready)
        ]
        for back in (False, True):
            ready.sort(reverse=back)
            for count in range(len(ready) + 4):
                wanted: dict[int, int] = {}
                for _, number, slot in ready[:count]:
                    wanted[number] = wanted.get(number, 0) | 1 << slot
                assert lane.outer(count, back) == wanted, (seed, back, count)


@pytest.mark.parametrize("end", [LEFT, RIGHT])
def test_a_trim_may_take_only_what_was_put_in_beside_an_end(end: str) -> None:
    r = Lists()
    r.declare("l")
    whole = bodies(0, PAGE + 404)
    r.push(RIGHT, *whole)
    r.ask(ListInsert("l", whole[0] if end == LEFT else whole[-1], b"new", before=end == LEFT))
    trim = ListTrim("l", 1, -1) if end == LEFT else ListTrim("l", 0, -2)
    assert r.ask(trim) == ListRemoved(1)
    assert r.all("l", 0, 1) + r.all("l", -2, -1) == whole[:2] + whole[-2:]
    r.check()
