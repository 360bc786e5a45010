"""Schedules: slots that fire once, whatever happens between them."""

from dataclasses import replace
from typing import Any

import pytest

from postroad.core.load import canonical
from postroad.core.schedules.calendar import ABSENT, Calendar
from postroad.engine.calendar import CronCalendar
from postroad.limits import (
    PAGE_NAMES,
    SCHEDULE_BODY_BYTES_MAX,
    SCHEDULE_JITTER_MS_MAX,
    SCHEDULE_LATE_MS,
    SCHEDULE_MISSED_MAX,
    SCHEDULES_MAX,
)
from postroad.model import commands, exchanges, topics
from postroad.model.message import keyed_head, plain_head
from postroad.model.replies import Done, Refused, Why
from postroad.model.schedules import (
    DeclareSchedule,
    DeleteSchedule,
    FireSchedule,
    ListSchedules,
    PauseSchedule,
    ScheduleDeclared,
    ScheduleFired,
    SchedulesListed,
)
from tests.unit.core.road import replayed
from tests.unit.core.timetables import (
    DAY_MS,
    EVERY,
    HOUR_MS,
    NIGHTLY,
    changed,
    declared,
    info,
    road,
    slots,
    why,
)


def test_each_slot_brings_one_message_that_says_which_it_is() -> None:
    r = road()
    head = plain_head({"team": "a"})
    assert declared(r, changed(EVERY, head=head)) == ScheduleDeclared(True, False, 1_001_000)
    r.wait(999)
    assert r.counts() == (0, 0, 0, 0)
    r.wait(1)
    (message,) = r.receive()
    assert message.body == b"work"
    assert message.headers == {
        "team": "a",
        "postroad-schedule": "tick",
        "postroad-slot": 1_001_000,
    }
    for _ in range(3):
        r.wait(1_000)
    assert slots(r)[-3:] == [1_002_000, 1_003_000, 1_004_000]
    assert info(r).fired == 4
    r.check()


def test_slots_are_where_the_anchor_says_whenever_they_are_declared() -> None:
    r = road(now=1_000_123)
    assert declared(r, EVERY).next_ms == 1_001_000
    assert declared(r, changed(EVERY, anchor_ms=400), "late").next_ms == 1_000_400
    assert declared(r, changed(EVERY, anchor_ms=5_000_000), "far").next_ms == 1_001_000


def test_a_cron_expression_counts_in_the_time_of_its_zone() -> None:
    r = road(now=1_774_656_000_000)  # 2026-03-28 00:00 UTC, the night before the clocks change
    assert declared(r, NIGHTLY).next_ms == 1_774_656_000_000 + 2 * HOUR_MS
    for _ in range(48):
        r.wait(HOUR_MS)
    assert slots(r) == [1_774_663_200_000, 1_774_663_200_000 + 23 * HOUR_MS]


def test_without_a_calendar_a_schedule_of_cron_is_refused() -> None:
    r = road()
    r.core.world.calendar = Calendar()
    reply = r.ask(DeclareSchedule("n", NIGHTLY))
    assert isinstance(reply, Refused)
    assert (reply.why, reply.text) == (Why.BAD_SETTINGS, f"schedule `n`: {ABSENT}")


def test_of_slots_that_were_missed_the_newest_is_fired() -> None:
    r = road()
    declared(r, EVERY)
    r.wait(5_500)
    assert slots(r) == [1_005_000]
    assert (info(r).passed, info(r).next_ms) == (4, 1_006_000)


def test_all_that_were_missed_are_fired_in_their_order_where_that_is_asked() -> None:
    r = road()
    declared(r, changed(EVERY, missed="all"))
    r.wait(5_500)
    assert slots(r) == [1_001_000, 1_002_000, 1_003_000, 1_004_000, 1_005_000]
    r.wait((SCHEDULE_MISSED_MAX + 50) * 1_000)
    assert len(slots(r)) == 5 + SCHEDULE_MISSED_MAX
    assert slots(r)[-1] == r.now - 500


