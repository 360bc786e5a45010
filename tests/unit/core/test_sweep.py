"""What was purged or deleted is gone at once, and swept in slices."""

from postroad.core import records as facts
from postroad.core.audit import check_queue
from postroad.core.bits import PAGE
from postroad.limits import PAGE_SLICE
from postroad.model import commands
from tests.unit.core.road import Road

NOTHING = (0, 0, 0, 0)


def test_a_purge_is_done_at_once_and_swept_in_slices() -> None:
    r = Road()
    r.declare()
    count = 3 * PAGE_SLICE * PAGE + 5
    r.publish(*[b""] * count)
    r.ask(commands.PurgeQueue("q"))
    assert r.counts() == NOTHING
    queue = r.queue()
    sizes = []
    r.fill(3)
    while queue.swept_next(1):
        sizes.append(len(queue.pages.all))
        (record,) = r.tick()
        assert isinstance(record, facts.Swept)
    assert sizes == [25, 17, 9]
    assert len(r.receive(count=9)) == 3, "what came after the purge is still there"
    r.check()


def test_nothing_ripens_or_expires_of_what_was_purged() -> None:
    r = Road()
    r.declare()
    count = 3 * PAGE
    r.publish(*[b""] * count, delays_ms=[500] * count)
    r.publish(*[b""] * count, ttls_ms=[500] * count)
    r.settle(r.receive(count=PAGE), commands.RETRY, after_ms=500)
    r.ask(commands.PurgeQueue("q"))
    r.fill(2)
    r.now += 500
    assert [type(one) for one in r.tick()] == [facts.Swept]
    r.settle_down()
    assert r.counts() == (2, 0, 0, 0)
    r.check()


def test_a_deleted_queue_is_out_of_sight_at_once_and_swept_in_slices() -> None:
    r = Road()
    queue = r.declare()
    r.declare("other")
    r.fill(PAGE_SLICE * PAGE + 1)
    r.publish(b"both", to=("q", "other"))
    r.receive(count=3)
    r.ask(commands.DeleteQueue("q"))
    assert "q" not in r.state.by_name
    check_queue(r.state.buried[queue.id])
    again = r.declare()
    assert again.id != queue.id
    r.tick()
    r.wait(60_000)
    assert not r.state.buried
    assert r.counts("other") == (1, 0, 0, 0)
    assert len(r.state.routes) == 1, "the other still has its message there"
    r.check()
    r.ask(commands.DeleteQueue("other"))
    r.settle_down()
    assert not r.state.routes
    assert set(r.state.shelves) == {again.id}
    r.check()


def test_nothing_is_due_in_a_queue_that_is_deleted() -> None:
    r = Road()
    r.declare(lease_ms=100, deliveries_max=1)
    r.fill(2)
    r.settle(r.receive(), commands.RETRY)
    r.receive()
    r.ask(commands.DeleteQueue("q"))
    r.wait(100)
    assert r.core.next_due() == 0
    r.check()
