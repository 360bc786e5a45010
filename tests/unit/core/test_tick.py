"""What time alone makes true, in slices small enough for a turn of the loop."""

from array import array

from postroad.core import records as facts
from postroad.core.bits import PAGE
from postroad.core.decision import Missing
from postroad.limits import DEAD_SLICE, LAPSE_SLICE, PAGE_SLICE
from postroad.model import commands
from postroad.model.message import Death
from postroad.model.policy import QueueSettings
from postroad.model.replies import Received
from tests.unit.core.road import Road, bodies_of

NOTHING = (0, 0, 0, 0)
LIFE_MS = 40_960
"""A life of which a sample is taken every 10 ms."""


def test_a_lapsed_lease_hands_the_message_to_the_next_receiver() -> None:
    r = Road()
    r.declare(lease_ms=100)
    r.fill(2)
    r.receive()
    assert r.core.next_due() == r.now + 100
    r.wait(99)
    assert r.counts() == (1, 0, 1, 0)
    r.wait(1)
    assert [one.delivery_count for one in r.receive(count=2)] == [2, 1]
    r.check()


def test_an_idle_core_has_nothing_to_do() -> None:
    r = Road()
    r.declare()
    assert r.core.next_due() == 0
    assert r.core.tick(r.now) is None
    assert r.core.pump(r.now) is None


def test_many_leases_lapse_a_slice_at_a_time_and_survive_a_restart_in_between() -> None:
    r = Road()
    r.declare()
    r.fill(3 * LAPSE_SLICE)
    for _ in range(3 * LAPSE_SLICE):
        r.receive(lease_ms=100)
    r.now += 100
    r.tick()
    assert r.counts() == (LAPSE_SLICE, 0, 2 * LAPSE_SLICE, 0)
    r.restart(2)
    r.tick()
    assert r.counts() == (2 * LAPSE_SLICE, 0, LAPSE_SLICE, 0)
    r.settle_down()
    assert r.counts() == (3 * LAPSE_SLICE, 0, 0, 0)
    r.check()


def test_large_leases_lapse_a_slice_of_messages_at_a_time() -> None:
    r = Road()
    r.declare()
    r.fill(3 * PAGE)
    r.receive(count=3 * PAGE, lease_ms=100)
    r.now += 100
    for ready in (PAGE, 2 * PAGE, 3 * PAGE):
        r.tick()
        assert r.counts() == (ready, 0, 3 * PAGE - ready, 0)
    r.check()


def test_a_hundred_thousand_leases_lapse_without_a_step_above_its_slice() -> None:
    r = Road()
    r.declare()
    count = 25 * PAGE
    r.publish(*[b""] * count)
    queue = r.queue()
    for offset in range(count):
        queue.lease(1 + offset, offset, 1 << (offset & (PAGE - 1)), r.now + 1, 0, r.now)
    r.core.schedule.look_at(queue)
    r.now += 1
    for _ in range(3):
        before = queue.pages.ready
        (record,) = r.tick()
        assert isinstance(record, facts.Lapsed)
        assert queue.pages.ready - before == LAPSE_SLICE
    assert queue.leased == count - 3 * LAPSE_SLICE


def test_delayed_messages_ripen_some_pages_at_a_time() -> None:
    r = Road()
    r.declare(delay_ms=1_000)
    count = (PAGE_SLICE + 1) * PAGE
    r.publish(*[b""] * count)
    assert r.core.next_due() == r.now + 1_000
    r.now += 1_000
    assert [type(one) for one in r.tick()] == [facts.Ripened]
    assert r.counts() == (PAGE_SLICE * PAGE, PAGE, 0, 0)
    r.tick()
    assert r.counts() == (count, 0, 0, 0)
    r.check()


def test_delays_end_in_the_order_of_their_instants() -> None:
    r = Road()
    r.declare()
    r.publish(b"c", b"a", b"b", delays_ms=[300, 100, 200])
    for body in (b"a", b"b", b"c"):
        r.wait(100)
        assert bodies_of(r.receive(count=3)) == [body]
    r.check()


def test_old_messages_leave_when_their_retention_is_over() -> None:
    r = Road()
    r.declare(retention_ms=LIFE_MS)
    r.fill(3)
    r.wait(500)
    r.fill(2)
    (leased,) = r.receive(lease_ms=LIFE_MS + 100)
    r.wait(LIFE_MS - 501)
    assert r.counts() == (4, 0, 1, 0)
    r.wait(1)
    assert r.counts() == (2, 0, 1, 0)
    r.wait(500)
    assert r.counts() == (0, 0, 1, 0)
    assert r.settle([leased], commands.RELEASE) == []
    r.wait(0)
    assert r.counts() == NOTHING, "it is overdue when it comes back"
    assert r.core.next_due() == 0
    r.check()


