"""Bodies in memory stay as long as anybody needs them."""

from array import array

from postroad.core.handout import Piece
from postroad.core.records import Published
from postroad.engine.cache import Cache


def test_a_pinned_block_that_was_placed_stays_until_it_is_let_go() -> None:
    cache = Cache(8_192)
    sizes = array("I", [5]).tobytes()
    cache.add(Published(4, 0, 1_000, sizes, b"hello"), 0, 1)
    cache.pin((4, 0))
    cache.drop(4, 0)
    piece = Piece(0, 0, 4, 0, 1)
    found = cache.fetch(piece)
    assert found is not None
    assert found.bodies == [b"hello"]
    cache.unpin((4, 0))
    cache.drop_read(4, 0)
    assert cache.fetch(piece) is None
    assert cache.bytes == cache.read_bytes == 0
