"""Memory for keys is given to a batch that is all or nothing as a whole, or not at all."""

import random

import pytest

from postroad.core.kv.room import room_for
from postroad.model import kv
from postroad.model.batch import Batch, BatchDone
from postroad.model.commands import Command
from postroad.model.kv_replies import KvGot
from postroad.model.replies import Refused, Why
from tests.unit.core.road import Road

LONG = b"k" * 1_000
KEYS = (b"a", b"b", b"c", b"d" * 900, b"e" * 500, LONG)


End = tuple[int | None, int | None]
"""How long, or until when."""
ENDS: tuple[End, ...] = ((None, None), (None, None), (5, None), (None, 10**13))


def some(chance: random.Random, key: bytes) -> Command:
    """A command of kv on a key, and perhaps on one beside it."""
    other = key + b"w"
    field, value = chance.choice((b"x", b"y" * 900)), chance.choice((b"1", b"-7", b"v" * 500))
    number = chance.choice((b"1", b"0.25", b"-" + b"9" * 300))
    ttl, until = chance.choice(ENDS)
    choices: list[Command] = [
        kv.KvSet("s", [key], [value], ttl_ms=ttl, until_ms=until),
        kv.KvSet("s", [key, other], [value, b"1"], keep_ttl=True),
        kv.KvDelete("s", [key]),
        kv.KvGet("s", [key], lenient=True),
        kv.KvIncrement("s", key, 2**62, ttl_ms=ttl),
        kv.KvAdd("s", key, number),
        kv.KvExpire("s", [key, other], ttl_ms=ttl, until_ms=until),
        kv.KvMapSet("s", key, [field, b"w"], [value, value], ttl_ms=ttl, until_ms=until),
        kv.KvMapSet("s", key, [field], [value], keep_ttl=True),
        kv.KvMapIncrement("s", key, field, -1),
        kv.KvMapAdd("s", key, field, number),
        kv.KvFieldExpire("s", key, [field, b"w"], ttl_ms=ttl, until_ms=until),
        kv.KvSetAdd("s", key, [field, b"w"]),
        kv.KvSetAdd("s", key, [b"%d" % number for number in range(200)]),
        kv.KvSortedSet("s", key, [field, b"w"], [chance.random(), 1.0], increment=True),
        kv.KvMembersRemove("s", key, chance.choice((kv.MAP, kv.SET, kv.SORTED)), [field, b"w"]),
    ]
    return chance.choice(choices)


@pytest.mark.parametrize("seed", range(20))
def test_no_command_takes_more_memory_than_it_is_given(seed: int) -> None:
    r, chance = Road(), random.Random(seed)
    for _ in range(120):
        command, before = some(chance, chance.choice(KEYS)), r.state.kv.size()
        r.ask(command)
        assert r.state.kv.size() <= before + room_for(command), command
        if chance.random() < 0.2:
            r.wait(chance.choice((1, 5, 8)))


@pytest.mark.parametrize(
    "command",
    [
        kv.KvSet("s", [LONG], [b"v"], ttl_ms=1_000),
        kv.KvIncrement("s", LONG, 1, ttl_ms=1_000),
        kv.KvMapAdd("s", LONG, LONG, b"0." + b"1" * 17),
        kv.KvMapSet("s", LONG, [LONG], [b"v"], ttl_ms=1_000),
        kv.KvSetAdd("s", LONG, [b"m"]),
        kv.KvSortedSet("s", LONG, [LONG], [1.0]),
    ],
    ids=lambda command: type(command).__name__,
)
def test_what_takes_the_last_memory_is_done_with_all_that_follows_or_not_at_all(
    command: Command,
) -> None:
    probe = Road()
    probe.ask(command)
    r = Road()
    r.core.world.kv_bytes_max = probe.state.kv.size() - 1
    told = r.ask(Batch([command, kv.KvSet("s", [b"a"], [b"1"])], all_or_nothing=True))
    assert isinstance(told, Refused)
    assert told.why is Why.KV_FULL
    assert not r.state.kv.size()


@pytest.mark.parametrize("seed", range(60))
def test_a_batch_near_the_limit_of_memory_is_never_half_done(seed: int) -> None:
    r, chance = Road(), random.Random(seed)
    for _ in range(chance.choice((0, 5, 25))):
        r.ask(some(chance, chance.choice(KEYS)))
    for _ in range(20):
        parts = [some(chance, key) for key in chance.sample(KEYS, chance.randint(2, 4))]
        before = r.state.kv.size()
        r.core.world.kv_bytes_max = before + chance.randint(0, sum(map(room_for, parts)))
        told = r.ask(Batch(parts, all_or_nothing=True))
        if isinstance(told, Refused):
            assert r.state.kv.size() == before
        else:
            assert isinstance(told, BatchDone)
            assert not [one for one in told.replies if isinstance(one, Refused)]
    r.check()


def test_a_batch_that_only_reads_and_frees_needs_no_memory() -> None:
    r = Road()
    r.ask(kv.KvSet("s", [b"a", b"b"], [b"1", b"2"]))
    r.core.world.kv_bytes_max = r.state.kv.size()
    batch = Batch([kv.KvGet("s", [b"a"]), kv.KvDelete("s", [b"b"])], all_or_nothing=True)
    told = r.ask(batch)
    assert isinstance(told, BatchDone)
    assert isinstance(told.replies[0], KvGot)
