"""Keys in the core: conditions, ends, cursors, slices, and what no client may send."""

import pytest

from postroad.core.kv.glob import Pattern
from postroad.core.load import canonical
from postroad.limits import (
    KV_BATCH_MAX,
    KV_EXPIRE_SLICE,
    KV_KEY_BYTES_MAX,
    KV_PAGE_BYTES,
    KV_READ_MAX,
    KV_SWEEP_SLICE,
)
from postroad.model import kv
from postroad.model.commands import Command
from postroad.model.kv import BY_LEX, BY_RANK, BY_SCORE, MAP, SET, SORTED
from postroad.model.kv_replies import (
    KvCounted,
    KvGot,
    KvMembersScanned,
    KvNumber,
    KvScanned,
    KvScored,
    KvSeen,
    KvSpacesListed,
    KvStored,
)
from postroad.model.replies import Refused, Why
from tests.unit.core.road import Road, replayed

S = "space"


def fill(r: Road, count: int, ttl_ms: int | None = None) -> None:
    for first in range(0, count, KV_BATCH_MAX):
        keys = [b"key %d" % one for one in range(first, min(first + KV_BATCH_MAX, count))]
        assert isinstance(r.ask(kv.KvSet(S, keys, keys, ttl_ms=ttl_ms)), KvStored)


def scan(r: Road, count: int = 100) -> list[bytes]:
    found: list[bytes] = []
    cursor = 0
    while True:
        page = r.ask(kv.KvScan(S, cursor, count))
        assert isinstance(page, KvScanned)
        found += page.keys
        cursor = page.cursor
        if not cursor:
            return found


def test_a_cursor_misses_nothing_that_stays_and_gives_nothing_twice() -> None:
    r = Road()
    fill(r, 1_000)
    stay = {b"key %d" % one for one in range(0, 1_000, 2)}
    found: list[bytes] = []
    cursor, at = 0, 1
    while True:
        page = r.ask(kv.KvScan(S, cursor, 7))
        assert isinstance(page, KvScanned)
        found += page.keys
        cursor = page.cursor
        if not cursor:
            break
        # Meanwhile half of the keys go, and others come: pages join and split.
        r.ask(kv.KvDelete(S, [b"key %d" % (at % 1_000), b"key %d" % ((at + 2) % 1_000)]))
        r.ask(kv.KvSet(S, [b"new %d %d" % (at, one) for one in range(20)], [b""] * 20))
        at += 4
    assert stay <= set(found)
    assert len(set(found)) == len(found)
    r.check()


def test_a_key_is_invisible_at_its_end_and_its_room_is_freed_in_slices() -> None:
    r = Road()
    count = 2 * KV_EXPIRE_SLICE + 1
    fill(r, count, ttl_ms=100)
    r.now += 99
    assert len(scan(r)) == count
    r.now += 1
    assert scan(r) == []
    assert r.ask(kv.KvGet(S, [b"key 1"])) == KvGot([None], [0])
    assert r.ask(kv.KvCount(S)) == KvCounted(count)
    r.tick()
    assert r.ask(kv.KvCount(S)) == KvCounted(count - KV_EXPIRE_SLICE)
    r.settle_down()
    assert r.ask(kv.KvCount(S)) == KvCounted(0)
    assert r.state.kv.size() == 0
    r.check()


def test_a_flush_is_one_fact_and_is_swept_in_slices() -> None:
    r = Road()
    count = 3 * KV_SWEEP_SLICE
    fill(r, count, ttl_ms=5_000)
    before = len(r.steps)
    assert r.ask(kv.KvFlush(S)) == KvCounted(count)
    assert len(r.steps[before]) < 20
    assert scan(r) == []
    r.ask(kv.KvSet(S, [b"key 1"], [b"new"]))
    slices = 0
    while r.core.next_due() == 1:
        assert r.tick()
        slices += 1
    assert slices == 3
    assert scan(r) == [b"key 1"]
    assert len(r.state.kv.entries.pages) == 1
    assert not r.state.kv.calendar.pages
    r.check()


def test_a_large_collection_goes_at_once_and_is_swept_in_slices() -> None:
    r = Road()
    for first in range(0, 4_000, 1_000):
        members = [b"m %d" % one for one in range(first, first + 1_000)]
        r.ask(kv.KvSortedSet(S, b"z", members, list(range(first, first + 1_000))))
    before = len(r.steps)
    assert r.ask(kv.KvDelete(S, [b"z"])) == KvCounted(1)
    assert len(r.steps[before]) < 20
    assert r.state.kv.members.pages
    r.ask(kv.KvSortedSet(S, b"z", [b"m 1"], [7]))
    r.settle_down()
    assert r.ask(kv.KvSortedRange(S, b"z")) == KvScored([b"m 1"], [7.0], False)
    assert len(r.state.kv.members.pages) == 1
    r.check()


