"""Consumers beside each other: pools, priorities, those that are alone, and whose queue goes."""

import pytest

from postroad.limits import POOLS_MAX
from postroad.model.ask import Caller
from postroad.model.commands import (
    RETRY,
    Attach,
    DeleteQueue,
    Detach,
    GrantCredit,
    SetPool,
)
from postroad.model.message import Delivery
from postroad.model.replies import Detached, Done, Received, Refused, Reply, Why
from tests.unit.core.road import Road


def road(*names: str, **settings: object) -> Road:
    r = Road()
    for name in names or ("q",):
        r.declare(name, **settings)
    return r


def why(reply: Reply | None) -> Why:
    assert isinstance(reply, Refused), reply
    return reply.why


def pushed(r: Road, consumer: int) -> list[Delivery]:
    return [
        message
        for _, reply in r.told
        if isinstance(reply, Received) and reply.consumer == consumer
        for message in reply.messages
    ]


def counts(r: Road, *consumers: int) -> list[int]:
    return [len(pushed(r, number)) for number in consumers]


def settle_all(r: Road, *consumers: int) -> None:
    """Settle what the consumers hold."""
    for number in consumers:
        for one in pushed(r, number):
            if r.state.queues[one.queue].leases.find(one.lease) is not None:
                r.settle([one])


def test_consumers_of_a_pool_have_no_more_leased_together_than_it_says() -> None:
    r = road("q", "p")
    assert r.ask(SetPool(1, 3)) == Done()
    r.ask(Attach("q", 1, 10, pool=1))
    r.ask(Attach("p", 2, 10, pool=1))
    r.ask(Attach("p", 3, 2))
    r.fill(2)
    r.fill(9, "p")
    assert counts(r, 1, 2, 3) == [2, 1, 2]
    r.settle(pushed(r, 1)[:1])
    assert counts(r, 1, 2, 3) == [2, 2, 2]
    r.check()


def test_a_pool_that_becomes_free_serves_the_queues_of_its_consumers_in_turn() -> None:
    r = road("q", "p", "o")
    r.ask(SetPool(1, 1))
    for number, name in enumerate(("q", "p", "o"), 1):
        r.fill(30, name)
        r.ask(Attach(name, number, 100, pool=1))
    for _ in range(7):
        settle_all(r, 1, 2, 3)
    served = counts(r, 1, 2, 3)
    assert max(served) - min(served) <= 2


def test_a_queue_that_is_fed_all_the_time_does_not_keep_others_of_the_pool_waiting() -> None:
    r = road("q", "p")
    r.ask(SetPool(1, 1))
    r.ask(Attach("q", 1, 100, pool=1))
    r.ask(Attach("p", 2, 100, pool=1))
    r.fill(20, "p")
    for _ in range(20):
        r.fill(1)
        settle_all(r, 1, 2)
    assert min(counts(r, 1, 2)) >= 9


def test_the_limit_of_a_pool_may_change_at_any_time() -> None:
    r = road()
    r.ask(SetPool(1, 1))
    r.ask(Attach("q", 1, 100, pool=1))
    r.fill(10)
    assert counts(r, 1) == [1]
    r.ask(SetPool(1, 4))
    assert counts(r, 1) == [4]
    r.ask(SetPool(1, 2))
    r.settle(pushed(r, 1)[:2])
    assert counts(r, 1) == [4]
    r.settle(pushed(r, 1)[2:3])
    assert counts(r, 1) == [5]
    r.ask(SetPool(1, None))
    assert counts(r, 1) == [10]


def test_leases_of_a_detached_consumer_count_in_its_pool_until_they_are_settled() -> None:
    r = road("q", "p")
    r.ask(SetPool(1, 2))
    r.ask(Attach("q", 1, 10, pool=1))
    r.fill(2)
    r.ask(Detach(1))
    r.ask(Attach("p", 2, 10, pool=1))
    r.fill(2, "p")
    assert counts(r, 2) == [0]
    r.settle(pushed(r, 1)[:1])
    assert counts(r, 2) == [1]
    r.settle(pushed(r, 1)[1:], RETRY)
    assert counts(r, 2) == [2]
    assert r.core.demand.sessions[1].pools[1].used == 2


