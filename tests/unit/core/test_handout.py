"""Which bodies a reply takes, where its messages lie far between."""

import pytest

from postroad.core.bits import bits_of
from postroad.core.handout import Handout, Piece, downward, pieces_of, scattered_pieces, split
from postroad.core.queue import Queue
from postroad.limits import BLOCK_BYTES
from postroad.model.commands import Publish, Receive
from postroad.model.policy import PRIORITY
from postroad.model.replies import Received
from tests.unit.core.road import Road


def filled(bodies: int, size: int) -> tuple[Road, Queue]:
    """A queue whose messages are in several blocks."""
    road = Road()
    road.declare("q")
    for start in range(0, bodies, 10):
        road.ask(Publish(("q",), [b"x" * size] * min(10, bodies - start)))
    return road, road.state.by_name["q"]


def places(pieces: list[Piece]) -> list[tuple[int, int, int, int]]:
    """Per message its offset, and shelf, index and block of its body."""
    found = []
    for piece in pieces:
        shift = piece.index - piece.offset
        for offset in piece.offsets():
            assert piece.block <= offset + shift
            found.append((offset, piece.shelf, offset + shift, piece.block))
        assert piece.end() == found[-1][0] + 1
        assert piece.count == len(piece.offsets())
    return found


@pytest.mark.parametrize("mask", [int("01" * 50, 2), int("0111" * 25, 2), (1 << 99) | 1, 1 << 40])
def test_scattered_messages_of_a_block_are_one_piece(mask: int) -> None:
    _, queue = filled(100, BLOCK_BYTES // 30)
    page = queue.pages.all[0]
    found = scattered_pieces(queue, 0, mask, page, 7)
    assert places(found) == places(pieces_of(queue, 0, mask, page, 7))
    assert [one[0] for one in places(found)] == bits_of(mask)
    assert len(found) == len({piece.block for piece in found})
    assert {piece.lease for piece in found} == {7}


def test_what_is_handed_out_again_knows_its_deliveries_wherever_it_lies() -> None:
    _, queue = filled(40, 10)
    page = queue.pages.all[0]
    for slot in (3, 9):
        page.remember(slot, 1_000 + slot, True)
    (piece,) = scattered_pieces(queue, 0, 1 << 3 | 1 << 5 | 1 << 9, page)
    assert piece.counts == [1, 0, 1]
    assert piece.firsts == [1_003, 0, 1_009]


@pytest.mark.parametrize("counts", [[50], [1, 49], [7, 20, 23], [1] * 50])
@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("mask", [int("01" * 50, 2), (1 << 50) - 1])
def test_messages_are_shared_out_in_the_order_they_leave(
    counts: list[int], down: bool, mask: int
) -> None:
    _, queue = filled(100, BLOCK_BYTES // 30)
    page = queue.pages.all[0]
    page.remember(2, 1_000, True)
    whole = Handout(queue.id, 1_000)
    whole.pieces = scattered_pieces(queue, 0, mask, page, 7)
    if down:
        whole.pieces = downward(whole.pieces)
    parts = split(whole, counts)
    assert [part.count() for part in parts] == counts
    left = [one for part in parts for piece in part.pieces for one in in_order(piece)]
    assert left == [one for piece in whole.pieces for one in in_order(piece)]
    assert [offset for offset, _ in left] == sorted(bits_of(mask), reverse=down)
    assert [offset for offset, count in left if count] == [2]


def in_order(piece: Piece) -> list[tuple[int, int]]:
    """Offset and deliveries of each message as it leaves."""
    rows = list(zip(piece.offsets(), piece.counts or (), strict=True))
    return rows[::-1] if piece.down else rows


def test_priorities_leave_with_their_own_bodies_and_offsets() -> None:
    road = Road()
    road.declare("q", kind=PRIORITY)
    for start in range(0, 200, 50):
        bodies = [b"%d" % (start + at) + b" " * 2_000 for at in range(50)]
        road.ask(Publish(("q",), bodies, priorities=[at % 3 for at in range(50)]))
    wanted = [at for level in (2, 1, 0) for at in range(200) if at % 50 % 3 == level]
    got = []
    for _ in range(4):
        reply = road.ask(Receive("q", 50))
        assert isinstance(reply, Received)
        got += [(one.offset, int(one.body)) for one in reply.messages]
    assert got == [(at, at) for at in wanted]
