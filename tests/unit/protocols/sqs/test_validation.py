"""Each rule of each input: in range, below, above, absent, of another type."""

from typing import Any

import msgspec
import pytest
from msgspec import Struct

from postroad.protocols.aws.faults import Fault
from postroad.protocols.aws.inputs import Rule
from postroad.protocols.sqs.spec import INPUTS
from postroad.protocols.sqs.validation import RULES, check
from postroad.protocols.sqs.wire import MEMBERS, read_json, read_query

ROWS = [
    pytest.param(action, name, rule, id=f"{action}.{name}")
    for action, struct in INPUTS.items()
    for name, rule in RULES[struct]
]
RANGES = [row for row in ROWS if row.values[2].low is not None]  # type: ignore[union-attr]
ACCOUNT = "/000000000000/mail"


def whole(struct: type[Struct]) -> dict[str, Any]:
    """An input that keeps every rule."""
    given: dict[str, Any] = {}
    for name, rule in RULES[struct]:
        if rule.low is not None:
            given[name] = rule.low
        elif rule.required:
            kind = struct.__struct_fields__.index(name)
            default = struct.__struct_defaults__[kind - len(struct.__struct_fields__)]
            given[name] = _full(default)
    return given


def _full(default: Any) -> Any:
    if isinstance(default, str):
        return ACCOUNT
    made = default.factory()
    return {"a": "b"} if isinstance(made, dict) else ["a"]


def fault_of(action: str, given: dict[str, Any]) -> Fault | None:
    shape = read_json(action, msgspec.json.encode(given))
    return shape if isinstance(shape, Fault) else check(shape)


@pytest.mark.parametrize("action", INPUTS)
def test_an_input_that_keeps_every_rule_is_accepted(action: str) -> None:
    assert fault_of(action, whole(INPUTS[action])) is None


@pytest.mark.parametrize(("action", "name", "rule"), RANGES)
def test_a_number_is_accepted_in_its_range_alone(action: str, name: str, rule: Rule) -> None:
    assert rule.low is not None
    assert rule.high is not None
    good = whole(INPUTS[action])
    assert fault_of(action, {**good, name: rule.low}) is None
    assert fault_of(action, {**good, name: rule.high}) is None
    for number in (rule.low - 1, rule.high + 1, 10**30):
        wrong = fault_of(action, {**good, name: number})
        assert wrong is not None
        assert wrong.kind.code == "InvalidParameterValue"
        assert name in wrong.text
        assert str(number) in wrong.text


@pytest.mark.parametrize(("action", "name", "rule"), RANGES)
def test_a_number_that_is_none_is_refused_in_both_forms(action: str, name: str, rule: Rule) -> None:
    good = whole(INPUTS[action])
    for other in ("5", 1.5, True, [5], {"a": 5}):
        wrong = fault_of(action, {**good, name: other})
        assert wrong is not None, other
        assert wrong.kind.code == "MalformedInput"
    shape = read_query(action, {name: "five"})
    assert isinstance(shape, Fault)
    assert shape.kind.code == "InvalidParameterValue"


@pytest.mark.parametrize(("action", "name", "rule"), ROWS)
def test_a_required_member_is_missed_when_absent_or_empty(
    action: str, name: str, rule: Rule
) -> None:
    if not rule.required:
        return
    good = whole(INPUTS[action])
    full = good.pop(name)
    empties: list[dict[str, Any]] = [good]
    if not isinstance(full, int):
        empties.append({**good, name: type(full)()})
    for given in empties:
        wrong = fault_of(action, given)
        assert wrong is not None
        assert wrong.kind.code == "MissingParameter"
        assert wrong.text == f"The request must contain the parameter {name}."


@pytest.mark.parametrize("action", INPUTS)
def test_texts_where_others_belong_are_refused(action: str) -> None:
    for member in MEMBERS[action]:
        wrong = fault_of(action, {member.name: {"a": [[1]]}})
        assert wrong is not None
        assert wrong.kind.code == "MalformedInput"


@pytest.mark.parametrize("body", [b"[", b"[]", b"5", b"\xff", b'{"QueueUrl":"\xff"}', b"[" * 9_999])
def test_a_body_that_is_no_json_object_is_malformed(body: bytes) -> None:
    wrong = read_json("SendMessage", body)
    assert isinstance(wrong, Fault)
    assert wrong.kind.code == "MalformedInput"


def test_members_nobody_knows_do_not_matter() -> None:
    assert fault_of("ListQueues", {"Another": 5}) is None
    assert not isinstance(read_query("ListQueues", {"Another": "5"}), Fault)
    assert not isinstance(read_json("ListQueues", b""), Fault)