def test_one_field_of_a_large_map_is_one_small_fact_and_few_rows() -> None:
    r = Road()
    for first in range(0, 5_000, 1_000):
        fields = [b"f %d" % one for one in range(first, first + 1_000)]
        r.ask(kv.KvMapSet(S, b"map", fields, fields))
    rows = r.cut()
    assert max(map(len, rows.values())) < 2 * KV_PAGE_BYTES
    before = len(r.steps)
    r.ask(kv.KvMapSet(S, b"map", [b"f 77"], [b"new"]))
    assert len(r.steps[before]) < 40
    changed = r.cut()
    assert len(changed) <= 3, "the page of the field, the page of the key, the numbers"
    assert canonical(replayed([], {**rows, **changed}.items())) == canonical(r.state)


def test_large_values_make_pages_of_their_own() -> None:
    r = Road()
    for number in range(6):
        r.ask(kv.KvSet(S, [b"%d" % number], [bytes(KV_PAGE_BYTES - 1_000 + 400 * number)]))
    r.ask(kv.KvSet(S, [b"0"], [bytes(3 * KV_PAGE_BYTES)]))
    assert len(r.state.kv.entries.pages) == 6
    r.check()


def test_versions_are_never_used_again() -> None:
    r = Road()
    seen: set[int] = set()
    for _ in range(3):
        stored = r.ask(kv.KvSet(S, [b"a", b"b"], [b"1", b"2"]))
        assert isinstance(stored, KvStored)
        assert not seen & set(stored.versions)
        seen |= set(stored.versions)
        r.ask(kv.KvDelete(S, [b"a", b"b"]))
        r.restart(len(seen))
    stale = min(seen)
    assert r.ask(kv.KvSet(S, [b"a"], [b"x"], versions=[stale])) == KvStored(False, [0])
    assert r.ask(kv.KvDelete(S, [b"a"], versions=[stale])) == KvCounted(0, False)


def test_a_condition_on_several_keys_holds_for_all_or_nothing_is_done() -> None:
    r = Road()
    r.ask(kv.KvSet(S, [b"a"], [b"1"]))
    reply = r.ask(kv.KvSet(S, [b"b", b"a"], [b"2", b"2"], only=kv.IF_ABSENT, want_old=True))
    assert reply == KvStored(False, [0, 1], [None, b"1"])
    reply = r.ask(kv.KvSet(S, [b"a", b"b"], [b"2", b"2"], equals=[b"1", None], want_old=True))
    assert reply == KvStored(True, [2, 3], [b"1", None])
    assert r.ask(kv.KvDelete(S, [b"a", b"b"], equals=[b"2", b"3"])) == KvCounted(0, False)
    assert r.ask(kv.KvDelete(S, [b"a", b"b", b"a"], equals=[b"2"] * 3)) == KvCounted(2)


def test_an_end_that_is_over_deletes() -> None:
    r = Road()
    r.ask(kv.KvSet(S, [b"a", b"b"], [b"1", b"2"]))
    assert r.ask(kv.KvSet(S, [b"a"], [b"3"], until_ms=r.now)) == KvStored(True, [0])
    assert r.ask(kv.KvExpire(S, [b"a", b"b"], until_ms=1)) == KvCounted(1)
    assert scan(r) == []
    seen = r.ask(kv.KvLook(S, [b"a"]))
    assert isinstance(seen, KvSeen)
    assert (seen.infos[0].kind, seen.now_ms) == (0, r.now)
    r.check()


def test_a_write_to_what_has_ended_begins_anew() -> None:
    r = Road()
    r.ask(kv.KvMapSet(S, b"m", [b"old"], [b"1"]))
    r.ask(kv.KvSet(S, [b"n"], [b"5"]))
    r.ask(kv.KvExpire(S, [b"m", b"n"], 10))
    r.now += 10
    r.ask(kv.KvMapSet(S, b"m", [b"new"], [b"2"]))
    r.ask(kv.KvSet(S, [b"n"], [b"6"], keep_ttl=True))
    r.settle_down()
    assert r.ask(kv.KvMembersScan(S, b"m", MAP)) == KvMembersScanned([b"new"], [b"2"], [], 0)
    seen = r.ask(kv.KvLook(S, [b"m", b"n"]))
    assert isinstance(seen, KvSeen)
    assert [(info.kind, info.expires_ms) for info in seen.infos] == [(MAP, 0), (kv.BYTES, 0)]
    r.check()


