"""When time next has something to do is looked up anew after whatever may have changed it."""

from postroad.model.commands import Publish, Receive
from tests.unit.core.road import Road


def test_publishes_decided_together_bring_what_is_due_sooner() -> None:
    r = Road()
    r.declare(retention_ms=5_000)
    assert r.next_due() == 0
    asks = [r.ask_of(r.caller, Publish(("q",), (b"a",))) for _ in range(2)]
    r.take(r.core.publish_together(asks, r.now))
    assert r.next_due() == r.now + 5_000


def test_receives_decided_together_have_leases_that_end() -> None:
    r = Road()
    r.declare(lease_ms=700)
    r.publish(b"a", b"b")
    assert r.next_due() == 0
    step = r.core.decide_together([r.ask_of(r.caller, Receive("q", 1)) for _ in range(2)], r.now)
    assert step is not None
    assert r.next_due() == r.now + 700


def test_nothing_is_due_for_those_who_are_told_to_wait_no_longer() -> None:
    r = Road()
    r.declare()
    r.ask(Receive("q", 1, wait_ms=1_000))
    assert r.next_due() == r.now + 1_000
    r.core.stop_waiting()
    assert r.next_due() == 0


def test_a_queue_that_waits_for_room_on_the_disk_is_due_when_there_is_room() -> None:
    r = Road()
    r.declare("dead")
    r.declare(lease_ms=100, deliveries_max=1, dead_letter_queue="dead")
    r.publish(b"a")
    r.ask(Receive("q", 1))
    r.core.world.short_of_space = True
    r.wait(100)
    assert r.next_due() == 0
    r.core.world.short_of_space = False
    assert r.next_due() == 1
