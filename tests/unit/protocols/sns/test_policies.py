"""Filter policies that Amazon SNS refuses: its words for each, and what it takes is taken."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.limits import FILTER_BYTES_MAX
from postroad.model.filters import Filter
from postroad.protocols.sns.policies import (
    MESSAGE_ATTRIBUTES,
    MESSAGE_BODY,
    SCOPES,
    policy_fault,
    scope_fault,
)

TABLE = Path(__file__).parents[3] / "golden" / "filters"


def rows(name: str) -> list[Any]:
    return list(json.loads((TABLE / f"{name}.json").read_text("utf-8")))


def as_text(policy: object) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)


@pytest.mark.parametrize("row", [pytest.param(row, id=row["why"]) for row in rows("refused")])
def test_a_policy_is_refused_in_the_words_of_sns(row: dict[str, Any]) -> None:
    assert policy_fault(as_text(row["policy"]), row["scope"]) == row["says"]


def test_what_the_table_of_filters_has_is_not_refused() -> None:
    for row in rows("attributes"):
        assert policy_fault(as_text(row["policy"]), MESSAGE_ATTRIBUTES) is None, row
    for row in rows("body"):
        assert policy_fault(as_text(row["policy"]), MESSAGE_BODY) is None, row


def test_a_policy_has_a_length_at_most() -> None:
    assert policy_fault(" " * FILTER_BYTES_MAX + "{}", MESSAGE_BODY) == (
        "FilterPolicy: Filter policy is too large"
    )


def test_a_scope_is_attributes_or_body() -> None:
    assert scope_fault("RandomValue") == (
        "FilterPolicyScope: Invalid value [RandomValue]."
        " Please use either MessageBody or MessageAttributes"
    )
    assert all(scope_fault(scope) is None for scope in SCOPES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "prefix",
                    "suffix",
                    "anything-but",
                    "numeric",
                    "exists",
                    "cidr",
                    "wildcard",
                    "$or",
                    "a",
                    "b",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(JSON | st.text(max_size=20), st.sampled_from(sorted(SCOPES)))
def test_any_policy_is_refused_in_one_line_or_taken_by_the_core(policy: object, scope: str) -> None:
    text = as_text(policy)
    fault = policy_fault(text, scope)
    if fault is None:
        Filter(text, SCOPES[scope])
    else:
        assert fault.startswith("FilterPolicy: ")
        assert "\n" not in fault
