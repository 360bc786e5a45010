"""Keys, ids and priorities, and what queues can be, through either face."""

import asyncio
from pathlib import Path

import pytest

from postroad import AsyncBroker, Broker, Outgoing, errors
from postroad.testing import ClockedBroker
from tests.unit.api.conftest import Reopen


def test_a_message_tells_its_key_id_and_priority(broker: Broker) -> None:
    broker.declare("orders")
    broker.publish("orders", "a", key="eve", dedup_id="1", priority=7, headers={"n": 1})
    broker.publish_many(
        "orders", ["b", Outgoing("c", key="bob", priority=0)], key="eve", priority=9
    )
    a, b, c = broker.receive("orders", 3)
    assert (a.key, a.dedup_id, a.priority, a.headers) == ("eve", "1", 7, {"n": 1})
    assert (b.key, b.dedup_id, b.priority, b.headers) == ("eve", None, 9, {})
    assert (c.key, c.dedup_id, c.priority, c.headers) == ("bob", None, 0, {})


def test_a_key_of_a_fifo_queue_waits_for_its_first_message(broker: Broker) -> None:
    broker.declare("orders", kind="fifo")
    broker.publish_many("orders", [Outgoing("a1", key="a"), Outgoing("b1", key="b")])
    broker.publish("orders", "a2", key="a")
    first = broker.receive("orders", 1)
    assert [one.body for one in broker.receive("orders", 10)] == [b"b1"]
    broker.ack(first)
    assert [one.body for one in broker.receive("orders", 10)] == [b"a2"]


def test_a_higher_priority_leaves_first(broker: Broker) -> None:
    broker.declare("jobs", kind="priority")
    broker.publish_many("jobs", ["low", Outgoing("high", priority=9)], priority=1)
    assert [one.body for one in broker.receive("jobs", 1)] == [b"high"]
    assert [one.body for one in broker.receive("jobs", 1)] == [b"low"]


def test_a_publish_says_what_was_known_already(broker: Broker) -> None:
    broker.declare("orders", dedup_window_ms=60_000)
    first = broker.publish("orders", "x", dedup_id="1")
    again = broker.publish("orders", "x", dedup_id="1")
    assert (first.known, first.offset) == ((), 0)
    assert (again, again.known, list(again.offsets)) == (first, (0,), [0])
    several = [Outgoing(one, dedup_id=one) for one in ("2", "1", "2", "3")]
    place = broker.publish_many("orders", several)
    assert (list(place.offsets), place.known) == ([1, 0, 1, 2], (1, 2))
    assert place.queue == first.queue
    assert broker.describe("orders").ready == 3


def test_offsets_count_on_where_nothing_was_known(broker: Broker) -> None:
    broker.declare("orders")
    assert list(broker.publish_many("orders", ["a", "b", "c"]).offsets) == [0, 1, 2]
    assert list(broker.publish("orders", "d").offsets) == [3]


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"key": 1}, TypeError),
        ({"dedup_id": b"1"}, TypeError),
        ({"priority": "1"}, TypeError),
        ({"priority": True}, TypeError),
        ({"priority": 256}, ValueError),
        ({"headers": {"\0key": "x"}}, ValueError),
        ({"colour": "red"}, TypeError),
    ],
)
def test_a_wrong_option_of_a_message_is_refused_before_it_is_sent(
    broker: Broker, wrong: dict[str, object], kind: type[Exception]
) -> None:
    broker.declare("orders")
    with pytest.raises(kind):
        broker.publish("orders", "x", **wrong)  # type: ignore[call-overload]
    assert broker.describe("orders").ready == 0


def test_a_paused_queue_waits_for_its_resume(broker: Broker) -> None:
    broker.declare("orders")
    broker.pause("orders")
    broker.publish("orders", "x")
    assert broker.receive("orders") == []
    assert broker.describe("orders").settings.paused
    broker.resume("orders")
    assert len(broker.receive("orders")) == 1
    with pytest.raises(errors.QueueNotFound):
        broker.pause("nothing")


def test_an_exclusive_queue_is_the_broker_s_own_and_goes_with_it(
    opened: Reopen, tmp_path: Path
) -> None:
    broker = opened(tmp_path)
    broker.declare("mine", exclusive=True)
    broker.declare("mine", exclusive=True)
    broker.publish("mine", "x")
    broker.ack(broker.receive("mine"))
    assert broker.queues() == ["mine"]
    assert opened(tmp_path).queues() == []


def test_another_session_is_refused_by_an_exclusive_queue(clocked: ClockedBroker) -> None:
    clocked.declare("mine", exclusive=True)
    clocked.publish("mine", "x")
    [message] = clocked.receive("mine")
    owner = clocked.driver._own_session
    clocked.driver._own_session = owner + 1_000
    for call in (
        lambda: clocked.receive("mine"),
        lambda: clocked.ack(message),
        lambda: clocked.delete("mine"),
        lambda: clocked.declare("mine"),
    ):
        with pytest.raises(errors.QueueLocked, match="another session"):
            call()
    clocked.publish("mine", "y")
    clocked.driver._own_session = owner
    clocked.ack(message)
    assert clocked.describe("mine").ready == 1


def test_a_rate_holds_for_all_receivers_together(clocked: ClockedBroker) -> None:
    clocked.pass_time(1_000)
    clocked.declare("sms", per_second=100)
    clocked.publish_many("sms", ["hi"] * 500)
    given = [0, 0]
    for turn in range(400):
        given[turn % 2] += len(clocked.receive("sms", 1_000 if turn % 2 else 1))
        clocked.pass_time(5)
    # 1,995 ms' worth up to the last receive, and the burst of a tenth of a second.
    assert sum(given) == 199 + 10
    assert min(given) > 0


def test_a_receive_that_waits_is_served_when_the_rate_allows() -> None:
    with Broker.open(None) as broker:
        broker.declare("sms", per_second=50)
        broker.publish_many("sms", ["hi"] * 3)
        for _ in range(3):
            assert len(broker.receive("sms", 1, wait_ms=20_000)) == 1


def test_tasks_that_wait_are_served_when_the_rate_of_a_key_allows() -> None:
    async def run() -> list[bytes]:
        async with AsyncBroker.open(None) as broker:
            await broker.declare("sms", key_per_second=50)
            await broker.publish_many("sms", ["1", "2", "3"], key="+49 40 1")
            waits = [broker.receive("sms", 1, wait_ms=20_000) for _ in range(3)]
            return [bytes(one.body) for got in await asyncio.gather(*waits) for one in got]

    assert asyncio.run(run()) == [b"1", b"2", b"3"]