def test_leases_that_go_with_their_queue_make_room_in_their_pool() -> None:
    r = road("q", "p")
    r.ask(SetPool(1, 2))
    r.ask(Attach("q", 1, 10, pool=1))
    r.fill(2)
    r.ask(Attach("p", 2, 10, pool=1))
    r.fill(2, "p")
    r.ask(Detach(1))
    r.ask(DeleteQueue("q"))
    assert counts(r, 2) == [2]


def test_what_takes_for_good_counts_in_no_pool() -> None:
    r = road()
    r.ask(SetPool(1, 1))
    r.ask(Attach("q", 1, 5, leased=False, pool=1))
    r.fill(9)
    assert counts(r, 1) == [5]


def test_a_pool_is_its_callers_and_forgotten_with_it() -> None:
    r = road()
    other = r.connect(2)
    r.ask(SetPool(1, 1))
    r.ask(SetPool(1, 2), other)
    r.ask(Attach("q", 1, 9, pool=1), other)
    r.fill(5)
    assert counts(r, 1) == [2]
    r.core.forget(other)
    r.settle_down()
    assert list(r.core.demand.sessions) == [1]
    r.ask(SetPool(1, None))
    assert not r.core.demand.sessions


def test_pools_without_limit_and_consumers_are_forgotten() -> None:
    r = road()
    r.ask(Attach("q", 1, 1, pool=7))
    r.fill(2)
    r.ask(Detach(1))
    assert list(r.core.demand.sessions[1].pools) == [7]
    r.settle(pushed(r, 1))
    assert not r.core.demand.sessions


@pytest.mark.parametrize("pool", [SetPool(0, 1), SetPool(-1, None), SetPool(1, -1)])
def test_a_pool_that_makes_no_sense_is_refused(pool: SetPool) -> None:
    r = road()
    assert why(r.ask(pool)) is Why.BAD_COMMAND
    assert why(r.ask(Attach("q", 1, 1, pool=-1))) is Why.BAD_COMMAND


def test_a_caller_has_so_many_pools_and_no_more() -> None:
    r = road()
    for number in range(POOLS_MAX):
        r.ask(SetPool(number + 1, 1))
    assert why(r.ask(SetPool(POOLS_MAX + 1, 1))) is Why.TOO_MANY
    assert why(r.ask(Attach("q", 1, 1, pool=POOLS_MAX + 1))) is Why.TOO_MANY
    assert r.ask(SetPool(POOLS_MAX, 2)) == Done()


def test_credit_may_fall_below_nothing_and_recovers_as_leases_are_settled() -> None:
    r = road()
    r.ask(Attach("q", 1, 5))
    r.fill(20)
    r.ask(GrantCredit(1, -3))
    r.settle(pushed(r, 1)[:3])
    assert counts(r, 1) == [5]
    r.settle(pushed(r, 1)[3:4])
    assert counts(r, 1) == [6]


def test_a_consumer_of_higher_priority_is_served_first_while_it_has_credit() -> None:
    r = road()
    for number, priority in ((1, 0), (2, 5), (3, 5), (4, -1)):
        r.ask(Attach("q", number, 2, priority=priority))
    r.fill(1)
    r.fill(1)
    assert counts(r, 1, 2, 3, 4) == [0, 1, 1, 0]
    r.fill(3)
    assert counts(r, 1, 2, 3, 4) == [1, 2, 2, 0]
    r.fill(3)
    assert counts(r, 1, 2, 3, 4) == [2, 2, 2, 2]
    r.settle(pushed(r, 1)[:1])
    r.settle(pushed(r, 3)[:1])
    r.fill(1)
    assert counts(r, 1, 2, 3, 4) == [2, 2, 3, 2]


def test_consumers_of_one_priority_take_turns() -> None:
    r = road()
    for number in (1, 2, 3):
        r.ask(Attach("q", number, 100, priority=1))
    for _ in range(9):
        r.fill(1)
    assert counts(r, 1, 2, 3) == [3, 3, 3]


def test_an_exclusive_consumer_is_alone() -> None:
    r = road()
    r.ask(Attach("q", 1, 1))
    assert why(r.ask(Attach("q", 2, 1, exclusive=True))) is Why.EXCLUSIVE_CONSUMER
    r.ask(Detach(1))
    assert r.ask(Attach("q", 2, 1, exclusive=True)) == Done()
    for more in (Attach("q", 3, 1), Attach("q", 3, 1, exclusive=True)):
        assert why(r.ask(more, r.connect(2))) is Why.EXCLUSIVE_CONSUMER
    r.core.forget(r.caller)
    assert r.ask(Attach("q", 3, 1), r.connect(2)) == Done()


