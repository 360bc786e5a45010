"""Heads that come from elsewhere: what passes can be read by everybody."""

import msgspec
import pytest

from postroad.model.filters import Content
from postroad.model.heads import bad_head
from postroad.model.message import (
    OWN_KEY,
    OWN_PRIORITY,
    headers_of,
    key_of,
    keyed_head,
    own_of,
    plain_head,
    typed_head,
    typed_headers_of,
)
from postroad.model.properties import Properties, routed_head, write_properties

_pack = msgspec.msgpack.encode
ROUTED = routed_head("x", "key", write_properties(Properties(priority=3, headers={"a": 1})))
GOOD = [
    b"",
    plain_head({"a": "b", "c": b"d", "e": 1, "f": 1.5, "g": True, "h": None}, "key", "id", 255),
    keyed_head(None, b"\xff", tombstone=True),
    typed_head({"a": ("String", "b"), "c": ("Number", "1"), "d": ("Binary.png", b"\xff")}),
    typed_head({OWN_KEY: ("Binary", "key"), OWN_PRIORITY: ("Number", "7")}),
    ROUTED,
]
BAD = [
    b"{}",
    b"\x00",
    b"\x01",
    b"\x01{",
    b"\x02" + _pack(5),
    b"\x01" + _pack({1: "a"}),
    b"\x01" + _pack({"a": [1]}),
    b"\x01" + _pack({OWN_PRIORITY: "high"}),
    b"\x01" + _pack({OWN_PRIORITY: "\u0661"}),
    b"\x02" + _pack({"a": "b"}),
    b"\x02" + _pack({"a": ("String", 1)}),
    b"\x02" + _pack({"a": ("String", b"b")}),
    b"\x02" + _pack({"a": ("Binary", "b")}),
    b"\x02" + _pack({OWN_PRIORITY: ("Number", "1e9")}),
    b"\x03",
    b"\x03\x05ab",
    ROUTED[:-1],
    ROUTED + b"\0",
]


@pytest.mark.parametrize("head", GOOD)
def test_what_protocols_write_is_a_head(head: bytes) -> None:
    assert bad_head([b"", head]) is None
    headers_of(head)
    typed_headers_of(head)
    key_of(head)
    int(own_of(head, OWN_PRIORITY) or 0)
    Content(head, b"{}").plain()


@pytest.mark.parametrize("head", BAD)
def test_what_nobody_could_read_is_none_and_it_is_said_why(head: bytes) -> None:
    wrong = bad_head([GOOD[1], head])
    assert wrong is not None
    assert wrong.startswith("a head cannot be read: ")
