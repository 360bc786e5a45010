"""Consumers by pika: how many messages each may hold, who is first, and who is the only one."""

from typing import Any

import pytest
from pika.exceptions import ChannelClosedByBroker

from tests.compat.amqp_clients import (
    Broker,
    Reader,
    channel_error,
    count,
    counted,
    fresh,
    get,
    only_here,
    pump,
    put,
    queue,
    settle_down,
)


def another(channel: Any) -> Any:
    """One more channel of the same connection."""
    made = channel.connection.channel()
    made.confirm_delivery()
    return made


def test_a_consumer_holds_no_more_than_its_prefetch(channel: Any) -> None:
    name = queue(channel)
    channel.basic_qos(prefetch_count=3)
    reader = Reader(channel, name)
    put(channel, name, *(str(number) for number in range(10)))
    reader.wait(3)
    settle_down(channel)
    assert len(reader.got) == 3
    channel.basic_qos(prefetch_count=3)
    channel.basic_ack(reader.got[1].tag, multiple=True)
    reader.wait(5)
    settle_down(channel)
    assert [one.body for one in reader.got] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_prefetch_is_for_each_consumer_that_comes_after_it(channel: Any) -> None:
    first, second = queue(channel), queue(channel)
    for name in (first, second):
        put(channel, name, *"abcdefgh")
    receiver = channel.connection.channel()
    receiver.basic_qos(prefetch_count=2)
    two = Reader(receiver, first)
    receiver.basic_qos(prefetch_count=4)
    four = Reader(receiver, second)
    pump(receiver, lambda: len(two.got) + len(four.got) >= 6)
    for _ in range(5):
        count(receiver, first)
    assert (len(two.got), len(four.got)) == (2, 4)


def test_a_global_prefetch_is_shared_and_changes_at_run_time(channel: Any) -> None:
    first, second = queue(channel), queue(channel)
    for name in (first, second):
        put(channel, name, *"abcdefgh")
    receiver = channel.connection.channel()
    receiver.basic_qos(prefetch_count=3, global_qos=True)
    readers = [Reader(receiver, name) for name in (first, second)]

    def held() -> int:
        return sum(len(reader.got) for reader in readers)

    def exactly(number: int) -> None:
        pump(receiver, lambda: held() >= number)
        for _ in range(5):
            count(receiver, first)
        assert held() == number

    exactly(3)
    receiver.basic_qos(prefetch_count=5, global_qos=True)
    exactly(5)
    # Smaller than what is held: nothing more until enough is settled.
    receiver.basic_qos(prefetch_count=2, global_qos=True)
    tags = sorted(one.tag for reader in readers for one in reader.got)
    for tag in tags[:3]:
        receiver.basic_ack(tag)
    exactly(5)
    receiver.basic_ack(tags[3])
    exactly(6)
    receiver.basic_qos(prefetch_count=0, global_qos=True)
    exactly(16)


@only_here
def test_a_global_prefetch_holds_for_quorum_queues_as_well(channel: Any) -> None:
    name = queue(channel, queue_type="quorum")
    put(channel, name, *"abcdef")
    receiver = channel.connection.channel()
    receiver.basic_qos(prefetch_count=2, global_qos=True)
    reader = Reader(receiver, name)
    reader.wait(2)
    receiver.basic_qos(prefetch_count=4, global_qos=True)
    reader.wait(4)
    settle_down(receiver)


def test_a_consumer_without_acks_knows_no_prefetch(channel: Any) -> None:
    name = queue(channel)
    put(channel, name, *"abcdef")
    receiver = channel.connection.channel()
    receiver.basic_qos(prefetch_count=1)
    Reader(receiver, name, auto_ack=True).wait(6)


def test_two_consumers_share_the_work(channel: Any) -> None:
    name = queue(channel)
    receiver = channel.connection.channel()
    receiver.basic_qos(prefetch_count=10)
    readers = [Reader(receiver, name) for _ in range(2)]
    put(channel, name, *(str(number) for number in range(20)))
    for reader in readers:
        reader.wait(10)


def test_the_consumer_with_the_higher_priority_is_served_first(channel: Any) -> None:
    name = queue(channel)
    receiver = channel.connection.channel()
    receiver.basic_qos(prefetch_count=2)
    low = Reader(receiver, name)
    high = Reader(receiver, name, arguments={"x-priority": 10})
    put(channel, name, "a", "b")
    high.wait(2)
    assert low.got == []
    put(channel, name, "c")
    low.wait(1)
    # The free place is the important one's again.
    receiver.basic_ack(high.got[0].tag)
    settle_down(channel)
    put(channel, name, "d")
    high.wait(3)