def test_late_slots_are_passed_over_where_they_shall_be() -> None:
    r = road()
    declared(r, changed(EVERY, every_ms=HOUR_MS, missed="skip"), "skip")
    declared(r, changed(EVERY, every_ms=1_000, missed="all", late_ms=1_500), "all")
    r.now = HOUR_MS + SCHEDULE_LATE_MS + 1
    r.settle_down()
    assert info(r, "skip").passed == 1
    assert info(r, "skip").slot_ms == 0
    assert slots(r) == [HOUR_MS + SCHEDULE_LATE_MS - 1_000, HOUR_MS + SCHEDULE_LATE_MS]
    r.now = 2 * HOUR_MS + SCHEDULE_LATE_MS
    r.settle_down()
    assert info(r, "skip").slot_ms == 2 * HOUR_MS


def test_missed_slots_of_cron_are_as_those_of_an_interval() -> None:
    r = road(now=DAY_MS)
    minutely = changed(EVERY, every_ms=0, cron="* * * * *")
    declared(r, changed(minutely, missed="all"), "all")
    declared(r, minutely, "one")
    r.wait(5 * 60_000 + 10)
    assert slots(r) == [DAY_MS + at * 60_000 for at in (1, 2, 3, 4, 5)] + [DAY_MS + 300_000]
    r.wait(DAY_MS)
    assert len(slots(r)) == 6 + SCHEDULE_MISSED_MAX + 1
    assert info(r, "all").slot_ms == info(r, "one").slot_ms == 2 * DAY_MS + 300_000


def test_nothing_is_fired_after_its_end() -> None:
    r = road()
    declared(r, changed(EVERY, until_ms=1_002_500, missed="all"))
    r.wait(10_000)
    assert slots(r) == [1_001_000, 1_002_000]
    assert info(r).next_ms == 0
    assert declared(r, changed(EVERY, until_ms=1_002_500), "late").next_ms == 0


def test_while_paused_nothing_is_fired_and_nothing_counts_as_missed() -> None:
    r = road()
    declared(r, changed(EVERY, missed="all"))
    assert r.ask(PauseSchedule("tick")) == Done()
    assert r.ask(PauseSchedule("tick")) == Done()
    r.wait(5_500)
    assert r.counts() == (0, 0, 0, 0)
    assert r.ask(PauseSchedule("tick", False)) == Done()
    r.wait(1_000)
    assert slots(r) == [1_006_000]
    assert r.ask(DeclareSchedule("tick", changed(EVERY, body=b"x"), True)) is not None
    assert (info(r).paused, info(r).next_ms) == (True, 0)
    declared(r, EVERY)
    assert info(r).paused


def test_declaring_what_is_there_changes_nothing_and_what_differs_is_set() -> None:
    r = road()
    declared(r, EVERY)
    before = len(r.steps)
    assert declared(r, EVERY) == ScheduleDeclared(False, False, 1_001_000)
    assert len(r.steps) == before
    r.now = 1_001_500  # a slot is due, and fires although something else was changed first
    assert declared(r, changed(EVERY, body=b"new")) == ScheduleDeclared(False, True, 1_001_000)
    r.settle_down()
    assert [one.message.body for one in r.peek()] == [b"new"]
    assert declared(r, changed(EVERY, every_ms=300)).next_ms == 1_001_700


def test_by_hand_it_fires_at_once_and_its_slots_stay() -> None:
    r = road()
    declared(r, EVERY)
    r.ask(PauseSchedule("tick"))
    r.now += 300
    assert r.ask(FireSchedule("tick")) == ScheduleFired(1_000_300)
    assert slots(r) == [1_000_300]
    r.ask(PauseSchedule("tick", False))
    r.wait(700)
    assert slots(r) == [1_000_300, 1_001_000]


def test_a_deleted_schedule_fires_nothing() -> None:
    r = road()
    declared(r, EVERY)
    assert r.ask(DeleteSchedule("tick")) == Done()
    r.wait(5_000)
    assert r.counts() == (0, 0, 0, 0)
    for command in (DeleteSchedule("tick"), PauseSchedule("tick"), FireSchedule("tick")):
        assert why(r.ask(command)) is Why.NO_SUCH_SCHEDULE


def test_a_checkpoint_that_began_before_one_was_deleted_has_it_as_it_was() -> None:
    r = road()
    declared(r, EVERY)
    ledger = r.state.ledger
    ledger.cut()
    assert r.ask(DeleteSchedule("tick")) == Done()
    while not ledger.pay_some(1 << 20):
        pass
    rows = {key: row for key, row in ledger.take().items() if row is not None}
    assert replayed([], rows.items()).schedules.next_ms() == 1_001_000


