"""Lists through the embedded API, blocking and on an event loop."""

import asyncio
from pathlib import Path
from threading import Thread

import pytest

from postroad import AsyncBroker, Broker
from postroad.api.batch import Steps
from postroad.errors import (
    BadCommand,
    MessageTooLarge,
    OffsetOutOfRange,
    QueueFull,
    QueueNotFound,
    WrongKind,
)
from postroad.limits import MESSAGE_BYTES_MAX
from postroad.model.message import Delivery


def bodies(messages: list[Delivery]) -> list[str]:
    return [message.body.decode() for message in messages]


def test_every_operation_does_what_it_says() -> None:
    with Broker.open(None) as broker:
        queue = broker.list("l")
        assert queue.length() == 0
        assert queue.push_right("b", only_if_exists=True) == 0
        assert queue.push_right("b", headers={"n": 1}) == 1
        assert queue.push_left("a", "z") == 3
        assert bodies(queue.range()) == ["z", "a", "b"]
        assert bodies(queue.range(1, 5)) == ["a", "b"]
        last = queue.get(-1)
        assert last is not None
        assert last.headers == {"n": 1}
        assert last.delivery_count == 0
        assert queue.get(3) is None
        queue.set(0, "y", headers={"m": 2})
        assert queue.insert("a", "m") == 4
        assert queue.insert("a", "n", after=True) == 5
        assert queue.insert("?", "n") == -1
        assert bodies(queue.range()) == ["y", "m", "a", "n", "b"]
        assert queue.find("n") == (3,)
        assert queue.remove("n") == 1
        assert queue.trim(0, 2) == 1
        info = queue.info()
        assert (info.length, info.main_end, info.passing) == (3, "right", True)
        assert bodies(queue.pop_left(2)) == ["y", "m"]
        moved = queue.move("other", take="left", put="right")
        assert moved is not None
        assert moved.body == b"a"
        assert queue.move("other") is None
        assert broker.queues() == ["other"]
        assert queue.pop_first("nowhere", "other")[0] == "other"
        assert broker.list("other").pop_right() == []


def test_a_list_is_what_other_clients_of_the_queue_see() -> None:
    with Broker.open(None) as broker:
        broker.declare("jobs", deliveries_max=2, dead_letter_queue="dead")
        broker.declare("dead")
        jobs = broker.list("jobs")
        jobs.push_left("first", "second")
        broker.publish("jobs", "third")
        (held,) = broker.receive("jobs")
        assert held.body == b"first"
        assert bodies(jobs.range()) == ["third", "second"]
        broker.retry(held)
        broker.retry(broker.receive("jobs"))
        assert bodies(jobs.range()) == ["third", "second"]
        assert bodies(broker.list("dead").range()) == ["first"]


def test_lists_are_there_after_a_restart(tmp_path: Path) -> None:
    with Broker.open(tmp_path) as broker:
        queue = broker.list("l")
        queue.push_right("b", "d")
        queue.push_left("a")
        queue.insert("d", "c")
    with Broker.open(tmp_path) as broker:
        queue = broker.list("l")
        assert bodies(queue.range()) == ["a", "b", "c", "d"]
        assert bodies(queue.pop_right(9)) == ["d", "c", "b", "a"]
    with Broker.open(tmp_path) as broker:
        assert broker.queues() == []


def test_a_pop_and_a_move_wait_for_what_others_push() -> None:
    with Broker.open(None) as broker:
        got: list[object] = []
        popper = Thread(target=lambda: got.append(broker.list("a").pop_right(wait_ms=20_000)))
        popper.start()
        while not broker.driver.engine.core.demand.lists:
            broker.queues()
        assert broker.list("a").push_left("x") == 1
        popper.join(20)
        assert [bodies(one) for one in got] == [["x"]]  # type: ignore[arg-type]
        mover = Thread(target=lambda: got.append(broker.list("a").move("b", wait_ms=20_000)))
        mover.start()
        while not broker.driver.engine.core.demand.lists:
            broker.queues()
        broker.list("a").push_left("y")
        mover.join(20)
        assert bodies(broker.list("b").range()) == ["y"]


def test_what_cannot_be_is_raised() -> None:
    with Broker.open(None) as broker:
        queue = broker.list("l")
        with pytest.raises(QueueNotFound):
            queue.set(0, "a")
        queue.push_left("a")
        with pytest.raises(OffsetOutOfRange):
            queue.set(1, "a")
        with pytest.raises(BadCommand):
            queue.find("a", rank=0)
        with pytest.raises(MessageTooLarge):
            queue.push_left(bytes(MESSAGE_BYTES_MAX + 1))
        with pytest.raises(MessageTooLarge):
            broker.list("new").push_left(bytes(MESSAGE_BYTES_MAX + 1))
        broker.declare("fifo", kind="fifo")
        with pytest.raises(WrongKind):
            broker.list("fifo").length()
        with pytest.raises(WrongKind):
            queue.move("fifo")
        broker.declare("full", length_max=1)
        broker.list("full").push_left("b")
        with pytest.raises(QueueFull):
            queue.move("full")
        assert queue.length() == 1


def test_lists_are_part_of_batches_and_programs() -> None:
    with Broker.open(None) as broker:
        one, two = broker.list("one").later, broker.list("two").later
        told = broker.batch(
            [one.push_left("a", "b"), one.pop_right(), two.push_right("c"), one.length()],
            all_or_nothing=False,
        )
        assert (told[0], bodies(told[1]), told[2], told[3]) == (2, ["a"], 1, 1)

        def reverse(steps: Steps) -> int:
            messages = steps.do(one.pop_left(10))
            steps.do(one.push_left("d", *(message.body for message in messages)))
            return steps.do(one.length())

        assert broker.run(reverse) == 2
        assert bodies(broker.list("one").range()) == ["b", "d"]


def test_an_event_loop_waits_for_lists() -> None:
    async def main() -> list[str]:
        async with AsyncBroker.open(None) as broker:
            queue = broker.list("l")
            waiting = asyncio.create_task(queue.pop_first("m", end="right", wait_ms=20_000))
            await broker.queues()
            await broker.list("m").push_left("a")
            name, messages = await waiting
            await queue.push_right("b")
            return [name, *bodies(messages), *bodies(await queue.range())]

    assert asyncio.run(main()) == ["m", "a", "b"]


def test_a_list_with_a_schema_stays_when_it_is_empty() -> None:
    with Broker.open(None) as broker:
        queue = broker.list("l")
        queue.push_right("1")
        broker.set_schema("l", {"type": "integer"})
        assert bodies(queue.pop_left()) == ["1"]
        assert broker.queues() == ["l"]
        assert len(broker.schemas("l")) == 1
