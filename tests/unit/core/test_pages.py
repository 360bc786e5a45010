"""Pages of four thousand messages, and the runs that say where their bodies are."""

from array import array

from postroad.core.bits import FULL, PAGE, span_mask
from postroad.core.extents import Extents, unpack_extents
from postroad.core.ledger import Ledger
from postroad.core.page import Page, decode_page
from postroad.core.pages import Pages, below_mask
from postroad.core.times import Times, unpack_times
from postroad.limits import DELIVERIES_MAX


def pages() -> Pages:
    return Pages(3, Ledger())


def test_messages_are_spread_over_pages() -> None:
    them = pages()
    them.add(PAGE - 2, PAGE + 4)
    assert [page.live.bit_count() for page in them.all.values()] == [2, PAGE, 2]
    assert (them.length, them.ready) == (PAGE + 4, PAGE + 4)
    them.check(0)


def test_a_page_comes_back_from_its_row() -> None:
    them = pages()
    them.add(0, 8)
    them.weigh(0, array("I", range(8)))
    page = them.all[0]
    them.delay(page, 0b11, 500)
    them.lease(page, 0b1100)
    them.come_back(page, 0b0100, 40, True, 0)
    them.condemn(page, 0b10000, 2)
    them.expire_at(page, 6, 700)
    page.overdue = 0b1000
    row = page.encode()
    again = pages()
    again.load(decode_page(3, 0, row), 0)
    assert again.all[0].encode() == row
    assert (again.length, again.ready, again.delayed, again.dead) == (8, 4, 2, 1)
    assert (again.next_due(), again.next_expiry(), again.bytes) == (500, 700, 28)
    assert again.all[0].count_of(2) == 1
    assert again.all[0].first_of(2) == 40
    assert again.all[0].leased == 0b1000
    assert again.first_dead(0) is again.all[0]
    again.check(0)


def test_a_purged_page_is_loaded_only_to_be_swept() -> None:
    them = pages()
    them.add(0, 8)
    again = pages()
    again.load(decode_page(3, 0, them.all[0].encode()), PAGE)
    assert (again.length, again.ready, again.first_ready(PAGE)) == (0, 0, None)
    assert list(again.all) == [0]


def test_deliveries_are_counted_up_to_a_bound() -> None:
    page = Page(3, 0)
    assert (page.count_of(5), page.first_of(5)) == (0, 0)
    assert page.remember(5, 77, True) == 1
    assert page.remember(5, 88, False) == 1
    assert page.first_of(5) == 77
    assert page.counts is not None
    page.counts[5] = DELIVERIES_MAX
    assert page.remember(5, 99, True) == DELIVERIES_MAX


def test_the_lowest_page_with_something_ready_or_dead_is_found() -> None:
    them = pages()
    them.add(0, 3 * PAGE)
    them.remove(them.all[0], FULL)
    them.lease(them.all[1], FULL)
    assert them.first_ready(0) is them.all[2]
    them.come_back(them.all[1], 1, 5, True, 1)
    assert them.first_ready(0) is them.all[2]
    assert them.first_dead(0) is them.all[1]
    them.remove(them.all[1], FULL)
    assert them.first_dead(0) is None
    them.condemn(them.all[2], 0b11, 4)
    them.remove(them.all[2], 0b11)
    assert them.first_dead(0) is None
    them.remove(them.all[2], them.all[2].live)
    assert them.first_ready(0) is None


def test_a_due_instant_goes_with_its_message() -> None:
    them = pages()
    them.add(0, 3 * PAGE)
    them.delay(them.all[0], 0b11, 500)
    them.delay(them.all[1], 0b1, 400)
    them.delay(them.all[1], 0b10, 300)
    them.delay(them.all[2], 0b1, 350)
    assert them.next_due() == 300
    them.remove(them.all[1], 0b10)
    them.condemn(them.all[2], 0b1, 4)
    assert them.next_due() == 400
    them.remove(them.all[1], them.all[1].live)
    assert them.next_due() == 500
    assert them.first_due_page() is them.all[0]
    them.remove(them.all[0], them.all[0].live)
    assert them.next_due() == 0
    them.check(0)


def test_an_end_of_life_goes_with_its_message() -> None:
    them = pages()
    them.add(0, 2 * PAGE)
    them.expire_at(them.all[0], 5, 500)
    them.expire_at(them.all[0], 6, 600)
    them.expire_at(them.all[1], 1, 550)
    them.remove(them.all[0], 1 << 5)
    assert them.next_expiry() == 550
    them.remove(them.all[1], FULL)
    assert them.next_expiry() == 600
    assert them.first_expiry_page() is them.all[0]


def test_slots_below_an_offset() -> None:
    page = Page(3, 1)
    assert below_mask(page, PAGE) == 0
    assert below_mask(page, PAGE + 3) == span_mask(0, 3)
    assert below_mask(page, 2 * PAGE) == FULL


def test_bodies_are_found_by_runs_of_offsets() -> None:
    extents = Extents()
    extents.add(0, 7, 0)
    extents.add(5, 7, 5)
    extents.add(8, 9, 100)
    extents.add(10, 7, 8)
    assert len(extents.first) == 3
    assert extents.find(3, 9) == [(7, 3, 5), (9, 100, 2), (7, 8, 2)]
    assert extents.runs_on(7, 7, 3, 12) == [(7, 7, 1), (10, 8, 2)]
    assert extents.runs_on(9, 0, 100, 12) == []
    extents.drop_before(9)
    assert extents.find(9, 1) == [(9, 101, 1)]
    assert unpack_extents(extents.pack()).find(9, 3) == [(9, 101, 1), (7, 8, 2)]
    extents.drop_before(9)
    assert len(extents.first) == 2


def test_ages_are_known_by_samples() -> None:
    times = Times()
    assert times.too_old(99, 9) == 0
    times.add(100, 0, 40_960)
    times.add(110, 3, 40_960)
    times.add(111, 5, 40_960)
    times.add(500, 7, None)
    times.add(1_500, 8, None)
    assert list(times.offset) == [0, 5, 8]
    assert [times.too_old(ms, 9) for ms in (109, 110, 111, 1_499, 1_500)] == [0, 5, 5, 8, 9]
    assert [times.next_after(offset) for offset in (0, 4, 5, 8, 99)] == [
        110,
        110,
        500,
        1_500,
        1_500,
    ]
    times.drop_before(6)
    assert times.next_after(0) == 500, "the first sample that is left"
    assert unpack_times(*times.pack()).pack() == times.pack()
    times.drop_before(6)
    times.clear()
    assert times.too_old(9_999, 9) == 0
