"""Compaction: of each key the last message stays, at its offset."""

import random

from postroad.core.topics import cleaner
from postroad.model import groups, topics
from postroad.model.replies import Why
from tests.unit.core.topics.log_road import LogRoad

HOUR = 3_600_000


def compacted(**settings: int) -> LogRoad:
    road = LogRoad()
    road.topic("t", 1, compact=True, **{"compact_messages": 10, **settings})
    return road


def test_of_each_key_the_last_message_stays_at_its_offset() -> None:
    road = compacted()
    for one in range(25):
        road.put(b"k%d" % (one % 3), b"%d" % one)
    road.work()
    part = road.fetch(0)
    assert [message.offset for message in part.messages][-3:] == [22, 23, 24]
    assert road.bodies()[-3:] == [b"22", b"23", b"24"]
    assert len(road.bodies()) < 25
    road.check()


def test_a_message_without_a_key_is_refused() -> None:
    road = compacted()
    assert road.why(topics.Append("t", [b"x"])) == Why.BAD_COMMAND
    assert road.why(topics.Append("t", [b"x"], keys=[None])) == Why.BAD_COMMAND


def test_any_life_of_a_compacted_log_ends_with_the_last_of_each_key(monkeypatch: object) -> None:
    monkeypatch.setattr(cleaner, "CLEANER_KEYS_MAX", 64)  # type: ignore[attr-defined]
    dice = random.Random(5)
    road = compacted()
    last: dict[bytes, bytes] = {}
    for one in range(1_500):
        key = b"%d" % dice.randrange(40)
        last[key] = b"%d" % one
        road.put(key, last[key])
        if not one % 100:
            road.work()
            road.check()
    road.work()
    found = [message.body for message in road.fetch(0, count=10_000).messages]
    assert set(last.values()) <= set(found)
    assert found == sorted(found, key=int)
    assert len(found) < 150
    road.check()


def test_a_slice_looks_at_a_bounded_number_of_messages() -> None:
    road = compacted(compact_messages=20_000)
    keys = [b"%d" % (one % 10) for one in range(20_000)]
    road.append(*[b"x"] * 20_000, keys=keys)
    slices = [records for _ in range(50) if (records := road.tick())]
    assert len(slices) >= 4
    assert len(road.bodies()) == 10
    road.check()


def test_a_tombstone_stays_for_its_time_and_then_leaves() -> None:
    road = compacted(tombstone_ms=HOUR)
    road.put(b"gone", b"value")
    road.put(b"gone", None)
    for one in range(10):
        road.put(b"k%d" % one, b"x")
    road.work()
    assert len(road.bodies()) == 11
    assert road.bodies()[0] == b""
    road.now += HOUR + 60_000
    road.work()
    assert len(road.bodies()) == 10
    assert b"" not in road.bodies()
    road.check()


def test_what_a_group_has_leased_is_not_taken_from_it() -> None:
    road = compacted()
    road.share()
    road.put(b"k", b"old")
    leased = road.lease()
    for one in range(20):
        road.put(b"k", b"%d" % one)
    road.work()
    assert road.bodies() == [b"old", b"19"]
    name = groups.share_name("t", "g", 0)
    assert road.state.hidden[name].pages.ready == 1
    assert road.settle(leased) == []
    assert [message.body for message in road.lease(5)] == [b"19"]
    road.check()


def test_bodies_that_are_away_are_asked_for() -> None:
    from postroad.core.decision import Missing

    road = compacted()
    for one in range(20):
        road.put(b"k", b"%d" % one)
    road.library.away.add(road.log().id)
    assert isinstance(road.core.tick(road.now), Missing)
    road.library.away.clear()
    road.work()
    assert road.bodies() == [b"19"]
