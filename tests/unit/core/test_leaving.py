"""Queues that go unused or empty, and what is purged without what consumers have."""

import pytest

from postroad.core import records as facts
from postroad.core.bits import PAGE
from postroad.limits import FORSAKEN_SLICE
from postroad.model.commands import (
    RETRY,
    Attach,
    ChangeQueue,
    DeclareQueue,
    DeleteQueue,
    Detach,
    Publish,
    PurgeQueue,
    Receive,
    StartMoveTask,
)
from postroad.model.policy import QueueSettings
from postroad.model.replies import Declared, Detached, Done, Purged, Refused, Reply, Why
from tests.unit.core.road import Road, bodies_of

LEFT = QueueSettings(delete_when_unused=True)


def road(**settings: object) -> Road:
    r = Road()
    r.declare("q", **settings)
    return r


def why(reply: Reply | None) -> Why:
    assert isinstance(reply, Refused), reply
    return reply.why


def test_a_queue_in_use_is_not_deleted_where_it_must_be_unused() -> None:
    r = road()
    r.ask(Attach("q", 1, 1))
    assert why(r.ask(DeleteQueue("q", if_unused=True))) is Why.QUEUE_IN_USE
    r.ask(Detach(1))
    assert r.ask(DeleteQueue("q", if_unused=True)) == Done()
    assert why(r.ask(DeleteQueue("q", if_unused=True))) is Why.NO_SUCH_QUEUE


@pytest.mark.parametrize("state", ["ready", "leased", "delayed"])
def test_a_queue_that_holds_anything_is_not_deleted_where_it_must_be_empty(state: str) -> None:
    r = road()
    r.ask(Publish(("q",), [b"x"], delays_ms=[1_000 if state == "delayed" else None]))
    held = r.receive() if state == "leased" else []
    assert why(r.ask(DeleteQueue("q", if_empty=True))) is Why.QUEUE_NOT_EMPTY
    if state == "leased":
        r.settle(held)
    else:
        r.ask(PurgeQueue("q"))
    assert r.ask(DeleteQueue("q", if_empty=True)) == Done()


def test_a_queue_goes_when_its_last_consumer_leaves_and_not_before_it_had_one() -> None:
    r = road(delete_when_unused=True)
    r.fill(3)
    r.wait(100_000)
    r.ask(Attach("q", 1, 1))
    r.ask(Attach("q", 2, 1), r.connect(2))
    r.ask(Detach(1))
    assert "q" in r.state.by_name
    r.core.forget(r.connect(2))
    r.settle_down()
    assert "q" not in r.state.by_name
    r.check()


def test_a_queue_is_gone_when_its_last_consumer_is_told_that_it_has_left() -> None:
    r = road(delete_when_unused=True)
    r.ask(Attach("q", 1, 1))
    r.fill(1)
    assert r.ask(Detach(1)) == Done()
    assert r.ask(DeclareQueue("q", LEFT)) == Declared(r.queue().id, True)
    assert not any(isinstance(reply, Detached) for _, reply in r.told)
    r.check()


def test_a_queue_that_has_a_consumer_again_stays() -> None:
    r = road(delete_when_unused=True)
    for number in (2, 3):
        r.ask(Attach("q", number, 1), r.connect(number))
        r.core.forget(r.connect(number))
        if number == 2:
            r.ask(Attach("q", 1, 1))
    r.settle_down()
    assert "q" in r.state.by_name
    r.ask(Detach(1))
    assert "q" not in r.state.by_name


def test_to_be_left_may_be_said_of_a_queue_later_on_and_taken_back() -> None:
    r = road()
    r.ask(Attach("q", 1, 1))
    r.ask(ChangeQueue("q", LEFT, only=("delete_when_unused",)))
    r.ask(ChangeQueue("q", QueueSettings(), only=("delete_when_unused",)))
    r.ask(Detach(1))
    assert "q" in r.state.by_name
    r.ask(Attach("q", 1, 1))
    r.ask(ChangeQueue("q", LEFT, only=("delete_when_unused",)))
    r.ask(Detach(1))
    assert "q" not in r.state.by_name


def test_a_restart_is_no_reason_for_a_queue_to_go() -> None:
    r = road(delete_when_unused=True)
    r.ask(Attach("q", 1, 1))
    r.restart(2)
    r.wait(100_000)
    assert "q" in r.state.by_name
    r.ask(Attach("q", 1, 1), r.connect(5))
    r.core.forget(r.connect(5))
    r.settle_down()
    assert "q" not in r.state.by_name


