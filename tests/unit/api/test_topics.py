"""Topics and consumers in Python programs, blocking and asyncio."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroad import AsyncBroker, Broker, errors
from postroad.api.logs import Consumer
from postroad.testing import ClockedBroker


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker.open(None) as broker:
        yield broker


def taken(consumer: Consumer) -> list[bytes]:
    return [message.body for message in consumer]


def test_a_topic_is_declared_published_to_and_read(broker: Broker) -> None:
    topic = broker.topic("news")
    assert topic.declare(retention_ms=60_000)
    assert not topic.declare()
    assert topic.publish("hello", headers={"n": 1}) == (0, 0)
    assert topic.publish_many([b"a", "b"]) == [(0, 1), (0, 2)]
    messages = topic.read()
    assert [message.body for message in messages] == [b"hello", b"a", b"b"]
    assert messages[0].headers == {"n": 1}
    assert messages[0].key is None
    assert [message.body for message in topic.read(1, 1)] == [b"a"]
    assert broker.topics() == ["news"]
    assert topic.describe().partitions[0].end == 3
    topic.delete()
    assert broker.topics() == []


def test_keys_come_back_and_keep_together(broker: Broker) -> None:
    topic = broker.topic("t")
    topic.declare(8)
    first = topic.publish("1", key="k", headers={"n": 1})
    second = topic.publish("2", key=b"k")
    assert first[0] == second[0]
    topic.end_key("k")
    messages = topic.read(partition=first[0])
    assert [(one.key, one.body, one.tombstone) for one in messages] == [
        (b"k", b"1", False),
        (b"k", b"2", False),
        (b"k", b"", True),
    ]
    assert messages[0].headers == {"n": 1}


def test_offsets_are_found_by_time_and_cut() -> None:
    with ClockedBroker.open() as broker:
        topic = broker.topic("t")
        topic.declare()
        topic.publish("old")
        broker.pass_time(1_000)
        topic.publish("new")
        at = topic.read()[1].published_ms
        assert topic.find(at) == topic.find(at - 1) == 1
        assert (topic.find("earliest"), topic.find("latest")) == (0, 2)
        assert topic.cut(1) == 1
        with pytest.raises(errors.OffsetOutOfRange):
            topic.read(0)
        with pytest.raises(errors.OffsetOutOfRange):
            topic.read(3)
        with pytest.raises(errors.TopicNotFound):
            topic.read(0, partition=1)


def test_a_reader_waits_for_the_next_message(broker: Broker) -> None:
    topic = broker.topic("t")
    topic.declare()
    thread = threading.Timer(0.05, lambda: topic.publish("late"))
    thread.start()
    assert [message.body for message in topic.read(wait_ms=20_000)] == [b"late"]
    thread.join()


def test_a_consumer_goes_on_where_its_group_was(tmp_path: Path) -> None:
    with Broker.open(tmp_path) as broker:
        topic = broker.topic("t")
        topic.declare(3)
        for one in range(9):
            topic.publish(str(one))
        with broker.consumer("t", group="g", idle_ms=0) as consumer:
            for message in consumer:
                if message.body == b"5":
                    consumer.commit(message)
                    break
    with Broker.open(tmp_path) as broker:
        with broker.consumer("t", group="g", idle_ms=0) as consumer:
            left = taken(consumer)
        assert b"5" not in left
        assert 0 < len(left) < 9
        with broker.consumer("t", group="g", idle_ms=0) as consumer:
            assert taken(consumer) == []
        described = broker.topic("t").group("g")
        assert [part.lag for part in described.parts] == [0, 0, 0]


def test_a_loop_that_fails_at_a_message_meets_it_again(broker: Broker) -> None:
    broker.topic("t").declare()
    broker.topic("t").publish_many(["a", "b", "c"])
    with broker.consumer("t", group="g", idle_ms=0) as consumer:
        for message in consumer:
            if message.body == b"b":
                break
    with broker.consumer("t", group="g", idle_ms=0) as consumer:
        assert taken(consumer) == [b"b", b"c"]


def test_members_share_the_partitions_and_take_over_what_is_left(broker: Broker) -> None:
    topic = broker.topic("t")
    topic.declare(4)
    first, second = (broker.consumer("t", group="g") for _ in range(2))
    for _ in range(3):
        first.poll()
        second.poll()
    assert len(first.assignment) == len(second.assignment) == 2
    assert not set(first.assignment) & set(second.assignment)
    second.close()
    first.poll()
    assert len(first.assignment) == 4


def test_a_member_that_was_silent_for_too_long_is_fenced_and_joins_again() -> None:
    with ClockedBroker.open() as broker:
        broker.topic("t").declare(1)
        broker.topic("t").publish("a")
        slow = broker.consumer("t", group="g", session_ms=1_000)
        message = slow.poll()[0]
        broker.pass_time(1_000)
        quick = broker.consumer("t", group="g", session_ms=1_000)
        assert [one.body for one in quick.poll()] == [b"a"]
        with pytest.raises(errors.MemberNotFound):
            slow.commit(message)
        assert slow.poll() == []
        assert slow.assignment == []
        quick.close()
        assert [one.body for one in slow.poll()] == [b"a"]


def test_offsets_are_reset_while_nobody_reads(broker: Broker) -> None:
    topic = broker.topic("t")
    topic.declare()
    topic.publish_many(["a", "b", "c"])
    with broker.consumer("t", group="g", idle_ms=0) as consumer:
        assert len(taken(consumer)) == 3
        with pytest.raises(errors.GroupInUse):
            topic.reset_offsets("g")
    topic.reset_offsets("g", offset=1)
    with broker.consumer("t", group="g", idle_ms=0) as consumer:
        assert taken(consumer) == [b"b", b"c"]
    topic.delete_group("g")
    with pytest.raises(errors.GroupNotFound):
        topic.group("g")


def test_a_group_that_leases_is_settled_as_a_queue_is(broker: Broker) -> None:
    topic = broker.topic("t")
    topic.declare(2)
    broker.declare("dead")
    assert topic.declare_group("g", start="earliest", deliveries_max=1, dead_letter_queue="dead")
    topic.publish("good", partition=0)
    topic.publish("bad", partition=1)
    good, bad = topic.receive("g"), topic.receive("g")
    assert (good[0].body, bad[0].body) == (b"good", b"bad")
    broker.ack(broker.receipt(good[0]))
    broker.extend(bad, 60_000)
    broker.reject(bad)
    assert broker.receive("dead", wait_ms=20_000)[0].body == b"bad"
    assert topic.groups() == ["g"]
    assert [part.lag for part in topic.group("g", mode="lease").parts] == [0, 0]
    topic.reset_offsets("g", mode="lease")
    assert topic.receive("g", wait_ms=20_000)[0].body == b"good"
    topic.delete_group("g", mode="lease")
    assert topic.groups() == []
    assert broker.queues() == ["dead"]


def test_a_setting_that_makes_no_sense_is_refused(broker: Broker) -> None:
    with pytest.raises(errors.BadSettings):
        broker.topic("t").declare(0)
    with pytest.raises(errors.BadSettings):
        broker.topic("t").declare(retention_ms=-1)
    with pytest.raises(errors.BadSettings):
        broker.topic("t").declare(compact="yes")  # type: ignore[arg-type]
    with pytest.raises(errors.BadSettings):
        broker.topic("t").declare(colour="red")  # type: ignore[call-arg]


def test_all_of_it_can_be_awaited() -> None:
    async def live() -> None:
        async with AsyncBroker.open(None) as broker:
            topic = broker.topic("t")
            assert await topic.declare(2, compact=True)
            await topic.publish("1", key="a")
            await topic.publish("2", key="b")
            bodies = set()
            async with broker.consumer("t", group="g", idle_ms=0) as consumer:
                async for message in consumer:
                    bodies.add(message.body)
                    done = topic.later.publish("done", key="z")
                    if len(bodies) == 1:
                        await broker.batch([consumer.commit_later(message), done])
                assert len(consumer.assignment) == 2
            assert bodies == {b"1", b"2", b"done"}
            assert (await topic.group("g")).parts[0].lag == 0
            waiting = asyncio.create_task(topic.read(await topic.find("latest"), wait_ms=20_000))
            number = 0
            while (await topic.publish("3", key=str(number)))[0]:
                number += 1  # keys fall where the directory's own salt says
            assert [message.body for message in await waiting] == [b"3"]

    asyncio.run(live())


def test_what_comes_of_a_message_and_that_it_was_read_are_one_step(tmp_path: Path) -> None:
    with Broker.open(tmp_path) as broker:
        orders, bills = broker.topic("orders"), broker.topic("bills")
        orders.declare()
        bills.declare()
        orders.publish_many([b"a", b"b", b"c"])
        with broker.consumer("orders", group="g", idle_ms=0) as consumer:
            for message in consumer:
                bill = bills.later.publish(b"bill " + message.body)
                broker.batch([bill, consumer.commit_later(message)])
                if message.body == b"b":
                    break
        assert orders.group("g").parts[0].offset == 2
        with broker.consumer("orders", group="g", idle_ms=0) as consumer:
            assert taken(consumer) == [b"c"]
        assert [one.body for one in bills.read(0)] == [b"bill a", b"bill b"]


def test_nothing_comes_of_a_message_that_another_member_reads_now() -> None:
    with ClockedBroker.open() as broker:
        broker.topic("orders").declare()
        bills = broker.topic("bills")
        bills.declare()
        broker.topic("orders").publish(b"a")
        slow = broker.consumer("orders", group="g", session_ms=1_000)
        [message] = slow.poll()
        broker.pass_time(1_000)
        quick = broker.consumer("orders", group="g", session_ms=1_000)
        assert [one.body for one in quick.poll()] == [b"a"]
        bill = bills.later.publish(b"bill")
        with pytest.raises(errors.MemberNotFound):
            broker.batch([bill, slow.commit_later(message)])
        assert bills.describe().partitions[0].end == 0
        broker.batch([bills.later.publish(b"bill"), quick.commit_later(message)])
        assert broker.topic("orders").group("g").parts[0].offset == 1


def test_what_was_read_before_another_member_had_the_partition_is_not_committed(
    broker: Broker,
) -> None:
    topic = broker.topic("t")
    topic.declare(2)
    for number in range(20):
        topic.publish(str(number), key=str(number))
    first = broker.consumer("t", group="g")
    old = {one.partition: one for one in reversed(first.poll() + first.poll())}
    second = broker.consumer("t", group="g")
    done = second.poll()
    while not done:
        first.poll()
        done = second.poll()
    lost = done[-1].partition
    with pytest.raises(errors.Fenced, match="another member"):
        broker.batch([first.commit_later(old[lost])])
    second.commit(done[-1])
    second.close()
    while len(first.assignment) < 2:
        first.poll()
    with pytest.raises(errors.Fenced, match="another member"):
        broker.batch([first.commit_later(old[lost])])
    assert topic.group("g").parts[lost].offset == done[-1].offset + 1
    first.close()
