"""Leases of a group that change hands, consumers with names, and lists of what is leased."""

from typing import Any

from postroad.model import claims, commands, groups, topics
from postroad.model.claims import ClaimIdle, ClaimLeases, LeaseInfo
from postroad.model.commands import SESSION_LEASE
from postroad.model.message import Delivery
from postroad.model.replies import Received, Settled, Why
from tests.unit.core.topics.log_road import LogRoad, bodies


def crew(count: int = 3, **settings: Any) -> LogRoad:
    road = LogRoad()
    road.topic()
    road.share(**settings)
    if count:
        road.append(*[b"%d" % one for one in range(count)])
    return road


def receive(road: LogRoad, consumer: str, count: int = 1, **more: Any) -> list[Delivery]:
    more.setdefault("lease_ms", SESSION_LEASE)
    return road.lease(count, consumer=consumer, **more)


def claim(road: LogRoad, consumer: str, *offsets: int, **more: Any) -> list[Delivery]:
    more.setdefault("lease_ms", SESSION_LEASE)
    reply = road.ask(ClaimLeases("t", "g", offsets, consumer, **more))
    assert isinstance(reply, Received), reply
    return reply.messages


def idle(road: LogRoad, consumer: str, **more: Any) -> Received:
    more.setdefault("lease_ms", SESSION_LEASE)
    reply = road.ask(ClaimIdle("t", "g", consumer, **more))
    assert isinstance(reply, Received), reply
    return reply


def leases(road: LogRoad, **more: Any) -> list[tuple[int, str, int, int]]:
    reply = road.ask(claims.ListLeases("t", "g", **more))
    assert isinstance(reply, claims.LeasesListed), reply
    return [(one.offset, one.consumer, one.idle_ms, one.deliveries) for one in reply.leases]


def consumers(road: LogRoad) -> list[tuple[str, int, int, int]]:
    reply = road.ask(claims.ListConsumers("t", "g"))
    assert isinstance(reply, claims.ConsumersListed), reply
    return [(one.consumer, one.leased, one.idle_ms, one.inactive_ms) for one in reply.consumers]


def settle(road: LogRoad, messages: list[Delivery], outcome: int = commands.ACK) -> Any:
    name = groups.share_name("t", "g", 0)
    columns = [(one.offset, one.lease, one.delivery_count) for one in messages]
    offsets, numbers, counts = (list(column) for column in zip(*columns, strict=True))
    return road.ask(commands.Settle(name, offsets, numbers, counts, outcome))


def test_a_claim_gives_a_message_to_another_and_ends_the_old_receipt() -> None:
    road = crew()
    old = receive(road, "a", 2)
    road.now += 500
    new = claim(road, "b", 0)
    assert bodies(new) == [b"0"]
    assert new[0].delivery_count == 2
    assert new[0].first_received_ms == old[0].first_received_ms
    assert leases(road) == [(0, "b", 0, 2), (1, "a", 500, 1)]
    assert settle(road, old[:1]) == Settled(((0, Why.NO_SUCH_LEASE),))
    assert settle(road, new) == Settled()
    assert leases(road) == [(1, "a", 500, 1)]
    road.check()


def test_an_old_receipt_stays_stale_when_the_claimer_lets_go() -> None:
    road = crew(1)
    old = receive(road, "a")
    new = claim(road, "b", 0, bodies=True)
    settle(road, new, commands.RELEASE)
    assert settle(road, old) == Settled(((0, Why.NO_SUCH_LEASE),))
    assert bodies(receive(road, "c")) == [b"0"]
    road.check()


def test_only_what_is_idle_for_long_enough_is_claimed() -> None:
    road = crew()
    receive(road, "a")
    road.now += 1_000
    receive(road, "a")
    assert bodies(claim(road, "b", 0, 1, 2, idle_ms=1_000)) == [b"0"]
    assert claim(road, "b", 0, idle_ms=1) == []
    road.check()


def test_a_claim_without_bodies_counts_no_delivery_and_still_changes_hands() -> None:
    road = crew(1)
    old = receive(road, "a")
    reply = road.ask(ClaimLeases("t", "g", (0, 5, 0), "b", lease_ms=SESSION_LEASE, bodies=False))
    assert isinstance(reply, claims.Claimed)
    assert reply.offsets == (0,)
    assert reply.leases[0] > old[0].lease
    assert leases(road) == [(0, "b", 0, 1)]
    assert settle(road, old) == Settled(((0, Why.NO_SUCH_LEASE),))
    road.check()


def test_a_claim_may_say_since_when_and_how_often() -> None:
    road = crew(1)
    receive(road, "a")
    assert claim(road, "b", 0, since_ms=700, deliveries=9)[0].delivery_count == 9
    assert leases(road) == [(0, "b", 700, 9)]
    assert claim(road, "b", 0, deliveries=1)[0].delivery_count == 1
    road.check()


def test_what_is_ready_is_claimed_only_by_force() -> None:
    road = crew(2)
    assert claim(road, "b", 0) == []
    assert bodies(claim(road, "b", 0, force=True)) == [b"0"]
    assert leases(road) == [(0, "b", 0, 1)]
    assert bodies(receive(road, "a", 5)) == [b"1"]
    road.check()


