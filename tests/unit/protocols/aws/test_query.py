"""Forms of the Query protocol as plain shapes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.limits import QUERY_DEPTH_MAX, QUERY_FIELDS_MAX
from postroad.protocols.aws.query import (
    LIST,
    MAP,
    STRUCT,
    MalformedForm,
    Member,
    read_form,
    shape_form,
)

VALUE = Member("Value", "Value", STRUCT, (Member("Text", "Text"),))
MEMBERS = (
    Member("Name", "Name"),
    Member("Names", "Name2", LIST),
    Member("Tags", "Tag", MAP, key="Key"),
    Member("Entries", "Entry", LIST, (Member("Id", "Id"), Member("Tags", "Tag", MAP))),
    Member("Attributes", "Attribute", MAP, (Member("Text", "Text"),)),
    VALUE,
)


def test_a_form_is_decoded_and_a_repeated_parameter_counts_last() -> None:
    assert read_form(b"a=1&b=%C3%A9+x%26&a=2&c=") == {"a": "2", "b": "é x&", "c": ""}
    assert read_form(b"") == {}


@pytest.mark.parametrize(
    "data",
    [b"\xff", b"a=%ff", b"&".join(b"a%d=1" % n for n in range(QUERY_FIELDS_MAX + 1))],
)
def test_a_form_that_is_none_or_has_too_many_parameters_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedForm):
        read_form(data)


def test_numbers_make_lists_in_their_order_and_pairs_make_maps() -> None:
    form = {
        "Name": "x",
        "Name2.2": "b",
        "Name2.1": "a",
        "Name2.10": "c",
        "Tag.1.Key": "k",
        "Tag.1.Value": "v",
        "Entry.1.Id": "1",
        "Entry.1.Tag.1.Name": "n",
        "Entry.1.Tag.1.Value": "v",
        "Entry.2.Id": "2",
        "Attribute.1.Name": "n",
        "Attribute.1.Value.Text": "t",
        "Value.Text": "t",
        "Unknown.1.2": "x",
    }
    assert shape_form(form, MEMBERS) == {
        "Name": "x",
        "Names": ["a", "b", "c"],
        "Tags": {"k": "v"},
        "Entries": [{"Id": "1", "Tags": {"n": "v"}}, {"Id": "2"}],
        "Attributes": {"n": {"Text": "t"}},
        "Value": {"Text": "t"},
    }


def test_a_list_of_one_may_come_without_its_number() -> None:
    assert shape_form({"Name2": "a"}, MEMBERS) == {"Names": ["a"]}
    pair = {"Tag.Key": "k", "Tag.Value": "v"}
    assert shape_form(pair, MEMBERS) == {"Tags": {"k": "v"}}


@pytest.mark.parametrize(
    "form",
    [
        {"Name.1": "x"},
        {"Name2.a": "x"},
        {"Name2.1.x": "x"},
        {"Name2.9999999999": "x"},
        {"Tag": "x"},
        {"Tag.1.Value": "x"},
        {"Tag.1.Key": "x"},
        {"Tag.1.Key.1": "x"},
        {"Entry.1": "x"},
        {"Value": "x"},
        {"Name2": "x", "Name2.1": "y"},
        {"Name2.1": "y", "Name2": "x"},
        {".".join("a" * (QUERY_DEPTH_MAX + 2)): "x"},
    ],
)
def test_a_form_that_does_not_fit_the_table_is_malformed(form: dict[str, str]) -> None:
    with pytest.raises(MalformedForm):
        shape_form(form, MEMBERS)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_malformed(data: bytes) -> None:
    with suppress(MalformedForm):
        shape_form(read_form(data), MEMBERS)
