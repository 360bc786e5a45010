"""What a worker has in hand: how much it leases, whose leases it extends, who is over time."""

from hypothesis import given
from hypothesis import strategies as st

from postroad.app.hands import Hands
from postroad.limits import IDEMPOTENCY_WAITING_MAX
from postroad.model.message import Delivery, plain_head

LEASE_MS = 30_000


def message(offset: int, key: str | None = None) -> Delivery:
    return Delivery(1, offset, 1, 1, 0, 0, b"", plain_head(None, key))


def hands(concurrency: int = 2, prefetch: int | None = 0, timeout_ms: int | None = None) -> Hands:
    return Hands(concurrency, prefetch, LEASE_MS, timeout_ms)


def test_a_worker_leases_what_it_can_run_and_what_may_wait() -> None:
    assert hands(3).wanted(0) == 3
    assert hands(3, 5).wanted(0) == 8
    full = hands(2)
    full.leased([message(1), message(2)], 0)
    assert full.wanted(0) == 0
    assert full.take(0) is not None
    assert full.take(0) is not None
    assert full.take(0) is None
    assert full.wanted(0) == 0


def test_a_place_that_is_free_again_is_filled() -> None:
    mine = hands(2)
    mine.leased([message(1), message(2)], 0)
    run, other = mine.take(0), mine.take(0)
    assert run is not None
    assert other is not None
    mine.over(run)
    assert mine.wanted(1) == 1


def test_no_more_run_than_may() -> None:
    mine = hands(1, 5)
    mine.leased([message(1), message(2)], 0)
    first = mine.take(0)
    assert first is not None
    assert mine.take(0) is None
    mine.over(first)
    second = mine.take(0)
    assert second is not None
    assert second.message.offset == 2


def test_quick_tasks_are_leased_in_advance_and_slow_ones_are_not() -> None:
    quick = Hands(2, None, LEASE_MS, None)
    at_ms = 0
    for _ in range(10):
        count = quick.wanted(at_ms)
        quick.leased([message(one) for one in range(count)], at_ms)
        while (run := quick.take(at_ms)) is not None:
            quick.over(run)
        at_ms += 20
    assert quick.wanted(at_ms) > 100
    assert Hands(2, None, LEASE_MS, None).wanted(60_000) == 2


def test_leases_are_extended_at_a_third_of_their_time_and_all_together() -> None:
    mine = hands(1, 5)
    mine.leased([message(1), message(2)], 0)
    assert mine.take(0) is not None
    assert mine.next_wake_ms(0) == 10_000
    assert mine.beat(9_999) == []
    assert {one.offset for one in mine.beat(10_000)} == {1, 2}
    assert mine.beat(10_001) == []
    assert mine.next_wake_ms(10_001) == 20_000


def test_a_task_of_ten_minutes_keeps_a_lease_of_thirty_seconds() -> None:
    mine = hands(1)
    mine.leased([message(1)], 0)
    assert mine.take(0) is not None
    at_ms, ends_ms = 0, LEASE_MS
    while at_ms < 600_000:
        at_ms = mine.next_wake_ms(at_ms)
        assert at_ms < ends_ms
        if mine.beat(at_ms):
            ends_ms = at_ms + LEASE_MS
    assert ends_ms > 600_000


@given(
    lease_ms=st.integers(3, 100_000),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 5_000)), max_size=60),
)
def test_no_lease_in_hand_lapses_while_the_worker_wakes_when_it_should(
    lease_ms: int, steps: list[tuple[bool, int]]
) -> None:
    mine = Hands(4, 4, lease_ms, None)
    ends: dict[int, int] = {}
    at_ms, wake_ms, offset = 0, mine.next_wake_ms(0), 0
    for leases, passed_ms in steps:
        until_ms = at_ms + passed_ms
        while wake_ms <= until_ms:
            at_ms = wake_ms
            held = {run.message.offset for run in mine.running.values()}
            held |= {one.offset for one in mine.waiting}
            assert all(ends[one] > at_ms for one in held)
            for one in mine.beat(at_ms):
                ends[one.offset] = at_ms + lease_ms
            wake_ms = mine.next_wake_ms(at_ms)
        at_ms = until_ms
        if leases:
            offset += 1
            mine.leased([message(offset)], at_ms)
            ends[offset] = at_ms + lease_ms
            mine.take(at_ms)
        elif mine.running:
            mine.over(next(iter(mine.running.values())))


