"""Answers and errors as XML."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from postroad.protocols.aws.faults import INTERNAL, Fault, invalid, missing
from postroad.protocols.aws.xml import Spelling, encode_answer, encode_error

SPACE = "http://example.com/doc/"
SPELLINGS = {"Names": Spelling("Name"), "Tags": Spelling("Tag", "Key", "Value")}
CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")


def parsed(data: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(data)


def answer(shape: dict[str, object], *, resultless: bool = False) -> bytes:
    return encode_answer(
        "Do",
        shape,
        spellings=SPELLINGS,
        namespace=SPACE,
        request_id="id",
        resultless=resultless,
    )


def test_an_answer_has_its_result_and_its_request_id() -> None:
    shape: dict[str, object] = {
        "A": "x", "N": 5, "T": True, "F": False, "B": b"\xff",
        "Names": ["a", "b"], "Tags": {"k": "v", "l": {"In": "side"}}, "S": {"D": "d"},
    }  # fmt: skip
    assert answer(shape) == (
        b'<?xml version="1.0"?>\n<DoResponse xmlns="http://example.com/doc/"><DoResult><A>x</A>'
        b"<N>5</N><T>true</T><F>false</F><B>/w==</B><Name>a</Name><Name>b</Name>"
        b"<Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value><In>side</In></Value>"
        b"</Tag><S><D>d</D></S></DoResult><ResponseMetadata><RequestId>id</RequestId>"
        b"</ResponseMetadata></DoResponse>"
    )


def test_an_empty_result_is_there_unless_the_action_never_answers() -> None:
    assert b"<DoResult></DoResult>" in answer({})
    assert b"DoResult" not in answer({}, resultless=True)


@given(st.text(CHARACTERS) | st.sampled_from(["<&>\"'", "\t", "\n", "\r", "\r\n", "]]>"]))
def test_any_text_that_xml_carries_comes_back_as_it_was(text: str) -> None:
    found = parsed(answer({"A": text})).find(f"{{{SPACE}}}DoResult/{{{SPACE}}}A")
    assert found is not None
    assert (found.text or "") == text


@given(st.text(st.characters(categories=("Cc", "Cs", "Cn", "Lu"))))
def test_an_answer_is_well_formed_whatever_is_in_it(text: str) -> None:
    root = parsed(answer({"A": text, "Names": [text], "Tags": {text: text}}))
    found = root.find(f"{{{SPACE}}}DoResult/{{{SPACE}}}A")
    assert found is not None
    assert len(found.text or "") == len(text)


@given(st.text())
def test_an_error_is_well_formed_whatever_the_client_sent(text: str) -> None:
    root = parsed(encode_error(invalid("Name", text, "No."), namespace=SPACE, request_id="id"))
    assert [one.tag for one in root] == [f"{{{SPACE}}}Error", f"{{{SPACE}}}RequestId"]


def test_an_error_says_whose_fault_it_is() -> None:
    ours = encode_error(Fault(INTERNAL, "oops"), namespace=SPACE, request_id="id")
    assert b"<Type>Receiver</Type><Code>InternalFailure</Code><Message>oops</Message>" in ours
    theirs = encode_error(missing("A"), namespace=SPACE, request_id="id")
    assert b"<Type>Sender</Type><Code>MissingParameter</Code>" in theirs


def test_a_long_value_is_shortened_in_its_error() -> None:
    assert len(invalid("Name", "x" * 10_000, "No.").text) < 400
