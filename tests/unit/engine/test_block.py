"""A block keeps what was published, in memory and in the store."""

from array import array

from postroad.core.records import Published
from postroad.engine.block import Block, decode_block
from postroad.model.message import Note


def test_a_block_read_back_has_its_notes_as_they_were() -> None:
    note = Note(1, 7, 1_000, 1, [("orders", "rejected", 3, 2_000)])
    block = Block(4, 10, 1)
    block.append(Published(4, 10, 5_000, array("I", [1, 2]).tobytes(), b"abb", notes=[note, note]))
    again = decode_block(4, block.encode()).fetch(10, 2)
    assert again.notes == [note, note]
    assert again.bodies == [b"a", b"bb"]
