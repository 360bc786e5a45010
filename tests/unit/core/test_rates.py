"""So many deliveries a second, and no more."""

from postroad.core.bucket import Bucket
from postroad.model import commands
from postroad.model.commands import Attach, ChangeQueue, Receive
from postroad.model.policy import QueueSettings
from postroad.model.replies import Received
from tests.unit.core.road import Road, bodies_of


def given(r: Road) -> int:
    """How many messages anybody got."""
    return sum(len(reply.messages) for _, reply in r.told if isinstance(reply, Received))


def test_a_bucket_gives_its_rate_and_never_more_than_a_tenth_of_a_second_at_once() -> None:
    bucket = Bucket(100, 0)
    assert bucket.left(0) == 0
    assert bucket.next_ms() == 10
    assert bucket.left(9) == 0
    assert bucket.left(10) == 1
    bucket.spend(1)
    assert bucket.next_ms() == 20
    assert bucket.left(5_000) == 10
    assert bucket.is_full(5_000)
    bucket.spend(10)
    assert not bucket.is_full(5_099)
    assert bucket.is_full(5_100)


def test_a_slow_rate_gives_one_at_a_time() -> None:
    bucket = Bucket(3, 0)
    assert bucket.left(333) == 0
    assert bucket.left(334) == 1
    assert bucket.left(60_000) == 1


def test_a_rate_is_exact_over_a_long_time() -> None:
    for rate in (1, 3, 7, 100, 999, 12_345):
        bucket = Bucket(rate, 0)
        count = 0
        for now in range(10_001):
            left = bucket.left(now)
            bucket.spend(left)
            count += left
        assert count == rate * 10


def test_no_more_is_delivered_than_the_rate_says() -> None:
    r = Road()
    r.declare(per_second=100)
    r.fill(1_000)
    r.now += 60_000
    assert len(r.receive(count=100)) == 10
    assert r.receive(count=100) == []
    r.now += 25
    assert len(r.receive(count=100)) == 2
    r.now += 5
    assert len(r.receive(count=100)) == 1


def test_pops_and_redeliveries_count_too() -> None:
    r = Road()
    r.declare(per_second=10)
    r.fill(5)
    r.now += 100
    [message] = r.receive(count=5)
    r.settle([message], commands.RELEASE)
    assert r.receive(count=5) == []
    r.now += 100
    popped = r.ask(commands.Pop("q", 5))
    assert isinstance(popped, Received)
    assert bodies_of(popped.messages) == [b"0"]
    assert r.receive(count=5) == []


def test_who_waits_is_served_when_the_next_token_comes_and_nobody_polls() -> None:
    r = Road()
    r.declare(per_second=100)
    r.fill(100)
    r.ask(Attach("q", 1, 1_000))
    assert given(r) == 0
    turns = 0
    for _ in range(50):
        due = r.core.next_due()
        r.wait(due - r.now)
        turns += 1
    assert (turns, given(r)) == (50, 50)
    assert r.now == r.queue().created_ms + 500


def test_a_wait_of_a_receive_ends_with_the_next_token() -> None:
    r = Road()
    r.declare(per_second=1)
    r.fill(3)
    r.ask(Receive("q", 10, wait_ms=20_000))
    assert r.core.next_due() == r.now + 1_000
    r.wait(999)
    assert given(r) == 0
    r.wait(1)
    assert given(r) == 1
    r.ask(Receive("q", 10, wait_ms=500))
    r.wait(500)
    assert given(r) == 1


def test_nobody_is_woken_for_a_queue_where_nobody_waits() -> None:
    r = Road()
    r.declare(per_second=1)
    r.fill(3)
    assert r.receive() == []
    assert r.core.next_due() == 0


def test_a_rate_may_be_set_and_changed_while_messages_wait() -> None:
    r = Road()
    r.declare(per_second=1)
    r.fill(100)
    r.ask(Attach("q", 1, 1_000))
    r.ask(ChangeQueue("q", QueueSettings(per_second=1_000), only=("per_second",)))
    r.wait(10)
    assert given(r) == 10
    r.ask(ChangeQueue("q", QueueSettings(), only=("per_second",)))
    assert given(r) == 100


def test_a_restart_gives_no_burst() -> None:
    r = Road()
    r.declare(per_second=100)
    r.fill(100)
    r.now += 1_000
    assert len(r.receive(count=100)) == 10
    for epoch in (2, 3, 4):
        r.restart(epoch)
        assert r.receive(count=100) == []
    r.now += 10
    assert len(r.receive(count=100)) == 1


def test_a_queue_made_while_the_broker_runs_begins_with_its_burst() -> None:
    r = Road()
    r.now += 1_000
    r.declare(per_second=100)
    r.fill(100)
    assert len(r.receive(count=100)) == 10


def test_receives_that_come_together_keep_to_the_rate() -> None:
    r = Road()
    r.declare(per_second=100)
    r.fill(10)
    together = [r.ask_of(r.connect(number), Receive("q")) for number in (2, 3)]
    assert r.core.decide_together(together, r.now) is None


def test_leases_at_once_and_rate_both_count() -> None:
    r = Road()
    r.declare(per_second=100, leased_max=3)
    r.fill(100)
    r.now += 1_000
    held = r.receive(count=100)
    assert len(held) == 3
    r.settle(held)
    assert len(r.receive(count=100)) == 3
