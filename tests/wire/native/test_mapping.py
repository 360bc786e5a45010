"""Commands and replies as bytes: what went in comes out, and what is bad is named."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroad.model import commands, kv, replies
from postroad.model.batch import Batch, BatchDone, Run, RunDone
from postroad.model.exchanges import Routed, RoutedGroup
from postroad.protocols.native import mapping, spec
from postroad.protocols.native.spec import CommandRow, ReplyRow
from tests.wire.native.shapes import any_made

EACH = settings().max_examples // 12
"""Examples for each of some two hundred kinds: few at a time, and hundreds in a soak."""


@pytest.mark.parametrize("row", spec.COMMANDS, ids=lambda row: row.cls.__name__)
@settings(max_examples=EACH, deadline=None)
@given(data=st.data())
def test_every_command_arrives_as_it_was_sent(row: CommandRow, data: st.DataObject) -> None:
    command = data.draw(any_made(row.cls))
    sent = mapping.encode_command(command)  # type: ignore[arg-type]
    assert sent[:2] == row.number.to_bytes(2, "big")
    arrived = mapping.decode_command(sent)
    assert arrived == command
    assert repr(arrived) == repr(command), "numbers keep their kinds"


@pytest.mark.parametrize("row", spec.REPLIES, ids=lambda row: row.cls.__name__)
@settings(max_examples=EACH, deadline=None)
@given(data=st.data())
def test_every_reply_arrives_as_it_was_sent(row: ReplyRow, data: st.DataObject) -> None:
    reply = data.draw(any_made(row.cls))
    sent = mapping.encode_reply(reply)  # type: ignore[arg-type]
    assert sent[:2] == row.number.to_bytes(2, "big")
    arrived = mapping.decode_reply(sent)
    assert arrived == reply
    assert repr(arrived) == repr(reply), "numbers keep their kinds"


def test_columns_of_any_kind_arrive_as_lists() -> None:
    routed = Routed((RoutedGroup(range(3), ((1, 2),)),), (), 5)
    arrived = mapping.decode_reply(mapping.encode_reply(routed))
    assert isinstance(arrived, Routed)
    assert arrived.groups[0].indexes == [0, 1, 2]


def test_a_bound_that_is_a_whole_number_stays_one() -> None:
    command = kv.KvSortedRange("s", b"k", low=3, high=4.5)
    arrived = mapping.decode_command(mapping.encode_command(command))
    assert isinstance(arrived, kv.KvSortedRange)
    assert (type(arrived.low), type(arrived.high)) == (int, float)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64))
def test_whatever_comes_is_decoded_or_named_as_bad(payload: bytes) -> None:
    for decode in (mapping.decode_command, mapping.decode_reply):
        with contextlib.suppress(mapping.BadPayload):
            decode(payload)


@pytest.mark.parametrize("row", spec.COMMANDS, ids=lambda row: row.cls.__name__)
@settings(max_examples=EACH, deadline=None)
@given(data=st.data())
def test_a_payload_that_was_hurt_is_decoded_or_named_as_bad(
    row: CommandRow, data: st.DataObject
) -> None:
    sent = bytearray(mapping.encode_command(data.draw(any_made(row.cls))))  # type: ignore[arg-type]
    sent[data.draw(st.integers(2, len(sent) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(2, len(sent)))
    for payload in (bytes(sent), bytes(sent[:cut])):
        with contextlib.suppress(mapping.BadPayload):
            mapping.decode_command(payload)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "no command has the tag 0"),
        (b"\x00", "no command has the tag 0"),
        (b"\xff\xff\x80", "no command has the tag 65535"),
        (b"\x00\x03", "Input data was truncated"),
        (b"\x00\x03\x80", "missing required field `name`"),
        (b"\x00\x03\x81\xa4name\x05", "Expected `str`, got `int`"),
        (b"\x00\x03\x81\xa4name\xa1\xff", "utf-8"),
        (b"\x00\x03\x81\xa4name\xa1q\xc0", "trailing"),
        (b"\x00\x1e\x81\xa8commands" + b"\x91\x92\x1e\x80", "no command of a batch has the tag 30"),
        (b"\x00\x1e\x81\xa8commands" + b"\x91\x92\x01" + b"\x91" * 99_999, "recursion"),
    ],
    ids=["empty", "half", "tag", "cut", "missing", "type", "text", "more", "nested", "deep"],
)
def test_a_bad_command_is_named_in_words(payload: bytes, said: str) -> None:
    with pytest.raises(mapping.BadPayload, match=said):
        mapping.decode_command(payload)


@pytest.mark.parametrize(
    "command",
    [
        Run(print),
        Batch([Run(print)]),
        Batch([Batch([])]),
        commands.DeleteQueue("\ud800"),
        commands.Publish(("q",), [object()]),  # type: ignore[list-item]
        commands.Publish(("q",), [b""], priorities=[2**70]),
        commands.DeleteQueue,
    ],
    ids=["program", "program-within", "batch-within", "surrogate", "object", "large", "no-command"],
)
def test_what_cannot_be_written_says_so_before_it_is_sent(command: commands.Command) -> None:
    with pytest.raises(mapping.Unsendable, match="cannot be"):
        mapping.encode_command(command)


@pytest.mark.parametrize("reply", [RunDone(1), BatchDone([RunDone(1)]), replies.Refused])
def test_a_reply_that_cannot_be_written_says_so(reply: replies.Reply) -> None:
    with pytest.raises(mapping.Unsendable, match="cannot be"):
        mapping.encode_reply(reply)
