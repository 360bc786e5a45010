"""Single conditions of a filter: what one value of a message must be like.

It stands below `filters`, which puts conditions together. The rule kept here: a condition is read
once, looks at one value that is there, and never raises.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from postroad.limits import FILTER_DECIMALS, FILTER_NUMBER_MAX

Test = Callable[[object], bool]

SCALE: int = 10**FILTER_DECIMALS
"""Numbers are compared as whole numbers of their last decimal."""


class BadFilter(Exception):  # noqa: N818  (the name is the sentence)
    """The filter cannot be; the message says why in one line."""


def scaled(number: object) -> int | None:
    """A number of a message in units of the last decimal that counts; `None` if it is no number
    or beyond what filters compare."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    if not -FILTER_NUMBER_MAX <= number <= FILTER_NUMBER_MAX:
        return None
    return number * SCALE if isinstance(number, int) else round(number * SCALE)


def policy_number(number: object) -> int:
    """A number of a filter in the same units. Raises `BadFilter`."""
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        raise BadFilter(f"{_shown(number)} is no number")
    if not -FILTER_NUMBER_MAX <= number <= FILTER_NUMBER_MAX:
        raise BadFilter(f"a number is from -{FILTER_NUMBER_MAX:,} to {FILTER_NUMBER_MAX:,}")
    units = number * SCALE
    if units != int(units):
        raise BadFilter(f"a number has at most {FILTER_DECIMALS} decimals, not {number}")
    return int(units)


class AnyOf:
    """The values a filter names outright: texts, numbers, truth values, nothing."""

    __slots__ = ("flags", "nothing", "numbers", "texts")

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self.numbers: set[int] = set()
        self.flags: set[bool] = set()
        self.nothing = False

    def add(self, one: object) -> None:
        """One more value. Raises `BadFilter`."""
        if isinstance(one, str):
            self.texts.add(one)
        elif isinstance(one, bool):
            self.flags.add(one)
        elif one is None:
            self.nothing = True
        else:
            self.numbers.add(policy_number(one))

    def has(self, one: object) -> bool:
        """Whether a value is among them."""
        if isinstance(one, str):
            return one in self.texts
        if isinstance(one, bool):
            return one in self.flags
        if one is None:
            return self.nothing
        return bool(self.numbers) and scaled(one) in self.numbers


class Wildcard:
    """A pattern in which `*` stands for any characters; `\\*` and `\\\\` for themselves. Looked for
    piece by piece, so that no pattern takes long."""

    __slots__ = ("first", "last", "middle", "whole")

    def __init__(self, pattern: str) -> None:
        pieces = _pieces(pattern)
        self.whole = len(pieces) == 1
        self.first = pieces[0]
        self.last = pieces[-1]
        self.middle = [piece for piece in pieces[1:-1] if piece]

    def fits(self, text: str) -> bool:
        """Whether the pattern covers the whole text."""
        if self.whole:
            return text == self.first
        at, end = len(self.first), len(text) - len(self.last)
        if at > end or not text.startswith(self.first) or not text.endswith(self.last):
            return False
        for piece in self.middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True


def _pieces(pattern: str) -> list[str]:
    pieces = [""]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\" and pattern[at + 1 : at + 2] in ("*", "\\"):
            at += 1
            pieces[-1] += pattern[at]
        elif char == "*":
            pieces.append("")
        else:
            pieces[-1] += char
        at += 1
    return pieces


def condition(operator: str, operand: object) -> Test:
    """The test an operator stands for. Raises `BadFilter`."""
    make = OPERATORS.get(operator)
    if make is None:
        raise BadFilter(f"`{operator}` is no operator; there are {', '.join(OPERATORS)}, exists")
    return make(operand)


def _prefix(operand: object) -> Test:
    start = _text("prefix", operand)
    return lambda one: isinstance(one, str) and one.startswith(start)


def _suffix(operand: object) -> Test:
    end = _text("suffix", operand)
    return lambda one: isinstance(one, str) and one.endswith(end)


def _ignore_case(operand: object) -> Test:
    folded = _text("equals-ignore-case", operand).casefold()
    return lambda one: isinstance(one, str) and one.casefold() == folded


def _wildcard(operand: object) -> Test:
    pattern = Wildcard(_text("wildcard", operand))
    return lambda one: isinstance(one, str) and pattern.fits(one)


def _cidr(operand: object) -> Test:
    text = _text("cidr", operand)
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise BadFilter(f"`{text}` is no range of addresses") from None
    return lambda one: isinstance(one, str) and _inside(network, one)


def _inside(network: IPv4Network | IPv6Network, text: str) -> bool:
    try:
        return ip_address(text) in network
    except ValueError:
        return False


def _anything_but(operand: object) -> Test:
    if isinstance(operand, dict):
        if len(operand) != 1:
            raise BadFilter("`anything-but` has values or one operator")
        ((name, more),) = operand.items()
        if name not in BUT_OPERATORS:
            allowed = ", ".join(BUT_OPERATORS)
            raise BadFilter(f"`anything-but` takes values or one of {allowed}, not `{name}`")
        each = more if isinstance(more, list) else [more]
        if not each:
            raise BadFilter("`anything-but` has at least one value")
        tests = [condition(name, one) for one in each]
        return lambda one: not any(test(one) for test in tests)
    values = AnyOf()
    for one in operand if isinstance(operand, list) else [operand]:
        if not isinstance(one, str) and (isinstance(one, bool) or one is None):
            raise BadFilter("`anything-but` takes texts and numbers")
        values.add(one)
    if not values.texts and not values.numbers:
        raise BadFilter("`anything-but` has at least one value")
    return lambda one: not values.has(one)


def _numeric(operand: object) -> Test:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise BadFilter('`numeric` is like [">", 0] or [">", 0, "<=", 10]')
    compared = [(operand[at], policy_number(operand[at + 1])) for at in range(0, len(operand), 2)]
    return _range(compared)


def _range(compared: Sequence[tuple[object, int]]) -> Test:
    """Both bounds as whole numbers, so that one comparison does for all operators."""
    low, high = -FILTER_NUMBER_MAX * SCALE, FILTER_NUMBER_MAX * SCALE
    operators = [operator for operator, _ in compared]
    if len(compared) == 2 and (operators[0] not in (">", ">=") or operators[1] not in ("<", "<=")):
        raise BadFilter("a range of `numeric` has `>` or `>=` first and `<` or `<=` second")
    for operator, number in compared:
        if operator == "=":
            low = high = number
        elif operator in (">", ">="):
            low = number + (operator == ">")
        elif operator in ("<", "<="):
            high = number - (operator == "<")
        else:
            raise BadFilter(f"`numeric` compares with =, <, <=, > or >=, not {_shown(operator)}")
    if low > high:
        raise BadFilter("no number is in a range of `numeric`")

    def test(one: object) -> bool:
        units = scaled(one)
        return units is not None and low <= units <= high

    return test


def _text(operator: str, operand: object) -> str:
    if not isinstance(operand, str):
        raise BadFilter(f"`{operator}` takes a text, not {_shown(operand)}")
    return operand


def _shown(one: object) -> str:
    text = repr(one)
    return text if len(text) <= 60 else f"{text[:60]}…"


OPERATORS: dict[str, Callable[[object], Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignore_case,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "cidr": _cidr,
    "wildcard": _wildcard,
}
BUT_OPERATORS = ("prefix", "suffix", "equals-ignore-case", "wildcard")
"""What `anything-but` may turn round."""
