"""What came by AMQP, as every protocol sees it: headers, properties, key, priority, edits."""

from postroad.model.choices import Edit
from postroad.model.fields import FieldTable, Stamp
from postroad.model.message import (
    OWN_KEY,
    OWN_PRIORITY,
    Delivery,
    headers_of,
    key_of,
    own_of,
    plain_head,
    typed_headers_of,
)
from postroad.model.properties import (
    Properties,
    read_properties,
    routed_head,
    routing_of,
    write_properties,
)

HEADERS: FieldTable = {
    "count": 1,
    "who": "me",
    "deep": {"list": [1, "two", None], "bin": b"\xff"},
    "no": None,
}
PROPERTIES = Properties(
    content_type="text/plain",
    content_encoding="utf-8",
    headers=HEADERS,
    delivery_mode=2,
    priority=7,
    correlation_id="c",
    reply_to="r",
    expiration="60000",
    message_id="m",
    timestamp=Stamp(5),
    type="t",
    user_id="u",
    app_id="a",
    cluster_id="x",
)
HEAD = routed_head("crates", "de.köln", write_properties(PROPERTIES))
BARE = routed_head("", "q")
PLAIN_HEADERS = {
    "count": 1, "who": "me", "deep": '{"list":[1,"two",null],"bin":"\ufffd"}', "no": None,
}  # fmt: skip
SHOWN = {
    "content-type": "text/plain", "content-encoding": "utf-8", "correlation-id": "c",
    "reply-to": "r", "message-id": "m", "timestamp": 5, "type": "t", "user-id": "u", "app-id": "a",
}  # fmt: skip


def delivery(head: bytes) -> Delivery:
    return Delivery(1, 1, 1, 1, 0, 0, b"", head)


def test_a_head_says_where_its_message_was_published() -> None:
    assert routing_of(HEAD) == ("crates", "de.köln")
    assert routing_of(BARE) == ("", "q")
    assert routing_of(plain_head({"a": 1})) is None
    assert routing_of(b"") is None


def test_properties_are_read_as_they_were_written() -> None:
    assert read_properties(HEAD) == PROPERTIES
    assert read_properties(BARE) == Properties()


def test_the_headers_table_alone_decides_where_a_message_goes() -> None:
    assert headers_of(HEAD) == PLAIN_HEADERS
    assert headers_of(BARE) == {}


def test_other_protocols_see_properties_among_the_headers() -> None:
    assert delivery(HEAD).headers == {**PLAIN_HEADERS, **SHOWN}
    assert delivery(BARE).headers == {}
    typed = typed_headers_of(HEAD)
    assert typed["count"] == ("Number", "1")
    assert typed["content-type"] == ("String", "text/plain")
    assert typed["timestamp"] == ("Number", "5")
    assert "no" not in typed


def test_the_priority_is_the_propertys_and_there_is_no_key() -> None:
    assert own_of(HEAD, OWN_PRIORITY) == "7"
    assert delivery(HEAD).priority == 7
    assert delivery(BARE).priority == 0
    assert own_of(HEAD, OWN_KEY) is None
    assert key_of(HEAD) == (None, False)


def test_an_edit_keeps_all_it_does_not_name() -> None:
    changes = plain_head({"who": "you", "new": 2, "content-type": "text/html", "timestamp": "no"})
    edited = Edit(headers=changes, removed=("count", "reply-to", "absent")).of_head(HEAD)
    assert routing_of(edited) == ("crates", "de.köln")
    properties = read_properties(edited)
    assert properties.content_type == "text/html"
    assert properties.reply_to is None
    assert properties.timestamp == 5
    assert properties.priority == 7
    kept = {"who": "you", "new": 2, "deep": HEADERS["deep"], "no": None, "timestamp": "no"}
    assert properties.headers == kept


def test_an_edit_of_nothing_left_leaves_no_headers() -> None:
    only = routed_head("", "q", write_properties(Properties(headers={"a": 1})))
    assert read_properties(Edit(removed=("a",)).of_head(only)) == Properties()


def test_a_broken_head_is_shown_without_headers_and_never_raises() -> None:
    for broken in (
        routed_head("", "q", b"\x20\0\0\0\0\x09"),
        routed_head("", "q", b"\xff\xfc\x09"),
    ):
        assert headers_of(broken) == {}
        assert delivery(broken).headers == {}
        assert own_of(broken, OWN_PRIORITY) is None
        assert Edit(removed=("a",)).of_head(broken) == broken
