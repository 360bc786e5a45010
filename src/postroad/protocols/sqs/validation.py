"""The check of inputs against the rules beside their members.

It stands between the wire and the actions. The rule kept here: an action is begun only with an
input that keeps every rule of its table.
"""

from typing import Final

from msgspec import Struct

from postroad.protocols.aws.faults import Fault, invalid, missing
from postroad.protocols.aws.inputs import Rule, rules_of
from postroad.protocols.sqs.inputs import DeleteEntry, SendEntry, VisibilityEntry
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


_ENTRIES: Final[tuple[type[Struct], ...]] = (SendEntry, DeleteEntry, VisibilityEntry)
RULES: Final[dict[type[Struct], tuple[tuple[str, Rule], ...]]] = {
    struct: rules_of(struct) for struct in (*INPUTS.values(), *_ENTRIES)
}
