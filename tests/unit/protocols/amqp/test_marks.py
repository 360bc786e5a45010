"""What a publish must know is read from a head, and a head is rewritten, as the whole is read."""

from dataclasses import replace

import pytest

from postroad.model.properties import Properties, read_properties, routed_head, write_properties
from postroad.protocols.amqp.marks import (
    Marks,
    with_exchange,
    with_field,
    with_reply_to,
    with_table,
)

FULL = Properties(
    content_type="text/plain",
    content_encoding="utf-8",
    headers={"a": 1},
    delivery_mode=2,
    priority=7,
    correlation_id="c",
    reply_to="r",
    expiration="60",
    message_id="m",
    timestamp=5,
    type="t",
    user_id="guest",
    app_id="app",
)


def head_of(properties: Properties) -> bytes:
    return routed_head("x", "key", write_properties(properties))


def test_what_is_set_is_found() -> None:
    marks = Marks(head_of(FULL))
    assert (marks.priority, marks.reply_to) == (7, b"r")
    assert (marks.expiration, marks.user_id) == (b"60", b"guest")
    assert marks.headers_end > marks.headers_at > 0


def test_what_is_not_set_is_not_found() -> None:
    marks = Marks(head_of(Properties(content_type="a", message_id="m")))
    assert (marks.priority, marks.reply_to) == (0, None)
    assert (marks.expiration, marks.user_id, marks.headers_end) == (None, None, 0)


@pytest.mark.parametrize("properties", [FULL, Properties(), Properties(content_type="a")])
def test_one_more_header_changes_nothing_else(properties: Properties) -> None:
    head = with_field(head_of(properties), b"\x01nI\x00\x00\x00\x05")
    read = read_properties(head)
    assert read.headers == {**(properties.headers or {}), "n": 5}
    assert replace(read, headers=properties.headers) == properties


def test_reply_to_exchange_and_table_are_exchanged() -> None:
    head = head_of(FULL)
    assert read_properties(with_reply_to(head, Marks(head), b"other")).reply_to == "other"
    assert with_exchange(head, b"another")[:12] == b"\x03\x07another\x03ke"
    assert read_properties(with_exchange(head, b"another")) == FULL
    bare = with_table(head, Marks(head), b"\x00\x00\x00\x00")
    assert read_properties(bare).headers == {}
