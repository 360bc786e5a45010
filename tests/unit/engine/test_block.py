"""A block keeps what was published, in memory and in the store."""

from array import array

import pytest

from postroad.core.records import Published
from postroad.engine.block import Block, decode_block
from postroad.model.message import Death, Note


def test_a_block_read_back_has_its_notes_as_they_were() -> None:
    note = Note(1, 7, 1_000, 1, [Death("orders", "rejected", 3, 2_000)])
    block = Block(4, 10, 1)
    block.append(Published(4, 10, 5_000, array("I", [1, 2]).tobytes(), b"abb", notes=[note, note]))
    again = decode_block(4, block.encode()).fetch(10, 2)
    assert again.notes == [note, note]
    assert again.bodies == [b"a", b"bb"]


def published(first: int, count: int, now_ms: int, heads: bool) -> Published:
    bodies = [b"body %d" % index for index in range(first, first + count)]
    record = Published(4, first, now_ms, sizes_of(bodies), b"".join(bodies))
    if heads:
        some = [b"" if index % 3 else b"head %d" % index for index in range(first, first + count)]
        record.head_sizes, record.heads = sizes_of(some), b"".join(some)
    return record


def sizes_of(column: list[bytes]) -> bytes:
    return array("I", map(len, column)).tobytes()


@pytest.mark.parametrize("publishes", [1, 3])
@pytest.mark.parametrize("wanted", [0, int("0110" * 15, 2)])
@pytest.mark.parametrize("stored", [False, True])
def test_scattered_messages_are_gathered_as_each_alone(
    publishes: int, wanted: int, stored: bool
) -> None:
    block = Block(4, 10, 1)
    for at in range(publishes):
        block.append(published(10 + 20 * at, 20, 5_000 + at, at != 0))
    block.notes[6] = Note(1, 7, 1_000, 1, [])
    block = block.thin(wanted) if wanted else block
    block = decode_block(4, block.encode()) if stored else block
    there = [at for at in range(20 * publishes) if not wanted or wanted >> at & 1]
    for some in (there, there[::3], there[1::2], there[-1:], [there[0], there[-1]]):
        found = block.gather(10 + some[0], [at - some[0] for at in some])
        alone = [block.fetch(10 + at, 1) for at in some]
        assert found.bodies == [one.bodies[0] for one in alone]
        assert found.times == [one.times[0] for one in alone]
        assert (found.heads or [b""] * len(some)) == [(one.heads or [b""])[0] for one in alone]
        assert (found.notes or [None] * len(some)) == [(one.notes or [None])[0] for one in alone]
        assert found.bodies[0] == b"body %d" % (10 + some[0])
