"""Sets of one turn are one fact, and everybody is told what one by one would have told."""

from postroad.core.together import go_together
from postroad.model.ask import Ask
from postroad.model.kv import IF_ABSENT, KvGet, KvSet
from postroad.model.kv_replies import KvGot, KvStored
from tests.unit.core.road import Road


def together(r: Road, *commands: KvSet) -> list[object] | None:
    asks = [Ask(r.caller, 1_000 + number, command) for number, command in enumerate(commands)]
    step = r.core.decide_together(asks, r.now)
    if step is None:
        return None
    assert len(step.records) <= 2
    r.take(step)
    return [reply for number, reply in r.told if number >= 1_000]


def test_sets_of_one_turn_are_one_fact() -> None:
    r = Road()
    told = together(r, KvSet("s", [b"a"], [b"1"]), KvSet("s", [b"b", b"a"], [b"2", b"3"]))
    assert told == [KvStored(True, [1]), KvStored(True, [2, 3])]
    assert r.ask(KvGet("s", [b"a", b"b"])) == KvGot([b"3", b"2"], [3, 2])
    r.check()


def test_what_is_not_plain_is_decided_alone() -> None:
    plain = KvSet("s", [b"a"], [b"1"])
    assert go_together(plain, KvSet("s", [b"b"], [b"2"]))
    for other in (
        KvSet("t", [b"a"], [b"1"]),
        KvSet("s", [b"a"], [b"1"], ttl_ms=1),
        KvSet("s", [b"a"], [b"1"], only=IF_ABSENT),
        KvSet("s", [b"a"], [b"1"], versions=[0]),
        KvSet("s", [b"a"], [b"1"], want_old=True),
        KvGet("s", [b"a"]),
    ):
        assert not go_together(plain, other)


def test_one_that_is_wrong_spoils_none() -> None:
    r = Road()
    plain = KvSet("s", [b"a"], [b"1"])
    for wrong in (
        KvSet("s", [b""], [b"1"]),
        KvSet("s", [b"a"], []),
        KvSet("s", [b"a"], ["text"]),  # type: ignore[list-item]
        KvSet("s", None, [b"1"]),  # type: ignore[arg-type]
    ):
        assert together(r, plain, wrong) is None
    assert together(r, KvSet("\n", [b"a"], [b"1"]), KvSet("\n", [b"a"], [b"1"])) is None
    r.check()
