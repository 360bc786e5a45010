"""What time does to messages, with a clock that the test moves."""

from pathlib import Path

import pytest

from postroad import Broker, RetryPolicy, errors
from postroad.testing import ClockedBroker, ManualClock

DAY_MS = 86_400_000


def test_a_delay_may_be_of_any_length(clocked: ClockedBroker) -> None:
    clocked.declare("orders")
    clocked.publish("orders", "birthday", delay_ms=400 * DAY_MS)
    clocked.pass_time(400 * DAY_MS - 1)
    assert clocked.receive("orders") == []
    clocked.pass_time(1)
    assert clocked.receive("orders")[0].body == b"birthday"


def test_a_message_nobody_took_in_its_life_is_gone(clocked: ClockedBroker) -> None:
    clocked.declare("orders")
    clocked.publish("orders", "news", ttl_ms=1_000)
    clocked.pass_time(1_000)
    assert clocked.receive("orders") == []
    assert clocked.describe("orders").ready == 0


def test_a_lapsed_lease_can_be_acked_until_somebody_else_has_the_message(
    clocked: ClockedBroker,
) -> None:
    clocked.declare("orders", lease_ms=1_000)
    clocked.publish_many("orders", ["1", "2"])
    first, second = clocked.receive("orders", 2)
    clocked.pass_time(1_000)
    clocked.ack(first)
    [again] = clocked.receive("orders")
    assert (again.body, again.delivery_count) == (b"2", 2)
    with pytest.raises(errors.LeaseLost, match="The lease is over"):
        clocked.ack(second)
    clocked.ack(again)


def test_a_settle_names_what_it_lost_and_does_the_rest(clocked: ClockedBroker) -> None:
    clocked.declare("orders", lease_ms=1_000)
    clocked.publish_many("orders", ["1", "2", "3"])
    slow = clocked.receive("orders", 1)
    clocked.pass_time(1_000)
    fine = clocked.receive("orders", 2)
    with pytest.raises(errors.LeaseLost) as caught:
        clocked.retry([fine[1], slow[0]])
    assert caught.value.failed == slow
    assert clocked.describe("orders").leased == 1


def test_an_extended_lease_lasts_from_now(clocked: ClockedBroker) -> None:
    clocked.declare("orders", lease_ms=1_000)
    clocked.publish_many("orders", ["1", "2"])
    one, other = clocked.receive("orders", 2)
    clocked.pass_time(900)
    clocked.extend(one, 5_000)
    clocked.pass_time(4_999)
    assert clocked.receive("orders", 10)[0].identity == other.identity
    clocked.ack(one)


def test_what_fails_too_often_waits_in_the_dead_letters(clocked: ClockedBroker) -> None:
    clocked.declare("dead")
    policy = RetryPolicy("fixed", 5_000)
    clocked.declare("orders", deliveries_max=2, dead_letter_queue="dead", retry=policy)
    clocked.publish("orders", "bad")
    for _ in range(2):
        clocked.retry(clocked.receive("orders"))
        clocked.pass_time(5_000)
    assert clocked.describe("orders").ready == 0
    [message] = clocked.receive("dead")
    assert message.note is not None
    assert [(one.queue, one.reason, one.deliveries) for one in message.note.deaths] == [
        ("orders", "max-deliveries", 2)
    ]


def test_a_clock_may_be_kept_over_two_openings(tmp_path: Path) -> None:
    clock = ManualClock()
    with ClockedBroker.open(tmp_path, clock=clock) as broker:
        broker.declare("orders")
        broker.publish("orders", "later", delay_ms=1_000)
    clock.advance(1_000)
    with ClockedBroker.open(tmp_path, clock=clock) as broker:
        broker.pass_time(0)
        assert broker.receive("orders")[0].body == b"later"


def test_time_does_not_run_backwards() -> None:
    clock = ManualClock(5)
    clock.not_before(3)
    assert clock.now_ms() == 5
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_only_a_manual_clock_can_be_moved() -> None:
    class Stopped:
        def now_ms(self) -> int:
            return 1

        def not_before(self, ms: int) -> None:
            pass

    with (
        ClockedBroker.open(clock=Stopped()) as broker,
        pytest.raises(TypeError, match="ManualClock"),
    ):
        broker.pass_time(1)
    assert isinstance(broker, Broker)
