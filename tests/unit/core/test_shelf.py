"""Blocks: where they begin and end, when they are free, what a row says of them."""

import msgspec

from postroad.core.ledger import Ledger
from postroad.core.load import load_rows
from postroad.core.records import Closed, Placed, Rewritten
from postroad.core.shelf import GROUP, Freed, Shelf, decode_blocks
from postroad.limits import BLOCK_BYTES, BLOCK_MESSAGES_MAX
from postroad.model import commands
from tests.unit.core.road import Road

HALF = BLOCK_BYTES // 2


def shelf() -> tuple[Shelf, list[Freed]]:
    freed: list[Freed] = []
    return Shelf(7, Ledger(), freed), freed


def firsts(shelf: Shelf) -> list[int]:
    return [block[0] for block in shelf.blocks()]


def test_messages_share_a_block_until_its_bytes_are_full() -> None:
    one, _ = shelf()
    assert one.append(3, HALF) == 0
    assert one.append(2, HALF) == 0
    assert one.append(1, 1) == 5
    assert one.blocks() == [(0, 5, 5, 0, 0), (5, 1, 1, 0, 0)]
    assert one.where(4) == (0, 5, 0, 0)
    assert one.share(0) == (5, 5, False)
    assert one.share(5) == (1, 1, True)
    assert one.share(2) == (0, 0, False)


def test_a_block_has_so_many_messages_and_no_more() -> None:
    one, _ = shelf()
    one.append(BLOCK_MESSAGES_MAX, 0)
    assert one.append(1, 0) == BLOCK_MESSAGES_MAX


def test_a_closed_block_takes_not_even_an_empty_message() -> None:
    one, _ = shelf()
    one.append(1, 10)
    one.close()
    assert one.share(0) == (1, 1, False)
    assert one.append(1, 0) == 1
    full, _ = shelf()
    full.append(1, BLOCK_BYTES)
    assert full.append(1, 0) == 1


def test_a_block_is_free_when_all_its_targets_have_let_go() -> None:
    one, freed = shelf()
    one.targets = 2
    one.append(4, 10)
    one.release(0, 4)
    assert not freed
    assert one.has(0)
    one.release(0, 3)
    one.release(3, 1)
    assert [(block.shelf, block.first, block.id) for block in freed] == [(7, 0, 0)]
    assert not one.has(0)
    assert one.blocks() == []


def test_blocks_are_released_in_any_order_without_harm_to_their_neighbours() -> None:
    for order in ([1, 2, 0], [2, 1, 0], [0, 1, 2], [1, 0, 2], [2, 0, 1], [0, 2, 1]):
        one, freed = shelf()
        for _ in range(3):
            one.append(1, BLOCK_BYTES)
        for count, index in enumerate(order, 1):
            one.release(index, 1)
            assert firsts(one) == sorted(set(range(3)) - set(order[:count]))
        assert [block.first for block in freed] == order
        assert one.append(1, 1) == 3, "an index is never given again"
        assert one.has(3)
        assert not one.has(2)


def test_a_release_may_span_blocks() -> None:
    one, freed = shelf()
    for _ in range(3):
        one.append(2, BLOCK_BYTES)
    one.release(1, 4)
    assert one.blocks() == [(0, 2, 1, 0, 0), (4, 2, 1, 0, 0)]
    assert [block.first for block in freed] == [2]


def test_blocks_are_kept_in_groups_and_a_group_without_a_block_is_forgotten() -> None:
    one, freed = shelf()
    for _ in range(GROUP + 2):
        one.append(1, BLOCK_BYTES)
    assert [group.number for group in one.groups] == [0, 1]
    assert one.where(GROUP) == (GROUP, 1, 0, 0)
    one.release(0, GROUP)
    assert [group.number for group in one.groups] == [1]
    assert len(freed) == GROUP
    assert not one.has(5)
    one.release(GROUP, 2)
    assert one.groups == []
    one.append(1, 1)
    assert [group.number for group in one.groups] == [2]


def test_a_placed_block_is_known_by_its_number_and_takes_no_more_messages() -> None:
    one, freed = shelf()
    one.append(2, 10)
    assert one.place(0, 99, 1_000, 2)
    assert one.where(1) == (0, 2, 99, 1_000)
    assert one.append(1, 10) == 2
    assert one.sparse_blocks(0) == []
    one.release(0, 1)
    assert one.sparse_blocks(0) == []
    assert one.place(0, 100, 400, 1)
    assert [(block.id, block.size) for block in freed] == [(99, 1_000)]
    one.release(1, 1)
    assert [(block.id, block.size) for block in freed] == [(99, 1_000), (100, 400)]


def test_a_block_of_which_less_than_half_is_wanted_is_sparse() -> None:
    one, _ = shelf()
    one.append(5, 10)
    one.place(0, 99, 1_000, 5)
    one.release(0, 2)
    assert one.sparse_blocks(0) == []
    one.release(2, 1)
    assert one.sparse_blocks(0) == [0]


