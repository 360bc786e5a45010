"""Instants in order, each with a slot."""

from hypothesis import given
from hypothesis import strategies as st

from postroad.core.bits import bits_of
from postroad.core.timeline import Timeline, unpack_timeline

ENTRIES = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 4_095)), unique_by=lambda e: e[1])


def timeline(entries: list[tuple[int, int]]) -> Timeline:
    one = Timeline()
    for ms, slot in entries:
        one.add(ms, slot)
    return one


@given(ENTRIES, st.integers(0, 60))
def test_what_is_due_is_taken_and_the_rest_stays_in_order(
    entries: list[tuple[int, int]], until: int
) -> None:
    one = timeline(entries)
    assert bits_of(one.take_until(until)) == sorted(slot for ms, slot in entries if ms <= until)
    left = sorted((ms, slot) for ms, slot in entries if ms > until)
    assert one.first_ms() == (left[0][0] if left else 0)
    for ms, slot in left:
        assert (one.first_ms(), one.first_slot()) == (ms, slot)
        one.skip()
    assert one.first_ms() == 0
    assert one.pack() == b""


@given(ENTRIES)
def test_entries_come_back_from_their_bytes(entries: list[tuple[int, int]]) -> None:
    one = timeline(entries)
    again = unpack_timeline(one.pack())
    assert [again.by_slot()[slot] for _, slot in entries] == [ms for ms, _ in entries]
    assert again.pack() == one.pack()


def test_only_slots_that_wait_have_an_instant() -> None:
    assert timeline([(5, 1)]).by_slot() == {1: 5}
    assert timeline([]).first_ms() == 0
    assert timeline([]).take_until(9) == 0


def test_only_slots_in_the_mask_are_kept() -> None:
    one = timeline([(5, 1), (6, 2), (7, 3)])
    one.skip()
    one.keep(0b1010)
    assert (one.first_ms(), set(one.by_slot()) & {1, 2}) == (7, set())


def test_an_entry_may_come_before_those_that_are_there_but_not_before_what_was_taken() -> None:
    one = timeline([(5, 1), (7, 3)])
    one.skip()
    one.add(4, 9)
    one.add(6, 2)
    assert [one.take_until(ms) for ms in (4, 6, 7)] == [1 << 9, 1 << 2, 1 << 3]


def test_what_was_taken_is_freed_now_and_then() -> None:
    one = timeline([(ms, ms) for ms in range(1, 1_001)])
    for _ in range(600):
        one.skip()
    assert len(one.entries) < 600
    assert one.first_ms() == 601