def test_a_background_move_ends_when_its_queue_is_left() -> None:
    r = road(delete_when_unused=True)
    r.declare("p")
    r.fill(3)
    r.ask(Attach("q", 1, 0))
    r.ask(StartMoveTask("q", "p", per_second=1))
    r.ask(Detach(1))
    assert [task.status for task in r.state.tasks.values()] == ["failed"]


def test_a_purge_of_what_is_ready_leaves_the_rest() -> None:
    r = road()
    r.fill(PAGE + 10)
    held = r.receive(count=3)
    r.ask(Publish(("q",), [b"later"], delays_ms=[1_000]))
    assert r.ask(PurgeQueue("q", ready_only=True)) == Purged(PAGE + 7)
    assert r.counts() == (0, 1, 3, 0)
    assert r.ask(PurgeQueue("q", ready_only=True)) == Purged(0)
    r.settle(held[:1])
    r.settle(held[1:], RETRY)
    assert bodies_of(r.receive(count=9)) == [b"1", b"2"]
    r.wait(1_000)
    assert bodies_of(r.receive(count=9)) == [b"later"]
    r.check()


def test_a_purge_of_what_is_ready_is_one_fact_where_nothing_else_is_there() -> None:
    r = road()
    r.fill(3 * PAGE)
    assert r.ask(PurgeQueue("q", ready_only=True)) == Purged(3 * PAGE)
    assert isinstance(r.records()[-1], facts.Purged)
    assert r.counts() == (0, 0, 0, 0)
    r.settle_down()
    r.check()


def test_a_purge_of_what_is_ready_leaves_what_is_kept() -> None:
    r = road(keep_settled_ms=10_000)
    r.fill(4)
    r.settle(r.receive(count=2))
    assert r.ask(PurgeQueue("q", ready_only=True)) == Purged(2)
    assert len(r.peek(states=("settled",))) == 2
    r.check()


@pytest.mark.parametrize("kind", ["standard", "fifo", "priority"])
def test_a_purge_of_what_is_ready_leaves_every_kind_of_queue_in_order(kind: str) -> None:
    r = road(kind=kind)
    keys, levels = ["a", "b", "a", "b", "a"], [1, 2, 3, 4, 5]
    r.publish(b"0", b"1", b"2", b"3", b"4", keys=keys, priorities=levels)
    held = r.receive(count=1)
    assert r.ask(PurgeQueue("q", ready_only=True)) == Purged(4)
    r.settle(held, RETRY)
    again = r.receive(count=9)
    assert [one.offset for one in again] == [held[0].offset]
    r.settle(again)
    r.publish(b"5", keys=["a"], priorities=[0])
    assert bodies_of(r.receive(count=9)) == [b"5"]
    r.check()


def test_consumers_and_receives_keep_a_queue_from_expiring() -> None:
    r = road(expires_ms=1_000)
    r.ask(Attach("q", 1, 1))
    r.wait(5_000)
    assert "q" in r.state.by_name
    r.ask(Detach(1))
    r.wait(900)
    r.ask(Receive("q"))
    r.wait(900)
    assert "q" in r.state.by_name
    r.wait(200)
    assert "q" not in r.state.by_name


def test_many_queues_that_are_left_at_once_go_some_in_each_turn() -> None:
    r = Road()
    leaver, other = r.connect(7), r.connect(8)
    count = 2 * FORSAKEN_SLICE + 2
    for one in range(count):
        r.declare(f"q{one}", delete_when_unused=True)
        r.ask(Attach(f"q{one}", one, 1), leaver if one else other)
    r.core.forget(leaver)
    assert r.ask(Detach(0), other) == Done()
    assert "q0" not in r.state.by_name
    left = len(r.state.queues)
    while left:
        r.tick()
        assert left - FORSAKEN_SLICE <= len(r.state.queues) < left
        left = len(r.state.queues)
    r.check()


def test_a_move_between_two_queues_that_go_together_ends_once() -> None:
    r = Road()
    leaver = r.connect(7)
    for one, name in enumerate("ab"):
        r.declare(name, delete_when_unused=True)
        r.ask(Attach(name, one, 0), leaver)
    r.publish(b"x", b"y", to=("a",))
    r.ask(StartMoveTask("a", "b", 1))
    r.core.forget(leaver)
    records = r.tick()
    assert sum(isinstance(one, facts.MoveTaskEnded) for one in records) == 1
    assert not r.state.queues
    r.check()