def test_a_block_that_one_of_three_still_wants_as_a_whole_is_not_sparse() -> None:
    one, _ = shelf()
    one.targets = 3
    one.append(4, 10)
    one.place(0, 99, 1_000, 4)
    for _ in range(2):
        one.release(0, 4)
    assert one.sparse_blocks(0) == []
    one.release(0, 3)
    assert one.sparse_blocks(0) == [0]
    one.place(0, 100, 300, 1)
    assert one.sparse_blocks(0) == []


def test_a_block_that_nobody_wants_is_free_as_soon_as_it_is_placed() -> None:
    one, freed = shelf()
    one.append(1, BLOCK_BYTES)
    one.append(1, 10)
    one.release(0, 1)
    assert not one.place(0, 99, 1_000, 1)
    assert not one.place(0, 0, 0, 0)
    assert [(block.first, block.id) for block in freed] == [(0, 0), (0, 99)]


def test_a_row_of_blocks_comes_back_without_what_is_dead() -> None:
    one, _ = shelf()
    for _ in range(3):
        one.append(2, BLOCK_BYTES)
    one.place(4, 77, 500, 2)
    one.release(2, 2)
    row = one.groups[0].encode()
    again, _ = shelf()
    again.next = one.next
    again.load(decode_blocks(7, 0, row))
    again.count_live(0, 2)
    again.count_live(4, 2)
    assert again.blocks() == one.blocks() == [(0, 2, 2, 0, 0), (4, 2, 2, 77, 500)]


def test_a_block_placed_for_a_queue_that_is_gone_is_free_at_once() -> None:
    r = Road()
    queue = r.declare()
    r.fill(1)
    r.ask(commands.DeleteQueue("q"))
    r.state.freed.clear()
    step = r.core.place([Placed(queue.id, 0, 55, 10, 1), Placed(queue.id, 0, 0, 0, 0)])
    assert [block.id for block in r.state.freed] == [55]
    r.take(step)
    r.take(r.core.place([Closed(queue.id, 0)]))
    r.check()


def test_placed_blocks_survive_a_restart_from_rows() -> None:
    r = Road()
    queue = r.declare()
    r.declare("other")
    r.fill(5)
    r.publish(b"both", to=("q", "other"))
    r.take(r.core.place([Closed(queue.id, 0), Placed(queue.id, 0, 9, 100, 5)]))
    r.take(r.core.place([Rewritten(queue.id, 0, 10, 90, 5)]))
    wanted = {id: shelf.blocks() for id, shelf in r.state.shelves.items()}
    rows = r.cut()
    state = Road().state.__class__()
    load_rows(state, rows.items())
    assert {id: shelf.blocks() for id, shelf in state.shelves.items()} == wanted
    r.fill(1)
    assert len(r.state.shelves[queue.id].blocks()) == 2
    r.check()


def test_the_messages_somebody_wants_are_found_by_their_place_on_the_shelf() -> None:
    r = Road()
    first, second = r.declare("a").id, r.declare("b").id
    r.fill(3, "b")
    r.publish(*[b"x"] * 6, to=("a", "b"))
    shelf = r.state.route_of[first, second]
    r.settle(r.receive("a", 6))
    got = r.receive("b", 9)
    r.settle(got[4:6])
    assert r.core.live_bits(shelf, 0, 6) == 0b111001
    assert r.core.live_bits(shelf, 2, 2) == 0b10
    assert r.core.live_bits(second, 0, 3) == 0b111
    assert r.core.live_bits(first, 0, 3) == 0
    r.ask(commands.DeleteQueue("a"))
    r.settle_down()
    assert r.core.live_bits(shelf, 0, 6) == 0b111001
    assert r.core.live_bits(99, 0, 6) == 0


def test_blocks_of_rows_that_knew_no_bytes_weigh_what_they_take_in_the_store() -> None:
    one, _ = shelf()
    one.append(2, BLOCK_BYTES)
    one.append(3, 100)
    assert (one.weight(1), one.weight(2)) == ((BLOCK_BYTES // 2, 1), (34, 3))
    one.place(0, 77, 500, 2)
    *old, _ = msgspec.msgpack.decode(one.groups[0].encode())
    again, _ = shelf()
    again.next = one.next
    again.load(decode_blocks(7, 0, msgspec.msgpack.encode(old)))
    assert (again.weight(1), again.weight(2)) == ((250, 1), (0, 3))


def test_the_blocks_that_follow_are_those_still_wanted_of_the_next_so_many() -> None:
    one, _ = shelf()
    for _ in range(GROUP + 4):
        one.append(2, BLOCK_BYTES)
    one.place(4, 77, 900, 2)
    one.release(6, 2)
    assert one.following(4, 3) == [(4, 2, 77, 900), (8, 2, 0, 0)]
    assert one.following(3, 1) == [(4, 2, 77, 900)]
    last = 2 * GROUP
    assert [first for first, *_ in one.following(last - 4, 4)] == [
        last - 4,
        last - 2,
        last,
        last + 2,
    ]
    assert one.following(last + 8, 4) == []
