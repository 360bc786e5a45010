"""Heads in either form, names, and the values of the model."""

import pytest

from postroad.limits import NAME_BYTES_MAX
from postroad.model.message import (
    Delivery,
    Note,
    headers_of,
    plain_head,
    typed_head,
    typed_headers_of,
)
from postroad.model.names import bad_name
from postroad.model.policy import QueueSettings


def delivery(head: bytes = b"", note: Note | None = None) -> Delivery:
    return Delivery(3, 7, 1, 1, 0, 0, b"body", head, note)


def test_no_headers_are_no_bytes() -> None:
    assert plain_head(None) == plain_head({}) == typed_head({}) == b""
    assert headers_of(b"") == {}
    assert typed_headers_of(b"") == {}


def test_plain_headers_come_back_and_have_types_where_one_asks_for_them() -> None:
    head = plain_head({"a": "x", "b": b"y", "c": 5, "d": 1.5, "e": True, "f": None, "g": False})
    assert delivery(head).headers == {
        "a": "x",
        "b": b"y",
        "c": 5,
        "d": 1.5,
        "e": True,
        "f": None,
        "g": False,
    }
    assert typed_headers_of(head) == {
        "a": ("String", "x"),
        "b": ("Binary", b"y"),
        "c": ("Number", "5"),
        "d": ("Number", "1.5"),
        "e": ("String", "true"),
        "g": ("String", "false"),
    }


def test_typed_headers_come_back_without_their_types_and_without_what_is_no_header() -> None:
    head = typed_head({"a": ("String.x", "1"), "b": ("Binary", b"2"), "\0trace": ("String", "t")})
    assert typed_headers_of(head)["\0trace"] == ("String", "t")
    assert typed_headers_of(head)["a"] == ("String.x", "1")
    assert headers_of(head) == {"a": "1", "b": b"2"}


def test_a_message_keeps_its_identity_through_moves() -> None:
    assert delivery().identity == (3, 7)
    assert delivery(note=Note(1, 2, 0, 9, [])).identity == (1, 2)


@pytest.mark.parametrize("name", ["a", "a b/c", "ü" * 256, "x" * NAME_BYTES_MAX])
def test_names_of_text_are_good(name: str) -> None:
    assert bad_name(name) is None


@pytest.mark.parametrize("name", ["", "ü" * 257, "a\x00b", "a\x7f", "\ud800"])
def test_names_of_anything_else_are_not(name: str) -> None:
    assert bad_name(name)


def test_the_shorter_of_retention_and_ttl_counts() -> None:
    assert QueueSettings().life_ms is None
    assert QueueSettings(retention_ms=5).life_ms == 5
    assert QueueSettings(ttl_ms=7).life_ms == 7
    assert QueueSettings(retention_ms=5, ttl_ms=3).life_ms == 3
