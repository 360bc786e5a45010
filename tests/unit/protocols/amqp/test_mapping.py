"""Messages of other protocols as AMQP's, and AMQP's own as they came."""

import pytest

from postroad.model.fields import FieldTable
from postroad.model.message import (
    Delivery,
    HeaderValue,
    keyed_head,
    plain_head,
    typed_head,
)
from postroad.model.properties import Properties, parse_properties, routed_head, write_properties
from postroad.protocols.amqp.mapping import Renderer, field_of, render, with_offset


def delivery(head: bytes, count: int = 1) -> Delivery:
    return Delivery(1, 5, 1, count, 0, 0, b"body", head)


def shown(head: bytes) -> Properties:
    exchange, key, properties = render(delivery(head), "q")
    assert (exchange, key) == ("", "q")
    return parse_properties(properties)


def test_a_bare_message_comes_from_its_queue_and_is_durable() -> None:
    assert shown(b"") == Properties(delivery_mode=2)


def test_plain_headers_keep_their_types_and_some_are_properties() -> None:
    headers: dict[str, HeaderValue] = {
        "a": 1,
        "b": "text",
        "c": b"\xff",
        "d": True,
        "e": 1.5,
        "f": None,
        "content-type": "text/plain",
        "timestamp": 7,
        "message-id": "m",
    }
    read = shown(plain_head(headers, priority=3))
    assert read.headers == {"a": 1, "b": "text", "c": b"\xff", "d": True, "e": 1.5, "f": None}
    assert (read.content_type, read.timestamp, read.message_id) == ("text/plain", 7, "m")
    assert read.priority == 3


def test_a_header_with_a_propertys_name_that_is_none_stays_a_header() -> None:
    read = shown(plain_head({"content-type": 5, "timestamp": "noon", "type": "x" * 300}))
    assert read.headers == {"content-type": 5, "timestamp": "noon", "type": "x" * 300}


def test_our_own_names_are_not_shown() -> None:
    assert shown(keyed_head({"a": 1}, "key")).headers == {"a": 1}


@pytest.mark.parametrize(
    ("kind", "content", "value"),
    [
        ("String", "x", "x"),
        ("Number", "12", 12),
        ("Number.int", "-3", -3),
        ("Number", "1.5", 1.5),
        ("Number", "9" * 30, "9" * 30),
        ("Number", "many", "many"),
        ("Binary", b"\x00\xff", b"\x00\xff"),
    ],
)
def test_attributes_have_the_type_their_name_says(
    kind: str, content: str | bytes, value: object
) -> None:
    head = typed_head({"a": (kind, content), "\0own": ("String", "x")})
    assert shown(head).headers == {"a": value}


def test_what_came_by_amqp_goes_as_it_came() -> None:
    packed = write_properties(Properties(type="t", headers={"a": [1, {"b": None}]}))
    head = routed_head("x", "key", packed)
    assert render(delivery(head), "q") == ("x", "key", packed)


def test_how_often_a_message_came_back_is_told_where_the_queue_counts() -> None:
    head = routed_head("x", "key", write_properties(Properties(type="t")))
    cases: list[tuple[int, FieldTable | None]] = [(1, None), (3, {"x-delivery-count": 2})]
    for count, headers in cases:
        rendered = Renderer("q", True, 131_072).render(delivery(head, count))
        assert parse_properties(rendered[2]) == Properties(type="t", headers=headers)
        assert Renderer("q", False, 131_072).render(delivery(head, count))[2] == head[7:]


def test_a_message_of_a_stream_says_where_it_stands() -> None:
    for head in (routed_head("x", "k"), plain_head({"a": 1}), b""):
        moved = with_offset(delivery(head), "q")
        assert field_of(moved.head, "x-stream-offset") == 5


def test_one_header_is_found_in_any_form() -> None:
    assert field_of(plain_head({"a": 1}), "a") == 1
    packed = write_properties(Properties(headers={"a": 1}))
    assert field_of(routed_head("x", "k", packed), "a") == 1
    assert field_of(b"", "a") is None
    assert field_of(routed_head("x", "k"), "a") is None
