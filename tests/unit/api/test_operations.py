"""What a program can do with a broker, through either face."""

from pathlib import Path

import pytest

from postroad import Broker, Outgoing, RetryPolicy, errors
from postroad.api.refusals import REFUSALS
from postroad.model.replies import Why
from tests.unit.api.conftest import Reopen


def test_what_is_published_is_received_and_gone_once_acked(broker: Broker) -> None:
    assert broker.declare("orders")
    identity = broker.publish("orders", "first", headers={"kind": "test", "n": 1})
    [message] = broker.receive("orders")
    assert (message.body, message.headers) == (b"first", {"kind": "test", "n": 1})
    assert message.identity == identity
    broker.ack(message)
    assert broker.receive("orders") == []
    assert broker.describe("orders").ready == 0


def test_a_dead_letter_has_what_its_handler_said_of_it_as_a_header(broker: Broker) -> None:
    broker.declare("dead")
    broker.declare("orders", dead_letter_queue="dead", deliveries_max=1)
    broker.publish("orders", "first", headers={"kind": "test"})
    broker.retry(broker.receive("orders"), failure="ValueError: no amount")
    broker.publish("orders", "second")
    broker.reject(broker.receive("orders"), failure="too late")
    one, other = sorted(broker.receive("dead", 2, wait_ms=5_000), key=lambda dead: dead.offset)
    assert one.headers == {"kind": "test", "postroad-failure": "ValueError: no amount"}
    assert (other.failure, other.headers) == ("too late", {"postroad-failure": "too late"})


def test_declaring_again_is_fine_unless_a_named_setting_differs(broker: Broker) -> None:
    assert broker.declare("orders", lease_ms=5_000)
    assert not broker.declare("orders")
    assert not broker.declare("orders", lease_ms=5_000)
    with pytest.raises(errors.SettingsDiffer, match="lease_ms") as caught:
        broker.declare("orders", lease_ms=6_000)
    assert caught.value.queue == "orders"


