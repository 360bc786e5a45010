"""Fields that end before their map, decimals, and watches: what keys learned later."""

import pytest

from postroad.model import kv
from postroad.model.kv import MAP
from postroad.model.kv_replies import (
    KvCounted,
    KvDecimal,
    KvEndsSeen,
    KvEndsSet,
    KvGot,
    KvMembersScanned,
    KvNumber,
    KvSeen,
    KvStored,
)
from postroad.model.replies import Refused, Why
from tests.unit.core.road import Road

S = "space"


def test_a_field_ends_before_its_map_and_takes_the_key_with_it_when_it_is_the_last() -> None:
    r = Road()
    r.ask(kv.KvMapSet(S, b"m", [b"a", b"b", b"c"], [b"1", b"2", b"3"]))
    ends = kv.KvFieldExpire(S, b"m", [b"a", b"x"], ttl_ms=100)
    assert r.ask(ends) == KvEndsSet([kv.FIELD_CHANGED, kv.FIELD_ABSENT])
    assert r.ask(kv.KvFieldEnds(S, b"m", [b"a", b"b", b"x"])) == KvEndsSeen(
        [r.now + 100, 0, None], r.now
    )
    before = version(r, b"m")
    r.now += 100
    assert fields(r, b"m") == {b"b": b"2", b"c": b"3"}
    assert r.ask(kv.KvMapSet(S, b"m", [b"a"], [b"9"], kv.IF_PRESENT)) == KvCounted(0)
    r.pass_time()
    assert version(r, b"m") > before
    r.ask(kv.KvFieldExpire(S, b"m", [b"b", b"c"], ttl_ms=5))
    r.wait(5)
    assert r.ask(kv.KvCount(S)) == KvCounted(0)
    assert r.state.kv.size() == 0
    r.check()


def test_a_field_that_is_set_anew_lasts_and_one_that_is_counted_up_keeps_its_end() -> None:
    r = Road()
    r.ask(kv.KvMapSet(S, b"m", [b"a", b"b", b"c"], [b"1", b"2", b"0.5"], ttl_ms=100))
    r.ask(kv.KvMapSet(S, b"m", [b"a"], [b"1"]))
    assert isinstance(r.ask(kv.KvMapIncrement(S, b"m", b"b")), KvNumber)
    added = r.ask(kv.KvMapAdd(S, b"m", b"c", b"0.1"))
    assert added == KvDecimal(b"0.6", version(r, b"m"))
    assert r.ask(kv.KvFieldExpire(S, b"m", [b"b"])) == KvEndsSet([kv.FIELD_CHANGED])
    assert r.ask(kv.KvFieldExpire(S, b"m", [b"b"])) == KvEndsSet([kv.FIELD_UNCHANGED])
    r.wait(100)
    assert fields(r, b"m") == {b"a": b"1", b"b": b"3"}
    r.check()


def test_a_field_whose_end_is_over_goes_at_once() -> None:
    r = Road()
    r.ask(kv.KvMapSet(S, b"m", [b"a"], [b"1"]))
    over = kv.KvFieldExpire(S, b"m", [b"a"], until_ms=r.now)
    assert r.ask(over) == KvEndsSet([kv.FIELD_REMOVED])
    assert r.ask(kv.KvCount(S)) == KvCounted(0)
    r.check()


def test_a_map_with_fields_that_end_is_renamed_deleted_and_freed_whole() -> None:
    r = Road()
    many = [b"%d" % one for one in range(300)]
    r.ask(kv.KvMapSet(S, b"m", many, many, ttl_ms=100))
    r.ask(kv.KvMapSet(S, b"few", [b"a"], [b"1"], ttl_ms=100))
    r.ask(kv.KvRename(S, b"m", b"n"))
    r.ask(kv.KvDelete(S, [b"few"]))
    r.ask(kv.KvMapSet(S, b"few", [b"a"], [b"2"]))
    r.check()
    r.now += 50
    r.ask(kv.KvSet(S, [b"n"], [b"other"]))
    r.now += 50
    r.check()
    r.pass_time()
    assert r.ask(kv.KvGet(S, [b"n"])) == KvGot([b"other"], [version(r, b"n")])
    assert fields(r, b"few") == {b"a": b"2"}
    r.ask(kv.KvFlush(S))
    r.pass_time()
    assert r.state.kv.size() == 0
    r.check()


