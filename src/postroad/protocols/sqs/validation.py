"""The check of inputs against the rules beside their members.

It stands between the wire and the actions. The rule kept here: an action is begun only with an
input that keeps every rule of its table.
"""

from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from msgspec import Struct

from postroad.protocols.aws.faults import Fault, invalid, missing
from postroad.protocols.sqs.inputs import DeleteEntry, Rule, SendEntry, VisibilityEntry
from postroad.protocols.sqs.spec import INPUTS


def check(given: Struct) -> Fault | None:
    """The first rule an input breaks, in the order of its members, or `None`."""
    for name, rule in RULES[type(given)]:
        content = getattr(given, name)
        if not content and content != 0:
            if rule.required:
                return missing(name)
        elif rule.low is not None:
            assert rule.high is not None
            if not rule.low <= content <= rule.high:
                return invalid(name, content, f"Must be between {rule.low} and {rule.high}.")
    return None


def _rules(struct: type[Struct]) -> tuple[tuple[str, Rule], ...]:
    found: list[tuple[str, Rule]] = []
    hints: dict[str, Any] = get_type_hints(struct, include_extras=True)
    for name, hint in hints.items():
        if get_origin(hint) is Annotated:
            rule = get_args(hint)[1]
            if rule.required or rule.low is not None:
                found.append((name, rule))
    return tuple(found)


_ENTRIES: Final[tuple[type[Struct], ...]] = (SendEntry, DeleteEntry, VisibilityEntry)
RULES: Final[dict[type[Struct], tuple[tuple[str, Rule], ...]]] = {
    struct: _rules(struct) for struct in (*INPUTS.values(), *_ENTRIES)
}