def test_messages_that_came_almost_together_leave_together() -> None:
    r = Road()
    r.declare(ttl_ms=LIFE_MS, retention_ms=2 * LIFE_MS)
    for _ in range(4):
        r.fill(10)
        r.wait(10)
    r.wait(LIFE_MS - 40)
    assert r.counts() == (40, 0, 0, 0)
    r.wait(10)
    assert r.counts() == (20, 0, 0, 0)
    r.wait(20)
    assert r.counts() == NOTHING
    r.check()


def test_a_queue_that_was_empty_for_a_while_ages_without_turning_idly() -> None:
    r = Road()
    r.declare(retention_ms=LIFE_MS)
    r.fill(10)
    r.settle(r.receive(count=10))
    r.fill(1)
    r.wait(1_000)
    r.fill(1)
    r.wait(LIFE_MS - 1_000)
    assert r.counts() == (1, 0, 0, 0)
    r.wait(1_000)
    assert r.counts() == NOTHING
    r.check()


def test_many_old_messages_leave_some_pages_at_a_time() -> None:
    r = Road()
    r.declare(retention_ms=1_000)
    count = (PAGE_SLICE + 2) * PAGE
    r.publish(*[b""] * count)
    r.now += 1_000
    r.tick()
    assert r.counts() == (2 * PAGE, 0, 0, 0)
    r.settle_down()
    assert r.counts() == NOTHING
    r.check()


def test_many_lives_end_some_pages_at_a_time() -> None:
    r = Road()
    r.declare()
    count = (PAGE_SLICE + 1) * PAGE
    r.publish(*[b""] * count, ttls_ms=[10] * count)
    r.now += 10
    r.tick()
    assert r.counts() == (PAGE, 0, 0, 0)
    r.settle_down()
    assert r.counts() == NOTHING
    r.check()


def test_pages_that_are_gone_are_passed_over_when_messages_age() -> None:
    r = Road()
    r.declare(retention_ms=1_000)
    r.publish(*[b""] * (3 * PAGE))
    messages = r.receive(count=2 * PAGE)
    r.settle(messages[PAGE:])
    r.settle(messages[:PAGE], commands.RELEASE)
    r.wait(1_000)
    assert r.counts() == NOTHING
    assert r.queue().first_offset() == 3 * PAGE
    r.check()


def test_expired_messages_go_to_the_dead_letters_if_the_queue_says_so() -> None:
    r = Road()
    r.declare(retention_ms=1_000, expired_to_dead_letters=True, dead_letter_queue="dead")
    r.declare("dead", retention_ms=1_500)
    r.publish(b"old", b"soon dead", b"delayed", ttls_ms=[None, 10, None], delays_ms=[0, 0, 9_000])
    r.wait(10)
    assert r.counts() == (1, 1, 0, 0)
    r.wait(990)
    assert r.counts() == NOTHING
    assert bodies_of([one.message for one in r.peek("dead")]) == [b"soon dead", b"old", b"delayed"]
    deaths = [one.message.note.deaths[0].reason for one in r.peek("dead") if one.message.note]
    assert deaths == ["expired"] * 3
    r.wait(1_499)
    assert r.counts("dead") == (2, 0, 0, 0), "what died of age begins a new life"
    r.wait(1)
    assert r.counts("dead") == NOTHING
    r.check()


def test_a_dead_letter_keeps_its_age() -> None:
    r = Road()
    r.declare(dead_letter_queue="dead")
    r.declare("dead", retention_ms=1_000)
    r.fill(1)
    r.wait(900)
    r.settle(r.receive(), commands.REJECT)
    r.wait(99)
    assert r.counts("dead") == (1, 0, 0, 0)
    r.wait(1)
    assert r.counts("dead") == NOTHING
    r.check()


def test_two_queues_that_are_each_others_dead_letters_do_not_play_ball() -> None:
    r = Road()
    for name, other in (("a", "b"), ("b", "a")):
        r.declare(name, ttl_ms=100, expired_to_dead_letters=True, dead_letter_queue=other)
    r.fill(1, "a")
    for name in ("b", "a", "b"):
        r.wait(100)
        assert r.counts(name) == (1, 0, 0, 0)
    r.check()