def test_a_range_by_bytes_is_for_equal_scores() -> None:
    r = Road()
    r.ask(kv.KvSortedSet(S, b"z", [b"a", b"b", b"bb", b"c"], [0, 0, 0, 0]))

    def between(low: bytes | None, high: bytes | None, *opens: bool) -> list[bytes]:
        reply = r.ask(kv.KvSortedRange(S, b"z", BY_LEX, low, high, *opens))
        assert isinstance(reply, KvScored)
        return reply.members

    assert between(b"b", b"c") == [b"b", b"bb", b"c"]
    assert between(b"b", b"c", True, True) == [b"bb"]
    assert between(None, b"b") == [b"a", b"b"]
    assert r.ask(kv.KvSortedCount(S, b"z", BY_LEX, b"b", None)) == KvCounted(3)
    assert r.ask(kv.KvSortedRank(S, b"z", b"bb")) == KvNumber(2, 1)


def test_a_range_by_score_has_its_ends_or_not() -> None:
    r = Road()
    r.ask(kv.KvSortedSet(S, b"z", [b"a", b"b", b"c"], [1, 2, 3]))
    for opens, members in (
        ((False, False), [b"a", b"b", b"c"]),
        ((True, False), [b"b", b"c"]),
        ((False, True), [b"a", b"b"]),
        ((True, True), [b"b"]),
    ):
        reply = r.ask(kv.KvSortedRange(S, b"z", BY_SCORE, 1, 3, *opens))
        assert isinstance(reply, KvScored)
        assert reply.members == members


def test_pages_that_join_while_a_checkpoint_runs_are_saved_as_they_were() -> None:
    r = Road()
    fill(r, 2_000)
    pages = r.state.kv.entries.pages
    for thin in [key[12:] for page in list(pages) for key in page.keys[20:]]:
        r.ask(kv.KvDelete(S, [thin]))
    before, count = canonical(r.state), len(pages)
    r.state.ledger.cut()
    # The last page has none behind it: it joins the one before, which nobody touched.
    for key in [key[12:] for key in pages[-1].keys[8:]]:
        r.ask(kv.KvDelete(S, [key]))
    assert len(pages) == count - 1
    ledger = r.state.ledger
    while not ledger.pay_some(1 << 20):
        pass
    rows = {key: row for key, row in ledger.take().items() if row is not None}
    assert canonical(replayed([], rows.items())) == before
    r.check()


def test_spaces_know_their_names_and_counts() -> None:
    r = Road()
    assert r.ask(kv.KvCount("none")) == r.ask(kv.KvFlush("none")) == KvCounted(0)
    assert r.ask(kv.KvScan("none")) == r.ask(kv.KvRandom("none")) == KvScanned([], 0)
    fill(r, 3)
    r.ask(kv.KvSet("other", [b"k"], [b""]))
    assert r.ask(kv.KvSpaces()) == KvSpacesListed([("other", 1), (S, 3)])
    assert r.ask(kv.KvRandom("other")) == KvScanned([b"k"], 0)


def test_chance_meets_every_key_in_the_end() -> None:
    r = Road()
    fill(r, 20)
    met = set()
    for _ in range(1_000):
        page = r.ask(kv.KvRandom(S))
        assert isinstance(page, KvScanned)
        met |= set(page.keys)
    assert len(met) == 20


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        (b"", [b""], [b"a"]),
        (b"*", [b"", b"abc", b"\xff\n"], []),
        (b"a*c", [b"ac", b"abbc", b"acc"], [b"acb", b"bac"]),
        (b"a?c", [b"abc"], [b"ac", b"abbc"]),
        (b"[a-c]x", [b"ax", b"cx"], [b"dx", b"x"]),
        (b"[^a-c]", [b"d", b"^"], [b"a", b""]),
        (b"\\*[\\]]", [b"*]"], [b"a]", b"*"]),
        (b"[ab", [b"a", b"b"], [b"["]),
        (b"**a**", [b"a", b"bab"], [b"b"]),
    ],
)
def test_patterns_are_those_of_file_names(
    pattern: bytes, fits: list[bytes], fits_not: list[bytes]
) -> None:
    tried = Pattern(pattern)
    assert [text for text in fits if not tried.matches(text)] == []
    assert [text for text in fits_not if tried.matches(text)] == []


def test_no_pattern_takes_for_ever() -> None:
    assert not Pattern(b"*a" * 200 + b"b").matches(b"a" * 2_000)


