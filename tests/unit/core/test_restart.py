"""Starting again: sessions that are gone, numbers that are never given twice."""

from postroad.core.bits import PAGE
from postroad.core.load import canonical
from postroad.core.records import Closed, Placed
from postroad.limits import LAPSE_SLICE
from postroad.model import commands
from postroad.model.commands import SESSION_LEASE
from postroad.model.replies import Done, Received, TasksListed
from tests.unit.core.road import Road, replayed


def test_receipts_from_before_a_restart_still_work() -> None:
    r = Road()
    r.declare()
    r.fill(5)
    before = r.receive(count=3)
    r.restart(2)
    after = r.receive()
    assert after[0].lease > before[0].lease
    assert after[0].lease >> 40 == 2
    assert r.settle([*before, *after]) == []
    assert r.counts() == (1, 0, 0, 0)
    assert r.queue().leases.segments == {}
    r.check()


def test_a_lease_that_is_bound_to_a_session_ends_with_the_process() -> None:
    r = Road()
    r.declare(deliveries_max=1)
    r.fill(LAPSE_SLICE + 3)
    for _ in range(LAPSE_SLICE + 1):
        r.receive(lease_ms=SESSION_LEASE)
    r.restart(2)
    mine = r.receive(lease_ms=SESSION_LEASE)
    r.settle_down()
    assert r.counts() == (LAPSE_SLICE + 2, 0, 1, 0), "the new session's lease is its own"
    assert mine[0].offset == LAPSE_SLICE + 1
    r.check()
    r.restart(3)
    r.settle_down()
    assert r.counts() == (LAPSE_SLICE + 3, 0, 0, 0), "a restart is no fault of a message"
    r.check()


def test_a_session_that_ends_gives_its_leases_back_in_slices() -> None:
    r = Road()
    r.declare()
    r.declare("gone")
    r.fill(LAPSE_SLICE + 1)
    r.fill(1, "gone")
    caller = r.connect(7)
    for _ in range(LAPSE_SLICE + 1):
        r.ask(commands.Receive("q", 1, SESSION_LEASE), caller)
    r.ask(commands.Receive("gone", 1, SESSION_LEASE), caller)
    other = r.receive(lease_ms=SESSION_LEASE)
    assert other == []
    r.ask(commands.DeleteQueue("gone"))
    r.core.forget(caller)
    r.tick()
    assert r.counts() == (LAPSE_SLICE, 0, 1, 0)
    r.settle_down()
    assert r.counts() == (LAPSE_SLICE + 1, 0, 0, 0)
    assert r.receive()[0].delivery_count == 2
    assert r.queue().leases.by_holder == {}
    r.check()


def test_a_session_without_leases_leaves_nothing_behind() -> None:
    r = Road()
    r.declare()
    r.fill(1)
    caller = r.connect(7)
    r.ask(commands.Receive("q", 1, SESSION_LEASE), caller)
    received = r.told[-1][1]
    assert isinstance(received, Received)
    (message,) = received.messages
    r.settle([message])
    r.core.forget(caller)
    r.settle_down()
    assert r.queue().leases.by_holder == {}


def test_everything_comes_back_from_rows_alone() -> None:
    r = Road()
    r.declare("a", lease_ms=100, bytes_max=1_000_000, deliveries_max=3, dead_letter_queue="none")
    r.declare("b", delay_ms=50)
    r.declare("empty")
    r.fill(PAGE + 3, "a")
    r.publish(b"x", b"y", to=("a", "b"), ttls_ms=[10_000, None])
    messages = r.receive("a", 6)
    r.extend(messages[2:4], 500)
    r.settle(messages[:1])
    r.settle(messages[1:2], commands.REJECT)
    r.settle(messages[4:5], commands.RETRY, after_ms=77)
    r.receive("a", 2, SESSION_LEASE)
    r.ask(commands.StartMoveTask("b", "a"))
    r.ask(commands.DeleteQueue("empty"))
    rows = r.cut()
    state = replayed([], rows.items())
    assert canonical(state) == canonical(r.state)
    state.check()
    for name, queue in r.state.by_name.items():
        again = state.by_name[name].pages
        pages = queue.pages
        assert (again.length, again.ready, again.delayed, again.dead, again.bytes) == (
            pages.length,
            pages.ready,
            pages.delayed,
            pages.dead,
            pages.bytes,
        )
        assert state.by_name[name].next_due() == queue.next_due()
    assert state.route_of == r.state.route_of
    r.restart(2, rows, len(r.steps))
    listed = r.ask(commands.ListMoveTasks("b"))
    assert isinstance(listed, TasksListed)
    assert [one.status for one in listed.tasks] == ["running"]
    r.wait(600)
    r.state.check()


