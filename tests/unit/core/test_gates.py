"""Consumers that cannot be given anything are put aside, cost nothing, and are not forgotten."""

import random

import pytest

from postroad.core.decision import Step
from postroad.model import commands
from postroad.model.commands import Attach, CountArrived, Detach, GrantCredit, SetPool
from postroad.model.message import Delivery
from postroad.model.replies import Received
from tests.sim.overlooked import overlooked
from tests.unit.core.road import Road

MANY = 50


def pushed(r: Road) -> list[Delivery]:
    """What was pushed since the last look."""
    found = [one for _, reply in r.told if isinstance(reply, Received) for one in reply.messages]
    r.told.clear()
    return found


def crowd(r: Road, limit: int | None = 1) -> None:
    """Many queues with a message each, and a consumer of each in one pool."""
    r.ask(SetPool(1, limit))
    for number in range(MANY):
        r.declare(f"q{number}")
        r.publish(b"%d" % number, to=(f"q{number}",))
        r.ask(Attach(f"q{number}", number, 10, pool=1))


def test_an_ack_in_a_full_pool_looks_at_one_of_those_that_wait_for_it() -> None:
    r = Road()
    crowd(r)
    held = pushed(r)
    for number in range(1, MANY):
        [message] = held
        ask = r.ask_of(
            r.caller,
            commands.Settle(
                f"q{number - 1}", [message.offset], [message.lease], [message.delivery_count]
            ),
        )
        step = r.core.handle(ask, r.now)
        assert isinstance(step, Step)
        assert len(r.core.demand.stirred) <= 2, "its own queue, and that of who is next"
        r.take(step)
        r.pump()
        held = pushed(r)
        assert [one.body for one in held] == [b"%d" % number], "who waited longest is next"
    assert not r.core.demand.open


def test_who_has_no_credit_left_is_put_aside_until_it_has() -> None:
    r = Road()
    r.declare()
    r.fill(2 * MANY)
    for number in range(MANY):
        r.ask(Attach("q", number, 1))
    ring = r.core.demand.consumers[r.queue().id]
    held = pushed(r)
    assert (len(held), len(ring.ready[0])) == (MANY, 0)
    r.settle(held[7:8])
    assert [one.consumer for _, one in r.told if isinstance(one, Received)] == [7]
    pushed(r)
    r.ask(GrantCredit(9, 2))
    assert [one.consumer for _, one in r.told if isinstance(one, Received)] == [9]
    assert len(ring.ready[0]) == 0


def test_where_who_waited_longest_wants_nothing_any_more_the_next_has_its_turn() -> None:
    r = Road()
    crowd(r)
    held = pushed(r)
    for number in range(1, MANY - 2):
        r.ask(commands.PurgeQueue(f"q{number}"))
    r.ask(Detach(MANY - 2))
    r.settle(held)
    assert [one.body for one in pushed(r)] == [b"%d" % (MANY - 1)]


def test_a_pool_that_loses_its_limit_lets_everybody_in() -> None:
    r = Road()
    crowd(r)
    pushed(r)
    r.ask(SetPool(1, None))
    r.pump()
    assert len(pushed(r)) == MANY - 1


def test_those_with_windows_of_their_own_are_let_in_as_these_have_room() -> None:
    r = Road()
    for name, window in (("a", 10), ("b", 50_000), ("c", 50_000)):
        r.declare(name)
        r.ask(Attach(name, ord(name), 100, window_bytes=window))
    r.publish(b"x" * 60_000, to=("b",))
    for name in "abc":
        r.publish(name.encode(), to=(name,))
    assert [one.body[:1] for one in pushed(r)] == [b"x"]
    r.ask(CountArrived(50_000))
    assert [one.body for one in pushed(r)] == [b"b", b"c"]
    r.ask(CountArrived(100_000))
    assert [one.body for one in pushed(r)] == [b"a"]


def any_consumer(rng: random.Random, name: str, number: int) -> Attach:
    return Attach(
        name,
        number,
        rng.randint(0, 3),
        leased=rng.random() < 0.8,
        priority=rng.choice((0, 0, 3)),
        pool=rng.choice((0, 1, 2)),
        window_bytes=rng.choice((0, 40, 90)),
    )


@pytest.mark.parametrize("seed", range(25))
def test_nobody_who_may_be_given_something_is_forgotten(seed: int) -> None:
    rng = random.Random(seed)
    r = Road()
    names = [f"q{number}" for number in range(4)]
    for name in names:
        r.declare(name)
    callers = [r.connect(10), r.connect(11)]
    held: list[Delivery] = []
    number = 0
    for _ in range(150):
        name, caller = rng.choice(names), rng.choice(callers)
        match rng.randrange(9):
            case 0 | 1:
                r.publish(*[b"x" * rng.choice((1, 60))] * rng.randint(1, 4), to=(name,))
            case 2:
                number += 1
                r.ask(any_consumer(rng, name, number), caller)
            case 3:
                r.ask(SetPool(rng.choice((1, 2)), rng.choice((0, 1, 2, None))), caller)
            case 4:
                r.ask(GrantCredit(rng.randint(1, number + 1), rng.randint(0, 2)), caller)
            case 5:
                r.ask(CountArrived(rng.randint(0, 80)), caller)
            case 6 if rng.random() < 0.3:
                r.ask(Detach(rng.randint(1, number + 1)), caller)
            case _:
                rng.shuffle(held)
                for message in [held.pop() for _ in range(min(len(held), 2))]:
                    r.settle([message], rng.choice((commands.ACK, commands.RELEASE)))
        held += [one for one in pushed(r) if one.lease]
        assert overlooked(r.core) == []
    assert number > 5
    r.check()
