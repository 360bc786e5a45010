"""What may be on its way to consumers in bytes: pushes end, windows fill, and order is kept."""

import random

import pytest

from postroad.core.together import leasing_of
from postroad.limits import BLOCK_BYTES, MESSAGE_BYTES_MAX, PUSH_BYTES, RECEIVE_BYTES
from postroad.model.ask import Ask, Caller
from postroad.model.commands import Attach, CountArrived, Detach, GrantCredit, Receive
from postroad.model.lists import LEFT, RIGHT, ListPush
from postroad.model.message import Delivery
from postroad.model.replies import Done, Received, Refused, Why
from tests.unit.core.road import Road

LARGE = BLOCK_BYTES + 1
"""A body that has a block of its own."""


def road(*names: str, **settings: object) -> Road:
    r = Road()
    for name in names or ("q",):
        r.declare(name, **settings)
    return r


def large(r: Road, *numbers: int, to: str = "q", size: int = LARGE) -> None:
    for number in numbers:
        r.publish((b"%d " % number).ljust(size, b"x"), to=(to,))


def pushes(r: Road, *consumers: int) -> list[Received]:
    """What was pushed to the consumers, all of them where none is named."""
    found = [one for _, one in r.told if isinstance(one, Received) and one.consumer]
    return [one for one in found if not consumers or one.consumer in consumers]


def numbers(r: Road, *consumers: int) -> list[int]:
    return [int(one.body.split()[0]) for push in pushes(r, *consumers) for one in push.messages]


@pytest.mark.parametrize("leased", [True, False])
def test_a_push_ends_when_it_is_a_megabyte_and_the_next_follows(leased: bool) -> None:
    r = road()
    large(r, *range(20))
    r.ask(Attach("q", 1, 100, leased=leased))
    whole = PUSH_BYTES // LARGE
    assert [len(push.messages) for push in pushes(r)] == [whole, whole, 20 - 2 * whole]
    assert numbers(r) == list(range(20))
    assert [push.pushed_bytes for push in pushes(r)] == [
        LARGE * len(push.messages) for push in pushes(r)
    ]
    r.check()


def test_a_message_that_is_larger_than_a_push_goes_alone() -> None:
    r = road()
    r.fill(1)
    large(r, 1, 2, size=2 * PUSH_BYTES)
    r.ask(Attach("q", 1, 100))
    assert [len(push.messages) for push in pushes(r)] == [1, 1, 1]
    r.check()


def test_small_messages_are_weighed_by_the_block_and_share_a_push() -> None:
    r = road()
    r.publish(*([b"x" * 10] * 50), heads=[b"head"] * 50)
    r.ask(Attach("q", 1, 100))
    assert [(len(push.messages), push.pushed_bytes) for push in pushes(r)] == [(50, 50 * 14)]


def test_messages_without_a_body_weigh_nothing() -> None:
    r = road()
    r.publish(b"", b"")
    large(r, 2)
    r.publish(b"")
    large(r, 4)
    r.ask(Attach("q", 1, 100, window_bytes=LARGE))
    assert [(len(push.messages), push.pushed_bytes) for push in pushes(r)] == [(4, LARGE)]


def test_a_list_is_pushed_from_its_end_a_window_at_a_time() -> None:
    r = road()
    for number in (1, 2, 3, 0):
        body = (b"%d " % number).ljust(LARGE, b"x")
        r.ask(ListPush("q", LEFT if number < 2 else RIGHT, (body,)))
    r.ask(Attach("q", 1, 100, window_bytes=2 * LARGE))
    assert numbers(r) == [3, 2]
    r.ask(CountArrived(2 * LARGE))
    assert numbers(r) == [3, 2, 1, 0]
    r.check()


@pytest.mark.parametrize("leased", [True, False])
def test_nothing_is_pushed_while_the_window_is_full(leased: bool) -> None:
    r = road()
    large(r, *range(9))
    r.ask(Attach("q", 1, 100, leased=leased, window_bytes=3 * LARGE))
    assert numbers(r) == [0, 1, 2]
    r.ask(GrantCredit(1, 50))
    assert numbers(r) == [0, 1, 2]
    assert r.ask(CountArrived(2 * LARGE)) == Done()
    assert numbers(r) == [0, 1, 2, 3, 4]
    r.ask(CountArrived(3 * LARGE))
    r.ask(CountArrived(3 * LARGE))
    assert numbers(r) == list(range(9))
    r.check()


def test_one_message_goes_though_it_is_larger_than_the_window() -> None:
    r = road()
    large(r, 0, 1)
    r.ask(Attach("q", 1, 100, window_bytes=1))
    assert numbers(r) == [0]
    r.ask(CountArrived(LARGE - 1))
    assert numbers(r) == [0]
    r.ask(CountArrived(1))
    assert numbers(r) == [0, 1]


def test_consumers_of_a_caller_share_what_is_on_its_way_and_others_do_not() -> None:
    r = road("q", "p")
    large(r, 0, 1, 2)
    large(r, 10, 11, 12, to="p")
    r.ask(Attach("q", 1, 100, window_bytes=2 * LARGE))
    r.ask(Attach("p", 2, 100, window_bytes=2 * LARGE))
    assert numbers(r) == [0, 1]
    r.ask(Attach("p", 3, 1))
    assert numbers(r, 3) == [10]
    r.ask(Attach("p", 1, 1, window_bytes=1), r.connect(2))
    assert numbers(r)[-1] == 11