def test_a_consumer_is_told_after_its_last_message_that_its_queue_is_gone() -> None:
    r = road()
    other = r.connect(2)
    number = r.asked + 1
    r.ask(Attach("q", 5, 3))
    r.ask(Attach("q", 6, 3), other)
    r.fill(1)
    r.ask(DeleteQueue("q"), other)
    heard = [reply for asked, reply in r.told if asked == number]
    assert [type(one) for one in heard] == [Done, Received, Detached]
    assert heard[-1] == Detached(5)
    assert [one.consumer for _, one in r.told if isinstance(one, Detached)] == [5, 6]
    assert why(r.ask(GrantCredit(5, 1))) is Why.NO_SUCH_CONSUMER


def test_a_consumer_is_told_when_its_queue_goes_with_another_session() -> None:
    r = road()
    r.declare("mine", exclusive=True)
    helper = Caller(9, lambda ask, reply: r.told.append((ask, reply)), session=r.caller.number)
    r.ask(Attach("mine", 4, 1), helper)
    r.core.forget(r.caller)
    r.settle_down()
    assert r.told[-1][1] == Detached(4)


def share_out(r: Road, workers: int, credit: int, jobs: int) -> list[int]:
    """Jobs for workers that settle what they have, all at the same speed."""
    callers: list[Caller] = []
    for number in range(1, workers + 1):
        callers.append(r.connect(100 + number))
        r.ask(Attach("q", number, credit), callers[-1])
    done = [0] * workers
    while sum(done) < jobs:
        for worker in range(workers):
            mine = pushed(r, worker + 1)[done[worker] :]
            for one in mine[:1]:
                r.settle([one])
                done[worker] += 1
    return done


@pytest.mark.parametrize("credit", [1, 10, 400])
@pytest.mark.parametrize("first", [True, False])
def test_many_workers_get_about_the_same(credit: int, first: bool) -> None:
    r = road(lease_ms=600_000)
    if first:
        r.fill(300)
        done = share_out(r, 3, credit, 300)
    else:
        for number in (1, 2, 3):
            r.ask(Attach("q", number, credit), r.connect(100 + number))
        r.fill(300)
        done = [0, 0, 0]
        while sum(done) < 300:
            for worker in range(3):
                for one in pushed(r, worker + 1)[done[worker] :][:1]:
                    r.settle([one])
                    done[worker] += 1
    if credit == 400 and first:
        # Who was there first took what it may before the others came.
        assert sum(done) == 300
    else:
        assert max(done) - min(done) <= 15


def test_what_is_put_back_is_at_its_old_place_at_once_and_counted() -> None:
    r = road()
    r.fill(5)
    first = r.receive(count=3)
    r.settle(first[:2], RETRY)
    again = r.receive(count=9)
    assert [one.offset for one in again] == [0, 1, 3, 4]
    assert [one.delivery_count for one in again] == [2, 2, 1, 1]


def test_what_a_session_that_ends_was_given_is_delivered_again_and_counted() -> None:
    r = road()
    r.fill(5)
    gone = r.connect(2)
    r.ask(Attach("q", 1, 3), gone)
    r.ask(Attach("q", 2, 9))
    assert counts(r, 1, 2) == [3, 2]
    r.core.forget(gone)
    r.settle_down()
    assert [(one.offset, one.delivery_count) for one in pushed(r, 2)[2:]] == [
        (0, 2),
        (1, 2),
        (2, 2),
    ]
    r.check()


def test_a_priority_that_nobody_has_any_more_is_forgotten() -> None:
    r = road()
    r.ask(Attach("q", 1, 0))
    for priority in range(9):
        r.ask(Attach("q", 2, 0, priority=priority))
        r.ask(Attach("q", 3, 0, priority=priority))
        r.ask(Detach(2))
        r.ask(Detach(3))
    (ring,) = r.core.demand.consumers.values()
    assert (ring.priorities, list(ring.ready), ring.counts) == ([0], [0], {0: 1})
