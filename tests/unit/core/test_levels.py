"""The highest priority a queue tells apart: what is above it leaves among those of it."""

from postroad.model.commands import ChangeQueue, DeclareQueue
from postroad.model.policy import PRIORITY, QueueSettings
from postroad.model.replies import Refused, Why
from tests.unit.core.road import Road, bodies_of


def test_what_is_above_the_highest_priority_leaves_in_order_among_those_of_it() -> None:
    r = Road()
    r.declare(kind=PRIORITY, priority_max=2)
    r.publish(b"2", b"9", b"1", b"255", b"0", priorities=[2, 9, 1, 255, 0])
    assert bodies_of(r.receive(count=9)) == [b"2", b"9", b"255", b"1", b"0"]
    r.check()


def test_the_highest_priority_counts_the_same_after_a_restart() -> None:
    r = Road()
    r.declare(kind=PRIORITY, priority_max=2)
    r.publish(b"2", b"9", b"0", priorities=[2, 9, 0])
    r.restart(2)
    r.publish(b"7", priorities=[7])
    assert bodies_of(r.receive(count=9)) == [b"2", b"9", b"7", b"0"]


def test_a_dead_letter_has_its_own_priority_where_it_goes() -> None:
    r = Road()
    r.declare("dead", kind=PRIORITY)
    r.declare(kind=PRIORITY, priority_max=1, deliveries_max=1, dead_letter_queue="dead")
    r.publish(b"low", b"high", priorities=[1, 200])
    r.settle(r.receive(count=2), outcome=3)
    r.settle_down()
    assert bodies_of(r.receive("dead", 2)) == [b"high", b"low"]
    r.check()


def test_the_highest_priority_is_from_1_to_255_and_stays_what_it_was() -> None:
    r = Road()
    r.declare(kind=PRIORITY, priority_max=5)
    for wrong in (0, 256):
        refused = r.ask(DeclareQueue("other", QueueSettings(kind=PRIORITY, priority_max=wrong)))
        assert isinstance(refused, Refused)
        assert refused.why is Why.BAD_SETTINGS
    changed = r.ask(ChangeQueue("q", QueueSettings(priority_max=6), only=("priority_max",)))
    assert isinstance(changed, Refused)
    assert changed.why is Why.BAD_SETTINGS
    assert "was said when it was declared" in changed.text
