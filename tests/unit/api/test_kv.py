"""Keys through the embedded API, blocking and on an event loop."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from postroad import AsyncBroker, Broker
from postroad.errors import BadCommand, KeyNotFound, MessageTooLarge, NotANumber, WrongKind
from postroad.limits import KV_READ_MAX, KV_VALUE_BYTES_MAX
from postroad.testing import ClockedBroker


def test_keys_are_there_after_a_restart(tmp_path: Path) -> None:
    with Broker.open(tmp_path) as broker:
        kv = broker.kv("a")
        kv.set("text", "wörds")
        kv.map_set("map", {"f": "1"})
        kv.set_add("set", "m", "n")
        kv.score_set("sorted", {"m": 2, "n": 1})
        broker.kv("b").set("text", b"\xff")
    with Broker.open(tmp_path) as broker:
        kv = broker.kv("a")
        assert kv.get("text") == "wörds".encode()
        assert kv.map_all("map") == {b"f": b"1"}
        assert kv.set_members("set") == {b"m", b"n"}
        assert kv.score_range("sorted") == [(b"n", 1.0), (b"m", 2.0)]
        assert broker.kv("b").get("text") == b"\xff"
        assert broker.kv().count() == 0


def test_every_operation_does_what_it_says() -> None:
    with ClockedBroker.open() as broker:
        kv = broker.kv()
        assert kv.set_many({"a": "1", "b": "2"})
        assert not kv.set_many({"b": "3", "c": "4"}, if_absent=True)
        assert kv.get_many(["a", "b", "c"]) == [b"1", b"2", None]
        assert not kv.set("a", "x", if_absent=True)
        assert kv.set("a", "x", if_present=True)
        assert kv.info("a").size == 1  # type: ignore[union-attr]
        assert kv.info("none") is None
        assert (kv.ttl("a"), kv.ttl("none")) == (None, 0)
        assert kv.expire("a", 1_000)
        broker.pass_time(400)
        assert kv.ttl("a") == 600
        assert kv.expire("a", None)
        assert kv.rename("a", "z")
        assert not kv.rename("z", "b", if_absent=True)
        assert sorted(kv.keys()) == [b"b", b"z"]
        assert kv.keys("?") == kv.scan(0, 10)[0]
        assert kv.random_key() in {b"b", b"z"}
        assert kv.compare_and_delete("z", equals="x")
        assert kv.delete("b", "z") == 1
        assert kv.random_key() is None
        assert kv.flush() == 0


def test_every_operation_on_a_collection_does_what_it_says() -> None:
    with Broker.open(None) as broker:
        kv = broker.kv()
        assert kv.map_set("m", {"f": "1", "g": "2"}) == 2
        assert kv.map_set("m", {"f": "9"}, if_absent=True) == 0
        assert (kv.map_get("m", "f"), kv.map_get("m", "h")) == (b"1", None)
        assert kv.map_increment("m", "f", 4) == 5
        assert kv.map_delete("m", "g", "h") == 1
        assert kv.set_add("s", "x", "y", "x") == 2
        assert kv.set_has("s", "x")
        assert kv.set_remove("s", "x") == 1
        assert kv.set_pop("s", 5) == [b"y"]
        assert kv.count() == 1
        assert kv.score_set("z", {"a": 1, "b": 2, "c": 3}) == 3
        assert kv.score_set("z", {"a": 0, "b": 9}, if_greater=True) == 0
        assert kv.score_get("z", "b") == 9.0
        assert kv.score_add("z", "c", 0.5) == 3.5
        assert (kv.score_rank("z", "b"), kv.score_rank("z", "b", reverse=True)) == (2, 0)
        assert kv.score_rank("z", "none") is None
        assert kv.score_between("z", 1, 4) == [(b"a", 1.0), (b"c", 3.5)]
        assert kv.score_between("z", reverse=True, count=1) == [(b"b", 9.0)]
        assert kv.score_count("z", 2) == 2
        assert kv.score_pop("z", highest=True) == [(b"b", 9.0)]
        assert kv.score_remove("z", "a", "b") == 1


def test_refusals_have_their_own_exceptions() -> None:
    with Broker.open(None) as broker:
        kv = broker.kv()
        kv.set_add("s", "m")
        kv.set("text", "words")
        with pytest.raises(WrongKind, match="holds a set, not bytes"):
            kv.get("s")
        with pytest.raises(NotANumber):
            kv.increment("text")
        with pytest.raises(KeyNotFound, match="there is no 'none'"):
            kv.rename("none", "other")
        with pytest.raises(MessageTooLarge):
            kv.set("k", bytes(KV_VALUE_BYTES_MAX + 1))
        for key in ("", b"", "\ud800", 7):
            with pytest.raises(BadCommand):
                kv.set(key, "x")  # type: ignore[arg-type]
        with pytest.raises(BadCommand, match="either"):
            kv.compare_and_set("k", "v")
        with pytest.raises(BadCommand, match="absent and there"):
            kv.set("k", "v", if_absent=True, if_present=True)


def test_all_of_a_large_collection_comes_in_several_steps() -> None:
    count = KV_READ_MAX + 10
    with Broker.open(None) as broker:
        kv = broker.kv()
        for first in range(0, count, 1_000):
            numbers = range(first, min(first + 1_000, count))
            kv.score_set("z", {b"%06d" % one: one for one in numbers})
            kv.set_add("s", *(b"%06d" % one for one in numbers))
        assert [score for _, score in kv.score_range("z")] == list(range(count))
        assert len(kv.set_members("s")) == count


def test_tasks_share_syncs_and_lose_no_increment(tmp_path: Path) -> None:
    async def work() -> None:
        async with AsyncBroker.open(tmp_path) as broker:
            kv = broker.kv()
            numbers = await asyncio.gather(*(kv.increment("n") for _ in range(200)))
            assert sorted(numbers) == list(range(1, 201))
            assert await kv.get("n") == b"200"

    asyncio.run(work())


def test_fields_end_decimals_are_exact_and_absence_is_watched() -> None:
    with ClockedBroker.open() as broker:
        keys = broker.kv()
        keys.map_set("basket", {"tea": "2"}, ttl_ms=1_000)
        keys.map_set("basket", {"cup": "1"})
        assert keys.map_ttl("basket", "tea") == 1_000
        assert keys.map_ttl("basket", "cup") is None
        assert keys.map_ttl("basket", "pot") == 0
        assert keys.map_expire("basket", 500, "cup", "pot") == 1
        broker.pass_time(600)
        assert keys.map_all("basket") == {b"tea": b"2"}
        assert keys.increment_decimal("price", "0.1") == Decimal("0.1")
        assert keys.increment_decimal("price", 0.2) == Decimal("0.3")
        assert keys.map_increment_decimal("basket", "tea", Decimal("0.5")) == Decimal("2.5")
        assert keys.map_ttl("basket", "tea") == 400
        watched = keys.watch("lock")
        keys.set("lock", "other")
        keys.delete("lock")
        assert not keys.compare_and_set("lock", "mine", version=watched)
        assert keys.compare_and_set("lock", "mine", version=keys.watch("lock"))