def test_too_many_deliveries_make_a_message_dead_however_they_ended() -> None:
    r = Road()
    r.declare(deliveries_max=3, lease_ms=100, dead_letter_queue="dead")
    r.fill(1)
    r.receive()
    r.wait(100)
    r.settle(r.receive(), commands.RETRY)
    r.settle(r.receive(), commands.RELEASE)
    assert r.receive()[0].delivery_count == 3
    r.wait(100)
    assert r.counts() == (0, 0, 0, 1), "there is nowhere to go yet"
    assert r.core.next_due() == 0
    r.declare("dead")
    r.wait(0)
    (dead,) = r.receive("dead")
    assert dead.note is not None
    assert dead.note.deaths == [Death("q", "max-deliveries", 3, r.now)]
    assert r.counts() == NOTHING
    r.check()


def test_dead_messages_without_dead_letters_are_dropped_in_slices() -> None:
    r = Road()
    r.declare(deliveries_max=1)
    r.fill(DEAD_SLICE + 1)
    r.settle(r.receive(count=DEAD_SLICE + 1), commands.RETRY)
    assert r.counts() == (0, 0, 0, DEAD_SLICE + 1)
    r.tick()
    assert r.counts() == (0, 0, 0, 1)
    r.settle_down()
    assert r.counts() == NOTHING
    r.check()


def test_a_late_ack_saves_a_message_from_the_dead_letters() -> None:
    r = Road()
    r.declare(deliveries_max=1, dead_letter_queue="dead", lease_ms=100)
    r.fill(2)
    messages = r.receive(count=2)
    r.wait(100)
    assert r.counts() == (0, 0, 0, 2)
    assert r.settle(messages[:1]) == []
    r.ask(commands.ChangeQueue("q", QueueSettings()))
    r.wait(0)
    assert r.counts() == NOTHING
    r.check()


def test_dead_letters_wait_while_the_disk_is_short_of_space_or_bodies_are_away() -> None:
    r = Road()
    queue = r.declare(deliveries_max=1, dead_letter_queue="dead")
    r.declare("dead")
    r.fill(1)
    r.core.world.short_of_space = True
    r.settle(r.receive(), commands.RETRY)
    r.wait(0)
    assert r.counts() == (0, 0, 0, 1)
    r.core.world.short_of_space = False
    r.library.away.add(queue.id)
    step = r.core.tick(r.now)
    assert isinstance(step, Missing)
    assert [(one.shelf, one.block) for one in step.pieces] == [(queue.id, 0)]
    r.ask(commands.Receive("dead", wait_ms=5))
    r.now += 5
    late = r.core.tick(r.now)
    assert not isinstance(late, Missing)
    assert late is not None
    r.take(late)
    assert r.told[-1][1] == Received([])
    r.library.away.clear()
    r.wait(0)
    assert r.counts("dead") == (1, 0, 0, 0)
    r.check()


def test_a_queue_that_could_once_name_itself_as_dead_letters_holds_them() -> None:
    r = Road()
    queue = r.declare()
    own = QueueSettings(deliveries_max=1, dead_letter_queue="q")
    r.core.replay(facts.QueueChanged(queue.id, own, {}, {}, r.now))
    r.fill(1)
    r.settle(r.receive(), commands.RETRY)
    r.wait(0)
    assert r.counts() == (0, 0, 0, 1)


def test_a_deadline_that_moved_is_looked_up_again() -> None:
    r = Road()
    r.declare()
    r.fill(2)
    messages = r.receive(count=2, lease_ms=100)
    r.extend(messages, 300)
    r.declare("other", lease_ms=200)
    r.fill(1, "other")
    r.receive("other")
    assert r.core.next_due() == r.now + 200
    r.settle(messages)
    r.wait(300)
    assert r.core.next_due() == 0
    r.check()


def test_a_replay_of_a_whole_life_and_rows_taken_on_the_way_tell_the_same() -> None:
    r = Road()
    r.declare(lease_ms=100, deliveries_max=2, dead_letter_queue="dead")
    r.declare("dead")
    r.fill(10)
    r.receive(count=3)
    rows = r.cut()
    start = len(r.steps)
    r.receive(count=3)
    r.wait(100)
    r.settle(r.receive(count=9)[:4])
    r.wait(100)
    counts = r.counts(), r.counts("dead")
    r.restart(2, rows, start)
    assert (r.counts(), r.counts("dead")) == counts
    assert array("Q", [r.queue().next_offset])[0] == 10
