"""Bodies and message attributes that a sender may give."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.model.message import headers_of, typed_headers_of
from postroad.protocols.aws.faults import Fault
from postroad.protocols.sqs.attributes import Prepared, Typed, is_text, prepare
from postroad.protocols.sqs.inputs import AttributeValue, SendMessage
from postroad.protocols.sqs.md5 import attributes_md5

XML_CHARACTERS = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")


def sent(
    body: str = "hi",
    attributes: dict[str, AttributeValue] | None = None,
    system: dict[str, AttributeValue] | None = None,
) -> Prepared | Fault:
    return prepare(
        SendMessage("/1/q", body, MessageAttributes=attributes, MessageSystemAttributes=system)
    )


def string(text: str, kind: str = "String") -> AttributeValue:
    return AttributeValue(kind, text)


@given(st.text())
def test_a_body_holds_the_characters_of_xml_and_no_others(text: str) -> None:
    assert is_text(text.encode()) == bool(XML_CHARACTERS.fullmatch(text))


@pytest.mark.parametrize("char", ["\0", "\x08", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_a_body_with_a_forbidden_character_is_refused(char: str) -> None:
    wrong = sent("fine é " + char)
    assert isinstance(wrong, Fault)
    assert wrong.kind.shape == "InvalidMessageContents"


@pytest.mark.parametrize("text", ["\t\n\r", "\x7f", "\ud7ff\ue000\ufffd", "\U0010ffff", " "])
def test_all_other_characters_are_kept_as_they_are(text: str) -> None:
    ready = sent(text)
    assert isinstance(ready, Prepared)
    assert ready.body == text.encode()
    assert ready.head == b""


def test_attributes_are_kept_with_their_types_and_counted() -> None:
    ready = sent(
        "hé",
        {"n": string("12", "Number.int"), "b": AttributeValue("Binary", BinaryValue=b"\0")},
        {"AWSTraceHeader": string("Root=1")},
    )
    assert isinstance(ready, Prepared)
    typed: Typed = {"n": ("Number.int", "12"), "b": ("Binary", b"\0")}
    assert headers_of(ready.head) == {"n": "12", "b": b"\0"}
    assert typed_headers_of(ready.head) == {**typed, "\0AWSTraceHeader": ("String", "Root=1")}
    assert ready.attributes_md5 == attributes_md5(typed)
    assert ready.system_md5 == attributes_md5({"AWSTraceHeader": ("String", "Root=1")})
    # The trace header is not counted.
    assert ready.size_bytes == 3 + len("nNumber.int12") + len("bBinary") + 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a.b-c_D9", string("x")),
        ("x" * 256, string("x")),
        ("a", string("-1.5e3", "Number")),
        ("a", string("0" * 38, "Number")),
        ("a", string("x", "String." + "y" * 249)),
        ("a", AttributeValue("Binary.png", BinaryValue=b"x")),
        ("a", AttributeValue("String", "x", b"")),
    ],
)
def test_a_good_attribute_is_accepted(name: str, value: AttributeValue) -> None:
    assert isinstance(sent("hi", {name: value}), Prepared)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", string("x")),
        ("x" * 257, string("x")),
        ("a b", string("x")),
        ("é", string("x")),
        (".a", string("x")),
        ("a.", string("x")),
        ("a..b", string("x")),
        ("AWS.a", string("x")),
        ("amazon.a", string("x")),
        ("a", string("")),
        ("a", string("x", "")),
        ("a", string("x", "Text")),
        ("a", string("x", "Strings")),
        ("a", string("x", "String." + "y" * 250)),
        ("a", string("x", "String.\1")),
        ("a", string("x", "Number")),
        ("a", string("nan", "Number")),
        ("a", string("inf", "Number")),
        ("a", string("1_0", "Number")),
        ("a", string(" 1", "Number")),
        ("a", string("x", "Binary")),
        ("a", AttributeValue("String", BinaryValue=b"x")),
        ("a", AttributeValue("String", "x", b"y")),
        ("a", AttributeValue("String", "x", StringListValues=["x"])),
        ("a", AttributeValue("Binary", None, b"x", BinaryListValues=[b"x"])),
    ],
)
def test_a_bad_attribute_is_an_invalid_parameter(name: str, value: AttributeValue) -> None:
    wrong = sent("hi", {name: value})
    assert isinstance(wrong, Fault)
    assert wrong.kind.code == "InvalidParameterValue"


def test_a_text_attribute_holds_the_characters_a_body_may_hold() -> None:
    wrong = sent("hi", {"a": string("\1")})
    assert isinstance(wrong, Fault)
    assert wrong.kind.shape == "InvalidMessageContents"


def test_a_message_has_at_most_ten_attributes() -> None:
    ten = {f"a{number}": string("x") for number in range(10)}
    assert isinstance(sent("hi", ten), Prepared)
    wrong = sent("hi", {**ten, "more": string("x")})
    assert isinstance(wrong, Fault)
    assert "[11]" in wrong.text


@pytest.mark.parametrize(
    "system",
    [
        {"SenderId": string("x")},
        {"AWSTraceHeader": string("1", "Number")},
        {"AWSTraceHeader": string("")},
    ],
)
def test_the_trace_header_is_the_one_system_attribute_to_send(
    system: dict[str, AttributeValue],
) -> None:
    wrong = sent("hi", None, system)
    assert isinstance(wrong, Fault)
    assert wrong.kind.code == "InvalidParameterValue"
