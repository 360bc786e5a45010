"""Schedules that fire later than their slots, and what their messages are like."""

import msgspec

from postroad.limits import (
    SCHEDULE_LATE_MS,
)
from postroad.model import commands, exchanges
from postroad.model.message import plain_head
from postroad.model.schedules import (
    DeleteSchedule,
    PauseSchedule,
    ScheduleDeclared,
)
from tests.unit.core.road import replayed
from tests.unit.core.timetables import (
    EVERY,
    HOUR_MS,
    changed,
    declared,
    info,
    road,
    slots,
)


def test_with_jitter_all_slots_come_later_by_the_same_share_of_it() -> None:
    r = road()
    spread = changed(EVERY, missed="all", jitter_ms=700)
    names = [f"tick-{at}" for at in range(20)]
    shares = []
    for name in names:
        declared(r, spread, name)
        shares.append(info(r, name).due_ms - info(r, name).next_ms)
    assert all(0 <= one < 700 for one in shares)
    assert len(set(shares)) > 10
    name, share = next(pair for pair in zip(names, shares, strict=True) if pair[1])
    for other in names:
        if other != name:
            r.ask(DeleteSchedule(other))
    r.wait(1_000 + share - 1)
    assert slots(r) == []
    r.wait(1)
    assert slots(r) == [1_001_000]
    assert (info(r, name).next_ms, info(r, name).due_ms) == (1_002_000, 1_002_000 + share)
    assert r.state.schedules.late_ms == 0
    r.wait(2_000 - 1)
    assert slots(r) == [1_001_000, 1_002_000]
    r.wait(1)
    assert slots(r) == [1_001_000, 1_002_000, 1_003_000]


def test_jitter_longer_than_an_interval_leaves_out_no_slot_and_repeats_none() -> None:
    r = road()
    declared(r, changed(EVERY, missed="all", jitter_ms=60_000))
    share = info(r).due_ms - info(r).next_ms
    assert share > 1_000
    for _ in range(80):
        r.wait(1_000)
    assert slots(r) == list(range(1_001_000, r.now - share + 1, 1_000))
    r.check()


def test_a_slot_is_late_only_when_its_share_of_the_jitter_is_over() -> None:
    r = road()
    hourly = changed(EVERY, every_ms=HOUR_MS, missed="skip", jitter_ms=HOUR_MS)
    declared(r, hourly)
    share = info(r).due_ms - info(r).next_ms
    assert share > SCHEDULE_LATE_MS
    r.now = info(r).due_ms + SCHEDULE_LATE_MS
    r.settle_down()
    assert slots(r) == [HOUR_MS]
    r.now = info(r).due_ms + SCHEDULE_LATE_MS + 1
    r.settle_down()
    assert slots(r) == [HOUR_MS]
    assert info(r).passed == 1


def test_the_share_of_the_jitter_is_the_same_after_a_start_and_another_when_it_is_changed() -> None:
    r = road()
    declared(r, changed(EVERY, jitter_ms=30_000))
    due_ms = info(r).due_ms
    rows, at = r.cut(), len(r.steps)
    for given in ((2, None, 0), (3, rows, at)):
        r.restart(*given)
        assert info(r).due_ms == due_ms
    assert declared(r, EVERY) == ScheduleDeclared(False, True, 1_001_000)
    assert info(r).due_ms == 1_001_000
    r.check()


def test_a_row_that_knows_no_jitter_is_read_as_before() -> None:
    r = road()
    declared(r, EVERY)
    rows = dict(r.cut())
    (key,) = [one for one in rows if one[:1] == b"w"]
    settings, paused, times, counts, failure = msgspec.msgpack.decode(rows[key])
    rows[key] = msgspec.msgpack.encode([settings[:13], paused, times[:4], counts, failure])
    kept = replayed([], rows.items()).schedules
    assert kept.first().settings == EVERY
    assert kept.next_ms() == 1_001_000


def test_messages_have_the_life_and_the_priority_that_were_said() -> None:
    r = road()
    r.declare("levels", kind="priority")
    r.ask(exchanges.DeclareExchange("orders", exchanges.ExchangeSettings("fanout")))
    r.ask(exchanges.Bind("orders", "levels"))
    declared(r, changed(EVERY, target="levels"), "a-low")
    urgent = changed(EVERY, priority=9, head=plain_head(None, priority=9), ttl_ms=1_500)
    declared(r, changed(urgent, target="levels"), "b-urgent")
    declared(r, changed(urgent, target="orders", target_kind="exchange"), "c-routed")
    r.wait(1_000)
    first, second, third = r.receive("levels", 3)
    assert [one.priority for one in (first, second, third)] == [9, 9, 0]
    for name in ("a-low", "b-urgent", "c-routed"):
        r.ask(PauseSchedule(name))
    r.settle([first, second, third], commands.RELEASE)
    r.wait(1_600)
    assert [one.message.priority for one in r.peek("levels")] == [0]