def test_what_was_delivered_too_often_dies_of_the_claim() -> None:
    road = crew(1, deliveries_max=2)
    receive(road, "a")
    assert bodies(claim(road, "b", 0)) == [b"0"]
    assert claim(road, "a", 0) == []
    assert leases(road) == []
    road.check()


def test_what_the_log_forgot_is_named_and_its_lease_is_over() -> None:
    road = crew(4)
    receive(road, "a", 3)
    road.ask(topics.CutTopic("t", 0, 2))
    reply = idle(road, "b")
    assert bodies(reply.messages) == [b"2"]
    assert reply.gone == (0, 1)
    assert leases(road) == [(2, "b", 0, 2)]
    road.check()


def test_idle_leases_are_claimed_in_order_from_a_cursor() -> None:
    road = crew(10)
    receive(road, "a", 4)
    road.now += 100
    receive(road, "c", 4)
    first = idle(road, "b", idle_ms=100, count=3)
    assert [one.offset for one in first.messages] == [0, 1, 2]
    assert first.next_offset == 3
    rest = idle(road, "b", idle_ms=100, count=3, start=first.next_offset)
    assert [one.offset for one in rest.messages] == [3]
    assert rest.next_offset == 0
    road.check()


def test_a_consumer_reads_its_own_leases_again() -> None:
    road = crew(6)
    receive(road, "a", 2)
    receive(road, "b", 1)
    again = idle(road, "a", of="a")
    assert bodies(again.messages) == [b"0", b"1"]
    assert {one.delivery_count for one in again.messages} == {2}
    assert bodies(idle(road, "a", of="a", start=1).messages) == [b"1"]
    assert idle(road, "c", of="nobody").messages == []
    road.check()


def test_consumers_and_what_they_hold_outlive_a_session_and_a_restart() -> None:
    road = crew(4)
    mine = receive(road, "a", 2)
    receive(road, "", 1)
    road.core.forget(road.caller)
    road.settle_down()
    assert leases(road) == [(0, "a", 0, 1), (1, "a", 0, 1)]
    road.restart(2)
    road.settle_down()
    assert leases(road) == [(0, "a", 0, 1), (1, "a", 0, 1)]
    assert [(one[0], one[1]) for one in consumers(road)] == [("a", 2)]
    assert bodies(receive(road, "b", 5)) == [b"2", b"3"]
    assert settle(road, mine) == Settled()
    road.check()


def test_leases_are_found_by_offset_after_a_start_from_rows() -> None:
    road = crew(6)
    receive(road, "a", 2)
    held = receive(road, "a", 3)
    settle(road, held[1:2])
    state = road.state
    state.ledger.cut()
    while not state.ledger.pay_some(1 << 20):
        pass
    rows = {key: row for key, row in state.ledger.take().items() if row is not None}
    road.restart(2, rows, len(road.steps))
    road.settle_down()
    assert [one[0] for one in leases(road)] == [0, 1, 2, 4]
    assert bodies(idle(road, "b").messages) == [b"0", b"1", b"2", b"4"]
    assert settle(road, held[:1]) == Settled(((0, Why.NO_SUCH_LEASE),))


def test_a_lease_of_a_consumer_lapses_when_it_has_a_time() -> None:
    road = crew(1)
    receive(road, "a", lease_ms=100)
    road.wait(100)
    assert leases(road) == []
    assert receive(road, "b")[0].delivery_count == 2
    road.check()


def test_leases_are_listed_by_range_consumer_and_age() -> None:
    road = crew(10)
    receive(road, "a", 3)
    road.now += 50
    receive(road, "b", 3)
    assert [one[0] for one in leases(road, start=1, end=4)] == [1, 2, 3, 4]
    assert [one[0] for one in leases(road, consumer="b")] == [3, 4, 5]
    assert [one[0] for one in leases(road, idle_ms=50)] == [0, 1, 2]
    reply = road.ask(claims.ListLeases("t", "g", count=2))
    assert isinstance(reply, claims.LeasesListed)
    assert reply.next_offset == 2
    assert isinstance(reply.leases[0], LeaseInfo)
    assert reply.leases[0].until_ms == 0


def test_a_count_of_leases_says_who_holds_how_many() -> None:
    road = crew(10)
    empty = road.ask(claims.CountLeases("t", "g"))
    assert isinstance(empty, claims.LeasesCounted)
    assert (empty.count, empty.first, empty.last, empty.consumers) == (0, -1, -1, ())
    held = receive(road, "b", 3)
    receive(road, "a", 2)
    receive(road, "", 1, lease_ms=1_000)
    settle(road, held[:1])
    counted = road.ask(claims.CountLeases("t", "g"))
    assert isinstance(counted, claims.LeasesCounted)
    assert (counted.count, counted.first, counted.last) == (5, 1, 5)
    assert counted.consumers == (("a", 2), ("b", 2))