def test_a_single_active_consumer_is_followed_by_the_next(channel: Any) -> None:
    name = queue(channel, single_active_consumer=True)
    receiver = channel.connection.channel()
    first, second = (Reader(receiver, name) for _ in range(2))
    put(channel, name, "a", "b")
    first.wait(2)
    assert second.got == []
    receiver.basic_cancel(first.tag)
    put(channel, name, "c")
    assert second.wait(1)[0].body == b"c"


def test_an_exclusive_consumer_is_the_only_one(channel: Any) -> None:
    name = queue(channel)
    Reader(channel, name, exclusive=True)
    other = another(channel)
    said = f"ACCESS_REFUSED - queue '{name}' in vhost '/' in exclusive use"
    with channel_error(403, said):
        Reader(other, name)


def test_a_cancelled_consumer_gets_nothing_more_and_may_settle_what_it_holds(channel: Any) -> None:
    name = queue(channel)
    receiver = channel.connection.channel()
    reader = Reader(receiver, name)
    put(channel, name, "held")
    (held,) = reader.wait(1)
    receiver.basic_cancel(reader.tag)
    put(channel, name, "for another")
    settle_down(receiver)
    receiver.basic_ack(held.tag)
    assert get(channel, name).body == b"for another"
    assert reader.bodies == [b"held"]


def test_answers_come_back_without_a_queue(broker: Broker, channel: Any) -> None:
    requests = queue(channel)
    with broker.connected() as other:
        client = other.channel()
        answers = Reader(client, "amq.rabbitmq.reply-to", auto_ack=True)
        put(client, requests, "2 + 3", reply_to="amq.rabbitmq.reply-to", correlation_id="c-1")
        request = get(channel, requests)
        address = request.properties.reply_to
        assert address.startswith("amq.rabbitmq.reply-to.")
        put(channel, address, "5", correlation_id=request.properties.correlation_id)
        (answer,) = answers.wait(1)
        assert (answer.body, answer.properties.correlation_id) == (b"5", "c-1")
        assert (answer.method.exchange, answer.method.routing_key) == ("", address)
    # Nobody there any more: dropped.
    put(channel, address, "too late")


def test_a_server_may_ask_whether_the_asker_is_still_there(broker: Broker, channel: Any) -> None:
    requests = queue(channel)
    with broker.connected() as other:
        client = other.channel()
        Reader(client, "amq.rabbitmq.reply-to", auto_ack=True)
        put(client, requests, "", reply_to="amq.rabbitmq.reply-to")
        address = get(channel, requests).properties.reply_to
        assert channel.queue_declare(address, passive=True).method.queue == address
    probe = another(channel)
    with pytest.raises(ChannelClosedByBroker) as caught:
        probe.queue_declare(address, passive=True)
    assert caught.value.reply_code == 404


def test_an_answer_needs_a_consumer_that_needs_no_acks(channel: Any) -> None:
    connection = channel.connection
    said = "PRECONDITION_FAILED - reply consumer cannot acknowledge"
    with channel_error(406, said):
        Reader(channel, "amq.rabbitmq.reply-to")
    channel = connection.channel()
    name = queue(channel)
    said = "PRECONDITION_FAILED - fast reply consumer does not exist"
    put(channel, name, "", reply_to="amq.rabbitmq.reply-to")
    with channel_error(406, said):
        count(channel, name)


def test_a_stopped_flow_lets_no_deliveries_through(channel: Any) -> None:
    """RabbitMQ obeys `channel.flow` of a client no more; it is answered, and then open again."""
    assert channel.flow(True) is True


def test_ten_thousand_messages_go_through_one_consumer(broker: Broker) -> None:
    with broker.connected() as connection:
        channel = connection.channel()
        name = fresh()
        channel.queue_declare(name, durable=True)
        for number in range(10_000):
            put(channel, name, str(number))
        counted(channel, name, 10_000)
        receiver = connection.channel()
        receiver.basic_qos(prefetch_count=500)
        seen: list[int] = []

        def take(_channel: Any, method: Any, _properties: Any, body: bytes) -> None:
            seen.append(int(body))
            if len(seen) % 100 == 0:
                receiver.basic_ack(method.delivery_tag, multiple=True)

        receiver.basic_consume(name, take)
        pump(receiver, lambda: len(seen) == 10_000)
        assert seen == list(range(10_000))
        receiver.close()
        counted(channel, name, 0)
