"""Grants in columns: found by their numbers, freed with their segments."""

from postroad.core.bits import PAGE
from postroad.core.leases import Leases, decode_segment
from postroad.core.ledger import Ledger

NOW = 1_000


def leases() -> Leases:
    return Leases(3, Ledger())


def grant(them: Leases, lease: int, mask: int = 1, end: int = 0, holder: int = 0) -> None:
    them.grant(lease, 100, mask, end, holder, NOW)


def test_a_grant_is_known_until_all_of_it_is_taken() -> None:
    them = leases()
    grant(them, 1, 0b1011)
    assert them.left_of(1) == 3
    them.take(1, 0b1)
    them.take(1, 0b1000)
    segment = them.find(1)
    assert segment is not None
    assert them.mask(segment, 1) == 0b10
    assert segment.masks
    grant(them, 2)
    them.take(1, 0b10)
    assert them.find(1) is None
    assert them.left_of(1) == 0
    assert not segment.masks
    them.take(2, 1)
    assert them.segments == {}


def test_numbers_nobody_has_are_not_found() -> None:
    them = leases()
    grant(them, PAGE + 5)
    for number in (0, 5, PAGE, PAGE + 4, PAGE + 6, 3 * PAGE, -1):
        assert them.find(number) is None


def test_a_segment_ends_at_its_last_number_and_a_new_epoch_begins_another() -> None:
    them = leases()
    for lease in range(PAGE - 2, PAGE + 2):
        grant(them, lease)
    grant(them, 2 << 40)
    assert sorted(them.segments) == [0, 1, 2 << 28]
    assert them.next == (2 << 40) + 1
    for lease in (PAGE - 1, PAGE - 2):
        them.take(lease, 1)
    assert sorted(them.segments) == [1, 2 << 28]


def test_a_segment_that_was_freed_begins_again_where_the_numbers_are() -> None:
    them = leases()
    grant(them, 7)
    them.take(7, 1)
    grant(them, 8, 0b11)
    assert them.find(7) is None
    assert them.left_of(8) == 2


def test_leases_lapse_by_deadline_and_then_by_number() -> None:
    them = leases()
    for lease, end in ((PAGE - 1, 50), (PAGE, 40), (PAGE + 1, 50), (PAGE + 2, 0), (PAGE + 3, 60)):
        grant(them, lease, 1, end)
    assert them.next_deadline() == 40
    assert them.lapsed(50, 2) == [PAGE, PAGE - 1]
    assert them.lapsed(55, 9) == [PAGE + 1]
    assert them.next_deadline() == 60
    assert them.lapsed(55, 9) == []


def test_an_extended_lease_lapses_once_at_its_last_deadline() -> None:
    them = leases()
    grant(them, 1, 1, 50)
    grant(them, 2, 1, 55)
    them.extend(1, 70)
    them.extend(1, 60)
    them.extend(1, 70)
    them.extend(1, 60)
    assert them.next_deadline() == 55
    assert them.lapsed(100, 9) == [2, 1]
    them.extend(1, 0)
    assert them.next_deadline() == 0


def test_a_deadline_goes_with_its_lease_and_with_its_segment() -> None:
    them = leases()
    grant(them, 1, 1, 50)
    grant(them, 2, 1, 60)
    them.take(1, 1)
    assert them.next_deadline() == 60
    them.take(2, 1)
    assert them.next_deadline() == 0


def test_leases_of_a_holder_are_given_lowest_first() -> None:
    them = leases()
    for lease in range(1, 9):
        grant(them, lease, 1, 0, 20 + lease % 2)
    them.take(2, 1)
    assert them.held_by(20, 2) == [4, 6]
    assert them.held_by(99, 2) == []
    assert them.held_by(0, 5) == [4, 6, 8, 1, 3]
    assert them.held_by(0, 1) == [4]
    them.forget_holder(20)
    assert them.held_by(20, 2) == []
    them.forget_holder(0)
    assert them.held_by(0, 5) == []


def test_a_holders_list_forgets_leases_that_are_over() -> None:
    them = leases()
    for lease in range(1, 3_000):
        grant(them, lease, 1, 0, 5)
        if lease > 10:
            them.take(lease, 1)
    assert len(them.by_holder[5]) < 1_100
    assert them.held_by(5, 99) == list(range(1, 11))


def test_a_segment_comes_back_from_its_row() -> None:
    them = leases()
    grant(them, 5, 0b101, 50, 7)
    grant(them, 6, 0b11, 0, 0)
    grant(them, 7, 0b1, 60, 7)
    them.take(6, 0b1)
    them.take(7, 0b1)
    row = them.segments[0].encode()
    again = leases()
    again.load(decode_segment(3, 0, row))
    assert again.segments[0].encode() == row
    assert again.next_deadline() == 50
    assert again.held_by(7, 9) == [5]
    assert [again.left_of(lease) for lease in (5, 6, 7)] == [2, 1, 0]
