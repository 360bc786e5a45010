"""Frames on the wire: as documented, whole or in pieces, and never longer than allowed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.model import commands, replies
from postroad.model.message import Delivery
from postroad.protocols.native.errors import FaultCode
from postroad.protocols.native.greeting import Hello, Report, Welcome, fault_payload, pack
from postroad.protocols.native.mapping import encode_command, encode_reply
from postroad.protocols.native.spec import Kind
from postroad.protocols.native.wire import Decoder, Frame, frame

GOLDEN = Path(__file__).parents[2] / "golden" / "native" / "frames.txt"

REPORT = Report(1, 2, 3, 4, 5, 6, 7, 8)
EXAMPLES = {
    Kind.HELLO: frame(Kind.HELLO, 0, pack(Hello(1, "app 1.0", "me", "secret"))),
    Kind.REQUEST: frame(Kind.REQUEST, 7, encode_command(commands.Receive("mail", 10))),
    Kind.CANCEL: frame(Kind.CANCEL, 7),
    Kind.PING: frame(Kind.PING),
    Kind.GOODBYE: frame(Kind.GOODBYE),
    Kind.WELCOME: frame(
        Kind.WELCOME, 0, pack(Welcome(1, "1.0", 8, "synced", True, 4_096, 67_108_864, REPORT))
    ),
    Kind.REPLY: frame(
        Kind.REPLY, 7, encode_reply(replies.Received([Delivery(1, 2, 3, 4, 5, 6, b"hi")]))
    ),
    Kind.PONG: frame(Kind.PONG),
    Kind.FAULT: frame(Kind.FAULT, 7, fault_payload(FaultCode.UNKNOWN, "no command")),
}


def golden() -> dict[str, bytes]:
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    pairs = (line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    return {name: bytes.fromhex(digits) for name, digits in pairs}


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_a_frame_of_each_kind_is_what_it_was(kind: Kind) -> None:
    assert EXAMPLES[kind].hex(" ") == golden()[kind.name].hex(" ")


def test_a_stream_cut_at_every_byte_gives_the_same_frames() -> None:
    stream = b"".join(EXAMPLES.values())
    whole = Decoder().feed(stream)
    assert [Kind(one.kind) for one in whole] == list(EXAMPLES)
    for cut in range(len(stream) + 1):
        decoder = Decoder()
        assert decoder.feed(stream[:cut]) + decoder.feed(stream[cut:]) == whole
    decoder = Decoder()
    assert [one for byte in stream for one in decoder.feed(bytes((byte,)))] == whole


@given(st.lists(st.integers(1, 40)), st.lists(st.binary(max_size=30)))
def test_frames_come_out_whole_however_they_are_cut(cuts: list[int], bodies: list[bytes]) -> None:
    stream = b"".join(frame(Kind.REQUEST, at, body) for at, body in enumerate(bodies))
    decoder, frames = Decoder(), []
    for size in [*cuts, len(stream)]:
        frames += decoder.feed(stream[:size])
        stream = stream[size:]
    assert frames == [Frame(Kind.REQUEST, at, body) for at, body in enumerate(bodies)]


@pytest.mark.parametrize("size", [0, 4, 101, 2**32 - 1])
def test_a_frame_too_short_or_too_long_is_refused_by_its_length(size: int) -> None:
    decoder = Decoder(100)
    good = frame(Kind.PING)
    assert decoder.feed(good + size.to_bytes(4, "big")) == [Frame(Kind.PING, 0, b"")]
    assert f"a frame of {size:,} bytes" in decoder.fault
    assert decoder.is_too_large == (size > 100)
    assert decoder.feed(good) == [], "nothing is read behind it"


def test_the_longest_frame_that_is_allowed_is_taken() -> None:
    decoder = Decoder(100)
    assert decoder.feed(frame(Kind.REQUEST, 1, bytes(95))) == [Frame(2, 1, bytes(95))]
    assert not decoder.fault