def test_a_refusal_is_noted_and_the_next_slot_is_fired_all_the_same() -> None:
    r = road()
    r.declare("small", length_max=1)
    declared(r, changed(EVERY, target="small"))
    r.wait(1_000)
    r.wait(1_000)
    assert (info(r).fired, info(r).failed) == (1, 1)
    assert info(r).failure == "queue `small` is full"
    assert why(r.ask(FireSchedule("tick"))) is Why.QUEUE_FULL
    r.ask(commands.DeleteQueue("small"))
    r.wait(1_000)
    assert info(r).failure == "queue `small` does not exist"
    r.declare("small")
    r.wait(1_000)
    assert (info(r).fired, info(r).failed, info(r).failure) == (2, 2, "")


def test_what_overflows_by_a_schedule_goes_to_the_dead_letters_as_by_any_publish() -> None:
    r = road()
    r.declare("dead")
    r.declare("ring", length_max=1, overflow="dead-letter-oldest", dead_letter_queue="dead")
    declared(r, changed(EVERY, target="ring"))
    for _ in range(3):
        r.wait(1_000)
    assert slots(r, "ring") == [1_003_000]
    assert slots(r, "dead") == [1_001_000, 1_002_000]
    assert r.ask(FireSchedule("tick")) is not None
    r.settle_down()
    assert r.counts("dead")[0] == 3


def test_an_exchange_and_a_topic_are_targets_too() -> None:
    r = road()
    r.ask(exchanges.DeclareExchange("orders", exchanges.ExchangeSettings("topic")))
    r.ask(topics.DeclareTopic("events", 1))
    routed = changed(EVERY, target="orders", target_kind="exchange", routing_key="paid.eu")
    declared(r, routed, "routed")
    head = keyed_head(None, "k")
    kept = changed(EVERY, target="events", target_kind="topic", key="k", head=head)
    declared(r, kept, "kept")
    r.wait(1_000)
    assert info(r, "routed").failure == "1 of 1 messages have no queue to go to"
    r.ask(exchanges.Bind("orders", "q", "paid.*"))
    r.wait(1_000)
    assert slots(r) == [1_002_000]
    fetched: Any = r.ask(topics.Fetch((topics.Span("events", 0, 0),)))
    assert [one.headers["postroad-slot"] for one in fetched.parts[0].messages] == [
        1_001_000,
        1_002_000,
    ]
    assert {one.key for one in fetched.parts[0].messages} == {"k"}
    r.ask(exchanges.DeleteExchange("orders"))
    r.ask(topics.DeleteTopic("events"))
    r.wait(1_000)
    assert info(r, "routed").failure == "exchange `orders` does not exist"
    assert info(r, "kept").failure == "topic `events` does not exist"


def test_the_key_of_a_schedule_keeps_its_messages_in_order() -> None:
    r = road()
    r.declare("line", kind="fifo")
    declared(r, changed(EVERY, target="line", key="k", head=plain_head(None, "k")))
    r.wait(1_000)
    r.wait(1_000)
    assert len(r.receive("line", 10)) == 2
    r.wait(1_000)
    assert r.receive("line", 10) == []


def test_nothing_is_fired_while_the_disk_is_almost_full() -> None:
    r = road()
    declared(r, EVERY)
    r.core.world.short_of_space = True
    r.wait(3_000)
    assert (info(r).fired, info(r).failed) == (0, 0)
    r.core.world.short_of_space = False
    r.settle_down()
    assert slots(r) == [1_003_000]


def test_a_start_finds_the_schedules_and_no_slot_comes_twice() -> None:
    r = road()
    declared(r, EVERY)
    declared(r, NIGHTLY, "night")
    r.ask(PauseSchedule("night"))
    r.wait(2_000)
    rows = r.cut()
    at = len(r.steps)
    r.wait(1_500)
    before = canonical(r.state)
    for given in ((2, None, 0), (3, rows, at)):
        r.restart(*given)
        r.core.world.calendar = CronCalendar()
        assert canonical(replayed(r.records())).keys() >= before.keys()
        r.settle_down()
        r.check()
    assert slots(r) == [1_002_000, 1_003_000]
    r.wait(500)
    assert slots(r)[2:] == [1_004_000]
    assert info(r, "night").paused