BAD: list[Command] = [
    kv.KvSet(S, [], []),
    kv.KvSet(S, [b""], [b""]),
    kv.KvSet(S, [b"k"], []),
    kv.KvSet(S, [b"k"], ["text"]),  # type: ignore[list-item]
    kv.KvSet(S, ["k"], [b""]),  # type: ignore[list-item]
    kv.KvSet(S, None, [b""]),  # type: ignore[arg-type]
    kv.KvSet(S, [b"k"], [b""], ttl_ms=0),
    kv.KvSet(S, [b"k"], [b""], ttl_ms=2**70),
    kv.KvSet(S, [b"k"], [b""], ttl_ms=5, until_ms=5),
    kv.KvSet(S, [b"k"], [b""], ttl_ms=5, keep_ttl=True),
    kv.KvSet(S, [b"k"], [b""], until_ms=-1),
    kv.KvSet(S, [b"k"], [b""], only=9),
    kv.KvSet(S, [b"k"], [b""], versions=[1, 2]),
    kv.KvSet(S, [b"k"], [b""], versions=5),  # type: ignore[arg-type]
    kv.KvSet(S, [b"k"], [b""], equals=[]),
    kv.KvSet(7, [b"k"], [b""]),  # type: ignore[arg-type]
    kv.KvSet("", [b"k"], [b""]),
    kv.KvSet("\ud800", [b"k"], [b""]),
    kv.KvSet(S, [bytes(KV_KEY_BYTES_MAX + 1)], [b""]),
    kv.KvGet(S, [b"k"] * (KV_BATCH_MAX + 1)),
    kv.KvGet(S, b"key"),  # type: ignore[arg-type]
    kv.KvLook(S, []),
    kv.KvDelete(S, [b"k"], versions=[]),
    kv.KvIncrement(S, b"k", 2**64),
    kv.KvIncrement(S, b"", 1),
    kv.KvIncrement(S, b"k", True),
    kv.KvExpire(S, [b"k"], only=9),
    kv.KvScan(S, -1),
    kv.KvScan(S, 2**64),
    kv.KvScan(S, 0, 0),
    kv.KvScan(S, 0, KV_READ_MAX + 1),
    kv.KvScan(S, 0, 1, "text"),  # type: ignore[arg-type]
    kv.KvMapSet(S, b"m", [b"f"], []),
    kv.KvMapSet(S, b"m", [b"f"], [b""], 9),
    kv.KvSetAdd(S, b"m", []),
    kv.KvSortedSet(S, b"z", [b"m"], [float("nan")]),
    kv.KvSortedSet(S, b"z", [b"m"], ["1"]),  # type: ignore[list-item]
    kv.KvSortedSet(S, b"z", [b"m"], []),
    kv.KvSortedSet(S, b"z", [b"m"], [1], compare=9),
    kv.KvMembers(S, b"m", 1, [b"f"]),
    kv.KvMembersRandom(S, b"m", SET, -1),
    kv.KvSortedRange(S, b"z", BY_RANK, 0.5),
    kv.KvSortedRange(S, b"z", BY_SCORE, b"1"),
    kv.KvSortedRange(S, b"z", BY_SCORE, float("nan")),
    kv.KvSortedRange(S, b"z", BY_LEX, 1),
    kv.KvSortedRange(S, b"z", 9),
    kv.KvSortedRange(S, b"z", offset=-1),
]


@pytest.mark.parametrize("command", BAD, ids=repr)
def test_what_makes_no_sense_is_refused_and_changes_nothing(command: Command) -> None:
    r = Road()
    reply = r.ask(command)
    assert isinstance(reply, Refused)
    assert reply.why in {Why.BAD_COMMAND, Why.BAD_NAME, Why.NOT_A_NUMBER}
    assert reply.text
    assert not r.state.kv.spaces


def test_endless_scores_that_cancel_out_are_refused() -> None:
    r = Road()
    r.ask(kv.KvSortedSet(S, b"z", [b"m"], [float("inf")]))
    reply = r.ask(kv.KvSortedSet(S, b"z", [b"m"], [float("-inf")], increment=True))
    assert isinstance(reply, Refused)
    assert r.ask(kv.KvMembers(S, b"z", SORTED, [b"m"])) is not None


def test_writes_are_refused_while_keys_take_all_their_memory() -> None:
    r = Road()
    fill(r, 10)
    r.core.world.kv_bytes_max = r.state.kv.size() - 1
    for command in (kv.KvSet(S, [b"k"], [b""]), kv.KvSetAdd(S, b"s", [b"m"])):
        reply = r.ask(command)
        assert isinstance(reply, Refused)
        assert reply.why is Why.KV_FULL
    assert r.ask(kv.KvDelete(S, [b"key 1"])) == KvCounted(1)
    assert isinstance(r.ask(kv.KvSet(S, [b"k"], [b""])), KvStored)


def test_writes_are_refused_while_the_disk_is_full_and_deletes_are_not() -> None:
    r = Road()
    fill(r, 2)
    r.core.world.short_of_space = True
    for command in (
        kv.KvSet(S, [b"k"], [b""]),
        kv.KvIncrement(S, b"k"),
        kv.KvMapSet(S, b"m", [b"f"], [b""]),
        kv.KvRename(S, b"key 1", b"k"),
    ):
        reply = r.ask(command)
        assert isinstance(reply, Refused)
        assert reply.why is Why.NO_SPACE
    assert r.ask(kv.KvDelete(S, [b"key 1"])) == KvCounted(1)
    assert r.ask(kv.KvFlush(S)) == KvCounted(1)
