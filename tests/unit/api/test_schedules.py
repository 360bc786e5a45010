"""Schedules through the API, embedded and connected."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from postroad import AsyncBroker, Broker
from postroad.errors import (
    BadSettings,
    ExchangeNotFound,
    QueueNotFound,
    ScheduleNotFound,
    TopicNotFound,
)
from postroad.testing import ClockedBroker

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def test_every_operation_does_what_it_says() -> None:
    with Broker.open(None) as broker:
        broker.declare("reports")
        made = broker.schedule(
            "nightly", queue="reports", body="run", headers={"a": 1}, cron="0 3 * * *"
        )
        assert made.created
        assert made.next_ms % DAY_MS == 3 * HOUR_MS
        assert not broker.schedule(
            "nightly", queue="reports", body="run", headers={"a": 1}, cron="0 3 * * *"
        ).changed
        broker.schedule("often", queue="reports", every=timedelta(days=7), missed="all")
        [nightly, often] = broker.schedules()
        assert (nightly.name, nightly.settings.cron, nightly.next_ms) == (
            "nightly",
            "0 3 * * *",
            made.next_ms,
        )
        assert (often.settings.every_ms, often.settings.missed) == (7 * DAY_MS, "all")
        assert [one.name for one in broker.schedules("o")] == ["often"]
        slot_ms = broker.fire("nightly")
        [message] = broker.receive("reports")
        assert message.body == b"run"
        assert message.headers == {
            "a": 1,
            "postroad-schedule": "nightly",
            "postroad-slot": slot_ms,
        }
        broker.pause_schedule("nightly")
        assert broker.schedules("n")[0].paused
        broker.resume_schedule("nightly")
        assert broker.schedules("n")[0].next_ms == made.next_ms
        broker.unschedule("nightly")
        for operation in (broker.unschedule, broker.fire, broker.pause_schedule):
            with pytest.raises(ScheduleNotFound, match="schedule `nightly` does not exist"):
                operation("nightly")


def test_its_messages_may_have_a_life_and_a_priority_and_come_later_than_its_slots() -> None:
    with Broker.open(None) as broker:
        broker.declare("q", kind="priority")
        broker.schedule("plain", queue="q", every="1d")
        broker.schedule(
            "spread", queue="q", every="1d", jitter_ms=3_600_000, ttl_ms=3_600_000, priority=7
        )
        [plain, spread] = broker.schedules()
        assert plain.due_ms == plain.next_ms
        assert 0 <= spread.due_ms - spread.next_ms < 3_600_000
        assert (spread.settings.ttl_ms, spread.settings.priority) == (3_600_000, 7)
        broker.fire("plain")
        broker.fire("spread")
        assert [one.priority for one in broker.receive("q", 2)] == [7, 0]


def test_slots_come_by_themselves_while_somebody_waits() -> None:
    with Broker.open(None) as broker:
        broker.declare("ticks")
        broker.schedule("tick", queue="ticks", every="20ms")
        slots = []
        for _ in range(4):
            [message] = broker.receive("ticks", wait_ms=10_000)
            slots.append(int(str(message.headers["postroad-slot"])))
        assert slots == sorted(set(slots))


def test_an_event_loop_can_do_the_same() -> None:
    async def main() -> None:
        async with AsyncBroker.open(None) as broker:
            await broker.declare("ticks")
            await broker.schedule("tick", queue="ticks", every=20)
            assert [one.name for one in await broker.schedules()] == ["tick"]
            [message] = await broker.receive("ticks", wait_ms=10_000)
            assert message.headers["postroad-schedule"] == "tick"
            await broker.unschedule("tick")

    asyncio.run(main())


def test_a_schedule_outlives_a_restart(tmp_path: Path) -> None:
    with Broker.open(tmp_path) as broker:
        broker.declare("ticks")
        broker.schedule("tick", queue="ticks", every="20ms")
    with Broker.open(tmp_path) as broker:
        assert broker.schedules()[0].settings.every_ms == 20
        assert broker.receive("ticks", wait_ms=10_000)


def test_hours_pass_by_the_clock_of_a_test(clocked: ClockedBroker) -> None:
    clocked.declare("reports")
    clocked.schedule("hourly", queue="reports", cron="@hourly", missed="all")
    clocked.pass_time(12 * HOUR_MS)
    assert len(clocked.receive("reports", 100)) == 12


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, BadSettings),
        ({"queue": "q", "topic": "t", "every": 50}, BadSettings),
        ({"queue": "q"}, BadSettings),
        ({"queue": "q", "every": 50, "cron": "* * * * *"}, BadSettings),
        ({"queue": "q", "every": "soon"}, BadSettings),
        ({"queue": "q", "every": "99999999999999d"}, BadSettings),
        ({"queue": "q", "every": True}, BadSettings),
        ({"queue": "q", "every": 0}, BadSettings),
        ({"queue": "q", "every": -5}, BadSettings),
        ({"queue": "q", "every": timedelta(milliseconds=-5)}, BadSettings),
        ({"queue": "q", "cron": "0 99 * * *"}, BadSettings),
        ({"queue": "q", "cron": 5}, BadSettings),
        ({"queue": "q", "cron": "* * * * *", "zone": "Mars/Olympus"}, BadSettings),
        ({"queue": "q", "every": 50, "missed": "most"}, BadSettings),
        ({"queue": "q", "every": 50, "until_ms": "noon"}, BadSettings),
        ({"queue": "q", "every": 50, "colour": "red"}, BadSettings),
        ({"queue": "q", "every": 50, "paused": "yes"}, BadSettings),
        ({"queue": "q", "every": 50, "jitter_ms": -1}, BadSettings),
        ({"queue": "q", "every": 50, "jitter_ms": "1m"}, BadSettings),
        ({"queue": "q", "every": 50, "ttl_ms": 0}, ValueError),
        ({"queue": "q", "every": 50, "ttl_ms": "1m"}, TypeError),
        ({"queue": "q", "every": 50, "priority": 256}, ValueError),
        ({"queue": "q", "every": 50, "priority": True}, TypeError),
        ({"topic": "t", "every": 50, "priority": 3}, BadSettings),
        ({"topic": "t", "every": 50, "ttl_ms": 3}, BadSettings),
        ({"queue": 5, "every": 50}, BadSettings),
        ({"queue": "q", "every": 50, "body": 5}, TypeError),
        ({"queue": "q", "every": 50, "headers": {"a": object()}}, TypeError),
        ({"queue": "gone", "every": 50}, QueueNotFound),
        ({"exchange": "gone", "every": 50}, ExchangeNotFound),
        ({"topic": "gone", "every": 50}, TopicNotFound),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_changed(
    options: dict[str, Any], error: type[Exception]
) -> None:
    with Broker.open(None) as broker:
        broker.declare("q")
        with pytest.raises(error):
            broker.schedule("tick", **options)
        assert broker.schedules() == []


def test_an_exchange_and_a_topic_are_targets_too() -> None:
    with Broker.open(None) as broker:
        broker.declare("q")
        broker.declare_exchange("x", "topic")
        broker.bind("x", "q", "paid.*")
        broker.schedule("routed", exchange="x", routing_key="paid.eu", every="1d")
        broker.topic("log").declare(1)
        broker.schedule("kept", topic="log", key="k", headers={"a": 1}, every="1d", paused=True)
        broker.fire("routed")
        broker.fire("kept")
        assert len(broker.receive("q")) == 1
        [kept] = broker.schedules("kept")
        assert (kept.fired, kept.paused, kept.next_ms) == (1, True, 0)