def test_the_dead_that_wait_still_say_after_a_restart_what_went_wrong() -> None:
    r = Road()
    r.declare(dead_letter_queue="later")
    r.fill(2)
    r.settle(r.receive(), commands.REJECT, failure="no such address")
    r.restart(2, r.cut(), len(r.steps))
    r.declare("later")
    r.settle_down()
    (dead,) = r.receive("later")
    assert dead.failure == "no such address"
    assert dead.headers == {"postroad-failure": "no such address"}


def test_a_deleted_queue_that_is_not_swept_yet_is_swept_after_the_restart() -> None:
    r = Road()
    r.declare("a")
    r.declare("b")
    r.publish(*[b""] * (20 * PAGE), to=("a", "b"))
    r.ask(commands.PurgeQueue("a"))
    r.ask(commands.DeleteQueue("b"))
    rows = r.cut()
    steps = len(r.steps)
    for given, start in ((None, 0), (rows, steps)):
        del r.steps[steps:]
        r.restart(2, given, start)
        assert len(r.state.buried) == 1
        r.settle_down()
        assert not r.state.buried
        assert not r.queue("a").pages.all
        assert all(not shelf.blocks() for shelf in r.state.shelves.values())


def test_after_a_failed_checkpoint_the_next_has_every_row() -> None:
    r = Road()
    r.declare("a")
    r.declare("b")
    r.publish(b"x", to=("a", "b"))
    r.receive("a")
    r.ask(commands.StartMoveTask("b", "a"))
    first = r.cut()
    r.publish(b"y", to=("a",))
    r.state.ledger.cut()
    r.state.ledger.pay_some(1)
    r.core.touch_everything()
    assert set(r.cut()) > set(first)
    r.core.touch_everything()
    rows = r.cut()
    assert canonical(replayed([], rows.items())) == canonical(r.state)


def test_a_stop_answers_everybody_who_waits() -> None:
    r = Road()
    r.declare()
    assert r.ask(commands.Receive("q", wait_ms=1_000)) is None
    assert r.ask(commands.Receive("q", wait_ms=2_000)) is None
    answers = r.core.stop_waiting()
    assert [answer.ask.number for answer in answers] == [r.asked - 1, r.asked]
    assert r.core.stop_waiting() == []
    assert r.ask(commands.Attach("q", 1, 1)) == Done()


def test_each_change_is_in_the_next_checkpoint() -> None:
    r = Road()
    rows: dict[bytes, bytes] = {}
    ledger = r.state.ledger

    def checkpoint() -> None:
        ledger.cut()
        while not ledger.pay_some(1):
            pass
        for key, row in ledger.take().items():
            if row is None:
                del rows[key]
            else:
                rows[key] = row
        assert canonical(replayed([], rows.items())) == canonical(r.state)

    queue = r.declare(lease_ms=100, retention_ms=500, deliveries_max=3)
    r.declare("b")
    checkpoint()
    r.fill(PAGE + 20)
    checkpoint()
    r.publish(b"x", b"y", to=("q", "b"), delays_ms=[40, None], ttls_ms=[90, None])
    checkpoint()
    messages = r.receive(count=12)
    checkpoint()
    r.extend(messages, 200)
    checkpoint()
    r.extend(messages[:4], 300)
    checkpoint()
    r.settle(messages[:1])
    checkpoint()
    r.settle(messages[1:2], commands.RELEASE)
    checkpoint()
    r.settle(messages[4:5], commands.RETRY, after_ms=50)
    checkpoint()
    r.settle(messages[5:6], commands.REJECT)
    checkpoint()
    r.receive(count=2, lease_ms=SESSION_LEASE)
    checkpoint()
    r.ask(commands.Move("q", "b", 3))
    checkpoint()
    r.ask(commands.StartMoveTask("b", "q", 10))
    checkpoint()
    for _ in range(9):
        r.wait(60)
        checkpoint()
    r.ask(commands.ChangeQueue("q", extras={"x": "1"}))
    checkpoint()
    r.take(r.core.place([Closed(queue.id, 0), Placed(queue.id, 0, 5, 6, 7)]))
    checkpoint()
    r.ask(commands.PurgeQueue("q"))
    checkpoint()
    r.fill(3)
    checkpoint()
    r.ask(commands.DeleteQueue("q"))
    checkpoint()
    r.wait(1_000)
    checkpoint()
    assert not queue.moved
