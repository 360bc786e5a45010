"""What always has something to do leaves turns to all else that time does."""

from postroad.limits import DUE_SLICES_MAX
from postroad.model.commands import REJECT
from postroad.model.lists import ListMove, ListPush
from tests.unit.core.road import Road

MOVES = 20
DELAYS = 200


def test_moves_that_wait_one_after_another_do_not_hold_up_what_is_due() -> None:
    r = Road()
    r.declare("slow", delay_ms=5)
    r.publish(b"late", to=("slow",))
    for number in range(MOVES):
        r.ask(ListMove("from", "to", "left", "right", 100_000), r.connect(10 + number))
    r.ask(ListPush("from", "right", [b"%d" % number for number in range(MOVES)]))
    r.now += 10
    for _ in range(3):
        r.tick()
        r.pump()
    assert r.counts("slow") == (1, 0, 0, 0)
    for _ in range(MOVES):
        r.settle_down()
    assert r.counts("to") == (MOVES, 0, 0, 0)
    r.check()


def test_delays_that_end_all_the_time_do_not_hold_up_dead_letters() -> None:
    r = Road()
    r.declare("dead")
    r.declare(dead_letter_queue="dead")
    r.declare("slow")
    r.publish(*[b"late"] * DELAYS, to=("slow",), delays_ms=list(range(1, DELAYS + 1)))
    r.publish(b"bad")
    r.settle(r.receive(), REJECT)
    for _ in range(DUE_SLICES_MAX + 1):
        r.now += 1
        r.tick()
    assert r.counts("dead") == (1, 0, 0, 0)
    assert r.counts("slow")[0] == DUE_SLICES_MAX
    r.check()
