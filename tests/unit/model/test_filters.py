"""Filters on what a message says: which messages pass, and which policies cannot be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.limits import FILTER_BODY_BYTES_MAX, FILTER_BYTES_MAX, FILTER_DEPTH_MAX
from postroad.model.conditions import BadFilter
from postroad.model.filters import ATTRIBUTES, BODY, Content, Filter
from postroad.model.message import plain_head, typed_head

Json = object

ORDER: dict[str, tuple[str, str | bytes]] = {
    "store": ("String", "example_corp"),
    "event": ("String", "order_placed"),
    "price": ("Number", "210.75"),
    "interests": ("String.Array", '["soccer", "rugby", 7, true, null]'),
    "ip": ("String", "10.0.0.255"),
    "blob": ("Binary", b"1"),
    "empty": ("String", ""),
    "bad_array": ("String.Array", "[1"),
    "bad_number": ("Number", "many"),
    "huge": ("Number", "5e12"),
    "int": ("Number.int", "301"),
}

BY_ATTRIBUTES: list[tuple[dict[str, Json], bool]] = [
    ({}, True),
    ({"store": ["example_corp"]}, True),
    ({"store": ["other", "example_corp"]}, True),
    ({"store": ["example"]}, False),
    ({"store": ["example_corp"], "event": ["order_cancelled"]}, False),
    ({"store": ["example_corp"], "event": [{"prefix": "order"}]}, True),
    ({"none": ["x"]}, False),
    ({"store": [{"prefix": "example"}]}, True),
    ({"store": [{"prefix": "corp"}]}, False),
    ({"store": [{"suffix": "corp"}]}, True),
    ({"store": [{"suffix": "example"}]}, False),
    ({"store": [{"equals-ignore-case": "EXAMPLE_Corp"}]}, True),
    ({"store": [{"equals-ignore-case": "EXAMPLE"}]}, False),
    ({"store": [{"anything-but": "other"}]}, True),
    ({"store": [{"anything-but": ["other", "example_corp"]}]}, False),
    ({"store": [{"anything-but": {"prefix": "exam"}}]}, False),
    ({"store": [{"anything-but": {"prefix": ["a", "b"]}}]}, True),
    ({"store": [{"anything-but": {"suffix": "_corp"}}]}, False),
    ({"store": [{"anything-but": {"wildcard": "*_c*p"}}]}, False),
    ({"store": [{"anything-but": {"equals-ignore-case": ["EXAMPLE_CORP"]}}]}, False),
    ({"none": [{"anything-but": "x"}]}, False),
    ({"price": [{"anything-but": [100, 210.75]}]}, False),
    ({"price": [{"anything-but": [100]}]}, True),
    ({"price": [210.75]}, True),
    ({"price": ["210.75"]}, False),
    ({"price": [{"numeric": ["=", 210.75]}]}, True),
    ({"price": [{"numeric": ["=", 210.76]}]}, False),
    ({"price": [{"numeric": [">", 210.75]}]}, False),
    ({"price": [{"numeric": [">=", 210.75]}]}, True),
    ({"price": [{"numeric": ["<", 210.75]}]}, False),
    ({"price": [{"numeric": ["<=", 210.75]}]}, True),
    ({"price": [{"numeric": [">", 0, "<=", 300]}]}, True),
    ({"price": [{"numeric": [">", 0, "<", 150]}, {"numeric": [">=", 200]}]}, True),
    ({"store": [{"numeric": [">", 0]}]}, False),
    ({"huge": [{"numeric": [">", 0]}]}, False),
    ({"bad_number": [{"exists": True}]}, False),
    ({"int": [301]}, True),
    ({"int": [301.0]}, True),
    ({"interests": ["rugby"]}, True),
    ({"interests": ["tennis"]}, False),
    ({"interests": [7]}, True),
    ({"interests": [True]}, True),
    ({"interests": [None]}, True),
    ({"interests": [{"prefix": "soc"}]}, True),
    ({"interests": [{"anything-but": ["soccer", "rugby"]}]}, True),
    ({"interests": [{"numeric": ["<", 7]}]}, False),
    ({"bad_array": [{"exists": True}]}, False),
    ({"store": [{"exists": True}]}, True),
    ({"store": [{"exists": False}]}, False),
    ({"none": [{"exists": False}]}, True),
    ({"none": [{"exists": True}]}, False),
    ({"none": [{"exists": False}, "x"]}, True),
    ({"blob": [{"exists": True}]}, False),
    ({"empty": [""]}, True),
    ({"empty": [{"exists": True}]}, False),
    ({"ip": [{"cidr": "10.0.0.0/24"}]}, True),
    ({"ip": [{"cidr": "10.0.1.0/24"}]}, False),
    ({"ip": [{"cidr": "2001:db8::/32"}]}, False),
    ({"store": [{"cidr": "10.0.0.0/8"}]}, False),
    ({"store": [{"wildcard": "*"}]}, True),
    ({"store": [{"wildcard": "ex*_*p"}]}, True),
    ({"store": [{"wildcard": "ex*x*p"}]}, False),
    ({"store": [{"wildcard": "example_corp"}]}, True),
    ({"store": [{"wildcard": "example_corp*p"}]}, False),
    ({"empty": [{"wildcard": "a*"}]}, False),
    ({"$or": [{"store": ["x"]}, {"event": ["order_placed"]}]}, True),
    ({"$or": [{"store": ["x"]}, {"event": ["y"]}]}, False),
    ({"store": ["example_corp"], "$or": [{"price": [1]}, {"int": [301]}]}, True),
    ({"store": ["x"], "$or": [{"price": [1]}, {"int": [301]}]}, False),
]


@pytest.mark.parametrize(("policy", "passes"), BY_ATTRIBUTES)
def test_a_filter_on_attributes(policy: dict[str, Json], passes: bool) -> None:
    rule = Filter(json.dumps(policy), ATTRIBUTES)
    assert rule.passes(Content(typed_head(ORDER), b"")) is passes


PERSON = {
    "name": "Ann",
    "age": 41,
    "score": 0.1,
    "member": True,
    "left": None,
    "address": {"city": "Bonn", "zip": "53111", "geo": {"lat": 50.7}},
    "tags": ["a", "b"],
    "empty": [],
    "pets": [{"kind": "cat", "age": 3}, {"kind": "dog", "age": 9}],
    "deep": [[["x"]]],
}

BY_BODY: list[tuple[dict[str, Json], bool]] = [
    ({"name": ["Ann"]}, True),
    ({"age": [41]}, True),
    ({"age": ["41"]}, False),
    ({"age": [41.0]}, True),
    ({"score": [0.1]}, True),
    ({"score": [{"numeric": ["<", 0.1]}]}, False),
    ({"member": [True]}, True),
    ({"member": [1]}, False),
    ({"member": ["true"]}, False),
    ({"left": [None]}, True),
    ({"left": [{"exists": True}]}, False),
    ({"gone": [None]}, False),
    ({"address": {"city": ["Bonn", "Köln"]}}, True),
    ({"address": {"city": ["Köln"]}}, False),
    ({"address": {"city": ["Bonn"], "zip": [{"prefix": "53"}]}}, True),
    ({"address": {"geo": {"lat": [{"numeric": [">", 50, "<", 51]}]}}}, True),
    ({"address": {"street": [{"exists": False}]}}, True),
    ({"gone": {"street": [{"exists": False}]}}, True),
    ({"gone": {"street": [{"exists": True}]}}, False),
    ({"name": {"first": ["Ann"]}}, False),
    ({"address": ["Bonn"]}, False),
    ({"address": [{"exists": True}]}, False),
    ({"tags": ["b"]}, True),
    ({"tags": ["c"]}, False),
    ({"tags": [{"anything-but": ["a"]}]}, True),
    ({"empty": ["a"]}, False),
    ({"empty": [{"exists": True}]}, False),
    ({"deep": ["x"]}, True),
    ({"pets": {"kind": ["dog"]}}, True),
    ({"pets": {"kind": ["dog"], "age": [9]}}, True),
    ({"pets": {"kind": ["dog"], "age": [3]}}, False),
    ({"$or": [{"name": ["Bob"]}, {"address": {"city": ["Bonn"]}}]}, True),
    ({"address": {"$or": [{"city": ["Köln"]}, {"zip": ["53111"]}]}}, True),
    ({"address": {"$or": [{"city": ["Köln"]}, {"zip": ["50667"]}]}}, False),
]


@pytest.mark.parametrize(("policy", "passes"), BY_BODY)
def test_a_filter_on_bodies(policy: dict[str, Json], passes: bool) -> None:
    rule = Filter(json.dumps(policy), BODY)
    assert rule.passes(Content(b"", json.dumps(PERSON).encode())) is passes


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"1", b'"name"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_passes_no_filter_on_bodies(body: bytes) -> None:
    assert not Filter("{}", BODY).passes(Content(b"", body))
    assert not Filter('{"gone": [{"exists": false}]}', BODY).passes(Content(b"", body))


def test_a_body_that_is_too_long_is_not_looked_at() -> None:
    body = json.dumps({"a": 1, "pad": "x" * FILTER_BODY_BYTES_MAX}).encode()
    assert not Filter('{"a": [1]}', BODY).passes(Content(b"", body))


def test_a_value_too_deep_is_not_looked_at() -> None:
    deep: Json = "x"
    for _ in range(FILTER_DEPTH_MAX * 3):
        deep = [deep]
    body = json.dumps({"a": deep, "b": "x"}).encode()
    assert not Filter('{"a": ["x"]}', BODY).passes(Content(b"", body))
    assert Filter('{"b": ["x"]}', BODY).passes(Content(b"", body))


def test_headers_of_the_python_api_have_types_too() -> None:
    head = plain_head({"n": 5, "t": "5", "f": True, "b": b"x", "none": None})
    assert Filter('{"n": [5], "t": ["5"], "f": ["true"]}').passes(Content(head, b""))
    assert Filter('{"b": [{"exists": false}]}').passes(Content(head, b""))
    assert not Filter('{"n": ["5"]}').passes(Content(head, b""))
    assert Filter('{"n": [{"exists": false}]}').passes(Content(b"", b""))


def test_escaped_stars_are_stars() -> None:
    rule = Filter(json.dumps({"a": [{"wildcard": "1\\*2*\\\\"}]}), BODY)
    assert rule.passes(Content(b"", json.dumps({"a": "1*2 and \\"}).encode()))
    assert not rule.passes(Content(b"", json.dumps({"a": "1x2 and \\"}).encode()))


BAD: list[tuple[str, str]] = [
    ("", "JSON"),
    ("{", "JSON"),
    ("[]", "object"),
    ('"a"', "object"),
    ('{"a": "b"}', "list of values"),
    ('{"a": 1}', "list of values"),
    ('{"a": []}', "at least one value"),
    ('{"a": [[1]]}', "a value is"),
    ('{"a": [{}]}', "one name"),
    ('{"a": [{"prefix": "a", "suffix": "b"}]}', "one name"),
    ('{"a": [{"like": "a"}]}', "no operator"),
    ('{"a": [{"prefix": 1}]}', "takes a text"),
    ('{"a": [{"prefix": ["a"]}]}', "takes a text"),
    ('{"a": [{"suffix": null}]}', "takes a text"),
    ('{"a": [{"wildcard": {}}]}', "takes a text"),
    ('{"a": [{"equals-ignore-case": 1}]}', "takes a text"),
    ('{"a": [{"exists": "true"}]}', "true or false"),
    ('{"a": [{"exists": 1}]}', "true or false"),
    ('{"a": [{"cidr": "10.0.0.0/33"}]}', "range of addresses"),
    ('{"a": [{"cidr": 1}]}', "takes a text"),
    ('{"a": [{"numeric": 1}]}', "numeric"),
    ('{"a": [{"numeric": []}]}', "numeric"),
    ('{"a": [{"numeric": [">"]}]}', "numeric"),
    ('{"a": [{"numeric": ["~", 1]}]}', "compares"),
    ('{"a": [{"numeric": [[], 1]}]}', "compares"),
    ('{"a": [{"numeric": [">", "1"]}]}', "no number"),
    ('{"a": [{"numeric": [">", true]}]}', "no number"),
    ('{"a": [{"numeric": ["<", 1, ">", 0]}]}', "first"),
    ('{"a": [{"numeric": ["=", 1, "=", 1]}]}', "first"),
    ('{"a": [{"numeric": [">", 5, "<", 4]}]}', "no number is"),
    ('{"a": [{"numeric": [">", 1000000000.1]}]}', "a number is from"),
    ('{"a": [1000000001]}', "a number is from"),
    ('{"a": [1e400]}', "a number"),
    ('{"a": [0.123456]}', "decimals"),
    ('{"a": [{"anything-but": []}]}', "at least one"),
    ('{"a": [{"anything-but": null}]}', "texts and numbers"),
    ('{"a": [{"anything-but": [true]}]}', "texts and numbers"),
    ('{"a": [{"anything-but": {}}]}', "one operator"),
    ('{"a": [{"anything-but": {"numeric": ["=", 1]}}]}', "anything-but"),
    ('{"a": [{"anything-but": {"prefix": []}}]}', "at least one"),
    ('{"a": [{"anything-but": [[]]}]}', "no number"),
    ('{"$or": []}', "at least one value"),
    ('{"$or": [{"a": [1]}]}', "no operator"),
    ('{"$or": [{"a": [1]}, {}]}', "no operator"),
    ('{"$or": [{"a": [1]}, 1]}', "no operator"),
    ('{"a": {"$or": [{"b": [1]}, []]}}', "no operator"),
    ('{"$or": 1}', "list of values"),
    ('{"a": [1], "b": [1], "c": [1], "d": [1], "e": [1], "f": [1]}', "at most 5 names"),
    ('{"a": [1], "b": [1], "c": [1], "$or": [{"d": [1], "e": [1]}, {"f": [1]}]}', "5 names"),
    (json.dumps({"a": list(range(151))}), "at most 150"),
    (json.dumps({"a": list(range(13)), "b": list(range(12))}), "at most 150"),
    (" " * FILTER_BYTES_MAX + "{}", "bytes"),
    ('{"a": ["\ud800"]}', "UTF-8"),
]


@pytest.mark.parametrize("number", ["1e-99999999999999999999", "0e99999999999999999999"])
def test_a_number_beyond_all_arithmetic_is_refused(number: str) -> None:
    with pytest.raises(BadFilter, match="a filter is JSON"):
        Filter(f'{{"a": [{{"numeric": [">", {number}]}}]}}')


@pytest.mark.parametrize(("text", "says"), BAD)
def test_a_policy_that_cannot_be_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(BadFilter, match=says) as refused:
        Filter(text, BODY)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


def test_names_in_names_are_for_bodies() -> None:
    Filter('{"a": {"b": [1]}}', BODY)
    with pytest.raises(BadFilter, match="only bodies"):
        Filter('{"a": {"b": [1]}}', ATTRIBUTES)
    with pytest.raises(BadFilter, match="scope"):
        Filter("{}", "soul")
    with pytest.raises(BadFilter, match="at least one name"):
        Filter('{"a": {}}', BODY)


def test_values_count_as_often_as_they_lie_deep() -> None:
    level = {"a": {"b": {"c": list(range(4))}}, "d": {"e": list(range(3))}}
    Filter(json.dumps({**level, "f": [1, 2]}), BODY)
    with pytest.raises(BadFilter, match="216"):
        Filter(json.dumps({**level, "f": [1, 2, 3]}), BODY)
    choices = [{"a": list(range(70))}, {"b": list(range(80))}]
    Filter(json.dumps({"$or": choices}), BODY)
    with pytest.raises(BadFilter, match="300"):
        Filter(json.dumps({"$or": choices, "c": [1, 2]}), BODY)


def test_a_policy_is_so_deep_at_most() -> None:
    for opening, closing in (('{"a":', "}"), ('{"$or":[{"a":[1]},', "]}")):
        for depth in (FILTER_DEPTH_MAX + 1, 500, 5_000):
            with pytest.raises(BadFilter):
                Filter(opening * depth + '{"a":[1]}' + closing * depth, BODY)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
OPERATORS = st.sampled_from(
    [
        "prefix",
        "suffix",
        "equals-ignore-case",
        "anything-but",
        "numeric",
        "exists",
        "cidr",
        "wildcard",
        "$or",
        "a",
        "b",
    ]
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(OPERATORS | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(ANYTHING, ANYTHING, st.sampled_from([ATTRIBUTES, BODY]))
def test_any_policy_is_refused_or_works_on_any_message(
    policy: Json, message: Json, scope: str
) -> None:
    try:
        rule = Filter(json.dumps(policy), scope)
    except BadFilter:
        return
    body = json.dumps({"a": message, "b": message}).encode()
    head = typed_head({"a": ("String.Array", json.dumps(message)), "b": ("Number", str(message))})
    assert rule.passes(Content(head, body)) in (True, False)


@given(st.text(), st.binary(), st.binary(max_size=40))
def test_nonsense_is_refused_or_passes_or_not(text: str, body: bytes, number: bytes) -> None:
    try:
        rule = Filter(text, BODY)
    except BadFilter:
        rule = Filter('{"a": [{"anything-but": 1}, {"exists": false}]}', BODY)
    head = typed_head({"a": ("Number", number.decode("latin-1")), "b": ("String.Array", text)})
    content = Content(head, body)
    assert rule.passes(content) in (True, False)
    assert Filter('{"a": [{"numeric": [">", 0]}, 1]}').passes(content) in (True, False)