def test_what_cannot_be_is_refused_with_the_reason() -> None:
    r = road()
    bad: list[dict[str, object]] = [
        {"target_kind": "heap"},
        {"missed": "some"},
        {"body": bytes(SCHEDULE_BODY_BYTES_MAX + 1)},
        {"key": "k" * 2_000},
        {"head": b"\x02\x80"},
        {"head": b"\x01\xc1"},
        {"every_ms": 0},
        {"cron": "0 3 * * *"},
        {"every_ms": 9},
        {"every_ms": 1 << 60},
        {"anchor_ms": -1},
        {"until_ms": -1},
        {"late_ms": 1 << 60},
        {"jitter_ms": -1},
        {"jitter_ms": SCHEDULE_JITTER_MS_MAX + 1},
        {"ttl_ms": -1},
        {"ttl_ms": 1 << 60},
        {"priority": 256},
        {"priority": -1},
        {"target_kind": "topic", "ttl_ms": 5},
        {"target_kind": "topic", "priority": 5},
        {"every_ms": 0, "cron": "x" * 300},
        {"every_ms": 0, "cron": "nightly"},
        {"every_ms": 0, "cron": "0 3 * * *", "zone": "Mars/Olympus"},
    ]
    for fields in bad:
        assert why(r.ask(DeclareSchedule("tick", changed(EVERY, **fields)))) is Why.BAD_SETTINGS
    unsound: list[dict[str, object]] = [{"every_ms": "5m"}, {"key": 5}, {"target": "\ud800"}]
    unsound += [{"jitter_ms": "5m"}, {"ttl_ms": 1.5}, {"priority": "high"}]
    for fields in unsound:
        assert why(r.ask(DeclareSchedule("tick", changed(EVERY, **fields)))) is Why.BAD_COMMAND
    assert why(r.ask(DeclareSchedule("", EVERY))) is Why.BAD_NAME
    assert why(r.ask(DeclareSchedule("a\nb", EVERY))) is Why.BAD_NAME
    kinds = {"queue": Why.NO_SUCH_QUEUE, "exchange": Why.NO_SUCH_EXCHANGE}
    for kind, reason in {**kinds, "topic": Why.NO_SUCH_TOPIC}.items():
        gone = changed(EVERY, target="gone", target_kind=kind)
        assert why(r.ask(DeclareSchedule("tick", gone))) is reason
    assert why(r.ask(replace(DeclareSchedule("tick", EVERY), paused=7))) is Why.BAD_COMMAND  # type: ignore[arg-type]
    assert why(r.ask(ListSchedules(count=0))) is Why.BAD_COMMAND
    assert why(r.ask(ListSchedules(count=PAGE_NAMES + 1))) is Why.BAD_COMMAND
    assert r.ask(ListSchedules()) == SchedulesListed([], False)


def test_they_are_listed_in_pages_by_name_and_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    r = road()
    monkeypatch.setattr("postroad.core.schedules.decide.SCHEDULES_MAX", 5)
    assert SCHEDULES_MAX > 5
    for name in ("b1", "a", "b3", "b2", "c"):
        declared(r, EVERY, name)
    assert why(r.ask(DeclareSchedule("d", EVERY))) is Why.TOO_MANY
    declared(r, changed(EVERY, body=b"other"), "c")
    page = r.ask(ListSchedules("b", "", 2))
    assert isinstance(page, SchedulesListed)
    assert ([one.name for one in page.schedules], page.more) == (["b1", "b2"], True)
    page = r.ask(ListSchedules("b", "b2", 2))
    assert isinstance(page, SchedulesListed)
    assert ([one.name for one in page.schedules], page.more) == (["b3"], False)


def test_a_zone_that_is_not_known_any_more_ends_the_slots_and_says_so() -> None:
    r = road(now=DAY_MS)
    declared(r, NIGHTLY)
    r.core.world.calendar = Calendar()
    r.wait(DAY_MS)
    assert (info(r).fired, info(r).next_ms) == (1, 0)
    assert info(r).failure.startswith("no more slots: ")
