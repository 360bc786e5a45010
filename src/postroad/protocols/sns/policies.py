"""Filter policies that Amazon SNS refuses, and the words it has for that.

It stands beside the actions that take a policy. The rule kept here: what this lets pass the core
takes too, and what a policy means is the core's matter (`postroad.model.filters`), not decided
here a second time.
"""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from postroad.limits import (
    FILTER_BYTES_MAX,
    FILTER_COMBINATIONS_MAX,
    FILTER_DEPTH_MAX,
    FILTER_KEYS_MAX,
    SNS_WILDCARD_POINTS_MAX,
)
from postroad.model.conditions import BUT_OPERATORS, BadFilter
from postroad.model.filters import BODY, OR, SOME_ATTRIBUTES, Filter, alternatives

MESSAGE_ATTRIBUTES: Final = "MessageAttributes"
MESSAGE_BODY: Final = "MessageBody"
SCOPES: Final = {MESSAGE_ATTRIBUTES: SOME_ATTRIBUTES, MESSAGE_BODY: BODY}
"""FilterPolicyScope -> the scope of the core's filter."""

_NUMBER_NAMES: Final = {"=": "equals", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

_json = msgspec.json.Decoder().decode


class _Refused(Exception):  # noqa: N818  (the message is what is said)
    pass


def scope_fault(scope: str) -> str | None:
    """What is said of a scope that is none."""
    if scope in SCOPES:
        return None
    words = f"Please use either {MESSAGE_BODY} or {MESSAGE_ATTRIBUTES}"
    return f"FilterPolicyScope: Invalid value [{scope}]. {words}"


def policy_fault(text: str, scope: str) -> str | None:
    """What is said of a policy that cannot be; `None`: it can. `scope`: one of SCOPES."""
    try:
        _check(text, scope)
        Filter(text, SCOPES[scope])
    except (_Refused, BadFilter) as error:
        return f"FilterPolicy: {error}"
    return None


def _check(text: str, scope: str) -> None:
    if len(text.encode("utf-8", "replace")) > FILTER_BYTES_MAX:
        raise _Refused("Filter policy is too large")
    try:
        policy = _json(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise _Refused("failed to parse JSON.") from None
    if not isinstance(policy, dict):
        raise _Refused("Filter is not an object")
    if len(policy) > FILTER_KEYS_MAX:
        raise _Refused(f"Filter policy can not have more than {FILTER_KEYS_MAX} keys")
    if scope == MESSAGE_ATTRIBUTES and any(isinstance(part, dict) for part in policy.values()):
        raise _Refused(
            "Filter policy scope MessageAttributes does not support nested filter policy"
        )
    points = 0
    for rules in _rules(policy, 1):
        for rule in rules:
            _check_rule(rule)
            points += _wildcard_points(rule)
    if points > SNS_WILDCARD_POINTS_MAX or _combinations(policy, 1) > FILTER_COMBINATIONS_MAX:
        raise _Refused("Filter policy is too complex")


def _rules(policy: dict[str, object], depth: int) -> Iterator[list[object]]:
    """The lists of values of a policy, wherever they stand. What is refused where is told by the
    first fault in the order of the text."""
    if depth > FILTER_DEPTH_MAX:
        raise _Refused("Filter policy is too complex")
    for name, part in policy.items():
        some = alternatives(part) if name == OR else None
        if some is not None:
            for each in some:
                yield from _rules(each, depth + 1)
        elif isinstance(part, dict):
            if not part:
                raise _Refused("Empty objects are not allowed")
            yield from _rules(part, depth + 1)
        elif not isinstance(part, list):
            raise _Refused(f'"{name}" must be an object or an array')
        elif not part:
            raise _Refused("Empty arrays are not allowed")
        else:
            yield part


def _combinations(policy: dict[str, object], level: int) -> int:
    """How many combinations of values a policy stands for: values count as often as names lead to
    them, and alternatives are added up."""
    product = 1
    for name, part in policy.items():
        some = alternatives(part) if name == OR else None
        if some is not None:
            product *= sum(_combinations(each, level) for each in some)
        elif isinstance(part, dict):
            product *= _combinations(part, level + 1)
        elif isinstance(part, list):
            product *= len(part) * level
    return product


def _wildcard_points(rule: object) -> int:
    """A pattern with one star counts 1, with more stars 3 for each."""
    if not isinstance(rule, dict):
        return 0
    if "anything-but" in rule:
        return _wildcard_points(rule["anything-but"])
    patterns = rule.get("wildcard", ())
    each = patterns if isinstance(patterns, list) else [patterns]
    stars = [_stars(pattern) for pattern in each if isinstance(pattern, str)]
    return sum(count if count < 2 else 3 * count for count in stars)


def _stars(pattern: str) -> int:
    return pattern.replace("\\\\", "").replace("\\*", "").count("*")


def _check_rule(rule: object) -> None:
    if isinstance(rule, list):
        raise _Refused("Match value must be String, number, true, false, or null")
    if not isinstance(rule, dict):
        return
    if len(rule) != 1:
        raise _Refused("Only one key allowed in match expression")
    ((operator, operand),) = rule.items()
    check = _CHECKS.get(operator)
    if check is None:
        raise _Refused(f"Unrecognized match type {operator}")
    check(operator, operand)


def _check_text(operator: str, operand: object) -> None:
    if not isinstance(operand, str):
        raise _Refused(f"{operator} match pattern must be a string")


def _check_wildcard(operator: str, operand: object) -> None:
    _check_text(operator, operand)
    at, text = 0, str(operand)
    while at < len(text):
        if text[at] == "\\":
            if text[at + 1 : at + 2] not in ("*", "\\"):
                raise _Refused(f"Invalid escape character at pos {at + 1}")
            at += 1
        elif text[at : at + 2] == "**":
            raise _Refused(f"Consecutive wildcard characters at pos {at + 1}")
        at += 1


def _check_exists(operator: str, operand: object) -> None:
    if not isinstance(operand, bool):
        raise _Refused(f"{operator} match pattern must be either true or false.")


def _check_cidr(_operator: str, operand: object) -> None:
    if not isinstance(operand, str):
        raise _Refused("prefix match pattern must be a string")
    address, slash, mask = operand.partition("/")
    if not slash or "/" in mask or not mask:
        raise _Refused("Malformed CIDR, one '/' required")
    if not (mask.isascii() and mask.isdigit()):
        raise _Refused("Malformed CIDR, mask bits must be an integer")
    try:
        Filter(f'{{"a":[{{"cidr":{msgspec.json.encode(operand).decode()}}}]}}')
    except BadFilter:
        raise _Refused(f"Nonstandard IP address: {address}") from None


def _check_anything_but(_operator: str, operand: object) -> None:
    if isinstance(operand, dict):
        _check_nested(operand)
    elif isinstance(operand, list):
        if any(each is None or isinstance(each, bool | list | dict) for each in operand):
            raise _Refused("Inside anything but list, start|null|boolean is not supported.")
        if len({isinstance(each, str) for each in operand}) != 1:
            raise _Refused(
                "Inside anything but list, either all values are number or string,"
                " mixed type is not supported"
            )
    elif operand is None or isinstance(operand, bool):
        raise _Refused("Value of anything-but must be an array or single string/number value.")


def _check_nested(operand: dict[str, object]) -> None:
    if len(operand) != 1:
        raise _Refused("Only one key allowed in match expression")
    ((name, more),) = operand.items()
    if name not in BUT_OPERATORS:
        raise _Refused(f"Unsupported anything-but pattern: {name}")
    each = more if isinstance(more, list) else [more]
    if not each:
        raise _Refused("Empty arrays are not allowed")
    for one in each:
        _CHECKS[name](name, one)


def _check_numeric(_operator: str, operand: object) -> None:
    if not isinstance(operand, list):
        raise _Refused("Value of numeric must be an array.")
    if not operand or not isinstance(operand[0], str):
        raise _Refused(f"Invalid member in numeric match: {_shown(operand[0]) if operand else ']'}")
    if operand[0] not in _NUMBER_NAMES:
        raise _Refused(f"Unrecognized numeric range operator: {operand[0]}")
    low = _check_number(operand, 1)
    if len(operand) > 2:
        _check_range(operand, low)


def _check_range(operand: list[object], low: float) -> None:
    if operand[0] not in (">", ">="):
        raise _Refused("Too many elements in numeric expression")
    if not isinstance(operand[2], str):
        raise _Refused(f"Bad value in numeric range: {_shown(operand[2])}")
    if operand[2] not in ("<", "<="):
        raise _Refused(f"Bad numeric range operator: {operand[2]}")
    if _check_number(operand, 3) <= low:
        raise _Refused("Bottom must be less than top")
    if len(operand) > 4:
        raise _Refused("Too many terms in numeric range expression")


def _check_number(operand: list[object], at: int) -> float:
    """The number at a place of a `numeric`, which has the name of its operator before it."""
    one = operand[at] if len(operand) > at else None
    if isinstance(one, bool) or not isinstance(one, int | float):
        raise _Refused(f"Value of {_NUMBER_NAMES[str(operand[at - 1])]} must be numeric")
    return one


def _shown(one: object) -> str:
    """A value as it begins in JSON."""
    return "[" if isinstance(one, list) else msgspec.json.encode(one).decode()[:60]


_CHECKS: Final[dict[str, Callable[[str, object], None]]] = {
    "prefix": _check_text,
    "suffix": _check_text,
    "equals-ignore-case": _check_text,
    "wildcard": _check_wildcard,
    "anything-but": _check_anything_but,
    "numeric": _check_numeric,
    "exists": _check_exists,
    "cidr": _check_cidr,
}
"""Operator -> what looks at its operand."""
