"""The envelope and the replay rule."""

import pytest
from google_crc32c import value as crc32c

from postroad.journal.envelope import (
    CLAIM,
    CONTINUES,
    DATA,
    ENVELOPE_BYTES,
    BadEnvelope,
    Envelope,
    Filter,
    Stamp,
    UnknownEnvelope,
    pack,
    stamp,
    unpack,
)


def packed(*, kind: int = DATA, flags: int = 0, payload: bytes = b"hello") -> bytes:
    return pack(kind=kind, flags=flags, epoch=3, n=4, now_ms=5, payload=payload)


def group(n: int, payload: bytes = b"", *, epoch: int = 1, flags: int = 0) -> Envelope:
    return Envelope(DATA, flags, epoch, n, now_ms=n * 10, payload=payload)


def claim(epoch: int) -> Envelope:
    return Envelope(CLAIM, 0, epoch, 0, now_ms=7, payload=b"")


def test_what_was_packed_is_unpacked() -> None:
    whole = packed(flags=CONTINUES, payload=b"a body")
    assert unpack(whole) == Envelope(DATA, CONTINUES, 3, 4, 5, b"a body")
    assert stamp(whole) == Stamp(3, 4, 5)


def test_every_changed_byte_is_noticed() -> None:
    whole = packed()
    for at in range(len(whole)):
        for mask in (0x01, 0x80, 0xFF):
            damaged = bytearray(whole)
            damaged[at] ^= mask
            with pytest.raises(BadEnvelope) as caught:
                unpack(bytes(damaged))
            # Damage must never pass for a newer version, which would be kept.
            assert not isinstance(caught.value, UnknownEnvelope)


def test_every_shorter_or_longer_piece_is_noticed() -> None:
    whole = packed()
    for size in range(len(whole)):
        with pytest.raises(BadEnvelope):
            unpack(whole[:size])
    with pytest.raises(BadEnvelope):
        unpack(whole + b"\0")


@pytest.mark.parametrize(("at", "to"), [(4, 2), (5, 0), (5, 3), (6, 2), (7, 1)])
def test_a_whole_group_of_a_newer_kind_is_told_from_damage(at: int, to: int) -> None:
    whole = bytearray(packed())
    whole[at] = to
    head, payload = bytes(whole[: ENVELOPE_BYTES - 4]), bytes(whole[ENVELOPE_BYTES:])
    with pytest.raises(UnknownEnvelope):
        unpack(head + crc32c(head + payload).to_bytes(4, "little") + payload)


def test_groups_count_in_order_of_their_epoch() -> None:
    replay = Filter()
    assert replay.feed(claim(1)) is None
    assert replay.feed(group(1, b"a")) == b"a"
    assert replay.feed(group(2, b"b")) == b"b"
    assert (replay.epoch, replay.n, replay.now_ms, replay.dropped) == (1, 2, 20, 0)


def test_a_group_that_is_not_the_next_is_dropped_and_counted() -> None:
    replay = Filter(epoch=1, n=5)
    for stranger in (group(5), group(7), group(6, epoch=2), group(6, epoch=0)):
        assert replay.feed(stranger) is None
    assert replay.dropped == 4
    assert replay.feed(group(6, b"next")) == b"next"


def test_a_claim_begins_a_new_count_and_fences_the_old_writer() -> None:
    replay = Filter(epoch=1, n=5)
    replay.feed(claim(2))
    assert (replay.epoch, replay.n, replay.now_ms) == (2, 0, 7)
    assert replay.feed(group(6, b"zombie")) is None
    assert replay.feed(group(1, b"new", epoch=2)) == b"new"
    assert replay.dropped == 1


def test_a_claim_that_is_not_higher_is_dropped() -> None:
    replay = Filter(epoch=3, n=2)
    replay.feed(claim(3))
    replay.feed(claim(2))
    assert (replay.epoch, replay.n, replay.dropped) == (3, 2, 2)


def test_a_step_over_several_groups_counts_once_it_is_whole() -> None:
    replay = Filter(epoch=1)
    parts = [group(1, b"one ", flags=CONTINUES), group(2, b"two ", flags=CONTINUES)]
    assert [(replay.feed(part), replay.whole) for part in parts] == [(None, False)] * 2
    assert replay.feed(group(3, b"three")) == b"one two three"
    assert replay.whole
    assert replay.feed(group(4, b"four")) == b"four"
    assert replay.dropped == 0


def test_a_step_cut_by_a_claim_is_dropped_with_all_its_groups() -> None:
    replay = Filter(epoch=1)
    replay.feed(group(1, b"one ", flags=CONTINUES))
    replay.feed(group(2, b"two ", flags=CONTINUES))
    replay.feed(claim(2))
    assert replay.whole
    assert replay.dropped == 2
    assert replay.feed(group(1, b"fresh", epoch=2)) == b"fresh"


def test_a_step_that_never_ends_is_dropped_at_the_end() -> None:
    replay = Filter(epoch=1)
    replay.feed(group(1, b"one ", flags=CONTINUES))
    replay.end()
    assert (replay.whole, replay.dropped) == (True, 1)


def test_a_stranger_does_not_break_a_step() -> None:
    replay = Filter(epoch=1)
    replay.feed(group(1, b"one ", flags=CONTINUES))
    replay.feed(group(9, b"stranger"))
    assert replay.feed(group(2, b"two")) == b"one two"
    assert replay.dropped == 1