def test_consumers_are_declared_listed_and_deleted() -> None:
    road = crew(6)
    made = claims.DeclareConsumer("t", "g", "a")
    assert road.ask(made) == claims.ConsumerDeclared(True)
    assert road.ask(made) == claims.ConsumerDeclared(False)
    road.now += 10
    receive(road, "b", 2)
    road.now += 5
    receive(road, "b", 9)
    receive(road, "b", 9)
    road.now += 2
    assert consumers(road) == [("a", 0, 17, 17), ("b", 6, 2, 2)]
    delete = claims.DeleteConsumer("t", "g", "b")
    assert road.ask(delete) == claims.ConsumerDeleted(6, 0)
    assert [one[0] for one in consumers(road)] == ["a"]
    assert len(receive(road, "a", 9)) == 6
    dropped = claims.DeleteConsumer("t", "g", "a", True)
    assert road.ask(dropped) == claims.ConsumerDeleted(6, 0)
    assert receive(road, "c", 9) == []
    assert road.why(dropped) == Why.NO_SUCH_CONSUMER
    road.check()


def test_a_consumer_with_much_in_hand_is_deleted_in_slices() -> None:
    road = crew(0)
    road.append(*[b"x"] * 2_500)
    for _ in range(25):
        receive(road, "a", 100)
    delete = claims.DeleteConsumer("t", "g", "a")
    assert road.ask(delete) == claims.ConsumerDeleted(1_000, 1_500)
    assert road.ask(delete) == claims.ConsumerDeleted(1_000, 500)
    assert road.ask(delete) == claims.ConsumerDeleted(500, 0)
    road.check()


def test_a_group_goes_on_elsewhere_and_keeps_its_leases() -> None:
    road = crew(8)
    held = receive(road, "a", 4)
    settle(road, held[:2])
    seek = groups.SeekGroup("t", "g", "lease", offset=6, keep_leases=True)
    road.ask(seek)
    assert [one[0] for one in leases(road)] == [2, 3]
    assert bodies(receive(road, "b", 9)) == [b"6", b"7"]
    back = groups.SeekGroup("t", "g", "lease", offset=1, keep_leases=True)
    road.ask(back)
    road.settle_down()
    again = receive(road, "b", 9)
    assert bodies(again) == [b"1", b"4", b"5"]
    assert {one.delivery_count for one in again} == {1}
    assert settle(road, held[2:]) == Settled()
    road.append(b"8")
    assert bodies(receive(road, "b", 9)) == [b"8"]
    road.check()


def test_a_group_may_be_set_back_before_it_began() -> None:
    road = LogRoad()
    road.topic()
    road.append(*[b"x"] * 5_000)
    road.share(start="latest")
    road.append(b"new")
    assert bodies(receive(road, "a", 9)) == [b"new"]
    road.ask(groups.SeekGroup("t", "g", "lease", offset=4_090, keep_leases=True))
    road.settle_down()
    assert [one.offset for one in receive(road, "b", 2_000)] == list(range(4_090, 5_000))
    road.check()


def test_a_group_tells_how_far_it_has_delivered() -> None:
    road = crew(10)

    def delivered() -> int:
        described = road.ask(groups.DescribeGroup("g", "t"))
        assert isinstance(described, groups.GroupDescribed)
        return described.parts[0].delivered

    assert delivered() == 0
    held = receive(road, "a", 4)
    assert delivered() == 4
    settle(road, held[2:], commands.RELEASE)
    assert delivered() == 4
    settle(road, held[:2])
    assert delivered() == 4
    receive(road, "a", 9)
    assert delivered() == 10


def test_messages_are_done_at_once_for_who_wants_no_lease() -> None:
    road = crew(2)
    taken = receive(road, "a", 1, leased=False)
    assert bodies(taken) == [b"0"]
    assert leases(road) == []
    assert [one.offset for one in receive(road, "a", 5)] == [1]
    road.check()


def test_claims_that_make_no_sense_are_refused() -> None:
    road = crew(1)
    assert road.why(ClaimLeases("t", "g", (0,), lease_ms=SESSION_LEASE)) == Why.BAD_COMMAND
    assert road.why(ClaimLeases("t", "g", (0,), "a", deliveries=0)) == Why.BAD_COMMAND
    assert road.why(ClaimLeases("t", "g", (0,), "a", idle_ms=-1)) == Why.BAD_COMMAND
    assert road.why(ClaimLeases("t", "h", (0,), "a")) == Why.NO_SUCH_GROUP
    assert road.why(ClaimIdle("t", "g", "a", 7)) == Why.NO_SUCH_PARTITION
    assert road.why(claims.DeleteConsumer("t", "g", "a")) == Why.NO_SUCH_CONSUMER


def test_a_group_that_is_paused_gives_nothing() -> None:
    road = crew(1, paused=True)
    assert receive(road, "a") == []


def test_a_group_on_a_topic_has_no_rate() -> None:
    from postroad.model.policy import QueueSettings

    road = crew(1)
    settings = QueueSettings(per_second=5)
    assert road.why(groups.DeclareGroup("t", "h", settings)) == Why.BAD_SETTINGS
