"""What always has something to do leaves turns to all else that time does."""

from postroad.core import records as facts
from postroad.core.kv.records import KvExpired
from postroad.core.schedules.records import SlotsFired
from postroad.limits import CLOCK_SLICES_MAX, DUE_SLICES_MAX
from postroad.model.commands import REJECT, StartMoveTask
from postroad.model.kv import KvSet
from postroad.model.lists import ListMove, ListPush
from postroad.model.schedules import DeclareSchedule, ScheduleSettings
from tests.unit.core.road import Road

MOVES = 20
DELAYS = 200
SCHEDULES = 40


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


def test_schedules_that_are_always_due_do_not_hold_up_moves_and_keys() -> None:
    r = Road()
    for name in ("q", "from", "to"):
        r.declare(name)
    for number in range(SCHEDULES):
        r.ask(DeclareSchedule(f"s{number}", ScheduleSettings("q", every_ms=10)))
    r.publish(b"a", b"b", to=("from",))
    r.ask(StartMoveTask("from", "to"))
    r.ask(KvSet("s", [b"k"], [b"v"], ttl_ms=5))
    kinds: list[type] = []
    for _ in range(2 * CLOCK_SLICES_MAX):
        r.now += 10
        kinds.extend(type(one) for one in r.tick())
    assert CLOCK_SLICES_MAX < kinds.count(SlotsFired) < 2 * CLOCK_SLICES_MAX
    assert kinds.count(facts.MoveTaskEnded) == kinds.count(KvExpired) == 1
    assert r.counts("to") == (2, 0, 0, 0)
    r.check()


def test_dead_letters_without_end_do_not_hold_up_moves() -> None:
    r = Road()
    r.declare("dead")
    r.declare(dead_letter_queue="dead")
    r.declare("from")
    r.declare("to")
    r.publish(b"a", to=("from",))
    r.ask(StartMoveTask("from", "to"))
    for _ in range(CLOCK_SLICES_MAX + 1):
        assert r.counts("to") == (0, 0, 0, 0)
        r.publish(b"bad")
        r.settle(r.receive(), REJECT)
        r.tick()
    assert r.counts("to") == (1, 0, 0, 0)
    r.settle_down()
    assert r.counts("dead") == (CLOCK_SLICES_MAX + 1, 0, 0, 0)
    r.check()
