"""Publishing where a queue takes no more: wait, fail, or drop."""

import asyncio
import threading

import pytest

from postroad import App, AsyncBroker, BackPressure, Broker
from postroad.errors import BadCommand, QueueFull, QueueNotFound

WITHIN_S = 20.0


def test_a_publish_waits_until_there_is_room() -> None:
    with Broker.open(None) as broker:
        broker.declare("mails", length_max=1)
        press = BackPressure()
        assert press.publish(broker, "mails", b"one") is not None
        publisher = threading.Thread(target=press.publish, args=(broker, "mails", b"two"))
        publisher.start()
        while not press.waited_s:
            broker.describe("mails")
        (message,) = broker.receive("mails")
        broker.ack(message)
        publisher.join(WITHIN_S)
        assert [one.body for one in broker.pop("mails", 5)] == [b"two"]


def test_a_publish_that_waited_long_enough_fails() -> None:
    with Broker.open(None) as broker:
        broker.declare("mails", length_max=1)
        press = BackPressure(timeout_s=0.03)
        press.publish(broker, "mails", b"one")
        with pytest.raises(QueueFull):
            press.publish(broker, "mails", b"two")
        assert press.waited_s == pytest.approx(0.03)


def test_who_asks_for_more_than_a_queue_ever_holds_does_not_wait() -> None:
    with Broker.open(None) as broker:
        broker.declare("mails", length_max=2)
        broker.declare("parcels", bytes_max=100)
        press = BackPressure()
        with pytest.raises(QueueFull, match="never has room"):
            press.publish_many(broker, "mails", [b"1", b"2", b"3"])
        with pytest.raises(QueueFull, match="never has room"):
            press.publish(broker, "parcels", "x" * 101)
        assert press.waited_s == 0


def test_a_publish_fails_at_once_or_is_dropped_where_that_is_wanted() -> None:
    with Broker.open(None) as broker:
        broker.declare("mails", length_max=2)
        drop, fail = BackPressure("drop"), BackPressure("fail")
        assert drop.publish_many(broker, "mails", [b"1", b"2"]) is not None
        assert drop.publish(broker, "mails", b"3") is None
        assert drop.publish_many(broker, "mails", [b"3", b"4"]) is None
        assert drop.dropped == 2
        with pytest.raises(QueueFull):
            fail.publish(broker, "mails", b"3", headers={"a": "b"})
        assert fail.waited_s == drop.waited_s == 0
        assert broker.describe("mails").ready == 2


def test_a_deep_queue_pauses_who_publishes_though_it_has_no_limit() -> None:
    with Broker.open(None) as broker:
        broker.declare("mails")
        press = BackPressure("drop", pause_above=10)
        while press.publish(broker, "mails", b"x") is not None:
            pass
        assert 10 < broker.describe("mails").ready <= 11
        broker.pop("mails", 5)
        assert press.publish(broker, "mails", b"x") is not None
        with pytest.raises(QueueFull, match="`mails` has"):
            BackPressure("fail", pause_above=0).publish(broker, "mails", b"x")


def test_it_is_not_looked_at_each_message_how_deep_a_queue_is() -> None:
    with Broker.open(None) as broker:
        broker.declare("mails")
        press = BackPressure("drop", pause_above=1_000)
        press.publish(broker, "mails", b"x")
        broker.publish_many("mails", [b"x"] * 2_000)
        taken = 0
        while press.publish(broker, "mails", b"x") is not None:
            taken += 1
        assert taken == 499


def test_who_awaits_waits_as_well() -> None:
    async def story() -> None:
        async with AsyncBroker.open(None) as broker:
            await broker.declare("mails", length_max=1)
            press = BackPressure()
            await press.apublish(broker, "mails", b"one")
            publisher = asyncio.create_task(press.apublish_many(broker, "mails", [b"two"]))
            while not press.waited_s:
                await broker.describe("mails")
            await broker.pop("mails")
            assert await publisher is not None
            assert await BackPressure("drop").apublish(broker, "mails", b"three") is None
            publisher = asyncio.create_task(press.apublish_many(broker, "mails", [b"never"]))
            waited_s = press.waited_s
            while press.waited_s == waited_s:
                await broker.describe("mails")
            publisher.cancel()
            await asyncio.gather(publisher, return_exceptions=True)
            assert [one.body for one in await broker.pop("mails", 5)] == [b"two"]

    asyncio.run(asyncio.wait_for(story(), WITHIN_S))


def test_calls_of_tasks_wait_or_are_dropped_like_any_publish() -> None:
    app = App()

    @app.worker("mails", settings={"length_max": 1})
    def send(to: str) -> None:
        assert to

    with app.test(inline=False):
        press = BackPressure("drop")
        assert press.call(lambda: send.delay("ada")) is not None
        assert press.call(lambda: send.delay("bob")) is None


def test_what_is_no_lack_of_room_is_raised_at_once() -> None:
    with Broker.open(None) as broker, pytest.raises(QueueNotFound):
        BackPressure("drop", pause_above=5).publish(broker, "nowhere", b"x")


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(BadCommand, match="when_full"):
        BackPressure("block")  # type: ignore[arg-type]
    for timeout_s in (-1, float("nan"), True, "5"):
        with pytest.raises(BadCommand, match="timeout_s"):
            BackPressure(timeout_s=timeout_s)  # type: ignore[arg-type]
    for above in (-1, 1.5, True):
        with pytest.raises(BadCommand, match="pause_above"):
            BackPressure(pause_above=above)  # type: ignore[arg-type]
