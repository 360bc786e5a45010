"""Inputs of actions as classes: their members with their rules, read from the annotations.

It is a shared part of the services. The rule kept here: decoding, validation and the Query form all
read one and the same class.
"""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from postroad.model.value import value
from postroad.protocols.aws.query import LIST, MAP, SCALAR, STRUCT, Member


@value
class Rule:
    """What holds for one member.

    `required`: an absent or empty one is a fault. `low`, `high`: the range of a number.
    `form`: its spelling in the Query form where that is another; `key`, `content`: those of a
    map's halves; `wrap`: the word between its name and the number of an entry, if there is one.
    """

    required: bool = False
    low: int | None = None
    high: int | None = None
    form: str = ""
    key: str = "Name"
    content: str = "Value"
    wrap: str = ""


def rules_of(struct: type[Struct]) -> tuple[tuple[str, Rule], ...]:
    """The members of an input that have a rule to be checked, in their order."""
    found: list[tuple[str, Rule]] = []
    hints: dict[str, Any] = get_type_hints(struct, include_extras=True)
    for name, hint in hints.items():
        if get_origin(hint) is Annotated:
            rule = get_args(hint)[1]
            if rule.required or rule.low is not None:
                found.append((name, rule))
    return tuple(found)


def members_of(struct: type[Struct]) -> tuple[Member, ...]:
    """How the members of an input are spelled in the Query form."""
    hints = get_type_hints(struct, include_extras=True)
    return tuple(_member(name, hint) for name, hint in hints.items())


def _member(name: str, hint: Any) -> Member:
    rule = Rule()
    if get_origin(hint) is Annotated:
        hint, rule = get_args(hint)
    if get_origin(hint) in (UnionType, Union):
        hint = next(one for one in get_args(hint) if one is not type(None))
    wire = rule.form or name
    if get_origin(hint) is list:
        (inner,) = get_args(hint)
        return Member(name, wire, LIST, _inner(inner), wrap=rule.wrap)
    if get_origin(hint) is dict:
        _, inner = get_args(hint)
        return Member(name, wire, MAP, _inner(inner), rule.key, rule.content, rule.wrap)
    inner_members = _inner(hint)
    return Member(name, wire, STRUCT if inner_members else SCALAR, inner_members)


def _inner(hint: Any) -> tuple[Member, ...]:
    return members_of(hint) if isinstance(hint, type) and issubclass(hint, Struct) else ()
