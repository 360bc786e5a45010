"""Schedules whose messages go to many queues: they are bounded like the publishes of anybody."""

from postroad.limits import FANOUTS_MAX, SCHEDULE_FANOUTS_MAX
from postroad.model.exchanges import TO_EXCHANGE
from postroad.model.schedules import (
    DeclareSchedule,
    ListSchedules,
    ScheduleDeclared,
    ScheduleSettings,
    SchedulesListed,
)
from tests.unit.core.fanouts.fans import Fans

OFTEN = ScheduleSettings("all", TO_EXCHANGE, body=b"x", every_ms=10)


def declared(fans: Fans) -> None:
    assert isinstance(fans.road.ask(DeclareSchedule("often", OFTEN)), ScheduleDeclared)


def test_slots_wait_while_too_many_fan_outs_are_under_way() -> None:
    fans = Fans()
    declared(fans)
    road = fans.road
    most = 0
    for _ in range(8 * SCHEDULE_FANOUTS_MAX):
        road.now += 10
        road.tick()
        most = max(most, len(road.state.fanouts.all))
    assert FANOUTS_MAX < most == SCHEDULE_FANOUTS_MAX
    road.settle_down()
    listed = road.ask(ListSchedules())
    assert isinstance(listed, SchedulesListed)
    (often,) = listed.schedules
    assert often.passed > 0
    assert fans.counts_of("a") == often.fired
    road.check()