@pytest.mark.parametrize(
    ("there", "by", "told"),
    [
        (None, b"0.1", b"0.1"),
        (b"0.1", b"0.2", b"0.3"),
        (b"10.50", b"0.1", b"10.6"),
        (b"5.0e3", b"2.0e2", b"5200"),
        (b"3", b"-3.0", b"0"),
        (b"1e300", b"1", b"1" + b"0" * 299 + b"1"),
        (b"0.1", b"1e-20", b"0.1"),
    ],
)
def test_decimals_are_added_as_by_hand(there: bytes | None, by: bytes, told: bytes) -> None:
    r = Road()
    if there is not None:
        r.ask(kv.KvSet(S, [b"k"], [there]))
    assert r.ask(kv.KvAdd(S, b"k", by)) == KvDecimal(told, version(r, b"k"))


@pytest.mark.parametrize("text", [b"", b"nan", b"inf", b" 1", b"1_0", b"0x1", b"1e999", b"--1"])
def test_what_is_no_decimal_is_refused(text: bytes) -> None:
    r = Road()
    refused = r.ask(kv.KvAdd(S, b"k", text))
    assert isinstance(refused, Refused)
    assert refused.why is Why.NOT_A_NUMBER


@pytest.mark.parametrize("by", [2, b"2.5"])
def test_whole_and_decimal_numbers_are_added_to_by_the_same_rules(by: int | bytes) -> None:
    r = Road()
    whole = isinstance(by, int)

    def add(key: bytes, field: bytes | None = None) -> object:
        if isinstance(by, int):
            command = kv.KvMapIncrement(S, key, field, by) if field else kv.KvIncrement(S, key, by)
            return r.ask(command)
        return r.ask(kv.KvMapAdd(S, key, field, by) if field else kv.KvAdd(S, key, by))

    r.ask(kv.KvSet(S, [b"k", b"text"], [b"1", b"one"], ttl_ms=100))
    r.ask(kv.KvMapSet(S, b"m", [b"f", b"text"], [b"1", b"one"], ttl_ms=50))
    for key, field in ((b"k", None), (b"m", b"f")):
        told = add(key, field)
        version_now = version(r, key)
        assert told == (KvNumber(3, version_now) if whole else KvDecimal(b"3.5", version_now))
    assert version(r, b"m") > version(r, b"k")
    refused = [
        add(b"text"),
        add(b"m", b"text"),
        add(b"m"),
        add(b"k", b"f"),
        add(b""),
        add(b"m", b"x" * 70_000),
    ]
    whys = [one.why for one in refused if isinstance(one, Refused)]
    assert whys[:4] == [Why.NOT_A_NUMBER] * 2 + [Why.WRONG_KIND] * 2
    assert len(whys) == 6
    r.wait(50)
    assert r.ask(kv.KvMembers(S, b"m", MAP, [b"f"])) == KvGot([None], [0])
    assert isinstance(add(b"m", b"f"), KvNumber if whole else KvDecimal)
    r.wait(50)
    assert r.ask(kv.KvCount(S)) == KvCounted(1)
    r.check()


def test_a_watch_for_absence_knows_what_came_and_went() -> None:
    r = Road()

    def watch() -> int:
        seen = r.ask(kv.KvLook(S, [b"k"]))
        assert isinstance(seen, KvSeen)
        return seen.infos[0].watch

    r.ask(kv.KvSet(S, [b"other"], [b"1"]))
    first = watch()
    assert first == watch() < 0
    r.ask(kv.KvSet(S, [b"k"], [b"1"]))
    r.ask(kv.KvDelete(S, [b"k"]))
    second = watch()
    stale = r.ask(kv.KvSet(S, [b"k"], [b"2"], versions=[first]))
    assert stale == KvStored(False, [0])
    r.ask(kv.KvSet(S, [b"k"], [b"1"], ttl_ms=10))
    r.now += 10
    assert watch() not in (first, second)
    r.pass_time()
    third = watch()
    assert third not in (first, second)
    r.restart(2)
    assert watch() not in (first, second, third)
    fresh = r.ask(kv.KvSet(S, [b"k"], [b"2"], versions=[watch()]))
    assert isinstance(fresh, KvStored)
    assert fresh.done


def version(r: Road, key: bytes) -> int:
    seen = r.ask(kv.KvLook(S, [key]))
    assert isinstance(seen, KvSeen)
    return seen.infos[0].version


def fields(r: Road, key: bytes) -> dict[bytes, bytes]:
    page = r.ask(kv.KvMembersScan(S, key, MAP, 0, 1_000))
    assert isinstance(page, KvMembersScanned)
    return dict(zip(page.members, page.values, strict=True))
