"""The table of filter policies: messages that pass or do not, each with the reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from postroad.model.filters import BODY, SOME_ATTRIBUTES, Content, Filter
from postroad.model.message import typed_head

TABLE = Path(__file__).parents[2] / "golden" / "filters"
CASES_MIN = 150


def cases(name: str) -> list[Any]:
    rows = json.loads((TABLE / f"{name}.json").read_text("utf-8"))
    return [pytest.param(row, id=f"{at}-{row['why']}") for at, row in enumerate(rows)]


@pytest.mark.parametrize("case", cases("attributes"))
def test_a_policy_on_attributes_passes_what_the_table_says(case: dict[str, Any]) -> None:
    head = typed_head(
        {
            name: (kind, text.encode() if kind == "Binary" else text)
            for name, (kind, text) in case["attributes"].items()
        }
    )
    rule = Filter(json.dumps(case["policy"]), SOME_ATTRIBUTES)
    assert rule.passes(Content(head, b"")) is case["passes"], case["why"]


@pytest.mark.parametrize("case", cases("body"))
def test_a_policy_on_bodies_passes_what_the_table_says(case: dict[str, Any]) -> None:
    body = case["body"] if isinstance(case["body"], str) else json.dumps(case["body"])
    rule = Filter(json.dumps(case["policy"]), BODY)
    assert rule.passes(Content(b"", body.encode())) is case["passes"], case["why"]


def test_the_table_is_long_and_says_no_as_well_as_yes() -> None:
    rows = [case.values[0] for case in (*cases("attributes"), *cases("body"))]
    assert len(rows) >= CASES_MIN
    assert min(sum(row["passes"] for row in rows), sum(not row["passes"] for row in rows)) >= 80
    asked = json.dumps([row["policy"] for row in rows])
    for operator in [
        "prefix",
        "suffix",
        "equals-ignore-case",
        "anything-but",
        "numeric",
        "exists",
        "cidr",
        "wildcard",
        "$or",
    ]:
        assert asked.count(f'"{operator}"') >= 5, operator
