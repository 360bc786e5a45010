"""A group that goes on elsewhere and keeps its leases, however its messages lie."""

import pytest

from postroad.core.bits import PAGE
from postroad.model import commands, groups
from postroad.model.message import Delivery
from postroad.model.replies import Settled
from tests.unit.core.topics.log_road import LogRoad
from tests.unit.core.topics.test_claims import crew, leases, receive, settle

COUNT = PAGE + 40


def seek(road: LogRoad, offset: int) -> None:
    road.ask(groups.SeekGroup("t", "g", "lease", offset=offset, keep_leases=True))
    road.settle_down()


def every_other_done() -> tuple[LogRoad, list[Delivery]]:
    """All messages came back once, are leased again, and every other one of them is done."""
    road = crew(COUNT)
    settle(road, receive(road, "a", COUNT), commands.RETRY)
    road.now += 1_000
    held = receive(road, "a", COUNT)
    assert [one.offset for one in held] == list(range(COUNT))
    assert {one.delivery_count for one in held} == {2}
    assert settle(road, held[::2]) == Settled()
    return road, held


def test_what_was_done_comes_again_as_new_with_holes_between() -> None:
    road, held = every_other_done()
    road.now += 1_000
    seek(road, 100)
    road.check()
    again = receive(road, "b", COUNT)
    assert [one.offset for one in again] == list(range(100, COUNT, 2))
    assert {(one.delivery_count, one.first_received_ms) for one in again} == {(1, road.now)}
    kept = [one for one in leases(road, count=COUNT) if one[1] == "a"]
    assert [one[0] for one in kept] == [one.offset for one in held[1::2]][: len(kept)]
    assert {one[3] for one in kept} == {2}
    assert settle(road, held[1::2]) == Settled()
    assert settle(road, again) == Settled()
    road.check()


@pytest.mark.parametrize("restarts", [False, True])
def test_what_came_again_as_new_is_so_after_a_restart_and_after_it_came_back(
    restarts: bool,
) -> None:
    road, held = every_other_done()
    seek(road, 0)
    if restarts:
        road.restart(2, road.cut(), len(road.steps))
    first = receive(road, "b", 3)
    assert settle(road, first, commands.RETRY) == Settled()
    seek(road, 50)
    seek(road, 0)
    again = receive(road, "b", COUNT)
    assert [one.offset for one in again][:3] == [0, 2, 4]
    assert {one.delivery_count for one in again} == {1}, "below 50 all was passed over in between"
    assert settle(road, again, commands.RETRY) == Settled()
    assert {one.delivery_count for one in receive(road, "b", COUNT)} == {2}
    if not restarts:
        assert settle(road, held[1::2], commands.RETRY) == Settled()
        assert {one.delivery_count for one in receive(road, "b", COUNT)} == {3}
    road.check()


def test_how_far_a_group_has_delivered_is_told_of_what_is_as_new() -> None:
    road, held = every_other_done()
    assert settle(road, held[3::2]) == Settled()
    assert [one[0] for one in leases(road)] == [1], "its page keeps what it knows"
    seek(road, 10)
    described = road.ask(groups.DescribeGroup("g", "t"))
    assert isinstance(described, groups.GroupDescribed)
    assert described.parts[0].delivered == 10
    road.check()


def test_what_was_done_comes_again_as_new_in_one_piece() -> None:
    road, held = every_other_done()
    assert settle(road, held[3::2]) == Settled()
    seek(road, 10)
    again = receive(road, "b", COUNT)
    assert [one.offset for one in again] == list(range(10, COUNT))
    assert {one.delivery_count for one in again} == {1}
    road.check()
