"""Sets of offsets as bits of Python ints: what the queue's pages are made of.

One rule: a page holds PAGE offsets; bit b of page p is offset p * PAGE + b. Ints are immutable, so
a page can be copied for free. Compiled by mypyc where possible.
"""

from collections.abc import Sequence
from typing import Final

PAGE_BITS: Final = 12
PAGE: Final = 4096
FULL: Final[int] = (1 << 4096) - 1


def span_mask(low: int, count: int) -> int:
    """`count` bits from bit `low` on."""
    return ((1 << count) - 1) << low


def lowest(mask: int) -> int:
    """Index of the lowest set bit; the mask is not empty."""
    return (mask & -mask).bit_length() - 1


def run_at(mask: int, low: int) -> int:
    """How many bits are set in a row from bit `low` on."""
    rest = ~(mask >> low)
    return (rest & -rest).bit_length() - 1


def take_lowest(mask: int, count: int) -> int:
    """The lowest `count` set bits of a mask (all of it when it has no more)."""
    if mask.bit_count() <= count:
        return mask
    if count <= 0:
        return 0
    at = lowest(mask)
    if run_at(mask, at) >= count:
        return span_mask(at, count)
    # Below `low` there are too few, below `high` enough.
    low, high = at + count, mask.bit_length()
    while high - low > 1:
        middle = (low + high) >> 1
        if (mask & ((1 << middle) - 1)).bit_count() < count:
            low = middle
        else:
            high = middle
    return mask & ((1 << high) - 1)


def runs(mask: int) -> list[tuple[int, int]]:
    """The runs of set bits as (first bit, length), in order."""
    found: list[tuple[int, int]] = []
    low = lowest(mask) if mask else 0
    run = run_at(mask, low) if mask else 0
    if run and low + run == mask.bit_length():
        found.append((low, run))
        return found
    # Many short runs are the rule from here on: text is searched faster than ints are shifted.
    digits = bin(mask)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        end = digits.find("0", at)
        if end < 0:
            end = len(digits)
        found.append((at, end - at))
        at = digits.find("1", end)
    return found


def mask_of(offsets: Sequence[int]) -> int:
    """The bits of offsets that are all of one page."""
    packed = bytearray(PAGE >> 3)
    for offset in offsets:
        slot = offset & (PAGE - 1)
        packed[slot >> 3] |= 1 << (slot & 7)
    return int.from_bytes(packed, "little")


def bits_of(mask: int) -> list[int]:
    """The set bits' indexes, in order."""
    found: list[int] = []
    digits = bin(mask)[:1:-1] + "0"
    at = digits.find("1")
    while at >= 0:
        end = digits.find("0", at)
        if end - at == 1:
            found.append(at)
        else:
            found.extend(range(at, end))
        at = digits.find("1", end)
    return found


def pack_mask(mask: int) -> tuple[int, int, bytes]:
    """A page's mask as (first bit, span, bytes) for a record; no bytes when all bits of the span
    are set."""
    first = lowest(mask)
    rest = mask >> first
    span = rest.bit_length()
    if rest.bit_count() == span:
        return first, span, b""
    return first, span, rest.to_bytes((span + 7) >> 3, "little")


def unpack_mask(first: int, span: int, packed: bytes) -> int:
    """The inverse of `pack_mask`."""
    if packed:
        return int.from_bytes(packed, "little") << first
    return span_mask(first, span)