def test_a_change_leaves_what_it_does_not_name(broker: Broker) -> None:
    broker.declare("orders", lease_ms=5_000, labels={"team": "shop", "tier": "one"})
    broker.change("orders", delay_ms=10, labels={"tier": None})
    described = broker.describe("orders")
    assert (described.settings.lease_ms, described.settings.delay_ms) == (5_000, 10)
    assert described.labels == {"team": "shop"}


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ({"lease_ms": "5"}, "lease_ms"),
        ({"lease_ms": -1}, "lease_ms"),
        ({"retention_ms": 1 << 60}, "retention_ms"),
        ({"length_max": 1 << 60}, "length_max"),
        ({"retry": "often"}, "retry"),
        ({"retry": RetryPolicy("fixed", 1 << 60)}, "delay_ms"),
        ({"overflow": "explode"}, "overflow"),
        ({"lifetime": 5}, "lifetime"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_name(
    broker: Broker, setting: dict[str, int], name: str
) -> None:
    with pytest.raises(errors.BadSettings, match=f"`{name}`|no setting `{name}`"):
        broker.declare("orders", **setting)  # type: ignore[arg-type]
    assert broker.queues() == []


def test_queues_are_listed_in_order_page_by_page(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroad.api.operations.PAGE_NAMES", 2)
    names = [f"shop-{number}" for number in range(5)]
    for name in [*names, "other"]:
        broker.declare(name)
    assert broker.queues("shop-") == names
    assert broker.queues() == ["other", *names]


def test_a_deleted_queue_is_no_more(broker: Broker) -> None:
    broker.declare("orders")
    broker.delete("orders")
    with pytest.raises(errors.QueueNotFound, match="`orders`"):
        broker.publish("orders", b"x")


def test_a_purge_tells_how_many_it_dropped(broker: Broker) -> None:
    broker.declare("orders")
    broker.publish_many("orders", [b"1", b"2", b"3"])
    broker.receive("orders")
    assert broker.purge("orders") == 3
    assert broker.receive("orders", 10) == []


def test_a_publish_to_several_queues_reaches_all_or_none(broker: Broker) -> None:
    for name in ("payment", "stock"):
        broker.declare(name)
    with pytest.raises(errors.QueueNotFound):
        broker.publish(["payment", "missing"], b"order")
    identities = broker.publish(["payment", "stock"], b"order")
    assert [broker.receive(name)[0].identity for name in ("payment", "stock")] == identities
    assert broker.receive("payment") == []


def test_many_messages_are_one_step_with_consecutive_offsets(broker: Broker) -> None:
    broker.declare("orders")
    queue, first = broker.publish_many("orders", ["a", b"b", Outgoing("c", {"own": True})])
    messages = broker.receive("orders", 10)
    assert [one.body for one in messages] == [b"a", b"b", b"c"]
    assert [one.identity for one in messages] == [(queue, first + at) for at in range(3)]
    assert [one.headers for one in messages] == [{}, {}, {"own": True}]


def test_what_a_call_says_holds_for_messages_without_their_own(broker: Broker) -> None:
    broker.declare("orders")
    batch: list[str | Outgoing] = ["a", Outgoing("b", headers={"own": 1}, delay_ms=0)]
    broker.publish_many("orders", batch, headers={"all": 1}, delay_ms=60_000)
    [message] = broker.receive("orders", 10)
    assert (message.body, message.headers) == (b"b", {"own": 1})
    [late] = broker.peek("orders", states=["delayed"])
    assert (late.message.body, late.message.headers) == (b"a", {"all": 1})


@pytest.mark.parametrize("body", [None, 7, bytearray(b"x"), memoryview(b"x"), {"a": 1}])
def test_a_body_is_bytes_or_text_and_nothing_else(broker: Broker, body: object) -> None:
    broker.declare("orders")
    with pytest.raises(TypeError, match="a body is bytes or text"):
        broker.publish("orders", body)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="a body is bytes or text"):
        broker.publish_many("orders", [b"fine", body])  # type: ignore[list-item]
    assert broker.describe("orders").ready == 0


@pytest.mark.parametrize("headers", [{"a": [1]}, {1: "a"}, {"a": {"b": 1}}])
def test_a_header_is_a_plain_value_under_a_name(broker: Broker, headers: dict[str, str]) -> None:
    broker.declare("orders")
    with pytest.raises(TypeError, match="header"):
        broker.publish("orders", b"x", headers=headers)


@pytest.mark.parametrize(("delay_ms", "error"), [(-1, ValueError), (1 << 60, ValueError)])
def test_a_delay_out_of_range_is_refused(
    broker: Broker, delay_ms: int, error: type[Exception]
) -> None:
    broker.declare("orders")
    with pytest.raises(error, match="delay_ms"):
        broker.publish("orders", b"x", delay_ms=delay_ms)
    with pytest.raises(error, match="delay_ms"):
        broker.publish_many("orders", [b"x"], delay_ms=delay_ms)


def test_a_popped_message_is_gone_and_has_no_lease_to_settle(broker: Broker) -> None:
    broker.declare("orders")
    broker.publish("orders", b"x")
    [message] = broker.pop("orders")
    assert broker.describe("orders").leased == 0
    with pytest.raises(errors.BadReceipt, match="popped"):
        broker.ack(message)


def test_a_released_message_was_never_delivered(broker: Broker) -> None:
    broker.declare("orders")
    broker.publish("orders", b"x")
    broker.release(broker.receive("orders"))
    assert broker.receive("orders")[0].delivery_count == 1


def test_a_retried_message_counts_and_waits(broker: Broker) -> None:
    broker.declare("orders")
    broker.publish("orders", b"x")
    broker.retry(broker.receive("orders"))
    [again] = broker.receive("orders")
    assert again.delivery_count == 2
    broker.retry(again, after_ms=60_000)
    assert broker.describe("orders").delayed == 1


def test_a_rejected_message_is_dropped_where_there_is_no_dead_letter_queue(broker: Broker) -> None:
    broker.declare("orders")
    broker.publish("orders", b"x")
    broker.reject(broker.receive("orders"))
    described = broker.describe("orders")
    assert (described.ready, described.leased, described.dead) == (0, 0, 0)


def test_messages_of_several_queues_are_settled_in_one_call(broker: Broker) -> None:
    broker.declare("a")
    broker.declare("b")
    broker.publish(["a", "b"], b"x")
    messages = [*broker.receive("a"), *broker.receive("b")]
    broker.ack([messages[0], broker.receipt(messages[1])])
    assert [broker.describe(name).leased for name in ("a", "b")] == [0, 0]


def test_a_receipt_as_text_settles_after_a_restart(opened: Reopen, tmp_path: Path) -> None:
    broker = opened(tmp_path)
    broker.declare("orders")
    broker.publish("orders", b"x")
    receipt = broker.receipt(broker.receive("orders")[0])
    broker = opened(tmp_path)
    assert broker.describe("orders").leased == 1
    broker.extend(receipt, 60_000)
    broker.ack(receipt)
    assert broker.describe("orders").leased == 0


def test_a_receipt_of_a_queue_that_is_gone_never_touches_its_successor(
    opened: Reopen, tmp_path: Path
) -> None:
    broker = opened(tmp_path)
    broker.declare("orders")
    broker.publish("orders", b"old")
    [message] = broker.receive("orders")
    receipt = broker.receipt(message)
    broker.delete("orders")
    broker.declare("orders")
    broker.publish("orders", b"new")
    broker.receive("orders")
    for proof in (message, receipt):
        with pytest.raises(errors.LeaseLost) as caught:
            broker.ack(proof)
        assert caught.value.failed == [proof]
    assert broker.describe("orders").leased == 1


@pytest.mark.parametrize("text", ["", "x", "AAAA", "not base64!", "kpEB", "é"])
def test_a_text_that_is_no_receipt_is_told_so(broker: Broker, text: str) -> None:
    with pytest.raises(errors.BadReceipt):
        broker.ack(text)


def test_only_messages_and_receipts_can_be_settled(broker: Broker) -> None:
    with pytest.raises(TypeError, match="not int"):
        broker.ack([7])  # type: ignore[list-item]
    broker.ack([])


def test_a_peek_touches_nothing(broker: Broker) -> None:
    broker.declare("orders")
    broker.publish_many("orders", [b"1", b"2", b"3"])
    broker.receive("orders")
    seen = broker.peek("orders")
    assert [(one.state, one.message.body) for one in seen] == [
        ("leased", b"1"),
        ("ready", b"2"),
        ("ready", b"3"),
    ]
    assert [one.message.body for one in broker.peek("orders", 2)] == [b"3"]
    assert broker.peek("orders", states=["dead"]) == []
    with pytest.raises(errors.BadCommand, match="states"):
        broker.peek("orders", states=["lost"])


def test_a_move_is_atomic_and_a_move_back_finds_the_way(broker: Broker) -> None:
    broker.declare("a")
    broker.declare("b")
    broker.publish_many("a", [b"1", b"2", b"3"])
    assert broker.move("a", "b", offsets=[0, 2]) == 2
    assert [one.message.body for one in broker.peek("b")] == [b"1", b"3"]
    assert broker.move("b") == 2
    assert [one.message.body for one in broker.peek("a")] == [b"2", b"1", b"3"]


def test_a_background_move_is_a_task_one_can_watch_and_stop(broker: Broker) -> None:
    broker.declare("a")
    broker.declare("b")
    broker.publish_many("a", [b"x"] * 50)
    task = broker.start_move("a", "b", per_second=1)
    with pytest.raises(errors.TaskRunning):
        broker.start_move("a", "b")
    [seen] = broker.moves("a")
    assert (seen.task, seen.status, seen.total) == (task, "running", 50)
    assert broker.cancel_move(task) < 50
    with pytest.raises(errors.TaskNotFound):
        broker.cancel_move(task)


def test_consuming_ends_when_nothing_came_for_a_while(broker: Broker) -> None:
    broker.declare("orders")
    broker.publish_many("orders", [b"1", b"2", b"3"])
    bodies = []
    for message in broker.consume("orders", credit=2, idle_ms=0):
        bodies.append(message.body)
        broker.ack(message)
    assert bodies == [b"1", b"2", b"3"]


def test_messages_that_were_not_handed_out_go_back_when_the_loop_is_left(broker: Broker) -> None:
    broker.declare("orders")
    broker.publish_many("orders", [b"1", b"2", b"3"])
    messages = broker.consume("orders", credit=3, idle_ms=0)
    assert next(messages).body == b"1"
    messages.close()
    described = broker.describe("orders")
    assert (described.ready, described.leased) == (2, 1)


def test_every_refusal_has_a_class_of_its_own() -> None:
    assert set(REFUSALS) == set(Why)
    assert len(set(REFUSALS.values())) == len(REFUSALS)
    assert [kind.why for kind in REFUSALS.values()] == [why.name.lower() for why in REFUSALS]


def test_a_refusal_says_something_without_being_told(broker: Broker) -> None:
    for kind in REFUSALS.values():
        assert str(kind())
        assert "\n" not in str(kind())
        assert str(kind("told")) == "told"
