"""A whole broker for a test: its clock, its looks at queues, and that it leaves nothing behind."""

import threading
from pathlib import Path

import pytest

from postroad import Broker, errors
from postroad.testing import LocalServer

DAY_MS = 24 * 3_600 * 1_000


def test_hours_pass_when_a_test_says_so(postroad: LocalServer) -> None:
    broker = postroad.broker
    broker.declare("mail", lease_ms=10_000)
    broker.publish("mail", "later", delay_ms=12 * 3_600 * 1_000)
    assert broker.receive("mail") == []
    postroad.clock.advance(hours=11, minutes=59)
    assert broker.receive("mail") == []
    postroad.clock.advance(minutes=1)
    [message] = broker.receive("mail")
    assert (message.body, message.delivery_count) == (b"later", 1)
    postroad.clock.advance(seconds=10, ms=1)
    [again] = broker.receive("mail")
    assert again.delivery_count == 2


def test_what_time_does_in_steps_is_done_when_the_clock_was_moved(postroad: LocalServer) -> None:
    broker = postroad.broker
    broker.declare("dead")
    broker.declare("orders", ttl_ms=1_000, dead_letter_queue="dead", expired_to_dead_letters=True)
    bodies = [b"%d" % number for number in range(5_000)]
    broker.publish_many("orders", bodies)
    postroad.clock.advance(seconds=2)
    postroad.expect("orders")
    assert postroad.waiting("dead") == bodies


@pytest.mark.postroad(directory=True, cache_bytes="4MiB")
def test_a_broker_in_a_directory_keeps_what_is_too_much_for_memory(postroad: LocalServer) -> None:
    broker = postroad.broker
    broker.declare("dead")
    broker.declare("big", ttl_ms=60_000, dead_letter_queue="dead", expired_to_dead_letters=True)
    body = bytes(1024 * 1024)
    for _ in range(24):
        broker.publish("big", body)
    postroad.clock.advance(minutes=2)
    assert broker.describe("dead").ready == 24
    assert broker.describe("big").dead == 0


def test_time_does_not_run_backwards(postroad: LocalServer) -> None:
    before_ms = postroad.clock.now_ms()
    with pytest.raises(ValueError, match="backwards"):
        postroad.clock.advance(ms=-1)
    postroad.clock.advance(hours=24)
    assert DAY_MS <= postroad.clock.now_ms() - before_ms < 2 * DAY_MS


def test_a_test_fails_where_a_queue_holds_something_else(postroad: LocalServer) -> None:
    postroad.broker.declare("mail")
    postroad.expect("mail")
    postroad.broker.publish("mail", "one")
    postroad.broker.publish("mail", b"two", delay_ms=5_000)
    postroad.broker.receive("mail")
    postroad.expect("mail", "one", b"two")
    with pytest.raises(AssertionError, match=r"holds .*two.*, and not .*three"):
        postroad.expect("mail", "one", "three")
    with pytest.raises(errors.QueueNotFound, match="post"):
        postroad.expect("post")


def test_many_waiting_messages_are_all_seen(postroad: LocalServer) -> None:
    postroad.broker.declare("many")
    bodies = [b"%d" % number for number in range(2_500)]
    postroad.broker.publish_many("many", bodies)
    assert postroad.waiting("many") == bodies


def test_a_broker_that_is_closed_leaves_no_thread_and_no_directory(tmp_path: Path) -> None:
    before = threading.active_count()
    with LocalServer() as server:
        data = Path(server._settings.data)
        assert data.is_dir()
        server.broker.declare("mail")
    assert threading.active_count() == before
    assert not data.exists()
    with pytest.raises(errors.BrokerClosed):
        server.broker.publish("mail", "late")
    server.close()
    with LocalServer(tmp_path) as server:
        server.broker.declare("mail")
        server.broker.publish("mail", "kept")
    with LocalServer(tmp_path) as server:
        server.expect("mail", "kept")


def test_a_setting_that_is_none_is_refused_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(errors.PostroadError, match="amqp"):
        LocalServer(amqp="nowhere")
    assert threading.active_count() == before
    with LocalServer(amqp="off") as server:
        assert "amqp" not in server.addresses


def test_brokers_beside_each_other_share_nothing(postroad_server: type[LocalServer]) -> None:
    one, other = postroad_server(), postroad_server()
    one.broker.declare("mail")
    assert one.addresses["sqs"] != other.addresses["sqs"]
    with pytest.raises(errors.QueueNotFound):
        other.broker.publish("mail", "x")


def test_a_program_may_connect_to_it(postroad: LocalServer) -> None:
    with Broker.connect(postroad.url) as connected:
        connected.declare("mail")
        connected.publish("mail", "later", delay_ms=3_600_000)
        postroad.clock.advance(hours=1)
        [message] = connected.receive("mail")
        connected.ack(message)
    postroad.expect("mail")