def test_queues_take_turns_at_a_window() -> None:
    r = road("q", "p", "o")
    for number, name in enumerate(("q", "p", "o"), 1):
        large(r, *range(12), to=name)
        r.ask(Attach(name, number, 100, window_bytes=2 * LARGE))
    for _ in range(9):
        r.ask(CountArrived(2 * LARGE))
    served = [len(numbers(r, number)) for number in (1, 2, 3)]
    assert max(served) - min(served) <= 2


def test_a_consumer_whose_window_is_full_is_passed_over() -> None:
    r = road()
    r.ask(Attach("q", 1, 100, priority=5, window_bytes=LARGE))
    r.ask(Attach("q", 2, 100))
    large(r, 0, 1, 2)
    assert (numbers(r, 1), numbers(r, 2)) == ([0], [1, 2])


def test_what_was_on_the_way_counts_when_its_consumer_is_detached() -> None:
    r = road()
    large(r, 0, 1, 2)
    r.ask(Attach("q", 1, 100, leased=False, window_bytes=LARGE))
    r.ask(Detach(1))
    r.ask(Attach("q", 2, 100, leased=False, window_bytes=LARGE))
    assert numbers(r) == [0]
    r.ask(CountArrived(LARGE))
    assert numbers(r) == [0, 1]
    r.ask(Detach(2))
    r.ask(CountArrived(LARGE))
    assert not r.core.demand.sessions, "nothing is left to remember"


def test_more_than_was_on_the_way_cannot_arrive() -> None:
    r = road()
    large(r, 0, 1)
    assert r.ask(CountArrived(1 << 40)) == Done()
    r.ask(Attach("q", 1, 100, window_bytes=LARGE))
    r.ask(CountArrived(1 << 40))
    assert numbers(r) == [0, 1]
    refused = r.ask(CountArrived(-1))
    assert isinstance(refused, Refused)
    assert refused.why is Why.BAD_COMMAND
    refused = r.ask(Attach("q", 2, 100, window_bytes=-1))
    assert isinstance(refused, Refused)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"kind": "fifo"},
        {"kind": "priority"},
        {"key_leased_max": 2},
        {"key_per_second": 3},
        {"kind": "fifo", "key_per_second": 3},
    ],
    ids=str,
)
def test_where_a_push_ends_changes_nothing_of_who_is_next(
    settings: dict[str, object], seed: int
) -> None:
    rng = random.Random(seed)
    narrow, wide = road(**settings), road(**settings)
    for at in range(30):
        body = (b"%d " % at).ljust(rng.choice((10, 10, LARGE, 3 * LARGE)), b"x")
        key = rng.choice((None, "a", "b", "c")) if "kind" not in settings else rng.choice("abc")
        level = rng.choice((0, 1, 9))
        for r in (narrow, wide):
            r.publish(body, keys=[key], priorities=[level])
    held: list[tuple[Delivery, Delivery]] = []
    on_way = seen = 0

    def mirror() -> None:
        """Who asks for as many as were pushed is given the same."""
        nonlocal on_way, seen
        for push in pushes(narrow)[seen:]:
            seen += 1
            on_way += push.pushed_bytes
            same = wide.receive(count=len(push.messages), lease_ms=60_000)
            assert [one.offset for one in push.messages] == [one.offset for one in same]
            held.extend(zip(push.messages, same, strict=True))

    narrow.ask(Attach("q", 1, 7, window_bytes=rng.choice((1, 2 * LARGE, 5 * LARGE))))
    mirror()
    while sum(narrow.counts()):
        if on_way and rng.random() < 0.5:
            narrow.ask(CountArrived(on_way))
            on_way = 0
        elif held and rng.random() < 0.7:
            one, other = held.pop(rng.randrange(len(held)))
            wide.settle([other])
            narrow.settle([one])
        else:
            wide.wait(350)
            narrow.wait(350)
        mirror()
    assert seen
    narrow.check()


def test_a_receive_has_no_more_bytes_than_one_reply_may() -> None:
    r = road()
    whole = RECEIVE_BYTES // MESSAGE_BYTES_MAX
    large(r, *range(whole + 1), size=MESSAGE_BYTES_MAX)
    asks = [Ask(Caller(number, lambda *_: None), 1, Receive("q", 1)) for number in (4, 5)]
    assert leasing_of(r.core.world, r.core.demand, asks, r.now) is not None
    asks = [Ask(one.caller, 1, Receive("q", whole)) for one in asks[:1]]
    assert leasing_of(r.core.world, r.core.demand, asks, r.now) is not None
    asks = [Ask(one.caller, 1, Receive("q", whole + 1)) for one in asks]
    assert leasing_of(r.core.world, r.core.demand, asks, r.now) is None
    assert len(r.receive(count=10)) == whole
    assert len(r.receive(count=10)) == 1


def test_weights_survive_a_checkpoint() -> None:
    r = road()
    large(r, 0, 1)
    r.fill(3)
    rows = r.cut()
    r.restart(2, rows, len(r.steps))
    r.ask(Attach("q", 1, 100, window_bytes=LARGE))
    assert [push.pushed_bytes for push in pushes(r)] == [LARGE]
