"""Long purges of what is ready: in slices, answered when done, and told from what comes later."""

import pytest

from postroad.core.bits import PAGE
from postroad.limits import PAGE_SLICE, PURGE_SLICE
from postroad.model import commands
from postroad.model.batch import Batch, BatchDone
from postroad.model.commands import PurgeQueue
from postroad.model.replies import Purged, Refused, Reply, Why
from tests.unit.core.road import Road, bodies_of

PURGE = PurgeQueue("q", ready_only=True)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.core.purges.PURGE_SLICE", 4)


def road() -> Road:
    """One message is leased, ten are ready."""
    r = Road()
    r.declare()
    r.fill(11)
    r.receive()
    return r


def answer(r: Road, number: int) -> Reply | None:
    return next((reply for asked, reply in r.told if asked == number), None)


def test_a_long_purge_is_done_in_slices_and_answered_at_the_end() -> None:
    r = road()
    assert r.ask(PURGE) is None
    number = r.asked
    for left in (6, 2, 0):
        assert answer(r, number) is None
        assert r.core.next_due() == 1
        assert len(r.tick()) == 1
        assert r.counts() == (left, 0, 1, 0)
    assert answer(r, number) == Purged(10)
    r.check()


def test_what_is_published_after_a_purge_was_asked_for_stays() -> None:
    r = road()
    r.ask(PURGE)
    number = r.asked
    r.tick()
    r.publish(b"later", b"still later")
    r.settle_down()
    assert answer(r, number) == Purged(10)
    assert bodies_of(r.receive("q", 20)) == [b"later", b"still later"]
    r.check()


def test_what_is_taken_meanwhile_is_not_counted() -> None:
    r = road()
    r.ask(PURGE)
    number = r.asked
    r.tick()
    assert len(r.receive("q", 5)) == 5
    r.settle_down()
    assert answer(r, number) == Purged(5)
    assert r.counts() == (0, 0, 6, 0)


def test_several_purges_are_done_one_after_another() -> None:
    r = road()
    r.declare("p")
    r.fill(10, "p")
    r.receive("p")
    r.ask(PURGE)
    first = r.asked
    r.ask(PurgeQueue("p", ready_only=True))
    second = r.asked
    r.settle_down()
    assert (answer(r, first), answer(r, second)) == (Purged(10), Purged(9))


def test_a_purge_of_a_queue_that_goes_ends_with_it() -> None:
    r = road()
    r.ask(PURGE)
    number = r.asked
    r.tick()
    r.ask(commands.DeleteQueue("q"))
    r.declare()
    r.fill(6)
    r.settle_down()
    assert answer(r, number) == Purged(4)
    assert r.counts() == (6, 0, 0, 0)


def test_a_purge_of_who_is_gone_goes_no_further() -> None:
    r = road()
    other = r.connect(9)
    r.ask(PURGE, other)
    r.tick()
    r.core.forget(other)
    r.settle_down()
    assert r.counts() == (6, 0, 1, 0)
    assert not r.core.server.purges.waiting


def test_who_waits_for_a_purge_when_the_process_stops_is_told() -> None:
    r = road()
    r.ask(PURGE)
    (told,) = r.core.stop_waiting()
    assert isinstance(told.reply, Refused)
    assert told.reply.why is Why.STOPPING
    assert not r.core.server.purges.waiting


def test_in_a_batch_a_purge_is_done_at_once() -> None:
    r = road()
    done = r.ask(Batch([PURGE]))
    assert isinstance(done, BatchDone)
    assert done.replies == [Purged(10)]
    assert r.counts() == (0, 0, 1, 0)


def test_a_slice_has_so_many_pages_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.core.purges.PURGE_SLICE", 10)
    monkeypatch.setattr("postroad.core.purges.PAGE_SLICE", 2)
    r = Road()
    r.declare(kind="priority")
    r.fill(3 * PAGE + 4)
    while r.counts()[0] > 12:
        held = r.receive("q", min(1_000, r.counts()[0] - 12))
        r.settle(held)
    r.publish(b"x")
    r.receive("q")
    assert r.ask(PURGE) is None
    number = r.asked
    r.settle_down()
    assert answer(r, number) == Purged(12)


def test_the_slices_of_a_purge_are_no_smaller_than_they_need_be() -> None:
    assert PURGE_SLICE == PAGE_SLICE * PAGE
