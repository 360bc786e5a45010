"""Operations as one step, from Python."""

import asyncio

import pytest

from postroad import AsyncBroker, Broker
from postroad.api.batch import Steps
from postroad.errors import BadCommand, Changed, LeaseLost, ProgramFailed, QueueFull


def test_what_is_taken_and_what_comes_of_it_are_one_step() -> None:
    with Broker.open(None) as broker:
        broker.declare("orders")
        broker.declare("invoices")
        broker.publish("orders", b"7 books")
        order = broker.receive("orders")
        later = broker.later
        results = broker.batch(
            [
                later.ack(order),
                later.publish("invoices", b"for 7 books"),
                broker.kv("seen").later.set("order-1", b"yes", if_absent=True),
            ]
        )
        assert results[2] is True
        assert broker.describe("orders").leased == 0
        assert broker.pop("invoices")[0].body == b"for 7 books"
        assert broker.kv("seen").get("order-1") == b"yes"


def test_nothing_is_done_where_one_operation_is_refused() -> None:
    with Broker.open(None) as broker:
        broker.declare("a")
        broker.declare("full", length_max=1)
        broker.publish("full", b"x")
        later = broker.later
        with pytest.raises(QueueFull):
            broker.batch([later.publish("a", b"1"), later.publish("full", b"2")])
        assert broker.describe("a").ready == 0
        done = broker.batch(
            [later.publish("a", b"1"), later.publish("full", b"2")], all_or_nothing=False
        )
        assert isinstance(done[1], QueueFull)
        assert broker.describe("a").ready == 1


def test_a_batch_may_rest_on_what_was_seen_before() -> None:
    with Broker.open(None) as broker:
        broker.declare("q")
        seen = broker.describe("q").changes
        broker.publish("q", b"somebody else's")
        with pytest.raises(Changed):
            broker.batch([broker.later.publish("q", b"mine")], unchanged=[("q", seen)])
        assert broker.describe("q").ready == 1


def test_operations_that_stand_alone_are_no_part_of_a_batch() -> None:
    with Broker.open(None) as broker:
        broker.declare("q")
        with pytest.raises(BadCommand):
            broker.batch([broker.later.peek("q")])


def test_a_program_runs_inside_the_broker() -> None:
    with Broker.open(None) as broker:
        broker.declare("parts")
        later = broker.later

        def split(steps: Steps) -> int:
            count = steps.do(broker.kv("jobs").later.increment("made", 3))
            for number in range(3):
                steps.do(later.publish("parts", b"%d" % number))
            return count

        assert broker.run(split) == 3
        assert broker.describe("parts").ready == 3

        def broken(steps: Steps) -> None:
            steps.do(later.publish("nowhere", b"x"))

        with pytest.raises(ProgramFailed, match="nowhere"):
            broker.run(broken)


def test_a_batch_awaits_too() -> None:
    async def program() -> int:
        async with await AsyncBroker.open(None) as broker:
            await broker.declare("q")
            later = broker.later
            await broker.batch([later.publish("q", b"1"), later.publish("q", b"2")])
            return (await broker.describe("q")).ready

    assert asyncio.run(program()) == 2


def test_an_ack_of_two_queues_is_part_of_a_batch_as_a_whole() -> None:
    with Broker.open(None) as broker:
        for name in ("a", "b", "c"):
            broker.declare(name)
        broker.publish(["a", "b"], b"x")
        held = [*broker.receive("a"), *broker.receive("b")]
        broker.batch([broker.later.publish("c", b"y"), broker.later.ack(held)])
        assert [broker.describe(name).leased for name in ("a", "b")] == [0, 0]
        with pytest.raises(LeaseLost):
            broker.batch([broker.later.publish("c", b"z"), broker.later.release(held)])
        assert broker.describe("c").ready == 1
