"""Masks of pages, against sets of ints."""

from hypothesis import given
from hypothesis import strategies as st

from postroad.core.bits import (
    FULL,
    PAGE,
    bits_of,
    lowest,
    pack_mask,
    run_at,
    runs,
    span_mask,
    take_lowest,
    unpack_mask,
)

SLOTS = st.sets(st.integers(0, PAGE - 1), max_size=60) | st.builds(
    lambda low, count: set(range(low, min(PAGE, low + count))),
    st.integers(0, PAGE - 1),
    st.integers(1, PAGE),
)


def mask_of(slots: set[int]) -> int:
    return sum(1 << slot for slot in slots)


def test_a_full_page_is_one_run() -> None:
    assert runs(FULL) == [(0, PAGE)]
    assert span_mask(0, PAGE) == FULL
    assert runs(0) == []


@given(SLOTS)
def test_runs_are_the_slots_in_order(slots: set[int]) -> None:
    mask = mask_of(slots)
    assert bits_of(mask) == sorted(slots)
    for first, length in runs(mask):
        assert run_at(mask, first) == length
        assert not mask & (1 << (first + length))


@given(SLOTS, st.integers(0, PAGE))
def test_the_lowest_slots_are_taken_first(slots: set[int], count: int) -> None:
    assert bits_of(take_lowest(mask_of(slots), count)) == sorted(slots)[:count]


@given(SLOTS.filter(bool))
def test_a_packed_mask_comes_back_and_a_run_takes_no_bytes(slots: set[int]) -> None:
    mask = mask_of(slots)
    first, span, packed = pack_mask(mask)
    assert first == lowest(mask) == min(slots)
    assert unpack_mask(first, span, packed) == mask
    assert (packed == b"") == (len(runs(mask)) == 1)
