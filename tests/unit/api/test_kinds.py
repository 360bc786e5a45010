"""Keys, deduplication ids and priorities, through either face."""

import pytest

from postroad import Broker, Outgoing


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