def test_runs_over_their_time_are_named_the_earliest_first() -> None:
    mine = hands(3, 0, timeout_ms=1_000)
    mine.leased([message(1), message(2), message(3)], 0)
    first, second = mine.take(0), mine.take(400)
    assert mine.overdue(999) == []
    assert mine.next_wake_ms(500) == 1_000
    assert mine.overdue(1_000) == [first]
    assert mine.overdue(1_400) == [first, second]


def test_what_was_not_begun_is_put_down() -> None:
    mine = hands(1, 5)
    mine.leased([message(1), message(2), message(3)], 0)
    assert mine.take(0) is not None
    assert [one.offset for one in mine.put_down()] == [2, 3]
    assert mine.held == 1


def test_what_waits_and_lost_its_lease_is_dropped_and_what_runs_goes_on() -> None:
    mine = hands(1, 5)
    mine.leased([message(1), message(2), message(3)], 0)
    assert mine.take(0) is not None
    assert [one.offset for one in mine.drop([message(1), message(3)])] == [3]
    assert len(mine.running) == 1
    assert [one.offset for one in mine.waiting] == [2]


def ordered() -> Hands:
    mine = Hands(4, 4, LEASE_MS, None, ordered=True)
    mine.leased([message(1, "a"), message(2, "a"), message(3, "b"), message(4, "a")], 0)
    return mine


def test_messages_of_one_ordering_key_run_one_after_another() -> None:
    mine = ordered()
    first, other = mine.take(0), mine.take(0)
    assert first is not None
    assert other is not None
    assert (first.message.offset, other.message.offset) == (1, 3)
    assert mine.take(0) is None
    assert mine.over(first) == []
    second = mine.take(0)
    assert second is not None
    assert second.message.offset == 2


def test_what_is_behind_a_failed_message_of_its_ordering_key_goes_back() -> None:
    mine = ordered()
    first = mine.take(0)
    assert first is not None
    assert [one.offset for one in mine.over(first, done=False)] == [2, 4]
    other = mine.take(0)
    assert other is not None
    assert other.message.offset == 3
    assert mine.take(0) is None


def test_heartbeats_reach_what_waits_behind_its_ordering_key() -> None:
    mine = ordered()
    assert {one.offset for one in mine.beat(10_000)} == {1, 2, 3, 4}


def test_what_is_parked_is_extended_and_does_not_run() -> None:
    mine = hands(2)
    mine.park([message(1), message(2)], 0)
    assert mine.take(0) is None
    assert mine.next_wake_ms(0) == LEASE_MS // 3
    assert [one.offset for one in mine.beat(LEASE_MS // 3)] == [1, 2]
    assert mine.wanted(0) == 2
    assert [one.offset for one in mine.unpark([message(2), message(3)])] == [2]
    assert [one.offset for one in mine.drop([message(1)])] == [1]
    assert mine.held == 0


def test_with_too_many_parked_a_worker_leases_nothing() -> None:
    mine = hands(2)
    mine.park([message(offset) for offset in range(IDEMPOTENCY_WAITING_MAX)], 0)
    assert mine.wanted(0) == 0
    assert len(mine.put_down()) == IDEMPOTENCY_WAITING_MAX
    assert mine.wanted(0) == 2


def test_what_is_parked_behind_a_failed_message_of_its_ordering_key_goes_back() -> None:
    mine = Hands(4, 4, LEASE_MS, None, ordered=True)
    mine.park([message(2, "a"), message(3, "b")], 0)
    mine.leased([message(1, "a")], 0)
    first = mine.take(0)
    assert first is not None
    assert [one.offset for one in mine.over(first, done=False)] == [2]
    assert [one.offset for one in mine.parked] == [3]


def test_what_lost_its_lease_behind_its_ordering_key_is_dropped_too() -> None:
    mine = Hands(2, 10, LEASE_MS, None, ordered=True)
    messages = [message(1, "a"), message(2, "a"), message(3, "b"), message(4, "b")]
    mine.leased(messages, 0)
    run = mine.take(0)
    assert run is not None
    assert mine.drop(messages) == [messages[2], messages[1], messages[3]]
    assert (mine.held, list(mine.waiting)) == (1, [])
    mine.over(run)
    mine.leased([message(5, "a")], 1)
    again = mine.take(1)
    assert again is not None
    assert again.message.offset == 5
